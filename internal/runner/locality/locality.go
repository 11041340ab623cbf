// Package locality tells faults of the place where a worker stands from those
// of the targets: a failure while the location's own network or DNS is away,
// or its disk or memory is exhausted, becomes inconclusive. It owns the
// canaries, which are asked only when something failed. It refuses to touch
// what passed, and failures that show an answer of the target.
package locality

import (
	"context"
	"fmt"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// runner is what is wrapped; see runner.Runner.
type runner interface {
	Run(ctx context.Context, j jobs.Job) (jobs.Result, error)
}

// Runner runs jobs on another runner and takes the location's faults on the
// location. It is safe for concurrent use.
type Runner struct {
	// Next runs the jobs.
	Next runner
	// Guard asks the canaries; nil asks nobody.
	Guard *Guard
	// Well says what of this machine is exhausted, nil where nothing is. It is
	// asked before and after each run, and may be nil.
	Well func() error
}

// Run runs j. A job that comes while the machine is exhausted is not started;
// what failed while it was, or while the canaries were silent, is inconclusive
// with what the target was blamed with.
func (r *Runner) Run(ctx context.Context, j jobs.Job) (jobs.Result, error) {
	started := time.Now()
	if err := r.well(); err != nil {
		res := jobs.ResultFor(j)
		res.StartedAt, res.FinishedAt = started.UTC(), started.UTC()
		res.Excuse(jobs.FaultInternal, fmt.Sprintf("not started: this worker is exhausted: %v", err))
		return res, nil
	}
	res, err := r.Next.Run(ctx, j)
	if err != nil || res.Outcome != jobs.Failed || res.Fault == nil {
		return res, err
	}
	if err := r.well(); err != nil {
		res.Excuse(jobs.FaultInternal, fmt.Sprintf("this worker is exhausted: %v; the target said: %s", err, res.Fault.Message))
		return res, nil
	}
	if r.Guard == nil || len(r.Guard.canaries) == 0 || !ofNetwork(res.Fault.Class, res.Kind) {
		return res, nil
	}
	class := res.Fault.Class
	if why := r.Guard.explain(ctx, class, started, time.Now()); why != "" {
		r.Guard.metrics.excuse.WithLabelValues(string(class)).Inc()
		res.Excuse(jobs.FaultLocation, why+"; the target said: "+res.Fault.Message)
	}
	return res, nil
}

func (r *Runner) well() error {
	if r.Well == nil {
		return nil
	}
	return r.Well()
}

// ofNetwork reports whether a fault may be the doing of a network between us
// and the target. In a browser a step waits in vain where the page's own
// requests do not get through.
func ofNetwork(class jobs.FaultClass, kind check.Kind) bool {
	switch class {
	case jobs.FaultDNS, jobs.FaultConnect, jobs.FaultTLS, jobs.FaultTimeout, jobs.FaultProtocol:
		return true
	case jobs.FaultStep:
		return kind == check.KindBrowser
	}
	return false
}
