package sqslocal_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
	"github.com/probefleet/probefleet/internal/sqslocal"
)

// endpointVar names a server to be held to the same tests as ours: ElasticMQ,
// or AWS itself with its usual credentials and region. The tests then take as
// long as their pauses say; ours runs under a clock that skips them.
const endpointVar = "PROBEFLEET_SQS_CONFORMANCE_ENDPOINT"

// conformance is what the SDK's client must see, over HTTP.
var conformance = map[string]func(*testing.T, *world){
	"create is idempotent":              createIsIdempotent,
	"create refuses":                    createRefuses,
	"list queues":                       listQueues,
	"delete queue":                      deleteQueue,
	"purge queue":                       purgeQueue,
	"queue attributes":                  queueAttributes,
	"counts":                            counts,
	"tags":                              tags,
	"no such queue":                     noSuchQueue,
	"message round trip":                messageRoundTrip,
	"message attributes":                messageAttributes,
	"message attributes refused":        messageAttributesRefused,
	"message contents":                  messageContents,
	"message size":                      messageSize,
	"send batch":                        sendBatch,
	"batch shapes":                      batchShapes,
	"batch size":                        batchSize,
	"receive bounds":                    receiveBounds,
	"receive ten":                       receiveTen,
	"visibility":                        visibility,
	"visibility zero":                   visibilityZero,
	"visibility extended":               visibilityExtended,
	"visibility beyond twelve hours":    visibilityBeyond,
	"visibility refused":                visibilityRefused,
	"stale handle":                      staleHandle,
	"expired handle":                    expiredHandle,
	"delete batch":                      deleteBatch,
	"delay":                             delay,
	"long poll wakes on arrival":        pollWakesOnArrival,
	"long poll wakes on release":        pollWakesOnRelease,
	"long poll wakes on expiry":         pollWakesOnExpiry,
	"long poll wakes on delay":          pollWakesOnDelay,
	"long poll by the queue's default":  pollByDefault,
	"long poll ends empty":              pollEndsEmpty,
	"long polls each get one":           pollsEachGetOne,
	"long poll ends with its queue":     pollEndsWithQueue,
	"cancelled poll takes nothing":      cancelledPoll,
	"dead letters":                      deadLetters,
	"dead letters wake a long poll":     deadLettersWakePoll,
	"redrive policy":                    redrivePolicy,
	"dead letter sources":               deadLetterSources,
	"move task to where they came from": moveTaskToSources,
	"move task to a queue":              moveTaskToQueue,
	"move task refused":                 moveTaskRefused,
	"move task keeps messages":          moveTaskKeepsMessages,
	"dead letters are not worn out":     deadLettersAreNotWornOut,
	"wire form":                         wireForm,
	"pages":                             pages,
	"gone message":                      goneMessage,
	"full batch":                        fullBatch,
}

func TestConformance(t *testing.T) {
	endpoint := os.Getenv(endpointVar)
	for name, f := range conformance {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if endpoint != "" {
				f(t, remote(t, endpoint))
				return
			}
			synctest.Test(t, func(t *testing.T) {
				w, _ := local(t)
				f(t, w)
			})
		})
	}
}

// world is a server to be tested and a client of it.
type world struct {
	*sqs.Client
	// stamp keeps names apart on a server that others use.
	stamp string
	local bool
}

// local starts a server in a synctest bubble: real HTTP over pipes, as
// sockets would stop the bubble's clock.
func local(t *testing.T) (*world, *sqslocal.Server) {
	t.Helper()
	server := sqslocal.New(sqslocal.Options{})
	pipes := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	h := &http.Server{Handler: server}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = h.Serve(pipes) // ends with ErrServerClosed
	}()
	transport := &http.Transport{DialContext: pipes.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		_ = h.Close()
		<-served
	})
	return &world{client("http://sqs.test", &http.Client{Transport: transport}), "t", true}, server
}

func client(endpoint string, h aws.HTTPClient) *sqs.Client {
	return sqs.New(sqs.Options{
		Region:           sqslocal.Region,
		BaseEndpoint:     &endpoint,
		Credentials:      credentials.NewStaticCredentialsProvider("local", "local", ""),
		HTTPClient:       sqsqueue.WholeBodies(h),
		RetryMaxAttempts: 1,
	})
}

func remote(t *testing.T, endpoint string) *world {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithBaseEndpoint(endpoint))
	if err != nil {
		t.Fatal(err)
	}
	cfg.HTTPClient = sqsqueue.WholeBodies(cfg.HTTPClient)
	return &world{sqs.NewFromConfig(cfg), fmt.Sprintf("t%x", time.Now().UnixNano()), false}
}

