package status

import "time"

// Told is an incident as it was told before. ID stays with it, whatever its
// times are.
type Told struct {
	ID string
	Incident
}

// Change is what a history that was told anew makes of an incident.
type Change struct {
	// ID is that of the incident it is about, "" for a new one.
	ID   string
	Kind ChangeKind
	// Incident is what it is now; of one that was retracted what it was.
	Incident Incident
	// Into is the incident of which a retracted one is a part now, "" where
	// there was none at all.
	Into string
}

// ChangeKind says what happened to an incident.
type ChangeKind string

// The kinds of changes. Carried is the only one of which nobody is told.
const (
	Opened    ChangeKind = "opened"    // it is new; it may be over already
	Closed    ChangeKind = "closed"    // it was open before
	Reopened  ChangeKind = "reopened"  // it was closed before
	Carried   ChangeKind = "carried"   // open as before, or closed as before
	Retracted ChangeKind = "retracted" // it never was, or is part of another one
)

// Reconcile compares the incidents of a check that were told with those that
// its slots tell now, both since the same time and in order. An incident stays
// the same one while its times overlap with what it was, so that nobody is told
// of it twice because a late result has moved its beginning. What did not change
// at all is left out. Retracted ones come first.
func Reconcile(told []Told, now []Incident) []Change {
	var retracted, changes []Change
	next := 0
	for _, i := range now {
		for ; next < len(told) && over(told[next].Incident, i.Opened); next++ {
			retracted = append(retracted, Change{ID: told[next].ID, Kind: Retracted, Incident: told[next].Incident})
		}
		if next == len(told) || over(i, told[next].Opened) {
			changes = append(changes, Change{Kind: Opened, Incident: i})
			continue
		}
		kept := told[next]
		next++
		if kind, changed := compare(kept.Incident, i); changed {
			changes = append(changes, Change{ID: kept.ID, Kind: kind, Incident: i})
		}
		for ; next < len(told) && !over(i, told[next].Opened); next++ {
			retracted = append(retracted, Change{ID: told[next].ID, Kind: Retracted, Incident: told[next].Incident, Into: kept.ID})
		}
	}
	for _, t := range told[next:] {
		retracted = append(retracted, Change{ID: t.ID, Kind: Retracted, Incident: t.Incident})
	}
	return append(retracted, changes...)
}

// over reports whether i had ended at t.
func over(i Incident, t time.Time) bool { return !i.Open() && !i.Closed.After(t) }

// compare says what became of an incident, and false where nothing did.
func compare(was, is Incident) (ChangeKind, bool) {
	switch {
	case was.Open() && !is.Open():
		return Closed, true
	case !was.Open() && is.Open():
		return Reopened, true
	}
	return Carried, !was.Equal(is)
}

// Equal reports whether two incidents are told in the same words.
func (i Incident) Equal(o Incident) bool {
	if len(i.Locations) != len(o.Locations) {
		return false
	}
	for n := range i.Locations {
		if i.Locations[n] != o.Locations[n] {
			return false
		}
	}
	return i.Opened.Equal(o.Opened) && i.Closed.Equal(o.Closed) && i.First.Equal(o.First) && i.Last.Equal(o.Last) &&
		i.Failed == o.Failed && i.Flaps == o.Flaps && i.Class == o.Class && i.Message == o.Message &&
		i.FirstFail.equal(o.FirstFail) && i.LastPass.equal(o.LastPass)
}

func (r RunRef) equal(o RunRef) bool {
	return r.ID == o.ID && r.Location == o.Location && r.Slot.Equal(o.Slot)
}

// Silenced says why nobody is told of an outage that opened at a time, "" where
// they are: the check is muted, or one on which it depends has had an outage
// since before. Even in a circle of such checks the first is told.
func Silenced(by Rules, opened time.Time, parents []ParentOutage) string {
	if by.Muted {
		return "muted"
	}
	for _, p := range parents {
		if p.Opened.Before(opened) && (p.Closed.IsZero() || p.Closed.After(opened)) {
			return "depends on " + p.CheckID + ", which has an outage since " + p.Opened.UTC().Format(time.RFC3339)
		}
	}
	return ""
}

// ParentOutage is an outage of a check on which another one depends.
type ParentOutage struct {
	CheckID        string
	Opened, Closed time.Time
}
