// Package scheduler turns checks into jobs: it holds leases on shards, sends
// the job of every slot that is due, and moves the shards' watermarks. It
// refuses to send what would be too late to run, to schedule a shard whose
// lease may have ended, and to know how jobs are run.
package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/failpoint"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/rollout"
	"github.com/probefleet/probefleet/internal/schedule"
	"github.com/probefleet/probefleet/internal/tracing"
)

// database is what the scheduler needs of the database.
type database interface {
	// ActiveChecks may answer checks and an error: the error then speaks of
	// checks that are not among them.
	ActiveChecks(ctx context.Context) ([]check.Check, int64, error)
	ChecksRevision(ctx context.Context) (int64, error)
	// TakeOver gives owner the leases of earlier lives of the same scheduler.
	TakeOver(ctx context.Context, owner string) error
	LeaseShards(ctx context.Context, owner string, ttl time.Duration) ([]schedule.Lease, error)
	AdvanceWatermarks(ctx context.Context, owner string, to map[int]time.Time) (lost []int, err error)
	ReleaseShards(ctx context.Context, owner string) error
	Now(ctx context.Context) (time.Time, error)
	// Fleet is who reads jobs and results, and the pins that were kept.
	Fleet(ctx context.Context) (rollout.Fleet, error)
	KeepPins(ctx context.Context, pins []rollout.Pin) error
}

// Options configure a Scheduler.
type Options struct {
	Store database
	// Open finds the queue of the jobs of a class at a location. It is asked
	// again after an error.
	Open func(ctx context.Context, location string, class jobs.Class) (queue.Sender, error)
	// Retries, where it is set, says which attempts are to be made again.
	Retries retryBook
	// Triggers, where it is set, says what is to be run at once.
	Triggers triggerBook
	// Shadow says which share of the jobs of a queue is copied for candidate
	// workers, and OpenShadow finds the queue of the copies.
	Shadow     []Shadow
	OpenShadow func(ctx context.Context, location string, class jobs.Class) (queue.Sender, error)
	// Capacity, where it is set, has it said how many workers are wanted.
	Capacity *Capacity
	// Owner is NAME/LIFE, this life among those of all schedulers. What earlier
	// lives of NAME still hold is taken over at the start.
	Owner   string
	Logger  *slog.Logger
	Metrics prometheus.Registerer // may be nil
	// Tracer may be nil.
	Tracer *tracing.Tracer
}

const (
	// tick is how often due slots are looked for: the lateness it adds.
	tick = 250 * time.Millisecond
	// leaseTerm is how long a shard stays without a scheduler after its owner
	// has died and does not come back under its name.
	leaseTerm = 15 * time.Second
	// leaseMargin is taken off the term at use, for the clocks' drift and for
	// the sends that are under way.
	leaseMargin = 3 * time.Second
	// renewEvery and reloadEvery are periods of the calls to the database.
	renewEvery  = leaseTerm / 3
	reloadEvery = time.Second
	// sendWindow is how long a slot is offered to a queue that does not take
	// it; then it is missed. It bounds how far a watermark stays behind, and
	// with it what a successor sends again.
	sendWindow = 2 * time.Minute
	// callTimeout bounds one call to the database.
	callTimeout = 5 * time.Second
	// maxSkew is from where on our clock is reported.
	maxSkew = 30 * time.Second
)

// Scheduler schedules the shards that it holds.
type Scheduler struct {
	o       Options
	metrics *metrics
	queues  *queues
	pace    pace
	copies  *copies

	shards   map[int]*shard
	reruns   map[rerunKey]*slot
	asked    map[string]*slot // by the attempt's id
	checks   []planned
	revision int64
	// offset is what the database's clock is ahead of ours.
	offset time.Duration
	off    bool // by more than maxSkew, and reported
	heir   bool // what earlier lives held was taken over

	// pins are the versions in which jobs are written, once pinned is true.
	pins   rollout.Pins
	pinned bool

	// rates are the slots a second of each queue, of all shards, and lanes the
	// workers that serve it. Both are for whoever says how many are wanted.
	rates  map[destination]float64
	lanes  map[destination]lane
	demand atomic.Pointer[demand]

	renewAt, reloadAt, pinAt time.Time
	leased                   atomic.Pointer[time.Time] // when leases were last read
}

