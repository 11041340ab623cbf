package queue_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
)

func TestFailedDeletesAreRetriedEntryByEntry(t *testing.T) {
	for name, after := range map[string]bool{"not carried out": false, "carried out, answer lost": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				q := &queuetest.Queue{}
				tries := map[string]int{}
				q.Faults.Entry = func(op queuetest.Op, body string) queuetest.Fault {
					if op != queuetest.Delete {
						return queuetest.Fault{}
					}
					if tries[body]++; (body == "b3" || body == "b7") && tries[body] < 3 {
						return queuetest.Fault{Err: queuetest.ErrInjected, After: after}
					}
					return queuetest.Fault{}
				}
				q.Put(bodies(10)...)
				var handled atomic.Int64
				stop := start(t, q, func(context.Context, queue.Message) error { handled.Add(1); return nil }, queue.Options{})
				pass(5 * time.Second)
				stop()
				if !q.Empty() || handled.Load() != 10 {
					t.Errorf("empty %t, handled %d times; want true, 10", q.Empty(), handled.Load())
				}
				for body, n := range tries {
					want := 1
					if body == "b3" || body == "b7" {
						want = 3
					}
					if n != want {
						t.Errorf("%s: %d deletes, want %d", body, n, want)
					}
				}
			})
		})
	}
}

// A delete that never works must end when the lease does, and must not keep
// its slot meanwhile.
func TestDeleteIsGivenUpAtTheLeasesEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := watch(&queuetest.Queue{Faults: down(queuetest.Delete)})
		s.Put("a", "b")
		var handled atomic.Int64
		stop := start(t, s, func(context.Context, queue.Message) error { handled.Add(1); return nil }, queue.Options{Slots: 1})
		pass(2 * time.Second)
		if handled.Load() != 2 {
			t.Errorf("%d of 2 handled: a delete keeps its slot", handled.Load())
		}
		stop()
		deletes := s.of(queuetest.Delete)
		if last := deletes[len(deletes)-1].after; last > 31*time.Second || len(deletes) < 5 {
			t.Errorf("%d deletes, the last after %s; want some, until 30 s", len(deletes), last)
		}
	})
}
