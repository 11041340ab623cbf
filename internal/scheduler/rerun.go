package scheduler

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
)

// retryBook is where attempts are written that are to be made again.
type retryBook interface {
	// DueRetries lists what is due for the checks of shards, and not settled.
	DueRetries(ctx context.Context, shards []int) ([]jobs.Retry, error)
	// AssignRetries notes where each is sent; only then it may be.
	AssignRetries(ctx context.Context, retries []jobs.Retry) error
	// SettleRetries takes them out of what is due.
	SettleRetries(ctx context.Context, retries []jobs.Retry) error
	// SickLocations lists the locations that are declared unhealthy.
	SickLocations(ctx context.Context) ([]string, error)
}

// rerun is an attempt after the first of a slot.
type rerun struct {
	jobs.Retry
	// fate says what became of it, "" while it waits for a queue.
	fate string
}

// readReruns takes over what is due again: for a healthy location other than
// the one that could not look, where the check has one.
func (s *Scheduler) readReruns(ctx context.Context) error {
	if s.o.Retries == nil || len(s.shards) == 0 || s.revision < 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	due, err := s.o.Retries.DueRetries(ctx, slices.Sorted(maps.Keys(s.shards)))
	if err != nil || len(due) == 0 {
		return err
	}
	sick, err := s.o.Retries.SickLocations(ctx)
	if err != nil {
		return err
	}
	known := make(map[string]*planned, len(s.checks))
	for i := range s.checks {
		known[s.checks[i].ID] = &s.checks[i]
	}
	var fresh []*slot
	for _, r := range due {
		k := keyOf(r)
		if s.reruns[k] != nil {
			continue
		}
		w := &slot{shard: s.shards[schedule.Shard(r.CheckID)], check: known[r.CheckID], at: r.Slot, attempt: r.Attempt, rerun: &rerun{Retry: r}}
		switch {
		case w.shard == nil:
			continue
		case w.check == nil:
			w.rerun.fate = "gone" // paused or removed meanwhile
		default:
			w.expires = schedule.Expires(r.Slot, w.check.Every)
			if r.Asked {
				w.expires = schedule.RetryExpires(r.Slot, w.check.Every, r.DueAt)
			}
			if r.SentTo == "" {
				w.rerun.SentTo = schedule.Elsewhere(w.check.Locations, r.Location, r.AvoidLocation,
					func(l string) bool { return slices.Contains(sick, l) })
			}
			w.location = w.rerun.SentTo
		}
		fresh = append(fresh, w)
	}
	return s.assign(ctx, fresh)
}

// assign notes where reruns go before any is sent, so that the recorder knows
// the result of one that was sent elsewhere.
func (s *Scheduler) assign(ctx context.Context, fresh []*slot) error {
	var retries []jobs.Retry
	for _, w := range fresh {
		if w.rerun.fate == "" {
			retries = append(retries, w.rerun.Retry)
		}
	}
	if len(retries) > 0 {
		if err := s.o.Retries.AssignRetries(ctx, retries); err != nil {
			return err
		}
	}
	for _, w := range fresh {
		s.reruns[keyOf(w.rerun.Retry)] = w
	}
	return nil
}

// dueReruns are the reruns that a queue has still to take. Those of shards that
// were given up are left to whoever took them.
func (s *Scheduler) dueReruns(now time.Time) []*slot {
	var due []*slot
	for k, w := range s.reruns {
		switch {
		case s.shards[w.shard.id] != w.shard:
			delete(s.reruns, k)
		case w.sent:
			w.rerun.fate = "sent"
		case w.rerun.fate != "":
		case !now.Before(w.expires):
			w.rerun.fate = "expired"
		default:
			due = append(due, w)
		}
	}
	return due
}

// settleReruns takes those that are done out of the book. Where that does not
// succeed they are not sent again meanwhile, and settled at the next tick.
func (s *Scheduler) settleReruns(ctx context.Context) {
	var done []jobs.Retry
	for _, w := range s.reruns {
		if w.sent {
			w.rerun.fate = "sent"
		}
		if w.rerun.fate != "" {
			done = append(done, w.rerun.Retry)
		}
	}
	if len(done) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	if err := s.o.Retries.SettleRetries(ctx, done); err != nil {
		s.o.Logger.Warn("noting what was sent again", "err", err)
		return
	}
	for _, r := range done {
		k := keyOf(r)
		s.metrics.reruns.WithLabelValues(s.reruns[k].rerun.fate).Inc()
		delete(s.reruns, k)
	}
}

// rerunKey names a rerun.
type rerunKey struct {
	checkID, location string
	slot              time.Time
	attempt           int
}

func keyOf(r jobs.Retry) rerunKey { return rerunKey{r.CheckID, r.Location, r.Slot, r.Attempt} }
