package sqslocal_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
)

// pair makes a queue and its dead-letter queue. format tells how
// maxReceiveCount is written: %d or "%d".
func (w *world) pair(t *testing.T, format string, maxReceives int) (url, dead *string) {
	t.Helper()
	dead = w.queue(t, nil)
	policy := fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":`+format+`}`, w.arn(t, dead), maxReceives)
	return w.queue(t, map[string]string{"RedrivePolicy": policy}), dead
}

// kill receives and releases a message until it is a dead letter.
func (w *world) kill(t *testing.T, url, dead *string, receives int) types.Message {
	t.Helper()
	for range receives {
		if err := w.change(t, url, w.one(t, url, 60, 5), 0); err != nil {
			t.Fatal(err)
		}
	}
	w.none(t, url, "received too often")
	return w.one(t, dead, 1, 5)
}

func deadLetters(t *testing.T, w *world) {
	for _, format := range []string{"%d", `"%d"`} {
		url, dead := w.pair(t, format, 2)
		_, err := w.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("x"), MessageAttributes: map[string]types.MessageAttributeValue{"type": stringAttribute("job")}})
		if err != nil {
			t.Fatal(err)
		}
		first := w.one(t, url, 60, 5)
		if err := w.change(t, url, first, 0); err != nil {
			t.Fatal(err)
		}
		got := w.kill(t, url, dead, 1)
		if *got.MessageId != *first.MessageId || *got.Body != "x" || *got.MessageAttributes["type"].StringValue != "job" {
			t.Errorf("the dead letter is %s %q, want the message %s", *got.MessageId, *got.Body, *first.MessageId)
		}
		want := map[string]string{
			"ApproximateReceiveCount":  "3", // the count runs on
			"DeadLetterQueueSourceArn": w.arn(t, url),
			"SentTimestamp":            first.Attributes["SentTimestamp"],
		}
		for name, v := range want {
			if got.Attributes[name] != v {
				t.Errorf("the dead letter has %s %q, want %q", name, got.Attributes[name], v)
			}
		}
		w.remove(t, url, first) // its handle is of no more use, and no error
		time.Sleep(2 * time.Second)
		w.remove(t, dead, w.one(t, dead, 60, 5))
	}
}

func deadLettersWakePoll(t *testing.T, w *world) {
	url, dead := w.pair(t, "%d", 1)
	w.send(t, url, "x")
	w.one(t, url, 3, 5)
	atDead := w.later(t, dead, 30, 20)
	atSource := w.later(t, url, 30, 10)
	w.got(t, atDead, 3*time.Second)
	if p := <-atSource; p.err != nil || len(p.messages) != 0 {
		t.Errorf("the poll of the source got %v, %v; want nothing", p.messages, p.err)
	}
}

func redrivePolicy(t *testing.T, w *world) {
	url, dead := w.pair(t, `"%d"`, 5)
	policy := fmt.Sprintf(`{"deadLetterTargetArn":"%s","maxReceiveCount":5}`, w.arn(t, dead))
	if got := w.attribute(t, url, types.QueueAttributeNameRedrivePolicy); got != policy {
		t.Errorf("RedrivePolicy is %s, want %s", got, policy)
	}
	set := func(url *string, name, value string) error {
		_, err := w.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{name: value}})
		return err
	}
	for what, bad := range map[string]string{
		"not JSON":       "x",
		"no such queue":  fmt.Sprintf(`{"deadLetterTargetArn":"%s-none","maxReceiveCount":5}`, w.arn(t, dead)),
		"no count":       fmt.Sprintf(`{"deadLetterTargetArn":"%s"}`, w.arn(t, dead)),
		"a count of 0":   fmt.Sprintf(`{"deadLetterTargetArn":"%s","maxReceiveCount":0}`, w.arn(t, dead)),
		"a count of 1.5": fmt.Sprintf(`{"deadLetterTargetArn":"%s","maxReceiveCount":1.5}`, w.arn(t, dead)),
	} {
		failsWith(t, what, "InvalidParameterValue", set(url, "RedrivePolicy", bad))
	}
	if err := set(url, "RedrivePolicy", ""); err != nil {
		t.Fatal(err)
	}
	if got := w.attribute(t, url, types.QueueAttributeNameRedrivePolicy); got != "" {
		t.Errorf("RedrivePolicy is %s after it was removed", got)
	}
	if err := set(dead, "RedriveAllowPolicy", `{"redrivePermission":"denyAll"}`); err != nil {
		t.Fatal(err)
	}
	failsWith(t, "a queue that wants no dead letters", "InvalidParameterValue", set(url, "RedrivePolicy", policy))
	if err := set(dead, "RedriveAllowPolicy", fmt.Sprintf(`{"redrivePermission":"byQueue","sourceQueueArns":[%q]}`, w.arn(t, url))); err != nil {
		t.Fatal(err)
	}
	if err := set(url, "RedrivePolicy", policy); err != nil {
		t.Errorf("a queue that is allowed: %v", err)
	}
}

