package sqslocal_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/probefleet/probefleet/internal/sqslocal"
)

// loopback starts a server on a socket, with a client for many connections.
func loopback(t testing.TB) *world {
	h := httptest.NewServer(sqslocal.New(sqslocal.Options{}))
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		h.Close()
	})
	return &world{client(h.URL, &http.Client{Transport: transport}), "t", true}
}

func create(t testing.TB, w *world) *string {
	out, err := w.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(w.name())})
	if err != nil {
		t.Fatal(err)
	}
	return out.QueueUrl
}

func batchOf(url *string, bodies ...string) *sqs.SendMessageBatchInput {
	return &sqs.SendMessageBatchInput{QueueUrl: url, Entries: entries(bodies...)}
}

func deleting(url *string, ms []types.Message) *sqs.DeleteMessageBatchInput {
	in := &sqs.DeleteMessageBatchInput{QueueUrl: url}
	for i, m := range ms {
		in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
	}
	return in
}

// Many senders and receivers: everything arrives, and nothing twice, as
// nothing becomes visible again.
func TestManySendersAndReceivers(t *testing.T) {
	const senders, receivers, batches = 8, 12, 40
	const want = senders * batches * 10
	w := loopback(t)
	url := create(t, w)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()

	var got sync.Map // body → true
	var n atomic.Int64
	var receiving, sending sync.WaitGroup
	for range receivers {
		receiving.Go(func() {
			for ctx.Err() == nil {
				out, err := w.ReceiveMessage(ctx, receiving10(url))
				if err != nil {
					if ctx.Err() == nil {
						t.Errorf("receiving: %v", err)
					}
					return
				}
				for _, m := range out.Messages {
					if _, twice := got.LoadOrStore(*m.Body, true); twice {
						t.Errorf("%s was received twice", *m.Body)
					}
				}
				if len(out.Messages) == 0 {
					continue
				}
				if out, err := w.DeleteMessageBatch(t.Context(), deleting(url, out.Messages)); err != nil || len(out.Failed) > 0 {
					t.Errorf("deleting: %+v, %v", out, err)
				}
				if n.Add(int64(len(out.Messages))) == want {
					stop()
				}
			}
		})
	}
	for s := range senders {
		sending.Go(func() {
			for b := range batches {
				var bodies []string
				for i := range 10 {
					bodies = append(bodies, fmt.Sprintf("%d-%d-%d", s, b, i))
				}
				if out, err := w.SendMessageBatch(t.Context(), batchOf(url, bodies...)); err != nil || len(out.Failed) > 0 {
					t.Errorf("sending: %+v, %v", out, err)
				}
			}
		})
	}
	sending.Wait()
	deadline := time.AfterFunc(30*time.Second, stop)
	receiving.Wait()
	deadline.Stop()
	if n.Load() != want {
		t.Errorf("received %d of %d messages", n.Load(), want)
	}
	for _, name := range []types.QueueAttributeName{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"} {
		if left := w.attribute(t, url, name); left != "0" {
			t.Errorf("%s is %s at the end", name, left)
		}
	}
}

func receiving10(url *string) *sqs.ReceiveMessageInput { return receiving(url, 300, 20) }

// BenchmarkSendReceiveDelete moves messages through the SDK's client in
// batches of ten: short ones and ones as long as a job, with and without
// others waiting.
func BenchmarkSendReceiveDelete(b *testing.B) {
	for _, size := range []int{200, 1500} {
		for _, backlog := range []int{0, 20_000} {
			b.Run(fmt.Sprintf("bytes=%d/backlog=%d", size, backlog), func(b *testing.B) {
				body := strings.Repeat(`{"check":"shop-login","n":12345}`, size/32+1)[:size]
				bodies := slices.Repeat([]string{body}, 10)
				w := loopback(b)
				url := create(b, w)
				for range backlog / 10 {
					if _, err := w.SendMessageBatch(b.Context(), batchOf(url, bodies...)); err != nil {
						b.Fatal(err)
					}
				}
				var moved atomic.Int64
				b.SetParallelism(8)
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						moved.Add(int64(w.moveTen(b, url, bodies)))
					}
				})
				b.ReportMetric(float64(moved.Load())/b.Elapsed().Seconds(), "messages/s")
			})
		}
	}
}

// moveTen sends ten messages, and receives and deletes up to ten.
func (w *world) moveTen(b *testing.B, url *string, bodies []string) int {
	if out, err := w.SendMessageBatch(b.Context(), batchOf(url, bodies...)); err != nil || len(out.Failed) > 0 {
		b.Errorf("sending: %v", err)
	}
	out, err := w.ReceiveMessage(b.Context(), receiving10(url))
	if err != nil {
		b.Errorf("receiving: %v", err)
		return 0
	}
	if len(out.Messages) == 0 {
		return 0
	}
	if _, err := w.DeleteMessageBatch(b.Context(), deleting(url, out.Messages)); err != nil {
		b.Errorf("deleting: %v", err)
	}
	return len(out.Messages)
}
