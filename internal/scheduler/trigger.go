package scheduler

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
)

// triggerBook is where it is written what somebody wants to be run at once.
type triggerBook interface {
	// DueTriggers lists what was asked for of the checks of shards, and not
	// settled.
	DueTriggers(ctx context.Context, shards []int) ([]jobs.Trigger, error)
	// SettleTriggers takes them out of what is due, with their fate.
	SettleTriggers(ctx context.Context, triggers []jobs.Trigger) error
}

// settleIn is how long a check may be younger than a wish to run it.
const settleIn = 5 * time.Second

// asked is a run apart from the schedule: it goes to the location for which it
// was asked, healthy or not, and moves no watermark.
type asked struct{ jobs.Trigger }

// readTriggers takes over what was asked for since it was last read.
func (s *Scheduler) readTriggers(ctx context.Context) error {
	if s.o.Triggers == nil || len(s.shards) == 0 || s.revision < 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	due, err := s.o.Triggers.DueTriggers(ctx, slices.Sorted(maps.Keys(s.shards)))
	if err != nil || len(due) == 0 {
		return err
	}
	known := make(map[string]*planned, len(s.checks))
	for i := range s.checks {
		known[s.checks[i].ID] = &s.checks[i]
	}
	for _, t := range due {
		w := &slot{
			shard: s.shards[schedule.Shard(t.CheckID)], check: known[t.CheckID], location: t.Location,
			at: t.Slot, expires: t.ExpiresAt, attempt: 1, asked: &asked{Trigger: t},
		}
		if w.shard == nil || s.asked[t.AttemptID] != nil {
			continue
		}
		if w.check == nil || !slices.Contains(w.check.Locations, t.Location) {
			if time.Now().Add(s.offset).Sub(t.Slot) < settleIn {
				continue // it may be newer than the checks that were read
			}
			w.asked.Fate = jobs.FateGone
		}
		s.asked[t.AttemptID] = w
	}
	return nil
}

// dueTriggers are those that a queue has still to take. Those of shards that
// were given up are left to whoever took them.
func (s *Scheduler) dueTriggers(now time.Time) []*slot {
	var due []*slot
	for id, w := range s.asked {
		switch {
		case s.shards[w.shard.id] != w.shard:
			delete(s.asked, id)
		case w.sent:
			w.asked.Fate = jobs.FateSent
		case w.asked.Fate != jobs.FateWaiting:
		case !now.Before(w.expires):
			w.asked.Fate = jobs.FateExpired
		default:
			due = append(due, w)
		}
	}
	return due
}

// settleTriggers notes what became of them. Where that does not succeed they
// are not sent again meanwhile, and settled at the next tick.
func (s *Scheduler) settleTriggers(ctx context.Context) {
	var done []jobs.Trigger
	for _, w := range s.asked {
		if w.sent {
			w.asked.Fate = jobs.FateSent
		}
		if w.asked.Fate != jobs.FateWaiting {
			done = append(done, w.asked.Trigger)
		}
	}
	if len(done) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	if err := s.o.Triggers.SettleTriggers(ctx, done); err != nil {
		s.o.Logger.Warn("noting what was sent at once", "err", err)
		return
	}
	for _, t := range done {
		s.metrics.triggers.WithLabelValues(string(t.Fate)).Inc()
		delete(s.asked, t.AttemptID)
	}
}
