package scheduler

import (
	"context"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/rollout"
)

// pinsEvery is how often the pins are computed.
const pinsEvery = 5 * time.Second

// pin computes in which versions jobs are written, from who is alive. Several
// schedulers come to the same. Without the database the pins stay as they are.
func (s *Scheduler) pin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	fleet, err := s.o.Store.Fleet(ctx)
	if err != nil {
		return err
	}
	s.lanes = lanesOf(fleet)
	decided := fleet.Decide()
	var changed []rollout.Pin
	for _, p := range decided {
		if !slices.Contains(fleet.Pins, p) {
			changed = append(changed, p)
		}
	}
	if len(changed) > 0 {
		// Kept before it is used: whoever starts while nobody is known goes on
		// from here.
		if err := s.o.Store.KeepPins(ctx, changed); err != nil {
			return err
		}
	}
	pins := rollout.Versions(decided)
	if s.pinned && pins.Same(s.pins) {
		return nil
	}
	s.pins, s.pinned = pins, true
	s.rates = nil // what is held may be another part
	for _, p := range decided {
		if p.Target == rollout.Recorders {
			s.o.Logger.Info("results are asked for in a version", "version", pins.Results())
			continue
		}
		s.o.Logger.Info("jobs are written in a version", "location", p.Location, "class", string(p.Class), "version", pins.Jobs(p.Target))
	}
	s.countHeld()
	return nil
}

// countHeld measures how many checks wait for newer workers or recorders, of
// all shards.
func (s *Scheduler) countHeld() {
	s.metrics.held.Reset()
	if !s.pinned {
		return
	}
	counts := map[string]int{}
	for i := range s.checks {
		c := &s.checks[i]
		for _, location := range c.Locations {
			if c.waits(s.pins, location) {
				counts[location]++
			}
		}
	}
	for location, n := range counts {
		s.metrics.held.WithLabelValues(location).Set(float64(n))
	}
}

// hold takes away the slots of checks that wait: they are missed. What the
// check means must not be lost on a worker that cannot read it.
func (s *Scheduler) hold(due []*slot, now time.Time) []*slot {
	return slices.DeleteFunc(slices.Clone(due), func(w *slot) bool {
		if !w.check.waits(s.pins, w.location) {
			return s.shape(w, now) != nil
		}
		w.held, w.expires = true, now
		if w.rerun != nil {
			w.rerun.fate = "held"
		}
		if w.asked != nil {
			w.asked.Fate = jobs.FateHeld
		}
		return true
	})
}

// shape writes the check of a slot in the version that is pinned for it.
func (s *Scheduler) shape(w *slot, now time.Time) (err error) {
	w.form, err = w.check.formIn(s.pins.Jobs(rollout.Target{Location: w.location, Class: w.check.class()}))
	if err != nil {
		s.unwritable(w, now, err)
	}
	return err
}

// encode writes the job of a slot.
func (s *Scheduler) encode(w *slot, now time.Time) ([]byte, error) {
	j := w.job(now)
	j.Reply = s.pins.Results()
	w.sending = s.o.Tracer.Send(&j)
	return w.form.Encode(j)
}
