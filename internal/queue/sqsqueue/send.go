package sqsqueue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/probefleet/probefleet/internal/queue"
)

// Size is what a message counts for against [queue.MaxBytes]: body, and each
// attribute's name, type and value.
func Size(m queue.Outgoing) int {
	n := len(m.Body)
	for name, v := range m.Attributes {
		n += len(name) + len(stringType) + len(v)
	}
	return n
}

const stringType = "String"

// SendBatch implements [queue.Sender]. A message that SQS would not take (too
// long, empty, not text) is not sent, so that it does not take the others
// down with it. Where the others come to more than [queue.MaxBytes] together,
// the call fails and nothing is sent. Delays are rounded up to whole seconds;
// with 0 the queue's own default holds, which is 0 in queues made by Ensure.
func (q *Queue) SendBatch(ctx context.Context, ms []queue.Outgoing) ([]error, error) {
	if err := q.checkBatch("sending to", len(ms)); err != nil || len(ms) == 0 {
		return nil, err
	}
	doing := fmt.Sprintf("sending to queue %q", q.name)
	r := newResults(len(ms))
	es := make([]types.SendMessageBatchRequestEntry, 0, len(ms))
	total := 0
	for i := range ms {
		if err := check(ms[i]); err != nil {
			r.refuse(i, fmt.Errorf("%s: %w", doing, err))
			continue
		}
		total += Size(ms[i])
		es = append(es, entry(i, &ms[i]))
	}
	if total > queue.MaxBytes {
		return nil, fmt.Errorf("%s: %d messages have %d bytes together, attributes included, at most %d go into one call; send them in several",
			doing, len(es), total, queue.MaxBytes)
	}
	if len(es) == 0 {
		return r.errors(nil, doing), nil
	}
	out, err := q.api.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.url, Entries: es})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, plain(ctx, err))
	}
	for _, e := range out.Successful {
		r.accept(e.Id)
	}
	return r.errors(out.Failed, doing), nil
}

func entry(i int, m *queue.Outgoing) types.SendMessageBatchRequestEntry {
	e := types.SendMessageBatchRequestEntry{
		Id:           aws.String(strconv.Itoa(i)),
		MessageBody:  &m.Body,
		DelaySeconds: wholeSeconds(m.Delay),
	}
	if len(m.Attributes) > 0 {
		e.MessageAttributes = make(map[string]types.MessageAttributeValue, len(m.Attributes))
		for name, v := range m.Attributes {
			e.MessageAttributes[name] = types.MessageAttributeValue{DataType: aws.String(stringType), StringValue: &v}
		}
	}
	return e
}

// check says why SQS would not take a message. Text that is not UTF-8 would
// be sent in another form than it has, whose checksum the SDK then finds
// wrong: for the whole batch, which by then was accepted.
func check(m queue.Outgoing) error {
	switch n := Size(m); {
	case m.Body == "":
		return errors.New("the message has no body")
	case n > queue.MaxBytes:
		return fmt.Errorf("the message has %d bytes, attributes included; at most %d", n, queue.MaxBytes)
	case m.Delay < 0 || m.Delay > queue.MaxDelay:
		return fmt.Errorf("the delay %s is out of range; use 0 to %s", m.Delay, queue.MaxDelay)
	}
	if err := checkText(m.Body); err != nil {
		return fmt.Errorf("the message's body %w", err)
	}
	for name, v := range m.Attributes {
		if err := checkText(v); err != nil {
			return fmt.Errorf("the message's attribute %q %w", name, err)
		}
	}
	return nil
}

// checkText refuses what SQS does: all but the characters of XML 1.0.
func checkText(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("is not UTF-8; encode it, as base64 or in JSON")
	}
	for _, r := range s {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return fmt.Errorf("has the character %U, which SQS does not carry; escape it, as JSON does", r)
		}
	}
	return nil
}
