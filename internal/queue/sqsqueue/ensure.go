package sqsqueue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/probefleet/probefleet/internal/queue"
)

// Settings of a queue. Zero values mean the defaults.
type Settings struct {
	// Visibility hides a message by default, whole seconds up to
	// [queue.MaxVisibility]; 30 s by default. Short, as a response that is
	// lost on its way hides its messages for as long.
	Visibility time.Duration
	// Retention is how long a message is kept, 1 min to 14 days; 4 days by
	// default. The dead-letter queue always keeps them for 14 days, because
	// it counts from the first sending.
	Retention time.Duration
	// MaxReceives is how often a message is received before it becomes a dead
	// letter, 1 to 1000; 5 by default. Not fewer: lost responses count too.
	MaxReceives int
}

const (
	defaultVisibility  = 30 * time.Second
	defaultRetention   = 4 * 24 * time.Hour
	defaultMaxReceives = 5
	deadRetention      = 14 * 24 * time.Hour
)

// Ensure makes a standard queue and its dead-letter queue (see
// [queue.DeadLetterName]) where they do not exist, and gives them these
// settings where they do. Other attributes of queues that exist stay as they
// are.
func (c *Client) Ensure(ctx context.Context, name string, s Settings) error {
	dead := queue.DeadLetterName(name)
	arn, err := c.ensure(ctx, dead, map[string]string{
		"MessageRetentionPeriod": seconds(deadRetention),
	})
	if err != nil {
		return fmt.Errorf("creating queue %q at %s: %w", dead, c.where, plain(ctx, err))
	}
	policy, err := json.Marshal(map[string]any{
		"deadLetterTargetArn": arn,
		"maxReceiveCount":     cmp.Or(s.MaxReceives, defaultMaxReceives),
	})
	if err != nil {
		return fmt.Errorf("creating queue %q at %s: %w", name, c.where, err)
	}
	_, err = c.ensure(ctx, name, map[string]string{
		"VisibilityTimeout":      seconds(cmp.Or(s.Visibility, defaultVisibility)),
		"MessageRetentionPeriod": seconds(cmp.Or(s.Retention, defaultRetention)),
		"RedrivePolicy":          string(policy),
	})
	if err != nil {
		return fmt.Errorf("creating queue %q at %s: %w", name, c.where, plain(ctx, err))
	}
	return nil
}

// ensure makes one queue, or changes it, and returns its ARN.
func (c *Client) ensure(ctx context.Context, name string, attributes map[string]string) (arn string, err error) {
	var url *string
	made, err := c.api.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if other := (*types.QueueNameExists)(nil); errors.As(err, &other) {
		found, err := c.api.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
		if err != nil {
			return "", err
		}
		url = found.QueueUrl
		if _, err := c.api.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: attributes}); err != nil {
			return "", err
		}
	} else if err != nil {
		return "", err
	} else {
		url = made.QueueUrl
	}
	const attr = types.QueueAttributeNameQueueArn
	out, err := c.api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{attr}})
	if err != nil {
		return "", err
	}
	return out.Attributes[string(attr)], nil
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(wholeSeconds(d)), 10) }

// wholeSeconds rounds up: what is hidden for less than a second is not
// released at once.
func wholeSeconds(d time.Duration) int32 {
	return int32((d + time.Second - 1) / time.Second)
}
