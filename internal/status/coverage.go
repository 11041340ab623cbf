package status

import (
	"time"

	"github.com/probefleet/probefleet/internal/schedule"
)

// Expected counts the slots of a check at a location from one time on and
// before another, by its interval of today.
func Expected(checkID, location string, every time.Duration, from, before time.Time) int {
	return schedule.Count(checkID, location, every, from.Add(-1), before.Add(-1))
}

// Settled is the time before which every slot ought to have a result at now:
// a run may take its timeout, so the newest slot is not expected yet.
func Settled(every, timeout time.Duration, now time.Time) time.Time {
	return now.Add(-every - timeout)
}

// Coverage compares the slots that a check had at a location from From on and
// before To with those of which something is recorded.
type Coverage struct {
	Location string
	From, To time.Time
	// Expected slots were due. Of Recorded ones there is an attempt, whatever
	// its outcome; of Conclusive ones an attempt that says something about the
	// target. Attempts beyond the first add nothing, and neither do those that
	// were made for another location's slot.
	Expected, Recorded, Conclusive int
}

// Missing counts the slots of which nothing is recorded.
func (c Coverage) Missing() int { return max(0, c.Expected-c.Recorded) }

// Share is the part of the expected slots that is conclusive, 0 to 1; 1 where
// none was expected.
func (c Coverage) Share() float64 {
	if c.Expected == 0 {
		return 1
	}
	return min(1, float64(c.Conclusive)/float64(c.Expected))
}
