package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/failpoint"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
)

// A job that this build cannot read comes back after a time between these: a
// newer worker should meet it before it has used up its deliveries.
const newerMin, newerMax = 30 * time.Second, 60 * time.Second

// handler is what a lane does with one message: job in, result out. The job is
// deleted only where it returns nil.
func (w *Worker) handler(l *lane) queue.Handler {
	return func(ctx context.Context, m queue.Message) (err error) {
		defer func() { w.lastWords(ctx, l, m, recover(), err) }()
		job, err := w.decode(l, m)
		if err != nil {
			return err
		}
		span := w.Tracer.Work(job, m.ReceivedAt)
		defer func() { span.End(err) }()
		busy := w.Metrics.busy.WithLabelValues(string(l.class))
		busy.Inc()
		defer busy.Dec()
		l.busy.Add(1)
		defer l.busy.Add(-1)
		res, err := w.result(ctx, l, job)
		if err != nil {
			w.Metrics.runErrors.WithLabelValues(string(l.class)).Inc()
			return fmt.Errorf("running job %q of check %q: %w", job.ID, job.Check.ID, err)
		}
		res.ReceivedAt = m.ReceivedAt.UTC()
		if res.Worker.Browser != "" {
			w.browser.Store(&res.Worker.Browser)
		}
		span.Ran(&res)
		failpoint.Hit(failpoint.WorkerResultBefore)
		if err := w.send(ctx, l, job.Reply, res); err != nil {
			return fmt.Errorf("sending result of job %q of check %q: %w", job.ID, job.Check.ID, err)
		}
		failpoint.Hit(failpoint.WorkerResultAfter)
		w.Metrics.jobs.WithLabelValues(string(l.class), string(res.Outcome)).Inc()
		w.Logger.Debug("job done", "check", job.Check.ID, "job", job.ID, "attempt", job.Attempt,
			"outcome", res.Outcome, "dur", res.FinishedAt.Sub(res.ReceivedAt))
		return nil
	}
}

// decode reads the job of m. What it cannot read is never dropped: it comes
// back, and at last lies among the dead letters.
func (w *Worker) decode(l *lane, m queue.Message) (jobs.Job, error) {
	job, err := codec.DecodeJob([]byte(m.Body))
	if newer, ok := errors.AsType[*codec.UnsupportedVersionError](err); ok {
		w.Metrics.unsupported.WithLabelValues(string(l.class)).Inc()
		if l.versions.newer() {
			w.Logger.Warn("jobs are of a newer version; leaving them to newer workers for now", "queue", l.Queue, "dur", versionHold, "err", newer)
		}
		return job, queue.RetryAfter(err, between(newerMin, newerMax))
	}
	if err != nil {
		w.Metrics.decodeFailures.WithLabelValues(string(l.class), "decode").Inc()
		return job, err
	}
	l.versions.known()
	if w.Location != "" && job.Location != w.Location {
		w.Metrics.decodeFailures.WithLabelValues(string(l.class), "location").Inc()
		return job, fmt.Errorf("%w: job %q is for location %q and this worker is at %q; check which queue this worker is given", errElsewhere, job.ID, job.Location, w.Location)
	}
	return job, nil
}

// result runs the job, or says that it is too old for that.
func (w *Worker) result(ctx context.Context, l *lane, job jobs.Job) (jobs.Result, error) {
	start := time.Now()
	w.Metrics.lateness.WithLabelValues(string(l.class)).Observe(max(0, start.Sub(job.Slot).Seconds()))
	if !job.ExpiresAt.IsZero() && start.After(job.ExpiresAt) {
		return w.expired(job, start), nil
	}
	failpoint.Hit(failpoint.WorkerRunBefore)
	res, err := w.Runner.Run(ctx, job)
	failpoint.Hit(failpoint.WorkerRunAfter)
	end := time.Now()
	w.Metrics.duration.WithLabelValues(string(l.class)).Observe(end.Sub(start).Seconds())
	if ctx.Err() != nil {
		// Whatever was seen after our own cancellation is not the target's.
		return res, context.Cause(ctx)
	}
	if err != nil {
		return res, err
	}
	if res.Outcome == "" {
		res.Excuse(jobs.FaultInternal, fmt.Sprintf("the runner of %s checks gave no outcome; this is a defect of the worker", job.Check.Kind()))
	}
	if res.StartedAt.IsZero() {
		res.StartedAt = start.UTC()
	}
	if res.FinishedAt.IsZero() {
		res.FinishedAt = end.UTC()
	}
	return w.signed(res, job), nil
}

// expired is the result of a job that was not started. Its StartedAt is zero.
func (w *Worker) expired(job jobs.Job, now time.Time) jobs.Result {
	late := max(time.Millisecond, now.Sub(job.ExpiresAt).Round(time.Millisecond))
	res := jobs.ResultFor(job)
	res.Outcome = jobs.Expired
	res.Fault = &jobs.Fault{Class: jobs.FaultExpired, Message: fmt.Sprintf(
		"not started: the job was %s past its deadline %s when a worker was free; if this lasts, the location needs more workers or slots",
		late, job.ExpiresAt.UTC().Format(time.RFC3339))}
	res.FinishedAt = now.UTC()
	return w.signed(res, job)
}

// signed says whose result it is and who made it, whatever the runner said.
func (w *Worker) signed(res jobs.Result, job jobs.Job) jobs.Result {
	id := jobs.ResultFor(job)
	res.JobID, res.RunID, res.CheckID, res.Kind = id.JobID, id.RunID, id.CheckID, id.Kind
	res.Location, res.Slot, res.Attempt, res.SentAt = id.Location, id.Slot, id.Attempt, id.SentAt
	browser := res.Worker.Browser
	res.Worker = w.Identity
	if browser != "" || jobs.ClassOf(id.Kind) != jobs.ClassBrowser {
		res.Worker.Browser = browser
	}
	return res
}
