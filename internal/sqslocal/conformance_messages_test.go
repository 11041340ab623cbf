package sqslocal_test

import (
	"crypto/md5"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func messageRoundTrip(t *testing.T, w *world) {
	url := w.queue(t, nil)
	body := "ünïcode 日本 \U0001f680 <tag> & \"quote\" \\ \t\r\n\u2028 end"
	before := time.Now().Add(-2 * time.Second)
	sent, err := w.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: url, MessageBody: &body,
		MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1-5759e988")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%x", md5.Sum([]byte(body))); *sent.MD5OfMessageBody != want {
		t.Errorf("MD5OfMessageBody is %s, want %s", *sent.MD5OfMessageBody, want)
	}
	if aws.ToString(sent.MD5OfMessageSystemAttributes) == "" {
		t.Error("there is no MD5 of the system attributes")
	}
	m := w.one(t, url, 1, 5)
	if *m.Body != body || *m.MessageId != *sent.MessageId || *m.MD5OfBody != *sent.MD5OfMessageBody {
		t.Errorf("received %q (id %s), want %q (id %s)", *m.Body, *m.MessageId, body, *sent.MessageId)
	}
	if m.Attributes["AWSTraceHeader"] != "Root=1-5759e988" {
		t.Errorf("AWSTraceHeader is %q", m.Attributes["AWSTraceHeader"])
	}
	first := m.Attributes["ApproximateFirstReceiveTimestamp"]
	for _, name := range []string{"SentTimestamp", "ApproximateFirstReceiveTimestamp"} {
		ms, err := strconv.ParseInt(m.Attributes[name], 10, 64)
		if at := time.UnixMilli(ms); err != nil || at.Before(before) || at.After(time.Now().Add(2*time.Second)) {
			t.Errorf("%s is %q, want the milliseconds of now", name, m.Attributes[name])
		}
	}
	if n := m.Attributes["ApproximateReceiveCount"]; n != "1" {
		t.Errorf("the first receipt has count %s", n)
	}
	time.Sleep(2 * time.Second)
	m = w.one(t, url, 1, 5)
	if m.Attributes["ApproximateReceiveCount"] != "2" || m.Attributes["ApproximateFirstReceiveTimestamp"] != first {
		t.Errorf("the second receipt has %v", m.Attributes)
	}
}

func stringAttribute(v string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &v}
}

func messageAttributes(t *testing.T, w *world) {
	url := w.queue(t, nil)
	sent := map[string]types.MessageAttributeValue{
		"type":     stringAttribute("probefleet.job"),
		"trace.id": stringAttribute("abc"),
		"n":        {DataType: aws.String("Number.int"), StringValue: aws.String("-12.5")},
		"raw":      {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1, 255}},
	}
	out, err := w.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("x"), MessageAttributes: sent})
	if err != nil {
		t.Fatal(err)
	}
	// Computed by hand from AWS's description of the digest.
	plain := "\x00\x00\x00\x01n\x00\x00\x00\x0aNumber.int\x01\x00\x00\x00\x05-12.5" +
		"\x00\x00\x00\x03raw\x00\x00\x00\x06Binary\x02\x00\x00\x00\x03\x00\x01\xff" +
		"\x00\x00\x00\x08trace.id\x00\x00\x00\x06String\x01\x00\x00\x00\x03abc" +
		"\x00\x00\x00\x04type\x00\x00\x00\x06String\x01\x00\x00\x00\x0eprobefleet.job"
	all := fmt.Sprintf("%x", md5.Sum([]byte(plain)))
	if got := aws.ToString(out.MD5OfMessageAttributes); got != all {
		t.Errorf("MD5OfMessageAttributes is %s, want %s", got, all)
	}
	for _, c := range []struct {
		ask  []string
		want []string
	}{
		{nil, nil},
		{[]string{"All"}, []string{"n", "raw", "trace.id", "type"}},
		{[]string{".*"}, []string{"n", "raw", "trace.id", "type"}},
		{[]string{"type", "absent"}, []string{"type"}},
		{[]string{"trace.*", "n"}, []string{"n", "trace.id"}},
	} {
		in := receiving(url, 1, 5)
		in.MessageAttributeNames, in.MessageSystemAttributeNames = c.ask, nil
		got, err := w.ReceiveMessage(t.Context(), in)
		if err != nil || len(got.Messages) != 1 {
			t.Fatalf("asking for %q: %v, %v", c.ask, got, err)
		}
		m := got.Messages[0]
		want := map[string]types.MessageAttributeValue{}
		for _, name := range c.want {
			want[name] = sent[name]
		}
		if d := cmp.Diff(want, m.MessageAttributes, cmpopts.IgnoreUnexported(types.MessageAttributeValue{}), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("asking for %q:\n%s", c.ask, d)
		}
		if sum := aws.ToString(m.MD5OfMessageAttributes); (sum == all) != (len(c.want) == 4) || (sum == "") != (len(c.want) == 0) {
			t.Errorf("asking for %q, the MD5 is %q", c.ask, sum)
		}
		if len(m.Attributes) > 0 {
			t.Errorf("system attributes %v came unasked", m.Attributes)
		}
		time.Sleep(2 * time.Second)
	}
}

