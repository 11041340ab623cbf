package sqslocal_test

import (
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
)

func createIsIdempotent(t *testing.T, w *world) {
	name := aws.String(w.name())
	first, err := w.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: name, Attributes: map[string]string{"VisibilityTimeout": "7"}})
	if err != nil {
		t.Fatal(err)
	}
	w.leave(t, first.QueueUrl)
	for what, attributes := range map[string]map[string]string{
		"same attributes":        {"VisibilityTimeout": "7"},
		"none":                   nil,
		"the default of another": {"VisibilityTimeout": "7", "DelaySeconds": "0"},
	} {
		again, err := w.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: name, Attributes: attributes})
		if err != nil || *again.QueueUrl != *first.QueueUrl {
			t.Errorf("creating again with %s: %v, %v", what, again, err)
		}
	}
	_, err = w.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: name, Attributes: map[string]string{"VisibilityTimeout": "8"}})
	fails[*types.QueueNameExists](t, "creating with another attribute", err)

	found, err := w.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: name})
	if err != nil || *found.QueueUrl != *first.QueueUrl {
		t.Errorf("GetQueueUrl: %v, %v; want %s", found, err, *first.QueueUrl)
	}
	if w.local && !strings.HasPrefix(*first.QueueUrl, "http://sqs.test/") {
		t.Errorf("the URL is %s, want it under the host that was asked", *first.QueueUrl)
	}
}

func createRefuses(t *testing.T, w *world) {
	create := func(name string, attributes map[string]string) error {
		_, err := w.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
		return err
	}
	failsWith(t, "a name with a space", "InvalidParameterValue", create("a b", nil))
	failsWith(t, "a name of 81", "InvalidParameterValue", create(strings.Repeat("a", 81), nil))
	fails[*types.InvalidAttributeName](t, "an unknown attribute", create(w.name(), map[string]string{"Colour": "red"}))
	fails[*types.InvalidAttributeName](t, "a read-only attribute", create(w.name(), map[string]string{"QueueArn": "x"}))
	fails[*types.InvalidAttributeValue](t, "a visibility of 12 h 1 s", create(w.name(), map[string]string{"VisibilityTimeout": "43201"}))
	fails[*types.InvalidAttributeValue](t, "a wait that is no number", create(w.name(), map[string]string{"ReceiveMessageWaitTimeSeconds": "long"}))
	if w.local {
		fails[*types.UnsupportedOperation](t, "a FIFO name", create("a.fifo", nil))
		fails[*types.UnsupportedOperation](t, "a FIFO queue", create(w.name(), map[string]string{"FifoQueue": "true"}))
	}
}

func listQueues(t *testing.T, w *world) {
	prefix := w.name()
	var want []string
	for _, end := range []string{"-a", "-b", "-c"} {
		out, err := w.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(prefix + end)})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, *out.QueueUrl)
		w.leave(t, out.QueueUrl)
	}
	w.queue(t, nil)
	all, err := w.ListQueues(t.Context(), &sqs.ListQueuesInput{QueueNamePrefix: &prefix})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all.QueueUrls)
	if d := cmp.Diff(want, all.QueueUrls); d != "" {
		t.Errorf("listed with the prefix:\n%s", d)
	}
	var got []string
	pages := sqs.NewListQueuesPaginator(w, &sqs.ListQueuesInput{QueueNamePrefix: &prefix, MaxResults: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n := len(page.QueueUrls); n > 2 {
			t.Errorf("a page has %d queues, want at most 2", n)
		}
		got = append(got, page.QueueUrls...)
	}
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("listed in pages:\n%s", d)
	}
}

func deleteQueue(t *testing.T, w *world) {
	url := w.queue(t, nil)
	w.send(t, url, "gone with it")
	if _, err := w.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: url}); err != nil {
		t.Fatal(err)
	}
	if !w.local {
		return // AWS takes a minute to know
	}
	_, err := w.ReceiveMessage(t.Context(), receiving(url, 30, 0))
	fails[*types.QueueDoesNotExist](t, "receiving from a deleted queue", err)
	again, err := w.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(path.Base(*url))})
	if err != nil {
		t.Fatal(err)
	}
	w.none(t, again.QueueUrl, "a new queue of the same name is empty")
}

func purgeQueue(t *testing.T, w *world) {
	url := w.queue(t, nil)
	w.send(t, url, "hidden")
	m := w.one(t, url, 1, 5)
	w.send(t, url, "visible")
	if _, err := w.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: url}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	w.none(t, url, "purged")
	w.remove(t, url, m)
	w.send(t, url, "after")
	if m := w.one(t, url, 30, 5); *m.Body != "after" {
		t.Errorf("received %q after the purge", *m.Body)
	}
}

