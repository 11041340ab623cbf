package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
)

// Slots that were held up by a queue are not sent in one burst when it is
// back, and yet all that are still worth running are sent.
func TestWhatWasHeldUpIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 10 // slots a second
		var checks []check.Check
		for i := range 60 * rate {
			checks = append(checks, apiCheck(fmt.Sprintf("c%d", i), time.Minute))
		}
		db, k := newMemory(checks...), newSink(t)
		from := time.Now()
		back := from.Add(3 * time.Minute)
		k.Faults.Call = func(queuetest.Op) queuetest.Fault {
			if now := time.Now(); now.After(from.Add(time.Minute)) && now.Before(back) {
				return queuetest.Fault{Err: queuetest.ErrInjected}
			}
			return queuetest.Fault{}
		}
		var mu sync.Mutex
		sent := map[int]int{} // by ten seconds
		counting := senderFunc(func(ctx context.Context, ms []queue.Outgoing) ([]error, error) {
			errs, err := k.SendBatch(ctx, ms)
			mu.Lock()
			defer mu.Unlock()
			for i := range ms {
				if err == nil && errs[i] == nil {
					sent[int(time.Since(from)/(10*time.Second))]++
				}
			}
			return errs, err
		})
		runFor(t, options(db.of("a"), "a", always(counting), nil), 5*time.Minute)
		total := 0
		for at, n := range sent {
			total += n
			// Phases are hashes: ten seconds of the schedule differ by chance.
			if n > 2*10*rate+30 {
				t.Errorf("%d jobs in the ten seconds from %ds on, the steady rate makes %d", n, at*10, 10*rate)
			}
		}
		// Sent are the slots of all minutes but of that which was over before
		// the queue was back.
		if least := 4*60*rate - 3*rate; total < least {
			t.Errorf("%d jobs were sent, want at least %d", total, least)
		}
	})
}

// Slots that a queue refuses for ever do not keep other late ones waiting.
func TestRefusedSlotsHoldNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks []check.Check
		for i := range 200 {
			checks = append(checks, apiCheck(fmt.Sprintf("c%d", i), 20*time.Second))
		}
		db, k := newMemory(checks...), newSink(t)
		first := map[string]bool{}
		refused := senderFunc(func(ctx context.Context, ms []queue.Outgoing) ([]error, error) {
			errs := make([]error, len(ms))
			for i, m := range ms {
				j, err := codec.DecodeJob([]byte(m.Body))
				if err != nil {
					return nil, err
				}
				switch {
				case j.Check.ID < "c15": // 56 of the 200, for ever
					errs[i] = errors.New("refused")
				case !first[j.ID]: // the others once
					first[j.ID] = true
					errs[i] = errors.New("refused once")
				default:
					if _, err := k.SendBatch(ctx, ms[i:i+1]); err != nil {
						return nil, err
					}
				}
			}
			return errs, nil
		})
		from := time.Now()
		runFor(t, options(db.of("a"), "a", always(serial(refused)), nil), 2*time.Minute)
		for _, c := range checks {
			if c.ID >= "c15" {
				wantSlots(t, k, c, from, from.Add(90*time.Second), 1)
			}
		}
		for _, j := range k.jobs {
			if late := j.SentAt.Sub(j.Slot); late > 5*time.Second {
				t.Fatalf("slot %s of %s was sent %s late", j.Slot, j.Check.ID, late)
			}
		}
	})
}

// serial lets one batch at a time through.
func serial(s senderFunc) senderFunc {
	var mu sync.Mutex
	return func(ctx context.Context, ms []queue.Outgoing) ([]error, error) {
		mu.Lock()
		defer mu.Unlock()
		return s(ctx, ms)
	}
}
