// Package runner runs one job: it picks the runner of the check's kind, holds
// it to its deadline, and turns a panic into a result. It refuses to know any
// kind by itself (apirunner and browserrunner do) and where jobs come from.
package runner

import (
	"context"

	"github.com/probefleet/probefleet/internal/jobs"
)

// Runner runs jobs of one kind. A failing target is data: it is in the
// result. An error means that the runner could not look at all; the job is
// then tried again by the queue.
type Runner interface {
	Run(ctx context.Context, j jobs.Job) (jobs.Result, error)
}
