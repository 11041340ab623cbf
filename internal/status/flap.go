package status

import "time"

// A check flaps when the quorum's judgement changed four times, down, up, down
// and up again, within fifteen minutes or ten intervals, whichever is longer.
// Its outage then lasts until no change has happened for as long: the first is
// told by itself, the second and whatever follows it are one.
const (
	flapChanges   = 4
	flapTime      = 15 * time.Minute
	flapIntervals = 10
)

// flapWindow is how long a change counts towards flapping.
func (r Rules) flapWindow() time.Duration { return max(flapTime, flapIntervals*r.Every) }

// calm forgets the changes that no longer count at t; without any the check
// does not flap.
func (f *Fold) calm(by Rules, t time.Time) {
	n := 0
	for n < len(f.Flips) && t.Sub(f.Flips[n]) > by.flapWindow() {
		n++
	}
	f.Flips = f.Flips[n:]
	if len(f.Flips) == 0 {
		f.Flips, f.Flapping = nil, false
	}
}

// longestFlap is the longest [Rules.flapWindow] of the book.
func (b Rulebook) longestFlap() time.Duration {
	var longest time.Duration
	for _, r := range b {
		longest = max(longest, r.flapWindow())
	}
	return longest
}
