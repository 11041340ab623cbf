package status

import (
	"slices"
	"sort"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// DefaultShare is the percentage of the measured locations that must fail for
// an outage where a check says nothing of it.
const DefaultShare = 50

// Rules are what a check asks of its slots, from a time on.
type Rules struct {
	// Since is the first moment for whose slots they count.
	Since time.Time
	// Active says that the check was scheduled.
	Active         bool
	CheckID        string
	Every, Timeout time.Duration
	Locations      []string
	// Runs failed slots in a row that stretch over For make a location fail.
	Runs int
	For  time.Duration
	// Count locations, or where it is 0 Share percent of the measured ones,
	// must fail.
	Count, Share int
	Muted        bool
	DependsOn    []string
	Windows      []Window
}

// NewRules are those of c, with the defaults in their places.
func NewRules(c check.Check, since time.Time) Rules {
	r := Rules{
		Since: since, Active: c.Active, CheckID: c.ID, Every: c.Every, Timeout: c.Timeout, Locations: c.Locations,
		Runs: max(1, c.Alert.Runs), For: c.Alert.For, Count: c.Alert.Locations, Share: c.Alert.Share,
		Muted: c.Muted, DependsOn: c.DependsOn,
	}
	if r.Count == 0 && r.Share == 0 {
		r.Share = DefaultShare
	}
	for _, m := range c.Maintenance {
		r.Windows = append(r.Windows, NewWindow(m))
	}
	return r
}

// Fresh is how long a conclusive slot speaks for its location: three intervals,
// the timeout and ten seconds of delivery.
func (r Rules) Fresh() time.Duration { return Check{Every: r.Every, Timeout: r.Timeout}.fresh() }

// Quorum reports whether so many of the measured locations suffice.
func (r Rules) Quorum(failing, measured int) bool {
	if r.Count > 0 {
		return failing >= r.Count
	}
	return failing > 0 && 100*failing >= r.Share*measured
}

// Maintenance is the window that covers t, and false where none does.
func (r Rules) Maintenance(t time.Time) (Window, bool) {
	for _, w := range r.Windows {
		if w.Covers(t) {
			return w, true
		}
	}
	return Window{}, false
}

// runsFrom reports whether the check is run from a location.
func (r Rules) runsFrom(location string) bool { return slices.Contains(r.Locations, location) }

// Rulebook has the rules of a check as they were changed, the oldest first.
// What a slot means is judged by the rules that counted when it was due, so
// that a change of them does not change the past.
type Rulebook []Rules

// At are the rules that count for a slot at t: the newest that are not later,
// or the oldest. The book must not be empty.
func (b Rulebook) At(t time.Time) Rules {
	i := sort.Search(len(b), func(i int) bool { return b[i].Since.After(t) })
	return b[max(0, i-1)]
}

// Memory is the longest time for which the past of a quiet check matters.
func (b Rulebook) Memory() time.Duration {
	var longest time.Duration
	for _, r := range b {
		longest = max(longest, r.Fresh())
	}
	return longest
}
