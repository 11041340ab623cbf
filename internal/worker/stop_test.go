package worker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
)

func TestDrainFinishesRunningJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		for range 6 {
			b.jobs.Put(body(t, job("a")))
		}
		b.start(t, takes(10*time.Second))
		after(time.Second)
		b.stop()
		if n := len(b.sent(t)); n != 4 {
			t.Errorf("%d results of 4 running jobs", n)
		}
		if visible, hidden := b.jobs.Len(); visible != 2 || hidden != 0 {
			t.Errorf("%d jobs visible, %d hidden; want 2, 0", visible, hidden)
		}
	})
}

// A runner that takes our cancellation for the target's failure must not have
// its way.
func TestCancelledRunIsNoResult(t *testing.T) {
	for name, c := range map[string]struct {
		cause error
		begin func(*bench)
	}{
		"drain budget": {queue.ErrDrainBudget, func(b *bench) { b.stop() }},
		"lost lease": {queue.ErrLeaseLost, func(b *bench) {
			b.jobs.SetFaults(queuetest.Faults{Entry: func(op queuetest.Op, _ string) queuetest.Fault {
				if op == queuetest.Extend {
					return queuetest.Fault{Err: queue.ErrLeaseLost}
				}
				return queuetest.Fault{}
			}})
			after(15 * time.Second)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b bench
				b.jobs.Put(body(t, job("a")))
				var cause error
				b.start(t, func(ctx context.Context, j jobs.Job) (jobs.Result, error) {
					<-ctx.Done()
					cause = context.Cause(ctx)
					res := jobs.ResultFor(j)
					res.Fail(jobs.FaultTimeout, "no answer")
					return res, nil
				})
				after(time.Second)
				c.begin(&b)
				if !errors.Is(cause, c.cause) {
					t.Errorf("cancelled with %v, want %v", cause, c.cause)
				}
				if rs := b.sent(t); len(rs) != 0 {
					t.Errorf("results %+v", rs)
				}
				if b.jobs.Empty() {
					t.Error("job is gone")
				}
			})
		})
	}
}
