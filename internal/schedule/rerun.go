package schedule

import (
	"slices"
	"time"
)

// MaxAttempts is the number of attempts of a slot that may say nothing about
// the target.
const MaxAttempts = 3

// rerun is how long after the end of the n-th inconclusive attempt of a slot the
// next one is due, and false where it was the last. The second wait is the
// longer one: what did not pass by itself in the first needs somebody else.
func rerun(n int) (time.Duration, bool) {
	switch {
	case n < 1 || n >= MaxAttempts:
		return 0, false
	case n == 1:
		return 2 * time.Second, true
	}
	return 8 * time.Second, true
}

// Elsewhere picks where the slot of a location is run again: another of the
// check's locations that is not sick and not to be avoided, else one that is
// only not sick, else the slot's own. The next in the list is taken, so that
// the load of a sick location is shared where checks list theirs differently.
func Elsewhere(locations []string, own, avoid string, sick func(location string) bool) string {
	if avoid == "" {
		return own
	}
	start := max(0, slices.Index(locations, own))
	second := own
	for i := range locations {
		l := locations[(start+1+i)%len(locations)]
		switch {
		case l == own || sick(l):
		case l != avoid:
			return l
		case second == own:
			second = l
		}
	}
	if own == avoid || sick(own) {
		return second
	}
	return own
}
