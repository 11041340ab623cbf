// Package recorder takes results from their queue and has them stored. It owns
// the order in which that happens: store, and only after the commit delete. It
// stops receiving while nothing can be stored, so that an outage of the
// database wears out no message. It refuses to know what a database or a queue
// is made of, and what a result means (status).
package recorder

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/failpoint"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/tracing"
)

// store is what the recorder needs of the database.
type store interface {
	// RecordReceived stores results in one transaction; bodies[i] is the
	// message that results[i] came in. Offering the same again is harmless.
	RecordReceived(ctx context.Context, results []jobs.Result, bodies []string) (jobs.Recorded, error)
	// NoteDeadLetter keeps why a message became a dead letter.
	NoteDeadLetter(ctx context.Context, d jobs.DeadLetter) error
	// Ready answers nil where results can be stored.
	Ready(ctx context.Context) error
	// EnsurePartitions makes room for the results of the days from..to.
	EnsurePartitions(ctx context.Context, from, to time.Time) error
	Now(ctx context.Context) (time.Time, error)
}

// DefaultSlots is the number of results in hand where Options name none: two
// batches and what is being received and deleted meanwhile.
const DefaultSlots = 500

// Options of a recorder. Logger, Metrics and Queues may be nil, numbers 0.
type Options struct {
	Store store
	// Registry keeps who is in the fleet; nil keeps nobody.
	Registry registry
	// Identity names this recorder in the registry; Browser is not used.
	Identity jobs.Worker
	// Locations, where it is set, is where locations are declared unhealthy.
	Locations locationBook
	// Artifacts, where it is set, is where artifacts are removed once they are
	// older than KeepArtifacts; default [DefaultKeepArtifacts].
	Artifacts     artifacts
	KeepArtifacts time.Duration
	// History, where it is set, is where past hours are counted and results
	// forgotten that are older than RunsKept; default [DefaultRunsKept].
	History  historian
	RunsKept time.Duration
	// Alerts and Notifier, where they are set, are what people are told by.
	Alerts   alertBook
	Notifier notifier
	// Conditions, where it is set beside them, is where what else is wrong is
	// found, and DeadLetters how many messages nobody could handle.
	Conditions  conditionBook
	DeadLetters deadLetters
	// Work, where it is set, is told what workers were busy with.
	Work workBook
	// Heartbeats, where it is set, is where jobs are judged by their calls.
	Heartbeats heartbeatBook
	// Shadow, where it is set, is where results of candidate workers come from
	// and go to.
	Shadow *Shadow
	// Queue is the name of the results queue, Receiver the way to it.
	Queue    string
	Receiver queue.Receiver
	// Slots is the number of results in hand; default [DefaultSlots].
	Slots int
	// Visibility is how long a result stays hidden when its recorder dies;
	// default queue.DefaultVisibility.
	Visibility time.Duration
	// DrainBudget is what results in hand get after the stop; default
	// queue.DefaultDrainBudget.
	DrainBudget time.Duration
	// Hurry, where it is set, cuts the drain short when it is closed; see
	// queue.Options.
	Hurry <-chan struct{}

	Logger *slog.Logger
	// Tracer may be nil.
	Tracer *tracing.Tracer
	// Metrics and Queues measure this room and its Consume loop.
	Metrics *Metrics
	Queues  *queue.Metrics
}

// Recorder stores the results of one queue. Several may share the queue.
type Recorder struct {
	o       Options
	breaker *breaker
	batches *batches
	clocks  *clocks
	pulse   queue.Pulse
	heard   heard
	served  served
	// stopping ends when Run's context does: a batch that cannot be stored
	// is not tried again then.
	stopping context.Context
}

// New makes a recorder.
func New(o Options) *Recorder {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Queues == nil {
		o.Queues = queue.NewMetrics(nil)
	}
	if o.Slots == 0 {
		o.Slots = DefaultSlots
	}
	if o.RunsKept == 0 {
		o.RunsKept = DefaultRunsKept
	}
	r := &Recorder{o: o}
	r.breaker = newBreaker(o.Store.Ready, o.Logger, o.Metrics)
	r.batches = newBatches(r.store)
	r.clocks = newClocks(o.Logger, o.Metrics)
	return r
}