type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	close(l.done)
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

var queueNumber atomic.Int64

// name makes a queue name that no other test has.
func (w *world) name() string { return fmt.Sprintf("%s-%d", w.stamp, queueNumber.Add(1)) }

// queue makes a queue for the test and returns its URL.
func (w *world) queue(t *testing.T, attributes map[string]string) *string {
	t.Helper()
	out, err := w.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(w.name()), Attributes: attributes})
	if err != nil {
		t.Fatalf("creating a queue: %v", err)
	}
	w.leave(t, out.QueueUrl)
	return out.QueueUrl
}

// leave deletes a queue at the end of the test, from a server that stays.
func (w *world) leave(t *testing.T, url *string) {
	if w.local {
		return
	}
	t.Cleanup(func() {
		_, _ = w.DeleteQueue(context.WithoutCancel(t.Context()), &sqs.DeleteQueueInput{QueueUrl: url})
	})
}

// attribute reads one attribute of a queue.
func (w *world) attribute(t *testing.T, url *string, name types.QueueAttributeName) string {
	t.Helper()
	out, err := w.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{name}})
	if err != nil {
		t.Fatalf("reading %s: %v", name, err)
	}
	return out.Attributes[string(name)]
}

func (w *world) arn(t *testing.T, url *string) string {
	return w.attribute(t, url, types.QueueAttributeNameQueueArn)
}

// send sends one message and returns its id.
func (w *world) send(t *testing.T, url *string, body string) string {
	t.Helper()
	out, err := w.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: &body})
	if err != nil {
		t.Fatalf("sending %q: %v", body, err)
	}
	return *out.MessageId
}

// receive takes up to ten messages, hidden for visibility seconds, waiting up
// to wait seconds.
func (w *world) receive(t *testing.T, url *string, visibility, wait int32) []types.Message {
	t.Helper()
	out, err := w.ReceiveMessage(t.Context(), receiving(url, visibility, wait))
	if err != nil {
		t.Fatalf("receiving: %v", err)
	}
	return out.Messages
}

func receiving(url *string, visibility, wait int32) *sqs.ReceiveMessageInput {
	return &sqs.ReceiveMessageInput{
		QueueUrl:                    url,
		MaxNumberOfMessages:         10,
		VisibilityTimeout:           visibility,
		WaitTimeSeconds:             wait,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		MessageAttributeNames:       []string{"All"},
	}
}

// one receives exactly one message.
func (w *world) one(t *testing.T, url *string, visibility, wait int32) types.Message {
	t.Helper()
	ms := w.receive(t, url, visibility, wait)
	if len(ms) != 1 {
		t.Fatalf("received %d messages, want 1", len(ms))
	}
	return ms[0]
}

// none checks that nothing is visible.
func (w *world) none(t *testing.T, url *string, why string) {
	t.Helper()
	if ms := w.receive(t, url, 30, 0); len(ms) > 0 {
		t.Fatalf("received %q, want nothing: %s", *ms[0].Body, why)
	}
}

// later receives in the background.
func (w *world) later(t *testing.T, url *string, visibility, wait int32) <-chan poll {
	c := make(chan poll, 1)
	go func() {
		began := time.Now()
		out, err := w.ReceiveMessage(t.Context(), receiving(url, visibility, wait))
		p := poll{err: err, took: time.Since(began)}
		if err == nil {
			p.messages = out.Messages
		}
		c <- p
	}()
	return c
}

type poll struct {
	messages []types.Message
	err      error
	took     time.Duration
}

// got checks that a poll got one message, after about d.
func (w *world) got(t *testing.T, c <-chan poll, d time.Duration) types.Message {
	t.Helper()
	p := <-c
	if p.err != nil || len(p.messages) != 1 {
		t.Fatalf("the poll got %d messages, error %v; want 1", len(p.messages), p.err)
	}
	if w.local && p.took != d || p.took < d-time.Second {
		t.Errorf("the poll took %s, want %s", p.took, d)
	}
	return p.messages[0]
}

// fails checks that err is a T, one of the SDK's typed errors.
func fails[T error](t *testing.T, what string, err error) {
	t.Helper()
	var want T
	if !errors.As(err, &want) {
		t.Errorf("%s: error is %v, want a %T", what, err, want)
	}
}

// failsWith checks the code of an error that has no type of its own.
func failsWith(t *testing.T, what, code string, err error) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		t.Errorf("%s: error is %v, want code %s", what, err, code)
	}
}

func byID(a, b types.BatchResultErrorEntry) int { return cmp.Compare(*a.Id, *b.Id) }
