package simulate

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/capacity"
)

// decider is a Policy that the scheduler runs: it is not told of metrics, but
// looks by itself, and what it says is the metric.
type decider interface {
	decide(capacity.Reading, time.Time) (workers int, ok bool)
}

// scheduler measures as the one of the fleet does. The recorder stores what
// attempts took by the minute, and hands it over now and then; the scheduler asks
// for those minutes and for what is visible in the queue, now and then too. A
// minute begins at 0; when in it the two do their part differs by seed.
type scheduler struct {
	decider decider
	noted   tally             // since the recorder handed over
	minutes []capacity.Minute // of the last hour
	// wanted is the most that was said since the last reading, 0 for nothing.
	wanted int
}

// midnight is when the simulation starts, as the scheduler's clock shows it.
var midnight = time.Unix(0, 0).UTC()

func (r *run) clock() time.Time { return midnight.Add(time.Duration(r.now) * time.Millisecond) }

// schedules lets a policy that the scheduler runs begin. The hour before the
// start was a quiet one.
func (r *run) schedules(d decider, chance *rand.Rand) {
	r.scheduler.decider = d
	runs := max(1, int(r.s.Rate()*60))
	for m := midnight.Add(-capacity.Lately); m.Before(midnight); m = m.Add(time.Minute) {
		r.scheduler.minutes = append(r.scheduler.minutes, capacity.Minute{
			Begin: m, Work: capacity.Work{Runs: runs, Busy: time.Duration(runs) * r.s.Service.Mean()},
		})
	}
	within := func(d time.Duration) int32 { return chance.Int32N(ms(d)) }
	r.agenda.add(event{at: within(capacity.HandedOver), what: handing})
	r.agenda.add(event{at: within(capacity.Every), what: looking})
}

// handOver stores what attempts took since it was stored last.
func (r *run) handOver() {
	r.agenda.add(event{at: r.now + ms(capacity.HandedOver), what: handing})
	s, this := &r.scheduler, r.clock().Truncate(time.Minute)
	if s.noted.ended == 0 {
		return
	}
	if last := len(s.minutes) - 1; !s.minutes[last].Begin.Equal(this) {
		s.minutes = append(slices.DeleteFunc(s.minutes, func(m capacity.Minute) bool {
			return this.Sub(m.Begin) > capacity.Lately
		}), capacity.Minute{Begin: this})
	}
	minute := &s.minutes[len(s.minutes)-1]
	minute.Work = minute.Add(capacity.Work{Runs: s.noted.ended, Busy: time.Duration(s.noted.took) * time.Millisecond})
	s.noted = tally{}
}

// look decides, as the scheduler does.
func (r *run) look() {
	r.agenda.add(event{at: r.now + ms(capacity.Every), what: looking})
	s := &r.scheduler
	reading := capacity.Reading{Rate: r.s.Rate(), Waiting: float64(r.backlog.visible())}
	for _, served := range capacity.Sum(s.minutes, r.clock()) { // of the one place
		reading.Service = served.Service()
	}
	if n, ok := s.decider.decide(reading, r.clock()); ok {
		s.wanted = max(s.wanted, n)
	}
}
