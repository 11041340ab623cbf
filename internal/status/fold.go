package status

import (
	"maps"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
)

// RunRef points to a stored attempt.
type RunRef struct {
	ID       string    `json:"id"`
	Location string    `json:"location"`
	Slot     time.Time `json:"slot"`
}

// Incident is an outage of a check, as the rules find it.
type Incident struct {
	// Opened is the slot by which the outage was certain, Closed the one by
	// which it was over; the zero time while it is not.
	Opened time.Time `json:"opened"`
	Closed time.Time `json:"closed,omitzero"`
	// First and Last are the first and the newest failed slots of it.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Failed counts its failed slots, over all locations.
	Failed int `json:"failed"`
	// Locations are those that failed in it, in order.
	Locations []string `json:"locations"`
	// Class and Message say what failed first, at FirstFail; LastPass is the
	// run before it at the same location, with an empty ID where none was
	// fresh.
	Class     jobs.FaultClass `json:"class"`
	Message   string          `json:"message"`
	FirstFail RunRef          `json:"first_fail"`
	LastPass  RunRef          `json:"last_pass,omitzero"`
	// Flaps counts how often it failed and recovered. It is more than 1 for a
	// check that was flapping.
	Flaps int `json:"flaps"`
}

// Open reports whether the outage lasts.
func (i Incident) Open() bool { return i.Closed.IsZero() }

// place is what is known of a location.
type place struct {
	Slot    time.Time    `json:"slot"` // the newest conclusive one
	Outcome jobs.Outcome `json:"outcome"`
	Pass    RunRef       `json:"pass,omitzero"` // the newest that did not fail
	Fails   int          `json:"fails,omitempty"`
	Bad     int          `json:"bad,omitempty"` // failed or degraded, in a row
	// Of the first of the failed slots in a row.
	First    time.Time       `json:"first,omitzero"`
	FirstRef RunRef          `json:"first_ref,omitzero"`
	Class    jobs.FaultClass `json:"class,omitempty"`
	Message  string          `json:"message,omitempty"`
}

