package sqsqueue

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// NewImpatient is NewAt with another patience.
func NewImpatient(ctx context.Context, endpoint string, patience time.Duration) (*Client, error) {
	return open(ctx, endpoint, patience, func(o *sqs.Options) { o.BaseEndpoint = &endpoint })
}
