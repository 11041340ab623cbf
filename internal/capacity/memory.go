package capacity

import (
	"slices"
	"time"
)

// Memory is what was wanted lately: all that a decision needs of those before
// it. The zero Memory remembers nothing. It is a value: a decision returns the
// next one and leaves the old one as it was.
type Memory struct {
	// seen is what was asked for by what there was, expected by what there would
	// be when workers receive. More of the two is wanted.
	seen, expected held
	// looks are the backlogs of the last while, and the one before: what its
	// growth is measured by.
	looks []look
}

// look is a backlog that was seen.
type look struct {
	waiting float64
	at      time.Time
}

// growing is the least time over which the growth of a backlog is measured: a
// queue says roughly how much is in it, and jobs come in bursts.
const growing = 2 * Every

// held is what was asked for lately, held against its fall. Its steps fall: the
// first is what is wanted, and each further one what is wanted when those before
// it have been over for long enough.
type held []step

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
func Remember(workers int, at time.Time) Memory { return Memory{seen: held{{workers, at}}} }

// Wanted is what was wanted last, and false where nothing ever was.
func (m Memory) Wanted() (workers int, ok bool) {
	return max(m.seen.first(), m.expected.first()), len(m.seen) > 0
}

// first is what a held asks for.
func (h held) first() int {
	if len(h) == 0 {
		return 0
	}
	return h[0].workers
}

// Decide is how many workers are wanted now: more at once, less only where
// every reading of the last Calm has asked for less, or of the last Ease if what
// had asked for more was only expected. What could not be measured changes
// nothing, and counts as if what was wanted had been asked for again: not to know
// is never a reason for less. ok is false where nothing is known and nothing was
// wanted before; nobody should be told a number then.
//
// Decisions are made in the order of time: one that goes back behind the one
// before, because a clock was set, counts as made at the same time.
func (p Policy) Decide(m Memory, r Reading, now time.Time) (next Memory, workers int, ok bool) {
	if n := len(m.seen); n > 0 && now.Before(m.seen[n-1].until) {
		now = m.seen[n-1].until
	}
	seen, known := p.Need(r)
	expected, _ := p.Need(p.ahead(m, r, now))
	if !known {
		if _, ok := m.Wanted(); !ok {
			return m, 0, false
		}
		seen, expected = m.seen.first(), m.expected.first()
	}
	next = Memory{
		seen:     m.seen.then(seen, now, p.Calm),
		expected: m.expected.then(expected, now, p.Ease),
		looks:    m.looking(r, now),
	}
	workers, _ = next.Wanted()
	return next, p.bound(workers), true
}

// ahead is a Reading with the backlog that there will be when workers receive
// that are asked for now: it goes on growing as it did lately, and by no more
// than what becomes due. One that falls is taken as it is: that is the work
// of those who are there. What was seen longer ago than Lead says nothing.
func (p Policy) ahead(m Memory, r Reading, now time.Time) Reading {
	looks := m.since(now)
	if len(looks) == 0 || !r.known() {
		return r
	}
	passed := now.Sub(looks[0].at)
	if passed < growing || passed > p.Lead {
		return r
	}
	growth := max(0, r.Waiting-looks[0].waiting) / passed.Seconds()
	r.Waiting += min(growth, r.Rate) * p.Lead.Seconds()
	return r
}

// since are the looks that the growth up to now is measured by.
func (m Memory) since(now time.Time) []look {
	looks := m.looks
	for len(looks) > 1 && now.Sub(looks[1].at) >= growing {
		looks = looks[1:]
	}
	return looks
}

// looking are the looks with what is seen now, where it is.
func (m Memory) looking(r Reading, now time.Time) []look {
	looks := m.since(now)
	if !r.known() {
		return looks
	}
	return append(slices.Clip(looks), look{r.Waiting, now})
}

// then is h with what is asked for now. What is over for calm, and what is not
// more than that, decides nothing any more.
func (h held) then(need int, now time.Time, calm time.Duration) held {
	var steps held
	for i, s := range h {
		if i == len(h)-1 {
			s.until = now // it has held until this decision
		}
		if s.workers > need && now.Sub(s.until) < calm {
			steps = append(steps, s)
		}
	}
	return append(steps, step{need, now})
}