// Fold turns the slots of a check, in the order of their times, into its state
// and its incidents. The zero value knows nothing. It may be kept as JSON, in
// version [FoldVersion], and go on from there.
type Fold struct {
	// Level is operational, degraded or outage; "" before the first conclusive
	// slot. Since is the slot with which it began.
	Level State     `json:"level,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// Newest is the newest conclusive slot.
	Newest time.Time         `json:"newest,omitzero"`
	Places map[string]*place `json:"places,omitempty"`
	// Down is what the quorum says, before flapping is damped.
	Down bool `json:"down,omitempty"`
	// Flips are the slots with which Down changed, as far as they matter.
	Flips    []time.Time `json:"flips,omitempty"`
	Flapping bool        `json:"flapping,omitempty"`
	// Current is the outage that lasts, nil where none does.
	Current *Incident `json:"current,omitempty"`
}

// FoldVersion is the version of the JSON of a [Fold]. One of another version
// is not read: what it knows is in the slots.
const FoldVersion = 1

// Clone is an independent copy.
func (f *Fold) Clone() *Fold {
	c := *f
	c.Flips = slices.Clone(f.Flips)
	c.Places = make(map[string]*place, len(f.Places))
	for l, p := range f.Places {
		q := *p
		c.Places[l] = &q
	}
	if f.Current != nil {
		i := *f.Current
		i.Locations = slices.Clone(i.Locations)
		c.Current = &i
	}
	return &c
}

// Add takes the next slot into account; by are the rules of its time. Slots
// come in the order of their times, and at one time in the order of their
// locations; see [Replay]. It answers the incident that this slot closed, nil
// where it closed none. A slot that says nothing about the target changes
// nothing, and neither does one that has failed or degraded in a maintenance
// window, or of a location from which the check is not run any more.
func (f *Fold) Add(by Rules, s Slot) *Incident {
	if !s.By.Outcome.Conclusive() || !by.runsFrom(s.Location) {
		return nil
	}
	if s.By.Outcome != jobs.Passed {
		if _, in := by.Maintenance(s.At); in {
			return nil
		}
	}
	if f.Places == nil {
		f.Places = map[string]*place{}
	}
	maps.DeleteFunc(f.Places, func(l string, _ *place) bool { return !by.runsFrom(l) })
	p := f.Places[s.Location]
	if p == nil || s.At.Sub(p.Slot) > by.Fresh() {
		p = &place{} // silence ends a row of failures
		f.Places[s.Location] = p
	}
	p.take(s)
	f.Newest = s.At
	return f.settle(by, s, f.flip(by, s.At))
}

// take notes a conclusive slot.
func (p *place) take(s Slot) {
	ref := RunRef{ID: s.By.ID, Location: s.Location, Slot: s.At}
	p.Slot, p.Outcome = s.At, s.By.Outcome
	switch s.By.Outcome {
	case jobs.Failed:
		if p.Fails == 0 {
			p.First, p.FirstRef, p.Class, p.Message = s.At, ref, s.By.Class, s.By.Message
		}
		p.Fails++
		p.Bad++
		return
	case jobs.Degraded:
		p.Bad++
	default:
		p.Bad = 0
	}
	p.Pass, p.Fails = ref, 0
	p.First, p.FirstRef, p.Class, p.Message = time.Time{}, RunRef{}, "", ""
}

// certain reports whether the failures of p in a row suffice.
func (p *place) certain(by Rules) bool {
	return p.Fails >= by.Runs && p.Slot.Sub(p.First) >= by.For
}

// fresh are the locations that are measured at t, in order.
func (f *Fold) fresh(by Rules, t time.Time) []string {
	var fresh []string
	for _, l := range slices.Sorted(maps.Keys(f.Places)) {
		if t.Sub(f.Places[l].Slot) <= by.Fresh() {
			fresh = append(fresh, l)
		}
	}
	return fresh
}

// flip says anew what the quorum says at t. It takes certainty to go down, and
// to come up that so many do not fail any more. It reports whether that is a
// change.
func (f *Fold) flip(by Rules, t time.Time) (changed bool) {
	measured := f.fresh(by, t)
	certain, failing := 0, 0
	for _, l := range measured {
		p := f.Places[l]
		if p.Fails > 0 {
			failing++
			if p.certain(by) {
				certain++
			}
		}
	}
	down := by.Quorum(certain, len(measured))
	if f.Down {
		down = by.Quorum(failing, len(measured))
	}
	f.calm(by, t)
	if changed = down != f.Down; changed {
		f.Down = down
		f.Flips = append(f.Flips, t)
	}
	if len(f.Flips) >= flapChanges {
		f.Flapping = true
	}
	return changed
}

// settle opens, carries on or closes the incident at slot s, and names the
// level.
func (f *Fold) settle(by Rules, s Slot, flipped bool) (closed *Incident) {
	down := f.Down || f.Flapping && f.Current != nil
	switch {
	case down && f.Current == nil:
		f.Current = f.open(by, s.At)
	case down:
		f.Current.carry(s)
		if flipped && f.Down {
			f.Current.Flaps++
		}
	case f.Current != nil:
		closed = f.Current
		closed.Closed = s.At
		f.Current = nil
	}
	level := Operational
	if down {
		level = Outage
	} else if f.bad(by, s.At) {
		level = DegradedState
	}
	if level != f.Level {
		f.Level, f.Since = level, s.At
	}
	return closed
}

// bad reports whether some measured location has failed or degraded often
// enough in a row.
func (f *Fold) bad(by Rules, t time.Time) bool {
	return slices.ContainsFunc(f.fresh(by, t), func(l string) bool { return f.Places[l].Bad >= by.Runs })
}

// open makes the incident of the locations that fail at t.
func (f *Fold) open(by Rules, t time.Time) *Incident {
	i := &Incident{Opened: t, Flaps: 1}
	for _, l := range f.fresh(by, t) {
		p := f.Places[l]
		if p.Fails == 0 {
			continue
		}
		i.Locations = append(i.Locations, l)
		i.Failed += p.Fails
		if i.First.IsZero() || p.First.Before(i.First) {
			i.First, i.FirstFail, i.LastPass, i.Class, i.Message = p.First, p.FirstRef, p.Pass, p.Class, p.Message
		}
		if p.Slot.After(i.Last) {
			i.Last = p.Slot
		}
	}
	return i
}

// carry adds a slot of the outage.
func (i *Incident) carry(s Slot) {
	if s.By.Outcome != jobs.Failed {
		return
	}
	i.Last = s.At
	i.Failed++
	if at, there := slices.BinarySearch(i.Locations, s.Location); !there {
		i.Locations = slices.Insert(i.Locations, at, s.Location)
	}
}

// Quiet reports whether nothing of the past matters at t but which locations
// have passed last: no outage, no failed or degraded slot that still speaks,
// and no flapping. From a quiet moment on the fold of nothing goes on in the
// same way, given the slots of the [Rulebook.Memory] before.
func (f *Fold) Quiet(book Rulebook, t time.Time) bool {
	if f.Current != nil || f.Down || f.Level != Operational && f.Level != "" {
		return false
	}
	for _, p := range f.Places {
		if p.Bad > 0 && t.Sub(p.Slot) <= book.Memory() {
			return false
		}
	}
	n := len(f.Flips)
	return n == 0 || t.Sub(f.Flips[n-1]) > book.longestFlap()
}
