// Package capacity says how many workers the jobs of a class at a location
// need. It is a pure function of what was measured and of what was wanted
// before: whoever publishes, simulates or replays it comes to the same. It
// refuses to measure, to keep a clock, and to make or end a worker.
package capacity

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Policy is what is promised about a queue, and of what its workers are made.
// All methods hold for a Policy in which [Policy.Faults] finds nothing.
type Policy struct {
	// Slots are the jobs that one worker runs at a time (c).
	Slots int
	// Busy is the part of all slots that should be busy in the long run (ρ),
	// more than 0 and at most 1. What is left takes up bursts.
	Busy float64
	// Wait is how long a job may wait in the queue (L): a backlog is worked
	// off in as much time.
	Wait time.Duration
	// Spare is how many workers may be lost and the others still keep up with
	// the schedule, all of their slots busy. It is what small fleets are sized
	// by; a larger one has more than that idle by Busy.
	Spare int
	// Lead is how long it takes from a decision until workers that it asks for
	// receive: a backlog that grows is taken to be as large as it will be then.
	Lead time.Duration
	// Min and Max bound what is wanted; with Max 0 nothing does from above.
	Min, Max int
	// Calm is for how long less must have been enough for what was seen before
	// less is wanted, Ease for how long less must have been enough for what was
	// expected. With 0 every fall is followed at once.
	Calm, Ease time.Duration
}

// Usual is the policy for workers of so many slots where nobody asks for
// another: 65 % busy, a wait of half a minute, five minutes of calm, of which a
// backlog that was only expected gets one. With more of them busy workers that
// boot come too late for an incident; with fewer a small fleet pays for workers
// that it does not need (decision 44). One worker may be lost (decision 46), and
// one that is asked for is there in two and a half minutes: half a one until the
// metric is read, one until it is known, and one for the boot (decision 47).
func Usual(slots int) Policy {
	return Policy{
		Slots: slots, Busy: 0.65, Wait: 30 * time.Second, Spare: 1,
		Lead: 150 * time.Second, Calm: 5 * time.Minute, Ease: time.Minute,
	}
}

// Reading is what was measured of a queue at one moment. NaN, or less than 0,
// stands for what is not known; [Unknown] is a Reading of which nothing is.
type Reading struct {
	// Rate is the jobs that become due a second (λ).
	Rate float64
	// Service is the mean time that a job occupies a slot, in seconds (s). No
	// job takes none, so that 0 is not known either.
	Service float64
	// Waiting is the jobs that nobody has received (V).
	Waiting float64
}

// Unknown is a look at a queue that has seen nothing.
var Unknown = Reading{math.NaN(), math.NaN(), math.NaN()}

// known reports whether all of a Reading was measured. Without jobs the time
// that one would take does not matter.
func (r Reading) known() bool {
	measured := func(v float64) bool { return v >= 0 && !math.IsInf(v, 1) } // false of NaN
	if !measured(r.Rate) || !measured(r.Waiting) {
		return false
	}
	return r.Service > 0 && measured(r.Service) || r.Rate == 0 && r.Waiting == 0
}

// many is more workers than anybody has: where a reading leads beyond it, it
// is taken instead, so that nothing overflows.
const many = 1 << 30

// Need is how many workers a reading asks for by itself, without regard to
// what was wanted before:
//
//	ceil((Rate·Service/Busy + Waiting·Service/Wait) / Slots)
//
// and, where anything is due at all, no less than
//
//	ceil(Rate·Service / Slots) + Spare
//
// between Min and Max. The first part of the sum is what keeps up with the
// schedule, the second what works off the backlog within Wait. The number of
// workers that there are does not occur in it: it holds for none as well as for
// many. ok is false where something that it depends on was not measured.
func (p Policy) Need(r Reading) (need int, ok bool) {
	if !r.known() {
		return 0, false
	}
	if r.Rate == 0 && r.Waiting == 0 {
		return p.bound(0), true
	}
	// A worker is not added for what only the rounding of a sum has added.
	workers := func(slots float64) float64 { return math.Ceil(slots/float64(p.Slots) - 1e-9) }
	n := workers(r.Rate*r.Service/p.Busy + r.Waiting*r.Service/p.Wait.Seconds())
	if r.Rate > 0 {
		n = max(n, workers(r.Rate*r.Service)+float64(p.Spare))
	}
	return p.bound(int(min(n, many))), true
}

// bound puts n between Min and Max.
func (p Policy) bound(n int) int {
	n = max(n, p.Min)
	if p.Max > 0 {
		n = min(n, p.Max)
	}
	return n
}

// Faults are what is wrong with a policy, each with what to write instead.
func (p Policy) Faults() error {
	var faults []error
	if p.Slots < 1 {
		faults = append(faults, fmt.Errorf("slots of a worker: %d; use 1 or more", p.Slots))
	}
	if !(p.Busy > 0 && p.Busy <= 1) {
		faults = append(faults, fmt.Errorf("part of the slots that is busy: %v; use more than 0 and at most 1, such as 0.65", p.Busy))
	}
	if p.Wait < time.Second {
		faults = append(faults, fmt.Errorf("allowed wait: %s; use a second or longer, such as 30s", p.Wait))
	}
	if p.Min < 0 || p.Max < 0 || p.Max > 0 && p.Max < p.Min {
		faults = append(faults, fmt.Errorf("from %d to %d workers: use 0 or more, and a most of 0 for no bound, else no less than the least", p.Min, p.Max))
	}
	if p.Spare < 0 || p.Lead < 0 {
		faults = append(faults, fmt.Errorf("%d spare workers, a lead of %s: use 0 or more", p.Spare, p.Lead))
	}
	if p.Calm < 0 || p.Ease < 0 {
		faults = append(faults, fmt.Errorf("calm: %s, and %s of what was expected; use 0 or longer, such as 5m and 1m", p.Calm, p.Ease))
	}
	return errors.Join(faults...)
}
