package queue_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
)

// extensions notes the visibilities that are asked for.
type extensions struct {
	*queuetest.Queue
	mu   sync.Mutex
	seen map[time.Duration]int
}

func (e *extensions) ExtendBatch(ctx context.Context, es []queue.Extension) ([]error, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range es {
		e.seen[x.Visibility]++
	}
	return e.Queue.ExtendBatch(ctx, es)
}

// Messages that come back together, as their consumer died, are parted before
// a handler runs: one that kills its consumer does not take the others with it
// again and again. The others cost no call.
func TestRedeliveredMessagesArePartedFirst(t *testing.T) {
	for _, again := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			q := &extensions{Queue: &queuetest.Queue{}, seen: map[time.Duration]int{}}
			for range 10 {
				q.Put("m")
			}
			if again {
				for range 2 {
					if _, err := q.Receive(t.Context(), 10, 0, time.Second); err != nil {
						t.Fatal(err)
					}
					time.Sleep(2 * time.Second)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			handled := 0
			var mu sync.Mutex
			handler := func(context.Context, queue.Message) error {
				q.mu.Lock()
				defer q.mu.Unlock()
				mu.Lock()
				defer mu.Unlock()
				handled++
				n := 0
				for d, k := range q.seen {
					if n += k; d < 30*time.Second || d > time.Minute {
						t.Errorf("visibility %s, want 30s to 1m", d)
					}
				}
				if want := map[bool]int{true: 10}[again]; n != want {
					t.Errorf("%d messages were parted before a handler, want %d", n, want)
				}
				if again && len(q.seen) < 4 {
					t.Errorf("ten messages with the visibilities %v", q.seen)
				}
				return nil
			}
			time.AfterFunc(5*time.Second, cancel)
			if err := queue.Consume(ctx, q, handler, queue.Options{Name: "q", Slots: 10, Visibility: 30 * time.Second}); err != nil {
				t.Fatal(err)
			}
			if handled != 10 {
				t.Errorf("%d messages were handled, want 10", handled)
			}
		})
	}
}
