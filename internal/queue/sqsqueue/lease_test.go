package sqsqueue_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
)

func TestEntryErrorsThatMeanALostLease(t *testing.T) {
	for e, lost := range map[sqsqueue.EntryError]bool{
		{Code: "ReceiptHandleIsInvalid"}:                           true,
		{Code: "MessageNotInflight"}:                               true,
		{Code: "AWS.SimpleQueueService.MessageNotInflight"}:        true,
		{Code: "AWS.SimpleQueueService.ReceiptHandleIsInvalidity"}: false,
		{Code: "InternalError"}:                                    false,
		{}:                                                         false,
		{Code: "InvalidParameterValue", Message: "Value A for parameter ReceiptHandle is invalid. Reason: Message does not exist."}: true,
		{Code: "InvalidParameterValue", Message: "Value 9 for parameter VisibilityTimeout is invalid. Reason: Too long."}:           false,
	} {
		err := fmt.Errorf("extending: %w", &e)
		if got := errors.Is(err, queue.ErrLeaseLost); got != lost {
			t.Errorf("%v is a lost lease: %t, want %t", err, got, lost)
		}
		if errors.Is(err, context.Canceled) {
			t.Errorf("%v is an error that it is not", err)
		}
	}
}

// A message that is taken away while it is worked on is known to be lost at
// the next heartbeat, long before its visibility would have run out.
func TestLostLeaseIsNoticedAtTheNextHeartbeat(t *testing.T) {
	t.Parallel()
	c, _ := serve(t)
	q := ensure(t, c, "jobs", sqsqueue.Settings{})
	send(t, q, queue.Outgoing{Body: "x"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began, lost := make(chan queue.Message, 1), make(chan error, 1)
	done := make(chan error, 1)
	go func() {
		done <- queue.Consume(ctx, q, func(ctx context.Context, m queue.Message) error {
			began <- m
			<-ctx.Done()
			lost <- context.Cause(ctx)
			return ctx.Err()
		}, queue.Options{Name: "jobs", Visibility: 15 * time.Second, DrainBudget: -1})
	}()
	m := <-began
	if errs, err := q.DeleteBatch(t.Context(), []queue.Message{m}); err != nil || errs[0] != nil {
		t.Fatal(errs, err)
	}
	select {
	case cause := <-lost:
		if !errors.Is(cause, queue.ErrLeaseLost) {
			t.Errorf("the handler ended with cause %v", cause)
		}
	case <-time.After(time.Minute):
		t.Error("the heartbeats after 5 and 10 seconds did not notice that the message is gone")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
