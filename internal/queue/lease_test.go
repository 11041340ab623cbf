package queue_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
)

func TestHeartbeatKeepsMessageHidden(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := watch(&queuetest.Queue{})
		s.Put(bodies(10)...)
		start(t, s, func(_ context.Context, m queue.Message) error {
			if m.Receives > 1 {
				t.Error("delivered twice")
			}
			idle(5*time.Minute + time.Second)
			return nil
		}, queue.Options{Slots: 10, Visibility: 30 * time.Second})
		pass(6 * time.Minute)
		if !s.Empty() {
			t.Error("messages are left")
		}
		extends := s.of(queuetest.Extend)
		if n := len(extends); n != 30 {
			t.Errorf("%d extend calls for 10 messages over 5 minutes, want 30: one every 10 s, ten at a time", n)
		}
		if extends[0].after > 11*time.Second || extends[0].visible != 30*time.Second {
			t.Errorf("first heartbeat %+v, want after a third of the visibility", extends[0])
		}
	})
}

func TestHeartbeatSurvivesErrors(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := &queuetest.Queue{}
		n := 0
		q.Faults.Entry = func(op queuetest.Op, _ string) queuetest.Fault {
			if op != queuetest.Extend {
				return queuetest.Fault{}
			}
			if n++; n%3 != 0 {
				return queuetest.Fault{Err: queuetest.ErrInjected}
			}
			return queuetest.Fault{}
		}
		q.Put("x")
		start(t, q, func(ctx context.Context, m queue.Message) error {
			idle(3 * time.Minute)
			if m.Receives > 1 || ctx.Err() != nil {
				t.Errorf("delivery %d, context %v", m.Receives, ctx.Err())
			}
			return nil
		}, queue.Options{})
		pass(4 * time.Minute)
		if !q.Empty() {
			t.Error("message is left")
		}
	})
}

// A queue that never answers heartbeats is known to have given the message to
// somebody else once its visibility ran out.
func TestLostLeaseCancelsHandler(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		from time.Duration
		to   time.Duration
	}{
		"said by the queue": {queue.ErrLeaseLost, 10 * time.Second, 11 * time.Second},
		"by our reckoning":  {queuetest.ErrInjected, 30 * time.Second, 31 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := watch(&queuetest.Queue{})
				s.Faults.Entry = func(op queuetest.Op, _ string) queuetest.Fault {
					if op == queuetest.Extend {
						return queuetest.Fault{Err: c.err}
					}
					return queuetest.Fault{}
				}
				s.Put("x")
				var cause error
				var after time.Duration
				stop := start(t, s, func(ctx context.Context, m queue.Message) error {
					if m.Receives > 1 {
						return nil
					}
					begin := time.Now()
					<-ctx.Done()
					cause, after = context.Cause(ctx), time.Since(begin)
					return ctx.Err()
				}, queue.Options{Slots: 1, Visibility: 30 * time.Second})
				pass(time.Minute)
				stop()
				if !errors.Is(cause, queue.ErrLeaseLost) || after < c.from || after > c.to {
					t.Errorf("cancelled after %s with %v, want %s to %s and %v", after, cause, c.from, c.to, queue.ErrLeaseLost)
				}
				for _, e := range s.of(queuetest.Extend) {
					if e.visible != 30*time.Second {
						t.Errorf("visibility of a lost message was set to %s: somebody else may hold it", e.visible)
					}
				}
			})
		})
	}
}

func TestExtensionIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := &queuetest.Queue{}
		q.Put("x")
		var cause error
		var after time.Duration
		start(t, q, func(ctx context.Context, m queue.Message) error {
			if m.Receives > 1 {
				return nil
			}
			begin := time.Now()
			<-ctx.Done()
			cause, after = context.Cause(ctx), time.Since(begin)
			return ctx.Err()
		}, queue.Options{MaxExtension: 2 * time.Minute})
		pass(5 * time.Minute)
		if !errors.Is(cause, queue.ErrMaxExtension) || after < 2*time.Minute || after > 2*time.Minute+time.Second {
			t.Errorf("cancelled after %s with %v", after, cause)
		}
		if !q.Empty() {
			t.Error("message did not come back")
		}
	})
}

// A heartbeat that arrived after the handler's error would hide the message for
// the full visibility again.
func TestHeartbeatStopsBeforeRelease(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := watch(&queuetest.Queue{})
		s.Put("x")
		start(t, s, func(_ context.Context, m queue.Message) error {
			if m.Receives > 1 {
				return nil
			}
			idle(10 * time.Second) // ends in the moment of the heartbeat
			return queue.RetryAfter(errors.New("no"), 3*time.Second)
		}, queue.Options{Visibility: 30 * time.Second})
		pass(20 * time.Second)
		if !s.Empty() {
			t.Error("message did not come back after 3 s")
		}
		extends := s.of(queuetest.Extend)
		if last := extends[len(extends)-1]; last.visible != 3*time.Second {
			t.Errorf("last extension is %+v, want the release", last)
		}
	})
}

// Once its lease is over, a handler's answer must not hide the message of
// whoever holds it now.
func TestLateAnswerTouchesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		fault queuetest.Fault // of extensions
		after time.Duration
		late  func() error
	}{
		"error after the longest time": {queuetest.Fault{}, 3 * time.Minute, func() error { return errors.New("late") }},
		"panic after a lost lease":     {queuetest.Fault{Err: queue.ErrLeaseLost}, 12 * time.Second, func() error { panic("late") }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := watch(&queuetest.Queue{})
				s.Faults.Entry = func(op queuetest.Op, _ string) queuetest.Fault {
					if op == queuetest.Extend {
						return c.fault
					}
					return queuetest.Fault{}
				}
				s.Put("x")
				stop := start(t, s, func(_ context.Context, m queue.Message) error {
					if m.Receives > 1 {
						return nil
					}
					idle(c.after)
					return c.late()
				}, queue.Options{MaxExtension: time.Minute})
				pass(4 * time.Minute)
				stop()
				for _, e := range s.of(queuetest.Extend) {
					if e.visible != 30*time.Second {
						t.Errorf("visibility set to %s at %s", e.visible, e.after)
					}
				}
			})
		})
	}
}
