package capacity

import "time"

// Memory is what was wanted lately: all that a decision needs of those before
// it. The zero Memory remembers nothing. It is a value: a decision returns the
// next one and leaves the old one as it was.
type Memory struct {
	// steps fall: the first is what is wanted, and each further one what is
	// wanted when those before it have been over for long enough.
	steps []step
}

// step is what readings asked for up to a time. That of the last step is when
// the last decision was made: it holds until there is another, so that a pause
// between two decisions is no gap.
type step struct {
	workers int
	until   time.Time
}

// Remember is the memory of somebody who only knows what was wanted last, and
// when: a successor goes on from there, and does not want less before
// [Policy.Calm] has passed under its own eyes.
func Remember(workers int, at time.Time) Memory { return Memory{[]step{{workers, at}}} }

// Wanted is what was wanted last, and false where nothing ever was.
func (m Memory) Wanted() (workers int, ok bool) {
	if len(m.steps) == 0 {
		return 0, false
	}
	return m.steps[0].workers, true
}

// Decide is how many workers are wanted now: more at once, less only where
// every reading of the last Calm has asked for less. What could not be
// measured changes nothing, and counts as if what was wanted had been asked for
// again: not to know is never a reason for less. ok is false where nothing is
// known and nothing was wanted before; nobody should be told a number then.
//
// Decisions are made in the order of time: one that goes back behind the one
// before, because a clock was set, counts as made at the same time.
func (p Policy) Decide(m Memory, r Reading, now time.Time) (next Memory, workers int, ok bool) {
	need, ok := p.Need(r)
	if !ok {
		if need, ok = m.Wanted(); !ok {
			return m, 0, false
		}
	}
	if n := len(m.steps); n > 0 && now.Before(m.steps[n-1].until) {
		now = m.steps[n-1].until
	}
	next = m.then(need, now, p.Calm)
	workers, _ = next.Wanted()
	return next, p.bound(workers), true
}

// then is m with what is asked for now. What is over for calm, and what is not
// more than that, decides nothing any more.
func (m Memory) then(need int, now time.Time, calm time.Duration) Memory {
	var steps []step
	for i, s := range m.steps {
		if i == len(m.steps)-1 {
			s.until = now // it has held until this decision
		}
		if s.workers > need && now.Sub(s.until) < calm {
			steps = append(steps, s)
		}
	}
	return Memory{append(steps, step{need, now})}
}