func messageAttributesRefused(t *testing.T, w *world) {
	url := w.queue(t, nil)
	eleven := map[string]types.MessageAttributeValue{}
	for i := range 11 {
		eleven[fmt.Sprintf("a%d", i)] = stringAttribute("x")
	}
	for what, as := range map[string]map[string]types.MessageAttributeValue{
		"eleven":          eleven,
		"no value":        {"a": {DataType: aws.String("String")}},
		"an empty value":  {"a": stringAttribute("")},
		"no such type":    {"a": {DataType: aws.String("Map"), StringValue: aws.String("x")}},
		"not a number":    {"a": {DataType: aws.String("Number"), StringValue: aws.String("x")}},
		"a name of AWS":   {"AWS.a": stringAttribute("x")},
		"a name with a /": {"a/b": stringAttribute("x")},
	} {
		_, err := w.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("x"), MessageAttributes: as})
		failsWith(t, what, "InvalidParameterValue", err)
	}
}

func messageContents(t *testing.T, w *world) {
	url := w.queue(t, nil)
	send := func(body string) error {
		_, err := w.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: &body})
		return err
	}
	fails[*types.InvalidMessageContents](t, "a control character", send("a\x01b"))
	fails[*types.InvalidMessageContents](t, "a noncharacter", send("a\uffff"))
	failsWith(t, "an empty body", "MissingParameter", send(""))
	out, err := w.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("good"), MessageBody: aws.String("good")},
		{Id: aws.String("bad"), MessageBody: aws.String("bad \x02")},
	}})
	if w.local { // AWS refuses the whole batch at times
		if err != nil || len(out.Successful) != 1 || len(out.Failed) != 1 || *out.Failed[0].Code != "InvalidMessageContents" {
			t.Errorf("a batch with one bad body: %+v, %v", out, err)
		}
	}
}

func messageSize(t *testing.T, w *world) {
	url := w.queue(t, nil)
	full := strings.Repeat("<", 1<<20) // six times as long in the SDK's JSON
	w.send(t, url, full)
	if m := w.one(t, url, 30, 5); *m.Body != full {
		t.Errorf("received %d bytes, want %d", len(*m.Body), len(full))
	}
	_, err := w.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String(full + "x")})
	failsWith(t, "a byte too many", "InvalidParameterValue", err)
	_, err = w.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: &full, MessageAttributes: map[string]types.MessageAttributeValue{"a": stringAttribute("x")}})
	failsWith(t, "an attribute too many", "InvalidParameterValue", err)

	small := w.queue(t, map[string]string{"MaximumMessageSize": "1024"})
	w.send(t, small, strings.Repeat("x", 1024))
	_, err = w.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: small, MessageBody: aws.String(strings.Repeat("x", 1025))})
	failsWith(t, "over the queue's own limit", "InvalidParameterValue", err)
}

func entries(bodies ...string) (es []types.SendMessageBatchRequestEntry) {
	for i, b := range bodies {
		es = append(es, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &b})
	}
	return es
}

func sendBatch(t *testing.T, w *world) {
	url := w.queue(t, map[string]string{"MaximumMessageSize": "1024"})
	es := entries("a", strings.Repeat("b", 1025), "c", "d")
	es[3].DelaySeconds = 901
	out, err := w.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: url, Entries: es})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(out.Failed, byID)
	if len(out.Failed) != 2 || *out.Failed[0].Id != "1" || *out.Failed[1].Id != "3" || *out.Failed[0].Code != "InvalidParameterValue" || !out.Failed[0].SenderFault {
		t.Errorf("failed: %+v; want entries 1 and 3 by the sender's fault", out.Failed)
	}
	if len(out.Successful) != 2 {
		t.Fatalf("successful: %+v; want 2", out.Successful)
	}
	got := w.drain(t, url, 2)
	if d := cmp.Diff([]string{"a", "c"}, got); d != "" {
		t.Errorf("received:\n%s", d)
	}
}