func deadLetterSources(t *testing.T, w *world) {
	a, dead := w.pair(t, "%d", 1)
	b := w.queue(t, map[string]string{"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":3}`, w.arn(t, dead))})
	out, err := w.ListDeadLetterSourceQueues(t.Context(), &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: dead})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{*a, *b}
	slices.Sort(want)
	slices.Sort(out.QueueUrls)
	if d := cmp.Diff(want, out.QueueUrls); d != "" {
		t.Errorf("sources:\n%s", d)
	}
}

// finished waits until the latest move task of a queue is over.
func (w *world) finished(t *testing.T, arn string) types.ListMessageMoveTasksResultEntry {
	t.Helper()
	for range 60 {
		out, err := w.ListMessageMoveTasks(t.Context(), &sqs.ListMessageMoveTasksInput{SourceArn: &arn})
		if err != nil || len(out.Results) != 1 {
			t.Fatalf("listing the tasks: %+v, %v", out, err)
		}
		if s := *out.Results[0].Status; s != "RUNNING" && s != "CANCELLING" {
			return out.Results[0]
		}
		time.Sleep(time.Second)
	}
	t.Fatal("the task is still running")
	panic("unreachable")
}

func moveTaskToSources(t *testing.T, w *world) {
	url, dead := w.pair(t, "%d", 1)
	id := w.send(t, url, "x")
	w.kill(t, url, dead, 1)
	time.Sleep(2 * time.Second)
	arn := w.arn(t, dead)
	if _, err := w.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{SourceArn: &arn}); err != nil {
		t.Fatal(err)
	}
	if r := w.finished(t, arn); *r.Status != "COMPLETED" || r.ApproximateNumberOfMessagesMoved != 1 {
		t.Errorf("the task ended %s with %d moved", *r.Status, r.ApproximateNumberOfMessagesMoved)
	}
	m := w.one(t, url, 60, 5)
	if *m.Body != "x" || *m.MessageId == id || m.Attributes["ApproximateReceiveCount"] != "1" || m.Attributes["DeadLetterQueueSourceArn"] != "" {
		t.Errorf("moved back: id %s, %v; want a new message", *m.MessageId, m.Attributes)
	}
	w.none(t, dead, "everything was moved")

	if w.local { // AWS counts a message that was sent there as such, too, but only after minutes
		w.send(t, dead, "of no queue")
		if _, err := w.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{SourceArn: &arn}); err != nil {
			t.Fatal(err)
		}
		if r := w.finished(t, arn); *r.Status != "FAILED" || *r.FailureReason != "CouldNotDetermineMessageSource" {
			t.Errorf("the task ended %s", *r.Status)
		}
		w.one(t, dead, 60, 0)
	}
}

func moveTaskToQueue(t *testing.T, w *world) {
	_, dead := w.pair(t, "%d", 1)
	to := w.queue(t, nil)
	const n = 9
	for i := range n {
		w.send(t, dead, fmt.Sprint(i))
	}
	source, destination := w.arn(t, dead), w.arn(t, to)
	began := time.Now()
	task, err := w.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{SourceArn: &source, DestinationArn: &destination, MaxNumberOfMessagesPerSecond: aws.Int32(3)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{SourceArn: &source})
	failsWith(t, "a second task at once", "InvalidParameterValue", err)
	if r := w.finished(t, source); *r.Status != "COMPLETED" || *r.DestinationArn != destination {
		t.Errorf("the task ended as %+v", r)
	}
	if took := time.Since(began); w.local && took < 2*time.Second {
		t.Errorf("%d messages at 3 a second took %s", n, took)
	}
	if got := w.drain(t, to, n); len(got) != n {
		t.Errorf("received %q", got)
	}
	if !w.local {
		return
	}
	_, err = w.CancelMessageMoveTask(t.Context(), &sqs.CancelMessageMoveTaskInput{TaskHandle: task.TaskHandle})
	fails[*types.UnsupportedOperation](t, "cancelling what has ended", err)
	w.send(t, dead, "a")
	w.send(t, dead, "b")
	task, err = w.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{SourceArn: &source, DestinationArn: &destination, MaxNumberOfMessagesPerSecond: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.CancelMessageMoveTask(t.Context(), &sqs.CancelMessageMoveTaskInput{TaskHandle: task.TaskHandle}); err != nil {
		t.Fatal(err)
	}
	if r := w.finished(t, source); *r.Status != "CANCELLED" {
		t.Errorf("the cancelled task ended %s", *r.Status)
	}
}

func moveTaskRefused(t *testing.T, w *world) {
	url, dead := w.pair(t, "%d", 1)
	start := func(source, destination string) error {
		in := &sqs.StartMessageMoveTaskInput{SourceArn: &source}
		if destination != "" {
			in.DestinationArn = &destination
		}
		_, err := w.StartMessageMoveTask(t.Context(), in)
		return err
	}
	source := w.arn(t, dead)
	fails[*types.ResourceNotFoundException](t, "from a queue that does not exist", start(source+"-none", ""))
	fails[*types.ResourceNotFoundException](t, "to a queue that does not exist", start(source, source+"-none"))
	failsWith(t, "from a queue of no dead letters", "InvalidParameterValue", start(w.arn(t, url), ""))
	_, err := w.ListMessageMoveTasks(t.Context(), &sqs.ListMessageMoveTasksInput{SourceArn: aws.String(source + "-none")})
	fails[*types.ResourceNotFoundException](t, "listing of a queue that does not exist", err)
}
