// Package worker takes the jobs of its location, has them run, and hands over
// their results. It owns the order in which that happens: run, send the
// result, only then delete the job. It refuses to know how a check is run
// (runner), what a queue is made of (queue), and that there is a database.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/tracing"
)

// runner runs one job; see runner.Runner.
type runner interface {
	Run(ctx context.Context, j jobs.Job) (jobs.Result, error)
}

// sender returns nil once a message is accepted; queue.Batcher is one.
type sender interface {
	Send(ctx context.Context, m queue.Outgoing) error
}

// Lane is one class of jobs that a worker serves.
type Lane struct {
	// Queue is the name of the jobs queue, Receiver the way to it.
	Queue    string
	Receiver queue.Receiver
	// Slots is the number of jobs that run at a time, at least 1.
	Slots int
	// MaxReceives is how often the queue delivers a message before it becomes
	// a dead letter. At the last delivery the worker says why it gives the
	// message up; with 0 it never does.
	MaxReceives int
}

// Options of a worker. Logger and Metrics may be nil, durations 0.
type Options struct {
	// Location is where this worker stands. Jobs for other locations are left
	// for the dead-letter queue, as their results would be untrue.
	Location string
	// Identity goes into every result. A runner may set Browser better.
	Identity jobs.Worker
	// Lanes has at least one class.
	Lanes map[jobs.Class]Lane
	// Runner runs the jobs of all lanes.
	Runner runner
	// Results takes the results.
	Results sender
	// AnnounceEvery is how often the worker says on the results queue what it
	// is and does; 0 is never.
	AnnounceEvery time.Duration
	// Ready, where it is set, says what this worker lacks to run anything; no
	// job is received while it does. What runs goes on.
	Ready func() error
	// Visibility is how long a job stays hidden when its worker dies; default
	// queue.DefaultVisibility.
	Visibility time.Duration
	// DrainBudget is what running jobs get after the stop; default
	// queue.DefaultDrainBudget.
	DrainBudget time.Duration
	// Hurry, where it is set, cuts the drain short when it is closed; see
	// queue.Options.
	Hurry <-chan struct{}

	Logger *slog.Logger
	// Tracer may be nil.
	Tracer *tracing.Tracer
	// Metrics and Queues measure this room and its Consume loops.
	Metrics *Metrics
	Queues  *queue.Metrics
}

// maxHeld bounds how long one job is held: the longest check, and what it
// takes to hand over its result.
const maxHeld = check.MaxTimeout + 2*time.Minute

// Worker serves the jobs of one location.
type Worker struct {
	Options
	lanes   []*lane
	results pause // while results cannot be handed over
	// browser is the one that the newest result names, nil before the first.
	browser atomic.Pointer[string]
}

// lane is one class with what is remembered of it.
type lane struct {
	Lane
	class    jobs.Class
	versions versionPause
	pulse    queue.Pulse
	busy     atomic.Int64 // jobs that are run or handed over
}

func (l *lane) state() jobs.LaneState {
	return jobs.LaneState{Class: l.class, Slots: l.Slots, Busy: int(l.busy.Load())}
}

// New makes a worker. Faults of o are reported by [Worker.Run].
func New(o Options) *Worker {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Queues == nil {
		o.Queues = queue.NewMetrics(nil)
	}
	if o.Location != "" {
		o.Logger = o.Logger.With("location", o.Location)
	}
	w := &Worker{Options: o}
	for _, class := range jobs.Classes {
		if l, ok := o.Lanes[class]; ok {
			w.lanes = append(w.lanes, &lane{Lane: l, class: class})
		}
	}
	return w
}

func (w *Worker) faults() error {
	var fs []error
	if len(w.lanes) == 0 {
		fs = append(fs, fmt.Errorf("no class of jobs to serve; give at least one of %q slots", jobs.Classes))
	}
	if len(w.lanes) != len(w.Lanes) {
		fs = append(fs, fmt.Errorf("there are classes of jobs other than %q", jobs.Classes))
	}
	for _, l := range w.lanes {
		if l.Receiver == nil || l.Slots < 1 {
			fs = append(fs, fmt.Errorf("class %s needs a receiver and at least 1 slot, has %d", l.class, l.Slots))
		}
	}
	if w.AnnounceEvery > 0 && (w.Identity.ID == "" || w.Location == "") {
		fs = append(fs, errors.New("a worker that announces itself needs an id and a location"))
	}
	if w.Runner == nil || w.Results == nil {
		fs = append(fs, errors.New("a runner and a sender of results are needed"))
	}
	return errors.Join(fs...)
}

// Run serves jobs until ctx ends, then lets those that run finish within the
// drain budget. It returns an error for bad options only.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.faults(); err != nil {
		return fmt.Errorf("starting worker: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan struct{})
	farewell := w.announce(ctx, done)
	errs := make([]error, len(w.lanes))
	var all sync.WaitGroup
	for i, l := range w.lanes {
		w.Metrics.slots.WithLabelValues(string(l.class)).Set(float64(l.Slots))
		all.Go(func() {
			defer stop() // a lane that does not start takes the others with it
			errs[i] = queue.Consume(ctx, l.Receiver, w.handler(l), queue.Options{
				Name: l.Queue, Slots: l.Slots,
				Visibility: w.Visibility, DrainBudget: w.DrainBudget, Hurry: w.Hurry, MaxExtension: maxHeld,
				Ready: func(ctx context.Context) error {
					w.results.wait(ctx)
					l.versions.wait(ctx)
					if w.Ready != nil && ctx.Err() == nil {
						return w.Ready()
					}
					return ctx.Err()
				},
				Pulse: &l.pulse, Logger: w.Logger, Metrics: w.Queues,
			})
		})
	}
	all.Wait()
	close(done)
	farewell()
	return errors.Join(errs...)
}

// Check returns nil where every lane polled within maxAge or has all its slots
// at work; see [queue.Pulse]. It is what readiness means for a worker.
func (w *Worker) Check(maxAge time.Duration) error {
	var errs []error
	for _, l := range w.lanes {
		errs = append(errs, l.pulse.Check(maxAge))
	}
	return errors.Join(errs...)
}
