package sqslocal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
)

// tap is an HTTP client that keeps the last response.
type tap struct {
	sqs.HTTPClient
	header http.Header
	body   []byte
}

func (c *tap) Do(r *http.Request) (*http.Response, error) {
	resp, err := c.HTTPClient.Do(r)
	if err != nil {
		return nil, err
	}
	c.header = resp.Header
	c.body, err = io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(c.body))
	return resp, err
}

// wireForm: what the SDK makes its typed errors of, and older clients read.
func wireForm(t *testing.T, w *world) {
	var c tap
	client := sqs.New(w.Options(), func(o *sqs.Options) {
		c.HTTPClient = o.HTTPClient
		o.HTTPClient = &c
	})
	_, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(w.name())})
	fails[*types.QueueDoesNotExist](t, "asking for no queue", err)
	if got := c.header.Get("Content-Type"); got != "application/x-amz-json-1.0" {
		t.Errorf("content type %q", got)
	}
	if got := c.header.Get("x-amzn-query-error"); got != "AWS.SimpleQueueService.NonExistentQueue;Sender" {
		t.Errorf("x-amzn-query-error %q", got)
	}
	var fault struct {
		Type string `json:"__type"`
	}
	if err := json.Unmarshal(c.body, &fault); err != nil || fault.Type != "com.amazonaws.sqs#QueueDoesNotExist" {
		t.Errorf("the body is %s", c.body)
	}
	if c.header.Get("x-amzn-RequestId") == "" {
		t.Error("no request id")
	}
}

// pages: long lists come in parts.
func pages(t *testing.T, w *world) {
	prefix := w.name() + "-page-"
	var want []string
	for i := range 5 {
		out, err := w.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(fmt.Sprint(prefix, i))})
		if err != nil {
			t.Fatal(err)
		}
		w.leave(t, out.QueueUrl)
		want = append(want, *out.QueueUrl)
	}
	var got []string
	in := &sqs.ListQueuesInput{QueueNamePrefix: &prefix, MaxResults: aws.Int32(2)}
	for n := 1; ; n++ {
		out, err := w.ListQueues(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if len(out.QueueUrls) > 2 || n > 4 {
			t.Fatalf("page %d has %d queues", n, len(out.QueueUrls))
		}
		got = append(got, out.QueueUrls...)
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			break
		}
	}
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("queues (-want +got):\n%s", d)
	}
}

// goneMessage: a heartbeat for a message that was deleted learns of it, entry
// by entry; another in the same batch is extended.
func goneMessage(t *testing.T, w *world) {
	url := w.queue(t, nil)
	w.send(t, url, "gone")
	gone := w.one(t, url, 60, 5)
	w.remove(t, url, gone)
	w.send(t, url, "here")
	here := w.one(t, url, 60, 5)
	out, err := w.ChangeMessageVisibilityBatch(t.Context(), &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
		{Id: aws.String("gone"), ReceiptHandle: gone.ReceiptHandle, VisibilityTimeout: 60},
		{Id: aws.String("here"), ReceiptHandle: here.ReceiptHandle, VisibilityTimeout: 60},
	}})
	if err != nil || len(out.Successful) != 1 || *out.Successful[0].Id != "here" || len(out.Failed) != 1 {
		t.Fatalf("extending both: %+v, %v", out, err)
	}
	f := out.Failed[0]
	if *f.Id != "gone" || *f.Code != "InvalidParameterValue" || !f.SenderFault || !strings.Contains(aws.ToString(f.Message), "for parameter ReceiptHandle is invalid") {
		t.Errorf("the deleted message: %s %s %q", *f.Id, *f.Code, aws.ToString(f.Message))
	}
}

// deadLettersAreNotWornOut: a dead-letter queue without a policy of its own
// bears any number of looks.
func deadLettersAreNotWornOut(t *testing.T, w *world) {
	url, dead := w.pair(t, "%d", 1)
	id := w.send(t, url, "x")
	w.kill(t, url, dead, 1)
	time.Sleep(2 * time.Second)
	for range 20 {
		m := w.one(t, dead, 60, 5)
		if *m.MessageId != id {
			t.Fatalf("received %s, want %s", *m.MessageId, id)
		}
		if err := w.change(t, dead, m, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// moveTaskKeepsMessages: a redrive carries attributes along, and leaves what
// somebody holds.
func moveTaskKeepsMessages(t *testing.T, w *world) {
	url, dead := w.pair(t, "%d", 1)
	_, err := w.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("x"), MessageAttributes: map[string]types.MessageAttributeValue{"type": stringAttribute("job")}})
	if err != nil {
		t.Fatal(err)
	}
	w.kill(t, url, dead, 1)
	time.Sleep(2 * time.Second)
	arn := w.arn(t, dead)
	start := func() types.ListMessageMoveTasksResultEntry {
		t.Helper()
		if _, err := w.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{SourceArn: &arn}); err != nil {
			t.Fatal(err)
		}
		return w.finished(t, arn)
	}
	if w.local { // AWS may wait for it
		held := w.one(t, dead, 60, 5)
		if r := start(); r.ApproximateNumberOfMessagesMoved != 0 {
			t.Errorf("%d messages moved while the only one was held", r.ApproximateNumberOfMessagesMoved)
		}
		if err := w.change(t, dead, held, 0); err != nil {
			t.Fatal(err)
		}
	}
	start()
	if m := w.one(t, url, 60, 5); *m.Body != "x" || aws.ToString(m.MessageAttributes["type"].StringValue) != "job" {
		t.Errorf("moved back: %+v", m)
	}
}

// fullBatch: ten messages of the whole allowance together, each failing or
// accepted by itself.
func fullBatch(t *testing.T, w *world) {
	url := w.queue(t, nil)
	const share = (1 << 20) / 10
	entries := make([]types.SendMessageBatchRequestEntry, 10)
	for i := range entries {
		entries[i] = types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String(strings.Repeat("x", share))}
	}
	entries[3].MessageBody = aws.String("\x01 is no character of a message")
	out, err := w.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: url, Entries: entries})
	if err != nil || len(out.Successful) != 9 || len(out.Failed) != 1 || *out.Failed[0].Id != "3" || *out.Failed[0].Code != "InvalidMessageContents" {
		t.Fatalf("nine good ones and a bad one: %+v, %v", out, err)
	}
	if got := w.drain(t, url, 9); len(got) != 9 {
		t.Errorf("%d of 9 arrived", len(got))
	}
	_, err = w.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: url})
	if empty := (*types.EmptyBatchRequest)(nil); err == nil || !errors.As(err, &empty) && !strings.Contains(err.Error(), "Entries") {
		t.Errorf("an empty batch: %v", err)
	}
}
