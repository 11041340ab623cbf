// Package sqsqueue speaks to SQS, or to a server that behaves like it,
// through the AWS SDK. It owns the calls: their batches, limits and failures,
// entry by entry. It refuses to know what a message says and when to receive,
// extend or delete one (package queue does).
package sqsqueue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/probefleet/probefleet/internal/queue"
)

const (
	// attempts is the SDK's own: one call and two repeats, for what passes in
	// a second. Whatever lasts longer is the caller's to see, count and wait
	// for: a poll is made again anyway, and an extension that is repeated for
	// long is worth nothing. A repeated send may send twice, which jobs and
	// results bear, as their ids are computed.
	attempts   = 3
	maxBackoff = time.Second

	// patience is how long one attempt may take to be answered, after its wait
	// where it is a poll. Without it a connection that died without a word
	// would hold up a poll for good, and a heartbeat for longer than a message
	// stays hidden.
	patience = 10 * time.Second
)

// Client makes and opens queues. It is safe for concurrent use, and holds a
// pool of connections that ends with the process.
type Client struct {
	api *sqs.Client
	// polls gives a call the patience of a long poll, and connections apart
	// from those of other calls.
	polls func(*sqs.Options)
	// where says in errors where the queues are looked for.
	where string
}

// New makes a client as the environment says, in the ways of the AWS SDK:
// AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL_SQS and the rest. Where that
// endpoint is on this machine and neither credentials nor a profile are named
// in the environment, it signs with made-up ones and asks no one for better.
// It makes no call to SQS.
func New(ctx context.Context) (*Client, error) {
	return open(ctx, cmp.Or(os.Getenv("AWS_ENDPOINT_URL_SQS"), os.Getenv("AWS_ENDPOINT_URL")), patience)
}

// NewAt is [New] with the endpoint given ("http://127.0.0.1:9324").
func NewAt(ctx context.Context, endpoint string) (*Client, error) {
	if u, err := url.Parse(endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("SQS endpoint %q is not a URL; use http://HOST:PORT", endpoint)
	}
	return open(ctx, endpoint, patience, func(o *sqs.Options) { o.BaseEndpoint = &endpoint })
}

// open makes a client of the queues at endpoint, "" for those of AWS.
func open(ctx context.Context, endpoint string, patience time.Duration, last ...func(*sqs.Options)) (*Client, error) {
	pool := awshttp.NewBuildableClient().WithTransportOptions(tune)
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(pool),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff = attempts, maxBackoff
			})
		}),
	}
	local := onLoopback(endpoint)
	if local && !credentialsNamed() {
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("local", "local", "")))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	if cfg.Region == "" && local {
		cfg.Region = "us-east-1"
	}
	if cfg.Region == "" {
		return nil, errors.New("no AWS region is set; set AWS_REGION, or AWS_ENDPOINT_URL_SQS for a server of your own")
	}
	where := "region " + cfg.Region
	if endpoint != "" {
		where = endpoint
	}
	// Loading may have put a client with another certificate bundle in place.
	if loaded, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
		pool = loaded
	}
	cfg.HTTPClient = WholeBodies(pool.WithTimeout(patience))
	polling := WholeBodies(pool.WithTimeout(queue.MaxWait + patience))
	return &Client{
		api:   sqs.NewFromConfig(cfg, last...),
		polls: func(o *sqs.Options) { o.HTTPClient = polling },
		where: where,
	}, nil
}

// tune fits the transport to many long polls at one host: each keeps a
// connection, and those between two polls should not be closed.
func tune(t *http.Transport) {
	t.MaxIdleConns = 0 // no limit
	t.MaxIdleConnsPerHost = 512
	t.MaxConnsPerHost = 0 // no limit
	t.IdleConnTimeout = 90 * time.Second
}

// onLoopback reports whether a URL's host is this machine by name or address.
func onLoopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}

// credentialsNamed reports whether the environment says whose credentials to
// use.
func credentialsNamed() bool {
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return false
}

// Open finds an existing queue.
func (c *Client) Open(ctx context.Context, name string) (*Queue, error) {
	out, err := c.api.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if missing := (*types.QueueDoesNotExist)(nil); errors.As(err, &missing) {
		return nil, fmt.Errorf("queue %q does not exist at %s; create it and its dead-letter queue %q, or correct AWS_REGION or AWS_ENDPOINT_URL_SQS: %w",
			name, c.where, queue.DeadLetterName(name), err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening queue %q at %s: %w", name, c.where, plain(ctx, err))
	}
	return &Queue{api: c.api, polls: c.polls, name: name, url: *out.QueueUrl}, nil
}

// plain replaces an error by the context's where that has ended: what the SDK
// says then is of no use to anyone.
func plain(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
