package sqsqueue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/probefleet/probefleet/internal/queue"
)

// Queue is one queue. It is safe for concurrent use.
type Queue struct {
	api       *sqs.Client
	polls     func(*sqs.Options)
	name, url string
}

var (
	_ queue.Sender   = (*Queue)(nil)
	_ queue.Receiver = (*Queue)(nil)
)

// Name is the queue's name.
func (q *Queue) Name() string { return q.name }

// Receive implements [queue.Receiver]. Durations are rounded up to whole
// seconds. The SDK cannot send zeros: with a wait or visibility of 0 the
// queue's own default holds, which for a wait is 0 in queues made by Ensure.
func (q *Queue) Receive(ctx context.Context, max int, wait, visibility time.Duration) ([]queue.Message, error) {
	if max < 1 || max > queue.MaxBatch || wait < 0 || wait > queue.MaxWait || visibility < 0 || visibility > queue.MaxVisibility {
		return nil, fmt.Errorf("receiving from queue %q: %d messages, wait %s or visibility %s is out of range; use 1 to %d, %s, %s",
			q.name, max, wait, visibility, queue.MaxBatch, queue.MaxWait, queue.MaxVisibility)
	}
	out, err := q.api.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl:            &q.url,
		MaxNumberOfMessages: int32(max),
		WaitTimeSeconds:     wholeSeconds(wait),
		VisibilityTimeout:   wholeSeconds(visibility),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameApproximateReceiveCount,
			types.MessageSystemAttributeNameSentTimestamp,
		},
		MessageAttributeNames: []string{"All"},
	}, q.polls)
	if err != nil {
		return nil, fmt.Errorf("receiving from queue %q: %w", q.name, plain(ctx, err))
	}
	now := time.Now()
	ms := make([]queue.Message, len(out.Messages))
	for i := range out.Messages {
		ms[i] = message(&out.Messages[i], now)
	}
	return ms, nil
}

func message(m *types.Message, now time.Time) queue.Message {
	out := queue.Message{
		ID:         aws.ToString(m.MessageId),
		Body:       aws.ToString(m.Body),
		Handle:     aws.ToString(m.ReceiptHandle),
		ReceivedAt: now,
	}
	// A server that leaves these out, or writes no numbers, loses us age and
	// count, which stay 0; the message itself is good.
	out.Receives, _ = strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	if ms, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64); err == nil {
		out.SentAt = time.UnixMilli(ms).UTC()
	}
	for name, a := range m.MessageAttributes {
		if a.StringValue != nil {
			if out.Attributes == nil {
				out.Attributes = make(map[string]string, len(m.MessageAttributes))
			}
			out.Attributes[name] = *a.StringValue
		}
	}
	return out
}

// DeleteBatch implements [queue.Receiver].
func (q *Queue) DeleteBatch(ctx context.Context, ms []queue.Message) ([]error, error) {
	if err := q.checkBatch("deleting from", len(ms)); err != nil || len(ms) == 0 {
		return nil, err
	}
	es := make([]types.DeleteMessageBatchRequestEntry, len(ms))
	for i := range ms {
		es[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &ms[i].Handle}
	}
	out, err := q.api.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: es})
	if err != nil {
		return nil, fmt.Errorf("deleting from queue %q: %w", q.name, plain(ctx, err))
	}
	r := newResults(len(ms))
	for _, e := range out.Successful {
		r.accept(e.Id)
	}
	return r.errors(out.Failed, fmt.Sprintf("deleting from queue %q", q.name)), nil
}

// ExtendBatch implements [queue.Receiver]. Durations are rounded up to whole
// seconds. An entry fails where its message was deleted; where the message
// was received anew by someone else, SQS may answer success and do nothing.
func (q *Queue) ExtendBatch(ctx context.Context, xs []queue.Extension) ([]error, error) {
	if err := q.checkBatch("extending in", len(xs)); err != nil || len(xs) == 0 {
		return nil, err
	}
	es := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(xs))
	for i := range xs {
		es[i] = types.ChangeMessageVisibilityBatchRequestEntry{
			Id:                aws.String(strconv.Itoa(i)),
			ReceiptHandle:     &xs[i].Message.Handle,
			VisibilityTimeout: wholeSeconds(xs[i].Visibility),
		}
	}
	out, err := q.api.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url, Entries: es})
	if err != nil {
		return nil, fmt.Errorf("extending in queue %q: %w", q.name, plain(ctx, err))
	}
	r := newResults(len(xs))
	for _, e := range out.Successful {
		r.accept(e.Id)
	}
	return r.errors(out.Failed, fmt.Sprintf("extending in queue %q", q.name)), nil
}

func (q *Queue) checkBatch(doing string, n int) error {
	if n > queue.MaxBatch {
		return fmt.Errorf("%s queue %q: %d entries in one call; at most %d", doing, q.name, n, queue.MaxBatch)
	}
	return nil
}

// Depth is how many messages a queue has, as far as SQS can tell.
type Depth struct {
	// Visible wait, InFlight were received and are hidden, Delayed were sent
	// with a delay that is not over.
	Visible, InFlight, Delayed int
}

// Depth asks for the number of messages. With AWS it lags by up to a minute.
func (q *Queue) Depth(ctx context.Context) (Depth, error) {
	names := []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}
	out, err := q.api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: names})
	if err != nil {
		return Depth{}, fmt.Errorf("asking for the depth of queue %q: %w", q.name, plain(ctx, err))
	}
	var n [3]int
	var faults []error
	for i, name := range names {
		v, err := strconv.Atoi(out.Attributes[string(name)])
		if err != nil {
			faults = append(faults, fmt.Errorf("asking for the depth of queue %q: %s is %q", q.name, name, out.Attributes[string(name)]))
		}
		n[i] = v
	}
	return Depth{n[0], n[1], n[2]}, errors.Join(faults...)
}
