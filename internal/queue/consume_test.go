package queue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
)

// call is one call of a receiver, as a spy saw it.
type call struct {
	op      queuetest.Op
	entries int           // of Receive: messages asked for
	after   time.Duration // since the start
	visible time.Duration // of Extend: of the first entry
}

// spy notes the calls that reach a queue.
type spy struct {
	*queuetest.Queue
	start time.Time
	mu    sync.Mutex
	calls []call
}

func watch(q *queuetest.Queue) *spy { return &spy{Queue: q, start: time.Now()} }

func (s *spy) note(op queuetest.Op, entries int, visible time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call{op, entries, time.Since(s.start), visible})
}

func (s *spy) of(op queuetest.Op) (cs []call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if c.op == op {
			cs = append(cs, c)
		}
	}
	return cs
}

func (s *spy) Receive(ctx context.Context, most int, wait, visibility time.Duration) ([]queue.Message, error) {
	s.note(queuetest.Receive, most, 0)
	return s.Queue.Receive(ctx, most, wait, visibility)
}

func (s *spy) DeleteBatch(ctx context.Context, ms []queue.Message) ([]error, error) {
	s.note(queuetest.Delete, len(ms), 0)
	return s.Queue.DeleteBatch(ctx, ms)
}

func (s *spy) ExtendBatch(ctx context.Context, es []queue.Extension) ([]error, error) {
	s.note(queuetest.Extend, len(es), es[0].Visibility)
	return s.Queue.ExtendBatch(ctx, es)
}

// start runs Consume in the bubble; stop ends it and waits for it.
func start(t *testing.T, r queue.Receiver, h queue.Handler, o queue.Options) (stop func()) {
	t.Helper()
	o.Name = "jobs"
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- queue.Consume(ctx, r, h, o) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Consume: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func bodies(n int) []string {
	bs := make([]string, n)
	for i := range bs {
		bs[i] = fmt.Sprintf("b%d", i)
	}
	return bs
}

// idle lets simulated time go by.
func idle(d time.Duration) {
	time.Sleep(d) // simulated: every caller runs under synctest
}

// pass lets simulated time go by and everything settle.
func pass(d time.Duration) {
	idle(d)
	synctest.Wait()
}

// bubble runs f in simulated time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func TestHandledMessagesAreDeletedInBatches(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := watch(&queuetest.Queue{})
		s.Put(bodies(40)...)
		var handled, ended atomic.Int64
		start(t, s, func(ctx context.Context, _ queue.Message) error {
			handled.Add(1)
			context.AfterFunc(ctx, func() { ended.Add(1) })
			return nil
		}, queue.Options{Slots: 20})
		pass(time.Second)
		if n := ended.Load(); n != 40 {
			t.Errorf("%d of 40 handler contexts ended with their handlers", n)
		}
		if n := handled.Load(); n != 40 {
			t.Errorf("handled %d of 40", n)
		}
		if !s.Empty() {
			t.Error("messages are left")
		}
		if n := len(s.of(queuetest.Delete)); n != 4 {
			t.Errorf("%d delete calls for 40 messages, want 4", n)
		}
	})
}

func TestReceivesNoMoreThanFreeSlots(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := watch(&queuetest.Queue{})
		s.Put(bodies(9)...)
		var running, most atomic.Int64
		start(t, s, func(context.Context, queue.Message) error {
			most.Store(max(most.Load(), running.Add(1)))
			idle(time.Minute)
			running.Add(-1)
			return nil
		}, queue.Options{Slots: 2})
		pass(30 * time.Second)
		if _, hidden := s.Len(); hidden != 2 {
			t.Errorf("%d messages taken with 2 slots", hidden)
		}
		pass(10 * time.Minute)
		if !s.Empty() || most.Load() != 2 {
			t.Errorf("empty %t, at most %d at a time, want true, 2", s.Empty(), most.Load())
		}
		for _, c := range s.of(queuetest.Receive) {
			if c.entries > 2 {
				t.Errorf("asked for %d messages with 2 slots", c.entries)
			}
		}
	})
}

// slow is a receiver whose calls take a round trip.
type slow struct{ *spy }

func (s slow) Receive(ctx context.Context, most int, wait, visibility time.Duration) ([]queue.Message, error) {
	ms, err := s.spy.Receive(ctx, most, wait, visibility)
	idle(10 * time.Millisecond)
	return ms, err
}

