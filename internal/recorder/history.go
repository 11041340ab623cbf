package recorder

import (
	"context"
	"time"
)

// historian keeps what is known of the past.
type historian interface {
	// Tally counts the slots of past hours that were not counted yet.
	Tally(ctx context.Context) error
	// DropRuns forgets raw results of days that ended before a time, and names
	// the days.
	DropRuns(ctx context.Context, before time.Time) (days []string, err error)
	Now(ctx context.Context) (time.Time, error)
}

// DefaultRunsKept is how long raw results are kept where Options say nothing of
// it; what was counted from them stays.
const DefaultRunsKept = 30 * day

const (
	tallyEvery, tallyTimeout = 10 * time.Minute, 8 * time.Minute
	dropEvery, dropTimeout   = day, 10 * time.Minute
	// dropFirst is how long after the start old days are looked for first, and
	// dropAgain how long after an error.
	dropFirst, dropAgain = 5 * time.Minute, time.Hour
)

// keepHistory counts past hours and forgets old results until ctx ends. Several
// recorders may: what one has done, the others find done.
func (r *Recorder) keepHistory(ctx context.Context) {
	nextDrop := time.Now().Add(dropFirst)
	for sleep(ctx, time.Minute); ctx.Err() == nil; sleep(ctx, tallyEvery) {
		if r.breaker.state() != nil {
			continue // the database is away
		}
		if err := r.tally(ctx); err != nil && ctx.Err() == nil {
			r.o.Logger.Warn("counting the slots of past hours; they are counted later", "err", err)
		}
		if time.Now().Before(nextDrop) {
			continue
		}
		nextDrop = time.Now().Add(dropEvery)
		if err := r.dropRuns(ctx); err != nil && ctx.Err() == nil {
			nextDrop = time.Now().Add(dropAgain)
			r.o.Logger.Warn("forgetting old results; they are kept for another hour", "err", err)
		}
	}
}

func (r *Recorder) tally(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tallyTimeout)
	defer cancel()
	return r.o.History.Tally(ctx)
}

func (r *Recorder) dropRuns(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dropTimeout)
	defer cancel()
	now, err := r.o.History.Now(ctx)
	if err != nil {
		return err
	}
	days, err := r.o.History.DropRuns(ctx, now.Add(-r.o.RunsKept))
	if len(days) > 0 {
		r.o.Logger.Info("forgot the results of old days", "days", days)
	}
	return err
}
