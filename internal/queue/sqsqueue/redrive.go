package sqsqueue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// maxListed is the number of names that one call of ListQueues answers.
const maxListed = 1000

// List names the queues whose names begin with prefix, in no order.
func (c *Client) List(ctx context.Context, prefix string) ([]string, error) {
	var names []string
	in := &sqs.ListQueuesInput{QueueNamePrefix: &prefix, MaxResults: aws.Int32(maxListed)}
	for {
		out, err := c.api.ListQueues(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("listing the queues %q at %s: %w", prefix+"…", c.where, plain(ctx, err))
		}
		for _, url := range out.QueueUrls {
			names = append(names, url[strings.LastIndexByte(url, '/')+1:])
		}
		if aws.ToString(out.NextToken) == "" {
			return names, nil
		}
		in.NextToken = out.NextToken
	}
}

// attribute reads one attribute of the queue, "" where it has none.
func (q *Queue) attribute(ctx context.Context, name types.QueueAttributeName) (string, error) {
	out, err := q.api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: []types.QueueAttributeName{name}})
	if err != nil {
		return "", fmt.Errorf("reading %s of queue %q: %w", name, q.name, plain(ctx, err))
	}
	return out.Attributes[string(name)], nil
}

// MaxReceives is how often a message is received before it becomes a dead
// letter, 0 where the queue has no dead-letter queue.
func (q *Queue) MaxReceives(ctx context.Context) (int, error) {
	text, err := q.attribute(ctx, types.QueueAttributeNameRedrivePolicy)
	if err != nil || text == "" {
		return 0, err
	}
	var policy struct {
		MaxReceiveCount json.RawMessage `json:"maxReceiveCount"` // a number, or one in quotes
	}
	if err = json.Unmarshal([]byte(text), &policy); err == nil {
		var n int
		if n, err = strconv.Atoi(strings.Trim(string(policy.MaxReceiveCount), `"`)); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("the redrive policy of queue %q is %.200q: %w", q.name, text, err)
}

// Move is a redrive of a whole dead-letter queue.
type Move struct {
	// Running is whether it still moves messages.
	Running bool
	// Moved and ToMove count messages, as far as SQS can tell.
	Moved, ToMove int
	// Failure is why it ended before all were moved, or "".
	Failure string
}

// StartMove begins to move the messages of this dead-letter queue back to the
// queues from which they came, at most rate a second, 1 to 500; with 0 SQS
// decides. Messages that somebody holds stay. While a move runs another one is
// refused.
func (q *Queue) StartMove(ctx context.Context, rate int) error {
	arn, err := q.attribute(ctx, types.QueueAttributeNameQueueArn)
	if err != nil {
		return err
	}
	in := &sqs.StartMessageMoveTaskInput{SourceArn: &arn}
	if rate > 0 {
		in.MaxNumberOfMessagesPerSecond = aws.Int32(int32(rate))
	}
	if _, err := q.api.StartMessageMoveTask(ctx, in); err != nil {
		return fmt.Errorf("redriving queue %q: %w", q.name, plain(ctx, err))
	}
	return nil
}

// LastMove is the latest move of this queue; the zero Move where there was
// none.
func (q *Queue) LastMove(ctx context.Context) (Move, error) {
	arn, err := q.attribute(ctx, types.QueueAttributeNameQueueArn)
	if err != nil {
		return Move{}, err
	}
	out, err := q.api.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &arn, MaxResults: aws.Int32(1)})
	if missing := (*types.ResourceNotFoundException)(nil); errors.As(err, &missing) {
		return Move{}, nil
	}
	if err != nil {
		return Move{}, fmt.Errorf("asking for the redrives of queue %q: %w", q.name, plain(ctx, err))
	}
	if len(out.Results) == 0 {
		return Move{}, nil
	}
	t := out.Results[0]
	status := aws.ToString(t.Status)
	return Move{
		Running: status == "RUNNING" || status == "CANCELLING",
		Moved:   int(t.ApproximateNumberOfMessagesMoved), ToMove: int(aws.ToInt64(t.ApproximateNumberOfMessagesToMove)),
		Failure: aws.ToString(t.FailureReason),
	}, nil
}
