package queue_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
)

func TestScanLeavesEverythingVisible(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := &queuetest.Queue{}
		q.Faults.Entry = func(op queuetest.Op, body string) queuetest.Fault {
			return queuetest.Fault{Twice: op == queuetest.Receive && body == "b7"} // delivered again and again
		}
		q.Put(bodies(35)...)
		for range 3 { // a second and a third look see the same
			var seen []string
			got, err := queue.Scan(t.Context(), q, 100, func(m queue.Message) (bool, bool) {
				seen = append(seen, m.Body)
				return false, len(seen) < 35
			})
			slices.Sort(seen)
			if want := (queue.Scanned{Seen: 35, More: true}); err != nil || got != want || len(slices.Compact(seen)) != 35 {
				t.Errorf("scanned %+v, %v; saw %d messages", got, err, len(seen))
			}
			if visible, hidden := q.Len(); visible != 35 || hidden != 0 {
				t.Errorf("%d visible and %d hidden after the scan", visible, hidden)
			}
		}
	})
}

func TestScanIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := &queuetest.Queue{}
		q.Put(bodies(35)...)
		for most, want := range map[int]queue.Scanned{
			0: {More: true}, 7: {Seen: 7, More: true}, 25: {Seen: 25, More: true}, 36: {Seen: 35},
		} {
			got, err := queue.Scan(t.Context(), q, most, func(queue.Message) (bool, bool) { return false, true })
			if err != nil || got != want {
				t.Errorf("at most %d: scanned %+v, %v", most, got, err)
			}
		}
		if visible, _ := q.Len(); visible != 35 {
			t.Errorf("%d of 35 are visible", visible)
		}
	})
}

func TestScanRemovesWhatItIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := &queuetest.Queue{}
		q.Put(bodies(35)...)
		got, err := queue.Scan(t.Context(), q, 100, func(m queue.Message) (bool, bool) { return m.Body >= "b3", true })
		if want := (queue.Scanned{Seen: 35, Removed: 12}); err != nil || got != want {
			t.Errorf("scanned %+v, %v", got, err)
		}
		if visible, hidden := q.Len(); visible != 23 || hidden != 0 {
			t.Errorf("%d visible and %d hidden after the scan, want 23", visible, hidden)
		}
	})
}

// A delete that is refused is told and not counted; the message is visible.
func TestScanTellsOfFailures(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := &queuetest.Queue{}
		q.Faults.Entry = func(op queuetest.Op, body string) queuetest.Fault {
			if op == queuetest.Delete && body == "" { // a scan keeps no bodies
				return queuetest.Fault{Err: queuetest.ErrInjected}
			}
			return queuetest.Fault{}
		}
		q.Put(bodies(5)...)
		got, err := queue.Scan(t.Context(), q, 100, func(m queue.Message) (bool, bool) { return m.Body == "b1", true })
		if !errors.Is(err, queuetest.ErrInjected) || got.Removed != 0 {
			t.Errorf("scanned %+v, %v", got, err)
		}
		if visible, hidden := q.Len(); visible != 5 || hidden != 0 {
			t.Errorf("%d visible and %d hidden, want all 5 visible", visible, hidden)
		}
	})
}

// A caller that leaves in the middle of a scan leaves nothing hidden.
func TestScanCancelled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := &queuetest.Queue{}
		q.Put(bodies(35)...)
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		_, err := queue.Scan(ctx, q, 100, func(queue.Message) (bool, bool) {
			if n++; n == 12 {
				cancel()
			}
			return false, true
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the scan answered %v", err)
		}
		if visible, _ := q.Len(); visible != 35 {
			t.Errorf("%d of 35 are visible", visible)
		}
		pass(time.Second)
	})
}
