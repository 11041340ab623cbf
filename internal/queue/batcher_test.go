package queue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
)

// sizes is a sender that notes its batches and takes time for each.
type sizes struct {
	*queuetest.Queue
	trip time.Duration

	mu            sync.Mutex
	batches       []int
	running, most int
}

func (s *sizes) SendBatch(ctx context.Context, ms []queue.Outgoing) ([]error, error) {
	s.mu.Lock()
	s.batches = append(s.batches, len(ms))
	s.running++
	s.most = max(s.most, s.running)
	s.mu.Unlock()
	idle(s.trip)
	s.mu.Lock()
	s.running--
	s.mu.Unlock()
	return s.Queue.SendBatch(ctx, ms)
}

// sendAll sends every body at once and collects the answers.
func sendAll(b *queue.Batcher, bodies []string) []error {
	errs := make([]error, len(bodies))
	var all sync.WaitGroup
	for i, body := range bodies {
		all.Go(func() { errs[i] = b.Send(context.Background(), queue.Outgoing{Body: body}) })
	}
	all.Wait()
	return errs
}

func TestBatcherCoalesces(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &sizes{Queue: &queuetest.Queue{}, trip: 20 * time.Millisecond}
		begin := time.Now()
		if err := errors.Join(sendAll(queue.NewBatcher(s, 0), bodies(205))...); err != nil {
			t.Fatal(err)
		}
		if n := len(s.Sent()); n != 205 {
			t.Errorf("%d of 205 accepted", n)
		}
		if len(s.batches) != 21 || s.most < 4 || s.most > 8 {
			t.Errorf("%d batches, %d at a time; want 21, several", len(s.batches), s.most)
		}
		if d := time.Since(begin); d > 70*time.Millisecond {
			t.Errorf("took %s for three rounds of 20 ms", d)
		}
	})
}

func TestBatcherLingersBriefly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := &queuetest.Queue{}
		begin := time.Now()
		if err := queue.NewBatcher(q, 2*time.Millisecond).Send(t.Context(), queue.Outgoing{Body: "alone"}); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d != 2*time.Millisecond {
			t.Errorf("a lone message took %s, want the 2 ms of linger", d)
		}
	})
}

// Messages that come one after the other while a call is under way go together:
// what is saved is calls, and they are what a queue costs.
func TestBatcherGathersUnderLoad(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &sizes{Queue: &queuetest.Queue{}, trip: 50 * time.Millisecond}
		b := queue.NewBatcher(s, 0)
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				if err := b.Send(t.Context(), queue.Outgoing{Body: fmt.Sprint(i)}); err != nil {
					t.Error(err)
				}
			})
			idle(2 * time.Millisecond)
		}
		all.Wait()
		if n := len(s.batches); n > 7 {
			t.Errorf("%d calls for 50 messages in 100 ms: %v", n, s.batches)
		}
	})
}

func TestBatcherKeepsBatchesUnderTheLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &sizes{Queue: &queuetest.Queue{}}
		var bs []string
		for i := range 12 {
			bs = append(bs, fmt.Sprint(i)+strings.Repeat("x", 300<<10))
		}
		if err := errors.Join(sendAll(queue.NewBatcher(s, 0), bs)...); err != nil {
			t.Fatal(err)
		}
		if len(s.batches) != 4 {
			t.Errorf("batches of %v messages of 300 KiB, want four of three", s.batches)
		}
	})
}

func TestBatcherRefusesOversize(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := &queuetest.Queue{}
		b := queue.NewBatcher(q, 0)
		attrs := map[string]string{"type": "t"} // 4 + 6 + 1 bytes
		fits := queue.Outgoing{Body: strings.Repeat("x", queue.MaxBytes-11), Attributes: attrs}
		if err := b.Send(t.Context(), fits); err != nil {
			t.Errorf("a message of exactly the limit: %v", err)
		}
		fits.Body += "x"
		if err := b.Send(t.Context(), fits); !errors.Is(err, queue.ErrTooLarge) || !strings.Contains(err.Error(), "1048577 bytes") {
			t.Errorf("one byte more: %v", err)
		}
		if n := len(q.Sent()); n != 1 {
			t.Errorf("%d messages sent", n)
		}
	})
}

func TestBatcherAnswersEachCaller(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := &queuetest.Queue{}
		q.Faults.Entry = func(_ queuetest.Op, body string) queuetest.Fault {
			if body == "b4" {
				return queuetest.Fault{Err: queuetest.ErrInjected}
			}
			return queuetest.Fault{}
		}
		for i, err := range sendAll(queue.NewBatcher(q, 0), bodies(10)) {
			if want := i == 4; errors.Is(err, queuetest.ErrInjected) != want {
				t.Errorf("caller %d got %v", i, err)
			}
		}
		q.SetFaults(down(queuetest.Send))
		for i, err := range sendAll(queue.NewBatcher(q, 0), bodies(10)) {
			if err == nil {
				t.Errorf("caller %d was told of success", i)
			}
		}
	})
}

func TestBatcherCancellationIsTheCallersOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &sizes{Queue: &queuetest.Queue{}, trip: time.Second}
		b := queue.NewBatcher(s, 10*time.Millisecond)
		reason := errors.New("gone home")
		ctx, cancel := context.WithCancelCause(t.Context())
		answers := map[string]chan error{"waiting": make(chan error, 1), "flying": make(chan error, 1), "other": make(chan error, 1)}
		send := func(ctx context.Context, body string) {
			go func() { answers[body] <- b.Send(ctx, queue.Outgoing{Body: body}) }()
			synctest.Wait()
		}
		send(ctx, "flying") // first of its batch: its context must not end the call
		send(t.Context(), "other")
		pass(20 * time.Millisecond)
		send(ctx, "waiting")
		cancel(reason)
		for _, body := range []string{"flying", "waiting"} {
			if err := <-answers[body]; !errors.Is(err, reason) {
				t.Errorf("%s got %v", body, err)
			}
		}
		if err := <-answers["other"]; err != nil {
			t.Errorf("other got %v", err)
		}
		pass(5 * time.Second)
		if sent := s.Sent(); len(sent) != 2 {
			t.Errorf("sent %v, want flying and other only", sent)
		}
	})
}