// Run stores results until ctx ends, then those in hand within the drain
// budget. It outlives a database and a queue that are away, and returns an
// error for bad options only.
func (r *Recorder) Run(ctx context.Context) error {
	// What is in hand when ctx ends is still stored: batches outlive it until
	// the drain is done.
	r.stopping = ctx
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	var parts sync.WaitGroup
	parts.Go(func() { r.batches.run(work) })
	parts.Go(func() { r.keepPartitions(work) })
	parts.Go(func() { r.keepRegistered(work) })
	parts.Go(func() { r.watchClock(work) })
	if r.o.Artifacts != nil {
		parts.Go(func() { r.pruneArtifacts(work) })
	}
	if r.o.Locations != nil {
		parts.Go(func() { r.watchLocations(work) })
	}
	if r.o.History != nil {
		parts.Go(func() { r.keepHistory(work) })
	}
	if r.o.Alerts != nil && r.o.Notifier != nil {
		parts.Go(func() { r.tellPeople(work) })
		if r.o.Conditions != nil {
			parts.Go(func() { r.watchConditions(work) })
			parts.Go(func() { r.callDeadMen(work) })
		}
	}
	if r.o.Work != nil {
		parts.Go(func() { r.handOverWork(work) })
	}
	if r.o.Heartbeats != nil {
		parts.Go(func() { r.watchHeartbeats(work) })
	}
	if r.o.Shadow != nil {
		parts.Go(func() { r.consumeShadow(ctx) })
	}
	// Asked once ahead: pollers that find others asking log it as an outage.
	_ = r.breaker.check(ctx)
	err := queue.Consume(ctx, r.o.Receiver, r.handle, queue.Options{
		Name: r.o.Queue, Slots: r.o.Slots, Visibility: r.o.Visibility, DrainBudget: r.o.DrainBudget,
		Hurry: r.o.Hurry, MaxExtension: maxHeld, Ready: r.breaker.check, Pulse: &r.pulse, Logger: r.o.Logger, Metrics: r.o.Queues,
	})
	stop()
	parts.Wait()
	if err != nil {
		return fmt.Errorf("starting recorder: %w", err)
	}
	return nil
}

// Ready answers nil where results are being received and stored.
func (r *Recorder) Ready(context.Context) error {
	if err := r.breaker.state(); err != nil {
		return err
	}
	return r.pulse.Check(time.Minute)
}

// A result that this build cannot read comes back after a time between these:
// a newer recorder should meet it before it has used up its deliveries.
const newerMin, newerMax = 30 * time.Second, 60 * time.Second

// A result that could not be stored comes back after a time between these;
// whether it is received then is up to the breaker.
const againMin, againMax = 5 * time.Second, 20 * time.Second

// handle has one message stored. It returns nil after the commit only. What
// cannot be read is never dropped: it comes back, and at last lies among the
// dead letters. A type that this build does not know is newer than it.
func (r *Recorder) handle(ctx context.Context, m queue.Message) error {
	switch typ := codec.TypeOf([]byte(m.Body)); typ {
	case codec.TypeWorker:
		return r.announced(ctx, m)
	case codec.TypeDeadLetter:
		return r.deadLetter(ctx, m)
	case codec.TypeResult, "":
	default:
		r.o.Metrics.unreadable.WithLabelValues("unsupported_type").Inc()
		return queue.RetryAfter(fmt.Errorf("messages of type %.100q are not known to this release", typ), between(newerMin, newerMax))
	}
	res, err := codec.DecodeResult([]byte(m.Body))
	if err != nil {
		return r.unreadable(err)
	}
	r.clocks.worker(res, time.Now())
	if err := r.batches.add(ctx, res, m.Body); err != nil {
		return queue.RetryAfter(fmt.Errorf("storing result of job %q of check %q: %w", res.JobID, res.CheckID, err), between(againMin, againMax))
	}
	return nil
}

