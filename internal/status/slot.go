package status

import (
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
)

// Attempt is one stored attempt of a slot, as far as the rules look at it.
type Attempt struct {
	// ID is the attempt's.
	ID      string
	Number  int
	Outcome jobs.Outcome
	// Pending says that another attempt was asked for because of this one.
	Pending bool
	// Class and Message are those of its fault.
	Class   jobs.FaultClass
	Message string
}

// Beats reports whether a slot is known by a rather than by b: the newest
// conclusive attempt, else the newest.
func (a Attempt) Beats(b Attempt) bool {
	if c := a.Outcome.Conclusive(); c != b.Outcome.Conclusive() {
		return c
	}
	return a.Number > b.Number
}

// Slot is one slot of a check at a location and how it ended.
type Slot struct {
	Location string
	At       time.Time
	// By is the attempt by which it is known; its outcome is the slot's.
	By Attempt
	// Pending says that the attempt that By calls for is not stored yet: the
	// slot may still end otherwise.
	Pending bool
}

// SlotOf says how a slot ended, whatever the order of its attempts and however
// often each is there. There must be one.
func SlotOf(location string, at time.Time, attempts []Attempt) Slot {
	s := Slot{Location: location, At: at, By: attempts[0]}
	newest := attempts[0]
	for _, a := range attempts[1:] {
		if a.Beats(s.By) {
			s.By = a
		}
		if a.Number > newest.Number {
			newest = a
		}
	}
	s.Pending = newest.Pending
	return s
}
