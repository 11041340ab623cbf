package recorder

import (
	"context"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/heartbeat"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/ping"
	"github.com/probefleet/probefleet/internal/schedule"
)

// heartbeatBook is what jobs said when they called.
type heartbeatBook interface {
	// HeartbeatsDue lists the heartbeats of which slots are to be judged.
	HeartbeatsDue(ctx context.Context) ([]ping.Due, error)
	// HeartbeatsJudged notes up to when their slots have results.
	HeartbeatsJudged(ctx context.Context, due []ping.Due) error
	// PrunePings forgets calls from before a time that decide nothing any more.
	PrunePings(ctx context.Context, before time.Time) error
}

const (
	// heartbeatsEvery is how often heartbeats are judged.
	heartbeatsEvery = 5 * time.Second
	// heartbeatsTimeout bounds one look at them.
	heartbeatsTimeout = 30 * time.Second
)

// watchHeartbeats judges heartbeats until ctx ends. Several recorders may: what
// they find is the same, and stored once.
func (r *Recorder) watchHeartbeats(ctx context.Context) {
	var pruneAt time.Time
	for sleep(ctx, heartbeatsEvery); ctx.Err() == nil; sleep(ctx, heartbeatsEvery) {
		if r.breaker.state() != nil {
			continue // the database is away
		}
		if err := r.judgeHeartbeats(ctx); err != nil && ctx.Err() == nil {
			r.o.Logger.Warn("judging heartbeats; it is done again", "err", err)
		}
		if now := time.Now(); !now.Before(pruneAt) {
			pruneAt = now.Add(time.Hour)
			if err := r.o.Heartbeats.PrunePings(ctx, now.Add(-r.o.RunsKept)); err != nil && ctx.Err() == nil {
				r.o.Logger.Warn("forgetting old calls of jobs", "err", err)
			}
		}
	}
}

// judgeHeartbeats stores the results of the slots that are due: as those of
// workers are, and only then are they due no more.
func (r *Recorder) judgeHeartbeats(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, heartbeatsTimeout)
	defer cancel()
	due, err := r.o.Heartbeats.HeartbeatsDue(ctx)
	if err != nil || len(due) == 0 {
		return err
	}
	var found []jobs.Result
	for _, d := range due {
		for slot := range schedule.Slots(d.Check.ID, check.HeartbeatLocation, d.Check.Every, d.After, d.Until) {
			res := heartbeat.Judge(d.Watch, slot)
			res.Worker = r.o.Identity
			if found = append(found, res); len(found) < maxBatch {
				continue
			}
			if err := r.storeJudged(ctx, found); err != nil {
				return err
			}
			found = found[:0]
		}
	}
	if err := r.storeJudged(ctx, found); err != nil {
		return err
	}
	return r.o.Heartbeats.HeartbeatsJudged(ctx, due)
}

func (r *Recorder) storeJudged(ctx context.Context, found []jobs.Result) error {
	if len(found) == 0 {
		return nil
	}
	rec, err := r.o.Store.RecordReceived(ctx, found, nil)
	if err != nil {
		return err
	}
	m := r.o.Metrics
	m.results.WithLabelValues("stored").Add(float64(rec.Stored))
	m.results.WithLabelValues("duplicate").Add(float64(rec.Duplicates))
	m.results.WithLabelValues("dead").Add(float64(rec.Dead))
	return nil
}