// New makes a Scheduler.
func New(o Options) *Scheduler {
	s := &Scheduler{
		o: o, metrics: newMetrics(o.Metrics), queues: &queues{open: o.Open}, copies: newCopies(o.Shadow),
		shards: map[int]*shard{}, reruns: map[rerunKey]*slot{}, asked: map[string]*slot{}, revision: -1,
	}
	if s.copies != nil {
		s.copies.lost = func(d destination, n int) {
			s.metrics.shadow.WithLabelValues(d.location, string(d.class), "lost").Add(float64(n))
		}
	}
	return s
}

// Run schedules until ctx ends, then gives its shards back. It outlives a
// database and queues that are away.
func (s *Scheduler) Run(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var parts sync.WaitGroup
	if s.o.Capacity != nil {
		parts.Go(func() { s.sayCapacity(ctx) })
	}
	if s.copies != nil {
		parts.Go(func() { s.sendCopies(ctx) })
	}
	for {
		s.step(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			parts.Wait()
			return s.release(ctx)
		}
	}
}

// Ready answers nil while the leases are fresh.
func (s *Scheduler) Ready(context.Context) error {
	last := s.leased.Load()
	switch {
	case last == nil:
		return errors.New("the shards' leases have not been read yet")
	case time.Since(*last) > leaseTerm:
		return fmt.Errorf("the shards' leases were last read %s ago: is the database away?", time.Since(*last).Round(time.Second))
	}
	return nil
}

// step does everything that is due.
func (s *Scheduler) step(ctx context.Context) {
	if now := time.Now(); !now.Before(s.renewAt) {
		s.renewAt = now.Add(renewEvery)
		if err := s.renew(ctx); err != nil && ctx.Err() == nil {
			s.renewAt = now.Add(time.Second)
			s.o.Logger.Warn("leasing shards", "err", err)
		}
	}
	if now := time.Now(); !now.Before(s.reloadAt) {
		s.reloadAt = now.Add(reloadEvery)
		if err := s.reload(ctx); err != nil && ctx.Err() == nil {
			s.o.Logger.Warn("reading the checks", "err", err)
		}
		if err := s.readReruns(ctx); err != nil && ctx.Err() == nil {
			s.o.Logger.Warn("reading what is to be run again", "err", err)
		}
		if err := s.readTriggers(ctx); err != nil && ctx.Err() == nil {
			s.o.Logger.Warn("reading what is to be run at once", "err", err)
		}
	}
	if now := time.Now(); !now.Before(s.pinAt) {
		s.pinAt = now.Add(pinsEvery)
		if err := s.pin(ctx); err != nil && ctx.Err() == nil {
			s.pinAt = now.Add(time.Second)
			s.o.Logger.Warn("reading who reads jobs; they are written as before", "err", err)
		}
	}
	s.dropEnded()
	if s.revision < 0 || !s.pinned {
		return // without the checks and the pins a watermark must not move
	}
	s.showDemand()
	now := time.Now().Add(s.offset)
	var due []*slot
	for _, sh := range s.shards {
		due = append(due, sh.due(now, s.metrics)...)
	}
	offered, late := s.pace.choose(s.hold(due, now), s.shards, now)
	extra := slices.Concat(s.hold(s.dueReruns(now), now), s.hold(s.dueTriggers(now), now))
	s.send(ctx, append(offered, extra...), now)
	s.pace.spend(late)
	s.advance(ctx)
	s.settleReruns(ctx)
	s.settleTriggers(ctx)
}