func TestManySlotsFillQuickly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := watch(&queuetest.Queue{})
		s.Put(bodies(600)...)
		block := make(chan struct{})
		start(t, slow{s}, func(context.Context, queue.Message) error { <-block; return nil }, queue.Options{Slots: 500})
		pass(100 * time.Millisecond)
		if _, hidden := s.Len(); hidden != 500 {
			t.Errorf("%d of 500 slots filled within 100 ms at 10 ms a call", hidden)
		}
		close(block)
		pass(time.Second)
	})
}

// Slots that come free one by one are gathered, so that receives stay cheap.
func TestReceivesAreBatchedUnderLoad(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := watch(&queuetest.Queue{})
		s.Put(bodies(3000)...)
		var i atomic.Int64
		start(t, slow{s}, func(context.Context, queue.Message) error {
			idle(100*time.Millisecond + time.Duration(i.Add(1)%100)*time.Millisecond)
			return nil
		}, queue.Options{Slots: 100})
		pass(20 * time.Second)
		if !s.Empty() {
			t.Fatal("messages are left")
		}
		if n := len(s.of(queuetest.Receive)); n > 700 {
			t.Errorf("%d receives for 3000 messages; want more than 4 a call", n)
		}
	})
}

func TestErrorComesBackLaterEachTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := &queuetest.Queue{MaxReceives: 5}
		q.Put("x")
		var at []time.Time
		start(t, q, func(_ context.Context, m queue.Message) error {
			at = append(at, time.Now())
			if m.Receives != len(at) {
				t.Errorf("delivery %d says %d", len(at), m.Receives)
			}
			return errors.New("no")
		}, queue.Options{})
		pass(10 * time.Minute)
		if len(at) != 5 || len(q.Dead()) != 1 {
			t.Fatalf("%d deliveries, %d dead letters, want 5, 1", len(at), len(q.Dead()))
		}
		for i, want := range []time.Duration{5, 10, 20, 40} {
			d := at[i+1].Sub(at[i])
			if d < want*time.Second/2 || d > (want+2)*time.Second {
				t.Errorf("delivery %d came after %s, want %d s with jitter", i+2, d, want)
			}
		}
	})
}

func TestRetryAfter(t *testing.T) {
	if err := queue.RetryAfter(nil, time.Hour); err != nil {
		t.Errorf("RetryAfter(nil) = %v", err)
	}
	bubble(t, func(t *testing.T) {
		q := &queuetest.Queue{}
		q.Put("x")
		var at []time.Time
		start(t, q, func(context.Context, queue.Message) error {
			if at = append(at, time.Now()); len(at) == 1 {
				return fmt.Errorf("wrapped: %w", queue.RetryAfter(errors.New("too new"), 41500*time.Millisecond))
			}
			return nil
		}, queue.Options{})
		pass(2 * time.Minute)
		if len(at) != 2 || at[1].Sub(at[0]) < 42*time.Second || at[1].Sub(at[0]) > 43*time.Second {
			t.Errorf("deliveries at %v, want two, 42 s apart", at)
		}
		if !q.Empty() {
			t.Error("not deleted")
		}
	})
}

func TestPanicIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log bytes.Buffer
		q := &queuetest.Queue{}
		q.Put("poison", "good")
		var good atomic.Int64
		stop := start(t, q, func(_ context.Context, m queue.Message) error {
			if m.Body == "poison" {
				panic("boom at " + m.Body)
			}
			good.Add(1)
			return nil
		}, queue.Options{Slots: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		pass(2 * time.Second)
		if good.Load() != 1 {
			t.Error("a panic stopped the others")
		}
		if _, hidden := q.Len(); hidden != 1 {
			t.Error("the message of a panic is gone, or visible at once")
		}
		stop()
		for _, want := range []string{"boom at poison", "consume_test.go", "queue=jobs"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("log lacks %q:\n%s", want, log.String())
			}
		}
	})
}

func TestBadOptions(t *testing.T) {
	err := queue.Consume(t.Context(), &queuetest.Queue{}, nil, queue.Options{Slots: -1, Wait: time.Minute, Visibility: 2 * time.Hour})
	for _, want := range []string{"no name", "-1 slots", "wait 1m0s", "visibility 2h0m0s"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}