// remove deletes a message.
func (w *world) remove(t *testing.T, url *string, m types.Message) {
	t.Helper()
	if _, err := w.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle}); err != nil {
		t.Fatalf("deleting %q: %v", *m.Body, err)
	}
}

func queueAttributes(t *testing.T, w *world) {
	url := w.queue(t, map[string]string{"VisibilityTimeout": "9", "ReceiveMessageWaitTimeSeconds": "1"})
	set := func(attributes map[string]string) error {
		_, err := w.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: attributes})
		return err
	}
	if err := set(map[string]string{"DelaySeconds": "3", "VisibilityTimeout": "11"}); err != nil {
		t.Fatal(err)
	}
	out, err := w.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"VisibilityTimeout":             "11",
		"DelaySeconds":                  "3",
		"ReceiveMessageWaitTimeSeconds": "1",
		"MessageRetentionPeriod":        "345600",
		"MaximumMessageSize":            "1048576",
		"ApproximateNumberOfMessages":   "0",
	} {
		if got := out.Attributes[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if arn := out.Attributes["QueueArn"]; !strings.HasSuffix(arn, ":"+path.Base(*url)) {
		t.Errorf("the ARN is %q, want it to end with the name", arn)
	}
	fails[*types.InvalidAttributeValue](t, "a delay of 901", set(map[string]string{"DelaySeconds": "901"}))
	fails[*types.InvalidAttributeName](t, "an unknown attribute", set(map[string]string{"Colour": "red"}))
	_, err = w.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{"Colour"}})
	fails[*types.InvalidAttributeName](t, "asking for an unknown attribute", err)
}

func counts(t *testing.T, w *world) {
	url := w.queue(t, nil)
	for range 3 {
		w.send(t, url, "x")
	}
	if _, err := w.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("x"), DelaySeconds: 60}); err != nil {
		t.Fatal(err)
	}
	in := receiving(url, 30, 5)
	in.MaxNumberOfMessages = 1
	if _, err := w.ReceiveMessage(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	check := func(when string, want ...string) {
		for i, name := range []types.QueueAttributeName{
			types.QueueAttributeNameApproximateNumberOfMessages,
			types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
			types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
		} {
			if got := w.attribute(t, url, name); got != want[i] {
				t.Errorf("%s, %s is %s, want %s", when, name, got, want[i])
			}
		}
	}
	check("with one in flight", "2", "1", "1")
	time.Sleep(31 * time.Second)
	check("after its visibility", "3", "0", "1")
	time.Sleep(31 * time.Second)
	check("after the delay", "4", "0", "0")
}

func tags(t *testing.T, w *world) {
	out, err := w.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(w.name()), Tags: map[string]string{"a": "1", "b": "2"}})
	if err != nil {
		t.Fatal(err)
	}
	w.leave(t, out.QueueUrl)
	if _, err := w.TagQueue(t.Context(), &sqs.TagQueueInput{QueueUrl: out.QueueUrl, Tags: map[string]string{"b": "3", "c": "4"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.UntagQueue(t.Context(), &sqs.UntagQueueInput{QueueUrl: out.QueueUrl, TagKeys: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	got, err := w.ListQueueTags(t.Context(), &sqs.ListQueueTagsInput{QueueUrl: out.QueueUrl})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"b": "3", "c": "4"}, got.Tags); d != "" {
		t.Errorf("tags:\n%s", d)
	}
}

func noSuchQueue(t *testing.T, w *world) {
	ctx, url := t.Context(), aws.String(strings.Replace(*w.queue(t, nil), w.stamp+"-", w.stamp+"-none-", 1))
	_, err := w.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(path.Base(*url))})
	fails[*types.QueueDoesNotExist](t, "GetQueueUrl", err)
	_, err = w.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("x")})
	fails[*types.QueueDoesNotExist](t, "SendMessage", err)
	_, err = w.ReceiveMessage(ctx, receiving(url, 1, 0))
	fails[*types.QueueDoesNotExist](t, "ReceiveMessage", err)
	_, err = w.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: aws.String("x")})
	fails[*types.QueueDoesNotExist](t, "DeleteMessage", err)
	_, err = w.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: url})
	fails[*types.QueueDoesNotExist](t, "PurgeQueue", err)
	_, err = w.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: url})
	if w.local { // AWS forgives it
		fails[*types.QueueDoesNotExist](t, "DeleteQueue", err)
	}
	failsWith(t, "GetQueueUrl by its older code", "AWS.SimpleQueueService.NonExistentQueue", func() error {
		_, err := w.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(path.Base(*url))})
		return err
	}())
}
