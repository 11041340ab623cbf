package status

import (
	"fmt"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
)

// LocationSample is what the newest runs at a location say of the location
// itself: one of each check that reported within two of its intervals, the
// newest [LocationSampleSize] of them.
type LocationSample struct {
	Location string
	// Checks counts the active checks that name it.
	Checks int
	// Healthy is what was thought of it so far.
	Healthy bool
	// Runs counts the sample, Sick those that are inconclusive.
	Runs, Sick int
	// Attempts counts the inconclusive attempts of the checks that are sick,
	// within two intervals of each.
	Attempts int
	// Class is the commonest fault of those that are sick.
	Class jobs.FaultClass
}

// LocationSampleSize is the most runs that a location is judged by: few, so
// that checks that run seldom do not hide what those say that run often.
const LocationSampleSize = 50

// Judge says whether the location is healthy: not any more where at least half
// of the sample is inconclusive, and that not by a single attempt; again where
// less than a quarter is. Without any run it stays what it was: silence says
// nothing of its cause. A place that nobody looks from is not sick.
func (s LocationSample) Judge() bool {
	switch {
	case s.Checks == 0:
		return true
	case s.Runs == 0:
		return s.Healthy
	case s.Healthy:
		return 2*s.Sick < s.Runs || s.Attempts < 2
	}
	return 4*s.Sick < s.Runs
}

// Reason tells people what the sample shows.
func (s LocationSample) Reason() string {
	if s.Checks == 0 {
		return "no active check names it any more"
	}
	if s.Sick == 0 {
		return fmt.Sprintf("each of the last %d checks said something about its target", s.Runs)
	}
	return fmt.Sprintf("%d of the last %d checks were inconclusive, most of them by a fault of class %s", s.Sick, s.Runs, s.Class)
}

// Location is a place from which checks are run, with what is thought of it.
type Location struct {
	Name string
	// Checks counts the active checks that name it.
	Checks  int
	Healthy bool
	// Reason and Since are of the last change; zero where there was none.
	Reason string
	Since  time.Time
	// NewestSlot is that of the newest run, the zero time where there is none.
	NewestSlot time.Time
	// Events are the last changes, newest first.
	Events []LocationEvent
}

// LocationEvent is one change of a location's health.
type LocationEvent struct {
	At      time.Time
	Healthy bool
	Reason  string
}
