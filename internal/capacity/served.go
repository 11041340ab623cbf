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

// share is that part of work, in whole runs, whose mean is the same.
func (w Work) share(part float64) Work {
	if w.Runs == 0 {
		return Work{}
	}
	runs := int(math.Round(part * float64(w.Runs)))
	return Work{Runs: runs, Busy: time.Duration(float64(w.Busy) * float64(runs) / float64(w.Runs))}
}

// The rhythm in which work is counted.
const (
	// HandedOver is how often it is stored what workers were busy with.
	HandedOver = 10 * time.Second
	// Every is how often capacity is decided.
	Every = 15 * time.Second
)

// The times over which work is counted.
const (
	// newest is the shortest: an incident shows in it before workers that are
	// asked for because of it would be late.
	newest = time.Minute
	// Recently is short enough to show an incident while it lasts, and has
	// enough runs where checks run every few minutes.
	Recently = 5 * time.Minute
	// Lately is long enough to have seen checks that seldom run.
	Lately = time.Hour
)

// Served is the work at a place.
type Served struct {
	Place
	// Now is of the last minute or two, Newest of the last sixty seconds,
	// Recently and Lately of these times.
	Now, Newest, Recently, Lately Work
}

// Minute is the work at a place that was stored within a minute.
type Minute struct {
	Place
	Begin time.Time
	Work
}

// Sum is what minutes come to at a moment, place by place. The minutes of a place
// follow each other; both times are of the clock that the work was stored by.
//
// A minute that is not over holds fewer runs than one that is. So Newest has all
// of this one, and of the one before as much as lies within sixty seconds, as if
// its runs were spread evenly: it always speaks of as long a time.
func Sum(minutes []Minute, now time.Time) []Served {
	var list []Served
	this := now.Truncate(time.Minute)
	before := this.Add(-time.Minute)
	for _, m := range minutes {
		if n := len(list); n == 0 || list[n-1].Place != m.Place {
			list = append(list, Served{Place: m.Place})
		}
		s := &list[len(list)-1]
		switch {
		case !m.Begin.Before(this):
			s.Newest = s.Newest.Add(m.Work)
		case m.Begin.Equal(before):
			s.Newest = s.Newest.Add(m.share(1 - now.Sub(this).Seconds()/newest.Seconds()))
		}
		if !m.Begin.Before(before) {
			s.Now = s.Now.Add(m.Work)
		}
		if m.Begin.After(now.Add(-Recently)) {
			s.Recently = s.Recently.Add(m.Work)
		}
		if m.Begin.After(now.Add(-Lately)) {
			s.Lately = s.Lately.Add(m.Work)
		}
	}
	return list
}

// enough is the number of runs whose mean is believed by itself, and how many of
// the newest those of a longer time are as good as.
const enough = 20

// Service is the mean time in seconds that a job occupies a slot, NaN where no
// job was seen: that of Newest, in which an incident shows at once, beside enough
// runs that took as long as those before. So few runs do not say much by
// themselves, and of many the newest minute decides.
func (s Served) Service() float64 {
	longer := s.longer()
	if s.Newest.Runs == 0 {
		return longer
	}
	return (s.Newest.Busy.Seconds() + enough*longer) / float64(s.Newest.Runs+enough)
}

// longer is the mean of Recently, and of Lately too where that is too little to
// go by. Then the longer of the two counts.
func (s Served) longer() float64 {
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
