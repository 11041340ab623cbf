// Package rollout holds the rules by which releases of different ages share
// queues: who counts as alive, in which version they are written to, and which
// checks must wait. It is pure. It refuses to know where the registry is kept
// (store) and what a version looks like (codec).
package rollout

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
)

const (
	// AnnounceEvery is how often workers and recorders say that they are
	// there.
	AnnounceEvery = 30 * time.Second
	// Alive is how long after its last word a process counts as alive: longer
	// than a message stays hidden plus what a worker gets to finish, so that
	// it may still hold jobs.
	Alive = 2 * time.Minute
)

// Worker is what the registry knows of one worker.
type Worker struct {
	jobs.Announcement
	// Silent workers were seen by their results only: they are of a release
	// that does not announce itself.
	Silent bool
	// Seen is when the registry last heard of it, by the database's clock.
	Seen time.Time
}

// Recorder is what the registry knows of one recorder.
type Recorder struct {
	ID, Build string
	// Reads is the highest version of results that it reads.
	Reads int
	Seen  time.Time
	// Left says that it has ended cleanly.
	Left bool
}

// Target names who reads what a pin is for: the workers of a class at a
// location; or, as its zero value, the recorders.
type Target struct {
	Location string
	Class    jobs.Class
}

// Recorders is the target of results.
var Recorders = Target{}

func (t Target) compare(o Target) int {
	return cmp.Or(cmp.Compare(t.Location, o.Location), cmp.Compare(t.Class, o.Class))
}

// Pin is the version in which a target is written to.
type Pin struct {
	Target
	// Computed is what [Fleet.Decide] came to, kept for the time when nobody
	// is known. 0 counts as 1.
	Computed int
	// Override replaces it, by a person's hand; 0 is none.
	Override int
}

// Version is the version that counts, within 1 to highest: no build writes
// more than it knows.
func (p Pin) Version(highest int) int {
	v := p.Computed
	if p.Override > 0 {
		v = p.Override
	}
	return min(max(v, 1), highest)
}

// Fleet is the registry at one time.
type Fleet struct {
	// Now is the database's clock.
	Now       time.Time
	Workers   []Worker
	Recorders []Recorder
	Pins      []Pin
}

// Alive reports whether w may still receive jobs.
func (f Fleet) Alive(w Worker) bool { return !w.Leaving && f.Now.Sub(w.Seen) < Alive }

// RecorderAlive reports whether r may still receive results.
func (f Fleet) RecorderAlive(r Recorder) bool { return !r.Left && f.Now.Sub(r.Seen) < Alive }

// Decide computes the pins of every target that has one or that somebody
// serves, in order: the highest version that everyone alive reads. Where nobody
// is alive a pin stays as it is, and begins at 1.
func (f Fleet) Decide() []Pin {
	pins := map[Target]Pin{Recorders: {}}
	for _, p := range f.Pins {
		pins[p.Target] = p
	}
	lowest := map[Target]int{}
	hear := func(t Target, reads int) {
		if have, ok := lowest[t]; !ok || reads < have {
			lowest[t] = max(reads, 1)
		}
	}
	for _, w := range f.Workers {
		if !f.Alive(w) {
			continue
		}
		for _, l := range w.Lanes {
			hear(Target{w.Location, l.Class}, w.Reads)
		}
	}
	for _, r := range f.Recorders {
		if f.RecorderAlive(r) {
			hear(Recorders, r.Reads)
		}
	}
	for t, reads := range lowest {
		p := pins[t]
		p.Computed = reads
		pins[t] = p
	}
	decided := make([]Pin, 0, len(pins))
	for t, p := range pins {
		p.Target, p.Computed = t, max(p.Computed, 1)
		decided = append(decided, p)
	}
	slices.SortFunc(decided, func(a, b Pin) int { return a.compare(b.Target) })
	return decided
}

// Pins are the versions of every target, for quick use.
type Pins struct {
	of      map[Target]int
	results int
}

// Versions turns pins into what a build that knows jobs and results up to these
// versions writes.
func Versions(pins []Pin) Pins {
	v := Pins{of: map[Target]int{}, results: 1}
	for _, p := range pins {
		if p.Target == Recorders {
			v.results = p.Version(codec.ResultVersion)
			continue
		}
		v.of[p.Target] = p.Version(codec.JobVersion)
	}
	return v
}

// Same reports whether two sets of pins write everything alike.
func (v Pins) Same(o Pins) bool { return v.results == o.results && maps.Equal(v.of, o.of) }

// Jobs is the version in which jobs for t are written.
func (v Pins) Jobs(t Target) int { return max(v.of[t], 1) }

// Results is the version in which results are asked for.
func (v Pins) Results() int { return max(v.results, 1) }

// TargetOf is who runs c at a location.
func TargetOf(c check.Check, location string) Target {
	return Target{location, jobs.ClassOf(c.Kind())}
}

// Holds reports whether c must wait at a location: its jobs or their results
// cannot be written in the versions that are read there.
func (v Pins) Holds(c check.Check, location string) bool {
	return v.Waits(TargetOf(c, location), codec.JobVersionOf(c), codec.ResultVersionOf(c))
}

// Waits reports whether what needs these versions of jobs and results must wait
// at t.
func (v Pins) Waits(t Target, job, result int) bool { return job > v.Jobs(t) || result > v.Results() }

// Held is a check that waits for newer workers or recorders.
type Held struct {
	Check    string
	Target   Target
	NeedsJob int
	// NeedsResult is the version of results that the recorders must read.
	NeedsResult int
}

// Held lists the checks that wait, by location.
func (v Pins) Held(checks []check.Check) []Held {
	var held []Held
	for _, c := range checks {
		for _, location := range c.Locations {
			if !c.Kind().Jobless() && v.Holds(c, location) {
				held = append(held, Held{c.ID, TargetOf(c, location), codec.JobVersionOf(c), codec.ResultVersionOf(c)})
			}
		}
	}
	return held
}