// drain receives until n messages came, and returns their bodies, sorted.
func (w *world) drain(t *testing.T, url *string, n int) (bodies []string) {
	t.Helper()
	for len(bodies) < n {
		ms := w.receive(t, url, 60, 5)
		if len(ms) == 0 {
			t.Fatalf("received %q only, want %d messages", bodies, n)
		}
		for _, m := range ms {
			bodies = append(bodies, *m.Body)
		}
	}
	slices.Sort(bodies)
	return bodies
}

func batchShapes(t *testing.T, w *world) {
	url := w.queue(t, nil)
	send := func(es []types.SendMessageBatchRequestEntry) error {
		_, err := w.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: url, Entries: es})
		return err
	}
	fails[*types.EmptyBatchRequest](t, "no entries", send([]types.SendMessageBatchRequestEntry{}))
	fails[*types.TooManyEntriesInBatchRequest](t, "eleven entries", send(entries("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k")))
	twice := entries("a", "b")
	twice[1].Id = twice[0].Id
	fails[*types.BatchEntryIdsNotDistinct](t, "an id twice", send(twice))
	odd := entries("a")
	odd[0].Id = aws.String("a b")
	fails[*types.InvalidBatchEntryId](t, "an id with a space", send(odd))
	odd[0].Id = aws.String(strings.Repeat("a", 81))
	fails[*types.InvalidBatchEntryId](t, "an id of 81", send(odd))

	_, err := w.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: url, Entries: []types.DeleteMessageBatchRequestEntry{}})
	fails[*types.EmptyBatchRequest](t, "no deletes", err)
	_, err = w.ChangeMessageVisibilityBatch(t.Context(), &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{}})
	fails[*types.EmptyBatchRequest](t, "no changes", err)
	w.none(t, url, "every batch was refused")
}

func batchSize(t *testing.T, w *world) {
	url := w.queue(t, nil)
	half := strings.Repeat("x", 1<<19)
	_, err := w.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: url, Entries: entries(half, half, "y")})
	fails[*types.BatchRequestTooLong](t, "1 MiB and a byte", err)
	if _, err := w.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: url, Entries: entries(half, half)}); err != nil {
		t.Errorf("1 MiB: %v", err)
	}
}

func receiveBounds(t *testing.T, w *world) {
	url := w.queue(t, nil)
	for what, change := range map[string]func(*sqs.ReceiveMessageInput){
		"eleven messages":         func(in *sqs.ReceiveMessageInput) { in.MaxNumberOfMessages = 11 },
		"minus one message":       func(in *sqs.ReceiveMessageInput) { in.MaxNumberOfMessages = -1 },
		"a wait of 21 s":          func(in *sqs.ReceiveMessageInput) { in.WaitTimeSeconds = 21 },
		"a visibility of 12 h+1s": func(in *sqs.ReceiveMessageInput) { in.VisibilityTimeout = 43201 },
	} {
		in := receiving(url, 1, 0)
		change(in)
		_, err := w.ReceiveMessage(t.Context(), in)
		failsWith(t, what, "InvalidParameterValue", err)
	}
}

func receiveTen(t *testing.T, w *world) {
	url := w.queue(t, nil)
	for range 2 {
		if _, err := w.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: url, Entries: entries("a", "b", "c", "d", "e", "f")}); err != nil {
			t.Fatal(err)
		}
	}
	if !w.local { // AWS may give fewer
		w.drain(t, url, 12)
		return
	}
	in := receiving(url, 30, 0)
	in.MaxNumberOfMessages = 0 // not sent: one
	if out, err := w.ReceiveMessage(t.Context(), in); err != nil || len(out.Messages) != 1 {
		t.Errorf("received %v, %v; want one message by default", out, err)
	}
	if ms := w.receive(t, url, 30, 0); len(ms) != 10 {
		t.Errorf("received %d, want 10", len(ms))
	}
	if ms := w.receive(t, url, 30, 0); len(ms) != 1 {
		t.Errorf("received %d, want the 1 that is left", len(ms))
	}
}

func delay(t *testing.T, w *world) {
	url := w.queue(t, map[string]string{"DelaySeconds": "2"})
	w.send(t, url, "by the queue")
	w.none(t, url, "the queue delays by 2 s")
	time.Sleep(3 * time.Second)
	if m := w.one(t, url, 30, 5); *m.Body != "by the queue" || m.Attributes["ApproximateReceiveCount"] != "1" {
		t.Errorf("received %q %v", *m.Body, m.Attributes)
	}
	if _, err := w.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("by itself"), DelaySeconds: 4}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	w.none(t, url, "the message asked for 4 s")
	time.Sleep(2 * time.Second)
	w.one(t, url, 30, 5)
}
