package capacity

import (
	"math"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
)

// Place is where jobs wait: a class at a location has a queue.
type Place struct {
	Location string
	Class    jobs.Class
}

// Work is what workers were busy with, added up.
type Work struct {
	// Runs are the attempts that were begun, Again those of them that were not
	// the first of their slot.
	Runs, Again int
	// Busy is the sum of the times from the receipt of a job to its end.
	Busy time.Duration
	// Waited is the longest time that one of the jobs had waited before it was
	// received, those included that were too late to be begun.
	Waited time.Duration
	// Received are the jobs that Waited speaks of.
	Received int
}

// Add is the work of both.
func (w Work) Add(o Work) Work {
	return Work{w.Runs + o.Runs, w.Again + o.Again, w.Busy + o.Busy, max(w.Waited, o.Waited), w.Received + o.Received}
}

// The times over which work is counted.
const (
	// Recently is short enough to show an incident, in which checks take
	// longer, while it begins.
	Recently = 5 * time.Minute
	// Lately is long enough to have seen checks that seldom run.
	Lately = time.Hour
)

// Served is the work at a place.
type Served struct {
	Place
	// Now is of the last minute or two, Recently and Lately of these times.
	Now, Recently, Lately Work
}

// enough is the number of runs whose mean is believed by itself.
const enough = 20

// Service is the mean time in seconds that a job occupies a slot, NaN where no
// job was seen: that of Recently, or of Lately too where that is too little to
// go by. Then the longer of the two counts.
func (s Served) Service() float64 {
	mean := func(w Work) float64 { return w.Busy.Seconds() / float64(w.Runs) }
	switch {
	case s.Recently.Runs >= enough:
		return mean(s.Recently)
	case s.Recently.Runs > 0 && s.Lately.Runs > 0:
		return max(mean(s.Recently), mean(s.Lately))
	case s.Lately.Runs > 0:
		return mean(s.Lately)
	}
	return math.NaN()
}

// Retries is the number of attempts a second that no schedule shows.
func (s Served) Retries() float64 { return float64(s.Recently.Again) / Recently.Seconds() }

// Guess is the time in seconds that a job of a class is taken to occupy a slot
// while none has ever been seen: without a first worker there would never be a
// first run.
func Guess(c jobs.Class) float64 {
	if c == jobs.ClassBrowser {
		return 10
	}
	return 1
}

// Age is for how long the oldest job of a queue has waited, as far as that can
// be told from outside. A queue cannot be asked for it; so it is what the
// slowest of the jobs that were just received had waited, nothing where nothing
// waits, and where jobs wait and none is received it grows by the time that
// passes. waiting is NaN where it is not known: then it is not known either.
func Age(before float64, passed time.Duration, waiting float64, now Work) float64 {
	switch {
	case math.IsNaN(waiting):
		return math.NaN()
	case waiting == 0:
		return 0
	case now.Received > 0:
		return now.Waited.Seconds()
	case math.IsNaN(before):
		before = 0
	}
	return before + max(passed, 0).Seconds()
}

// Report is what is said of a place: how many workers are wanted, and what that
// was concluded from. NaN stands for what is not known.
type Report struct {
	Place
	// Wanted and Live are numbers of workers; Live are heard of.
	Wanted, Live int
	Reading      Reading
	// Age is in seconds, see [Age].
	Age float64
}

// Wanted is what was said of a place last.
type Wanted struct {
	Place
	Workers int
	At      time.Time
}
