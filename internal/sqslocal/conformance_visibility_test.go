package sqslocal_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// change changes the visibility of a message.
func (w *world) change(t *testing.T, url *string, m types.Message, seconds int32) error {
	_, err := w.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: seconds})
	return err
}

func visibility(t *testing.T, w *world) {
	url := w.queue(t, map[string]string{"VisibilityTimeout": "2"})
	w.send(t, url, "x")
	w.one(t, url, 0, 5) // 0 is not sent: the queue's 2 s
	w.none(t, url, "hidden for 2 s")
	time.Sleep(3 * time.Second)
	m := w.one(t, url, 4, 5)
	time.Sleep(3 * time.Second)
	w.none(t, url, "hidden for 4 s")
	time.Sleep(2 * time.Second)
	again := w.one(t, url, 30, 5)
	if *again.MessageId != *m.MessageId || *again.ReceiptHandle == *m.ReceiptHandle {
		t.Errorf("the next receipt has id %s, handle %s; want the same id, another handle", *again.MessageId, *again.ReceiptHandle)
	}
}

func visibilityZero(t *testing.T, w *world) {
	url := w.queue(t, nil)
	w.send(t, url, "x")
	m := w.one(t, url, 60, 5)
	if err := w.change(t, url, m, 0); err != nil {
		t.Fatal(err)
	}
	m = w.one(t, url, 60, 5)
	out, err := w.ChangeMessageVisibilityBatch(t.Context(), &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
		{Id: aws.String("a"), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0},
	}})
	if err != nil || len(out.Successful) != 1 {
		t.Fatalf("releasing in a batch: %+v, %v", out, err)
	}
	if m := w.one(t, url, 60, 5); m.Attributes["ApproximateReceiveCount"] != "3" {
		t.Errorf("the third receipt has count %s", m.Attributes["ApproximateReceiveCount"])
	}
}

func visibilityExtended(t *testing.T, w *world) {
	url := w.queue(t, nil)
	w.send(t, url, "x")
	m := w.one(t, url, 2, 5)
	for range 3 {
		time.Sleep(time.Second)
		if err := w.change(t, url, m, 2); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Second)
	w.none(t, url, "extended three times")
	w.remove(t, url, m)
	time.Sleep(2 * time.Second)
	w.none(t, url, "deleted")
}

func visibilityBeyond(t *testing.T, w *world) {
	url := w.queue(t, nil)
	w.send(t, url, "x")
	m := w.one(t, url, 60, 5)
	time.Sleep(2 * time.Second)
	failsWith(t, "12 h after 2 s", "InvalidParameterValue", w.change(t, url, m, 43200))
	if err := w.change(t, url, m, 43100); err != nil {
		t.Errorf("within 12 h of the receipt: %v", err)
	}
}

func visibilityRefused(t *testing.T, w *world) {
	url, other := w.queue(t, nil), w.queue(t, nil)
	w.send(t, url, "x")
	m := w.one(t, url, 60, 5)
	failsWith(t, "minus one second", "InvalidParameterValue", w.change(t, url, m, -1))
	bogus := types.Message{ReceiptHandle: aws.String("bogus")}
	fails[*types.ReceiptHandleIsInvalid](t, "a made-up handle", w.change(t, url, bogus, 1))
	_, err := w.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: bogus.ReceiptHandle})
	fails[*types.ReceiptHandleIsInvalid](t, "deleting by a made-up handle", err)
	if w.local {
		fails[*types.ReceiptHandleIsInvalid](t, "a handle of another queue", w.change(t, other, m, 1))
	}
	w.remove(t, url, m)
	failsWith(t, "a deleted message", "InvalidParameterValue", w.change(t, url, m, 10))
	w.remove(t, url, m) // again: success
}

// staleHandle: the message was received again, by someone else.
func staleHandle(t *testing.T, w *world) {
	url := w.queue(t, nil)
	w.send(t, url, "x")
	stale := w.one(t, url, 1, 5)
	time.Sleep(2 * time.Second)
	w.one(t, url, 4, 5)
	w.remove(t, url, stale) // success, says AWS
	if err := w.change(t, url, stale, 0); err != nil {
		t.Errorf("releasing with a stale handle: %v", err)
	}
	w.none(t, url, "a stale handle releases nothing")
	time.Sleep(5 * time.Second)
	if !w.local {
		return // AWS may have deleted it
	}
	if m := w.one(t, url, 30, 5); m.Attributes["ApproximateReceiveCount"] != "3" {
		t.Errorf("received %v, want the message that a stale handle did not delete", m.Attributes)
	}
}

// expiredHandle: the message is visible again and nobody has received it.
func expiredHandle(t *testing.T, w *world) {
	url := w.queue(t, nil)
	w.send(t, url, "x")
	m := w.one(t, url, 1, 5)
	time.Sleep(2 * time.Second)
	if err := w.change(t, url, m, 60); err != nil {
		t.Errorf("extending after expiry: %v", err)
	}
	if w.local {
		m = w.one(t, url, 1, 5) // it was not hidden
		time.Sleep(2 * time.Second)
	}
	w.remove(t, url, m)
	w.none(t, url, "deleted by its latest handle")
}