// renew reads the leases and the database's clock.
func (s *Scheduler) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if !s.heir {
		if err := s.o.Store.TakeOver(ctx, s.o.Owner); err != nil {
			return err
		}
		s.heir = true
	}
	asked := time.Now()
	leases, err := s.o.Store.LeaseShards(ctx, s.o.Owner, leaseTerm)
	if err != nil {
		return err
	}
	held := map[int]bool{}
	for _, l := range leases {
		held[l.Shard] = true
		sh := s.shards[l.Shard]
		if sh == nil {
			sh = newShard(l.Shard, l.Watermark)
			sh.plan(s.checks)
			s.shards[l.Shard] = sh
			s.o.Logger.Info("shard taken", "shard", l.Shard, "watermark", l.Watermark)
		}
		sh.until = asked.Add(l.Term - leaseMargin)
	}
	for id := range s.shards {
		if !held[id] {
			s.drop(id, "given to another scheduler")
		}
	}
	s.metrics.shards.Set(float64(len(s.shards)))
	s.leased.Store(&asked)

	asked = time.Now()
	theirs, err := s.o.Store.Now(ctx)
	if err != nil {
		return err
	}
	ours := asked.Add(time.Since(asked) / 2)
	s.offset = theirs.Sub(ours)
	s.metrics.offset.Set(s.offset.Seconds())
	off := s.offset.Abs() > maxSkew
	if off && !s.off {
		s.o.Logger.Warn("this machine's clock is off by the database's, by which slots are scheduled: set it by NTP", "offset", s.offset)
	}
	s.off = off
	return nil
}

// reload takes over the checks where they have changed.
func (s *Scheduler) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	revision, err := s.o.Store.ChecksRevision(ctx)
	if err != nil || revision == s.revision {
		return err
	}
	checks, revision, err := s.o.Store.ActiveChecks(ctx)
	if err != nil && len(checks) == 0 {
		return err
	}
	s.checks, s.revision = s.planAll(checks), revision
	for _, sh := range s.shards {
		sh.plan(s.checks)
	}
	s.metrics.checks.Set(float64(len(checks)))
	s.countHeld()
	s.rates = nil // counted anew
	s.o.Logger.Info("checks read", "checks", len(checks), "revision", revision)
	return err
}

// dropEnded gives up the shards whose lease may have ended: the term is
// checked when it is used, since this process may have slept.
func (s *Scheduler) dropEnded() {
	for id, sh := range s.shards {
		if !sh.held() {
			s.drop(id, "lease ended")
		}
	}
}

func (s *Scheduler) drop(id int, why string) {
	delete(s.shards, id)
	s.metrics.shards.Set(float64(len(s.shards)))
	s.o.Logger.Warn("shard given up", "shard", id, "why", why)
}

// advance moves the watermarks up to what was sent.
func (s *Scheduler) advance(ctx context.Context) {
	to := map[int]time.Time{}
	for id, sh := range s.shards {
		if w := sh.watermark(); w.After(sh.stored) {
			to[id] = w
		}
	}
	if len(to) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	failpoint.Hit(failpoint.SchedulerWatermarkBefore)
	lost, err := s.o.Store.AdvanceWatermarks(ctx, s.o.Owner, to)
	failpoint.Hit(failpoint.SchedulerWatermarkAfter)
	if err != nil {
		if ctx.Err() == nil {
			s.o.Logger.Warn("moving watermarks", "err", err)
		}
		return
	}
	for id, w := range to {
		s.shards[id].stored = w
	}
	for _, id := range lost {
		s.drop(id, "lease lost")
	}
}

// release gives the shards back, so that a successor need not wait for the
// end of the lease.
func (s *Scheduler) release(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	s.advance(ctx)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := s.o.Store.ReleaseShards(ctx, s.o.Owner); err != nil {
		s.o.Logger.Warn("giving shards back: a successor takes them when the leases end", "err", err)
	}
	return nil
}
