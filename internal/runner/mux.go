package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/template"
)

// Grace is the time that a runner has beyond the check's timeout: to take the
// last picture, to close what it opened.
const Grace = 5 * time.Second

// errOverdue is the cause with which a run ends that outlasts timeout and
// grace.
var errOverdue = errors.New("the runner did not end in time")

// Mux is the Runner of every kind for which it has one.
type Mux struct {
	runners map[check.Kind]Runner
	now     func() time.Time
	log     *slog.Logger
	// artifacts keeps what does not fit into a result; nil keeps nothing.
	artifacts artifacts
	// secrets are those of this location; nil has none.
	secrets secrets
}

// NewMux makes a Mux. The clock stamps StartedAt and FinishedAt.
func NewMux(runners map[check.Kind]Runner, now func() time.Time, log *slog.Logger) *Mux {
	return &Mux{runners: runners, now: now, log: log}
}

// Run runs j on the runner of its kind. A kind without a runner, a panic and a
// runner that outlasts the check's timeout and [Grace] give an inconclusive
// result. Whatever the result holds is valid UTF-8 without NUL, and what was
// seen is cut to [EvidenceCap]; each part that was cut is an artifact of the
// result, whole where [Mux.KeepIn] named a place for it. The error is that of the runner, or the cause
// with which ctx was cancelled.
//
// The secrets that the check names, see [Mux.Use], are handed to the runner by
// template.With, and hidden in the result, in whatever form; where one is
// missing the result is inconclusive.
func (m *Mux) Run(ctx context.Context, j jobs.Job) (jobs.Result, error) {
	started := m.now().UTC()
	values, missing := m.values(j)
	var res jobs.Result
	var err error
	if len(missing) > 0 {
		res = lacking(j, missing)
	} else {
		res, err = m.run(template.With(ctx, values), j)
	}
	if err != nil {
		return jobs.Result{}, err
	}
	hide(&res, values.Hidden())
	res.StartedAt, res.FinishedAt = started, m.now().UTC()
	full := whole(res)
	m.keep(ctx, &res, full, tidy(&res))
	return res, nil
}

func (m *Mux) run(ctx context.Context, j jobs.Job) (jobs.Result, error) {
	kind := j.Check.Kind()
	r, ok := m.runners[kind]
	if !ok {
		return m.without(j, kind), nil
	}
	limited, cancel := context.WithTimeoutCause(ctx, j.Check.Timeout+Grace, errOverdue)
	defer cancel()
	res, err := m.guarded(limited, r, j)
	if err != nil && errors.Is(context.Cause(limited), errOverdue) {
		m.log.Error("run did not end in time", "check", j.Check.ID, "job", j.ID, "err", err)
		res, err = jobs.ResultFor(j), nil
		res.Excuse(jobs.FaultInternal, fmt.Sprintf("the %s runner did not end within %s after the check's timeout of %s", kind, Grace, j.Check.Timeout))
	}
	return res, err
}

func (m *Mux) without(j jobs.Job, kind check.Kind) jobs.Result {
	res := jobs.ResultFor(j)
	class := jobs.FaultInternal
	if kind == check.KindBrowser {
		class = jobs.FaultNoBrowser
	}
	res.Excuse(class, fmt.Sprintf("this worker does not run checks of kind %q: start one that does, or let only such workers take these jobs", kind))
	return res
}

// guarded turns a panic into a result: the check that caused it must not be
// tried for ever, and the others go on.
func (m *Mux) guarded(ctx context.Context, r Runner, j jobs.Job) (res jobs.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			said := template.From(ctx).Hidden().Hide(fmt.Sprint(p))
			m.log.Error("runner panicked", "check", j.Check.ID, "job", j.ID, "panic", said, "stack", string(debug.Stack()))
			res, err = jobs.ResultFor(j), nil
			res.Excuse(jobs.FaultInternal, fmt.Sprintf("the %s runner has a defect (panic: %s): the worker's log has the details", j.Check.Kind(), said))
		}
	}()
	return r.Run(ctx, j)
}
