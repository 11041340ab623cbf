package queue_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
)

func TestDrainLetsHandlersFinish(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := watch(&queuetest.Queue{})
		s.Put("a", "b", "c")
		finished := 0
		stop := start(t, s, func(ctx context.Context, _ queue.Message) error {
			select {
			case <-ctx.Done():
				t.Error("cancelled within the budget")
			case <-time.After(15 * time.Second):
				finished++
			}
			return nil
		}, queue.Options{Slots: 1, DrainBudget: 20 * time.Second})
		pass(time.Second)
		begin, polls := time.Now(), len(s.of(queuetest.Receive))
		stop()
		if d := time.Since(begin); d < 14*time.Second || d > 15*time.Second {
			t.Errorf("drain took %s, want until the handler's end", d)
		}
		if n := len(s.of(queuetest.Receive)); n != polls {
			t.Errorf("%d receives after the stop", n-polls)
		}
		if visible, hidden := s.Len(); visible != 2 || hidden != 0 || finished != 1 {
			t.Errorf("%d visible, %d hidden, %d finished; want 2, 0, 1", visible, hidden, finished)
		}
	})
}

func TestDrainBudgetCancelsAndReleases(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := &queuetest.Queue{}
		q.Put("x")
		var cause error
		stop := start(t, q, func(ctx context.Context, _ queue.Message) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return ctx.Err()
		}, queue.Options{DrainBudget: 20 * time.Second})
		pass(time.Second)
		begin := time.Now()
		stop()
		if d := time.Since(begin); d < 20*time.Second || d > 21*time.Second || !errors.Is(cause, queue.ErrDrainBudget) {
			t.Errorf("drained after %s with cause %v", d, cause)
		}
		if visible, _ := q.Len(); visible != 1 {
			t.Error("message is not visible again")
		}
	})
}

// A handler that does not listen cannot hold up the stop.
func TestDrainGivesUpOnDeafHandler(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := &queuetest.Queue{}
		q.Put("x")
		stop := start(t, q, func(context.Context, queue.Message) error {
			idle(10 * time.Minute)
			return nil
		}, queue.Options{DrainBudget: -1})
		pass(time.Second)
		begin := time.Now()
		stop()
		if d := time.Since(begin); d > 6*time.Second {
			t.Errorf("drain took %s", d)
		}
		if visible, _ := q.Len(); visible != 1 {
			t.Error("message is not visible again")
		}
		idle(10 * time.Minute)
	})
}

// late delivers its messages in the moment in which the receive is cancelled.
type late struct{ *spy }

func (l late) Receive(ctx context.Context, most int, _, visibility time.Duration) ([]queue.Message, error) {
	<-ctx.Done()
	return l.spy.Receive(context.WithoutCancel(ctx), most, 0, visibility)
}

func TestDrainReleasesWhatHasNotStarted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := watch(&queuetest.Queue{})
		s.Put(bodies(10)...)
		stop := start(t, late{s}, func(context.Context, queue.Message) error {
			t.Error("started during the drain")
			return nil
		}, queue.Options{})
		pass(time.Second)
		stop()
		if visible, _ := s.Len(); visible != 10 {
			t.Errorf("%d of 10 messages released", visible)
		}
		if n := len(s.of(queuetest.Extend)); n != 1 {
			t.Errorf("%d extend calls, want 1", n)
		}
	})
}

func TestDrainFlushesDeletes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := &queuetest.Queue{}
		failures := 3
		q.Faults.Call = func(op queuetest.Op) queuetest.Fault {
			if op == queuetest.Delete && failures > 0 {
				failures--
				return queuetest.Fault{Err: queuetest.ErrInjected}
			}
			return queuetest.Fault{}
		}
		q.Put("x")
		handled := make(chan struct{})
		stop := start(t, q, func(context.Context, queue.Message) error { close(handled); return nil }, queue.Options{})
		<-handled
		stop()
		if !q.Empty() {
			t.Error("Consume returned before its deletes were done")
		}
	})
}

// Hurry before the stop changes nothing; after it, a running handler ends with
// its own cause and its message is visible again at once. One that does not
// listen holds nobody up for long.
func TestHurryCutsTheDrainShort(t *testing.T) {
	for name, deaf := range map[string]bool{"listening": false, "deaf": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				q := &queuetest.Queue{}
				q.Put("x")
				hurry := make(chan struct{})
				var cause error
				stop := start(t, q, func(ctx context.Context, _ queue.Message) error {
					if deaf {
						idle(time.Minute)
					}
					<-ctx.Done()
					cause = context.Cause(ctx)
					return ctx.Err()
				}, queue.Options{DrainBudget: 20 * time.Minute, Hurry: hurry})
				pass(time.Second)
				begin := time.Now()
				time.AfterFunc(10*time.Second, func() { close(hurry) })
				stop()
				took, most := time.Since(begin)-10*time.Second, time.Second
				if deaf {
					most = 3 * time.Second
				}
				if took < 0 || took > most {
					t.Errorf("ended %s after the hurry, want at most %s", took, most)
				}
				if visible, _ := q.Len(); visible != 1 {
					t.Error("message is not visible again")
				}
				idle(2 * time.Minute)
				synctest.Wait()
				if !errors.Is(cause, queue.ErrHurried) {
					t.Errorf("the handler's context ended with cause %v", cause)
				}
			})
		})
	}
}

func TestHurryWithoutStopDoesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := &queuetest.Queue{}
		q.Put("x")
		hurry := make(chan struct{})
		close(hurry)
		start(t, q, func(ctx context.Context, _ queue.Message) error {
			idle(time.Minute)
			return ctx.Err()
		}, queue.Options{Hurry: hurry})
		pass(2 * time.Minute)
		if !q.Empty() {
			t.Error("the handler was cancelled though nobody asked to stop")
		}
	})
}