// deadLetter keeps what a worker says of a dead letter.
func (r *Recorder) deadLetter(ctx context.Context, m queue.Message) error {
	note, err := codec.DecodeDeadLetter([]byte(m.Body))
	if err != nil {
		return r.unreadable(err)
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	if err := r.o.Store.NoteDeadLetter(ctx, note); err != nil {
		return queue.RetryAfter(fmt.Errorf("noting dead letter %q of queue %q: %w", note.MessageID, note.Queue, err), between(againMin, againMax))
	}
	r.o.Metrics.deadLetters.WithLabelValues(string(note.Reason)).Inc()
	return nil
}

const (
	// recordTimeout bounds one transaction.
	recordTimeout = 15 * time.Second
	// awayPatience is how long a batch is kept in hand while the database does
	// not answer: then another recorder, which may reach it, gets its turn.
	awayPatience = 30 * time.Second
	// patience is how long it is kept while the database answers and yet
	// stores nothing: nobody else would fare better, and each time that a
	// message goes back to its queue wears it out.
	patience = 50 * time.Minute
	// maxHeld bounds how long a message is held in all.
	maxHeld = time.Hour
)

// store stores one batch, trying again for a while where it cannot. Any error
// of the database counts as an outage: what it refuses for the values' sake is
// no error. Nobody can tell whether a commit that was cut off happened, so the
// same results are offered again, as duplicates or not.
func (r *Recorder) store(ctx context.Context, results []jobs.Result, bodies []string) error {
	defer r.breaker.abandon()
	begun := time.Now()
	for failures := 0; ; failures++ {
		err := r.record(ctx, results, bodies)
		if err == nil {
			r.breaker.close()
			r.worked(ctx, results)
			if r.o.Work != nil {
				r.served.note(results)
			}
			return nil
		}
		r.breaker.open(err)
		if time.Since(begun) > patience || !r.await(failures) {
			return err
		}
	}
}

// await pauses and reports whether the database answers then, or soon after;
// not where Run's context ends first.
func (r *Recorder) await(failures int) bool {
	begun := time.Now()
	for time.Since(begun) <= awayPatience {
		sleep(r.stopping, hold(failures))
		if r.stopping.Err() != nil {
			return false
		}
		if r.breaker.probe(r.stopping) == nil {
			return true
		}
	}
	return false
}

// record offers a batch to the database once.
func (r *Recorder) record(ctx context.Context, results []jobs.Result, bodies []string) error {
	m := r.o.Metrics
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	failpoint.Hit(failpoint.RecorderRecordBefore)
	rec, err := r.o.Store.RecordReceived(ctx, results, bodies)
	failpoint.Hit(failpoint.RecorderRecordAfter)
	m.batchDuration.Observe(time.Since(start).Seconds())
	if err != nil {
		m.batches.WithLabelValues("error").Inc()
		return err
	}
	m.batches.WithLabelValues("ok").Inc()
	for _, res := range results {
		r.o.Tracer.Stored(res, start, time.Now())
	}
	m.batchSize.Observe(float64(len(results)))
	m.results.WithLabelValues("stored").Add(float64(rec.Stored))
	m.results.WithLabelValues("duplicate").Add(float64(rec.Duplicates))
	m.results.WithLabelValues("dead").Add(float64(rec.Dead))
	for _, res := range results {
		if !res.FinishedAt.IsZero() {
			m.lag.Observe(max(0, time.Since(res.FinishedAt).Seconds()))
		}
	}
	if rec.Dead > 0 {
		r.o.Logger.Error("results were refused by the database and kept in dead_results; `probefleet dlq list` says why", "results", rec.Dead)
	}
	return nil
}

const (
	day = 24 * time.Hour
	// partitionsBack and partitionsAhead are the days around now for which
	// there is a partition; what is older or newer goes to the default one.
	partitionsBack, partitionsAhead = 1 * day, 3 * day
	partitionsEvery                 = time.Hour
	partitionsAgain                 = 30 * time.Second // after an error
	partitionsTimeout               = time.Minute
)

// keepPartitions makes partitions ahead until ctx ends.
func (r *Recorder) keepPartitions(ctx context.Context) {
	for ctx.Err() == nil {
		wait := partitionsEvery
		if err := r.ensurePartitions(ctx); err != nil && ctx.Err() == nil {
			wait = partitionsAgain
			r.o.Metrics.partitionErrors.Inc()
			r.o.Logger.Warn("making partitions ahead; results go to the default one meanwhile", "err", err)
		}
		sleep(ctx, wait)
	}
}

func (r *Recorder) ensurePartitions(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, partitionsTimeout)
	defer cancel()
	now, err := r.o.Store.Now(ctx)
	if err != nil {
		return err
	}
	return r.o.Store.EnsurePartitions(ctx, now.Add(-partitionsBack), now.Add(partitionsAhead))
}

// between is a random time from lo to hi.
func between(lo, hi time.Duration) time.Duration { return lo + rand.N(hi-lo+1) }

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