func deleteBatch(t *testing.T, w *world) {
	url := w.queue(t, nil)
	w.send(t, url, "x")
	m := w.one(t, url, 60, 5)
	out, err := w.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: url, Entries: []types.DeleteMessageBatchRequestEntry{
		{Id: aws.String("good"), ReceiptHandle: m.ReceiptHandle},
		{Id: aws.String("bad"), ReceiptHandle: aws.String("bogus")},
	}})
	if err != nil || len(out.Successful) != 1 || *out.Successful[0].Id != "good" || len(out.Failed) != 1 || *out.Failed[0].Code != "ReceiptHandleIsInvalid" {
		t.Errorf("deleting: %+v, %v", out, err)
	}
	w.send(t, url, "y")
	m = w.one(t, url, 60, 5)
	change, err := w.ChangeMessageVisibilityBatch(t.Context(), &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
		{Id: aws.String("good"), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 1},
		{Id: aws.String("bad"), ReceiptHandle: aws.String("bogus"), VisibilityTimeout: 1},
		{Id: aws.String("range"), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 43201},
	}})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(change.Failed, byID)
	if len(change.Successful) != 1 || len(change.Failed) != 2 || *change.Failed[0].Code != "ReceiptHandleIsInvalid" || *change.Failed[1].Code != "InvalidParameterValue" {
		t.Errorf("changing: %+v", change)
	}
}

func pollWakesOnArrival(t *testing.T, w *world) {
	url := w.queue(t, nil)
	c := w.later(t, url, 30, 20)
	time.Sleep(2 * time.Second)
	w.send(t, url, "x")
	w.got(t, c, 2*time.Second)
}

func pollWakesOnRelease(t *testing.T, w *world) {
	url := w.queue(t, nil)
	w.send(t, url, "x")
	m := w.one(t, url, 60, 5)
	c := w.later(t, url, 30, 20)
	time.Sleep(2 * time.Second)
	if err := w.change(t, url, m, 0); err != nil {
		t.Fatal(err)
	}
	w.got(t, c, 2*time.Second)
}

func pollWakesOnExpiry(t *testing.T, w *world) {
	url := w.queue(t, nil)
	w.send(t, url, "later")
	w.one(t, url, 9, 5)
	c := w.later(t, url, 30, 20)
	time.Sleep(time.Second)
	w.send(t, url, "sooner") // the poll must be reset to a nearer time
	if m := w.got(t, c, time.Second); *m.Body != "sooner" {
		t.Errorf("got %q", *m.Body)
	}
	w.got(t, w.later(t, url, 30, 20), 8*time.Second)
}

func pollWakesOnDelay(t *testing.T, w *world) {
	url := w.queue(t, nil)
	c := w.later(t, url, 30, 20)
	time.Sleep(time.Second)
	for _, seconds := range []int32{9, 2} { // the second is due before the first
		if _, err := w.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("x"), DelaySeconds: seconds}); err != nil {
			t.Fatal(err)
		}
	}
	w.got(t, c, 3*time.Second)
}

func pollByDefault(t *testing.T, w *world) {
	url := w.queue(t, map[string]string{"ReceiveMessageWaitTimeSeconds": "20"})
	c := w.later(t, url, 30, 0) // 0 is not sent: the queue's 20 s
	time.Sleep(2 * time.Second)
	w.send(t, url, "x")
	w.got(t, c, 2*time.Second)
}

func pollEndsEmpty(t *testing.T, w *world) {
	url := w.queue(t, nil)
	p := <-w.later(t, url, 30, 2)
	if p.err != nil || len(p.messages) != 0 || p.took < 2*time.Second || w.local && p.took != 2*time.Second {
		t.Errorf("the poll got %d messages in %s, error %v; want none in 2 s", len(p.messages), p.took, p.err)
	}
}

func pollsEachGetOne(t *testing.T, w *world) {
	if !w.local {
		t.Skip("AWS may give both messages to one poll")
	}
	url := w.queue(t, nil)
	a := w.later(t, url, 30, 20)
	time.Sleep(time.Second)
	b := w.later(t, url, 30, 20)
	time.Sleep(time.Second)
	w.send(t, url, "x")
	w.got(t, a, 2*time.Second) // the one that waited longer
	time.Sleep(time.Second)
	w.send(t, url, "y")
	w.got(t, b, 2*time.Second)
}

func pollEndsWithQueue(t *testing.T, w *world) {
	if !w.local {
		t.Skip("AWS takes up to a minute to notice")
	}
	url := w.queue(t, nil)
	c := w.later(t, url, 30, 20)
	time.Sleep(time.Second)
	if _, err := w.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: url}); err != nil {
		t.Fatal(err)
	}
	p := <-c
	fails[*types.QueueDoesNotExist](t, "the poll", p.err)
	if p.took != time.Second {
		t.Errorf("the poll ended after %s, want a second", p.took)
	}
}

func cancelledPoll(t *testing.T, w *world) {
	url := w.queue(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	c := make(chan error)
	go func() {
		_, err := w.ReceiveMessage(ctx, receiving(url, 30, 20))
		c <- err
	}()
	time.Sleep(time.Second)
	cancel()
	if err := <-c; !errors.Is(err, context.Canceled) {
		t.Fatalf("the cancelled poll ended with %v", err)
	}
	time.Sleep(time.Second) // the server hears of it
	w.send(t, url, "x")
	if m := w.one(t, url, 30, 5); m.Attributes["ApproximateReceiveCount"] != "1" {
		t.Errorf("it is receipt %s, want the first", m.Attributes["ApproximateReceiveCount"])
	}
}
