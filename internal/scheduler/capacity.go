package scheduler

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/probefleet/probefleet/internal/capacity"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/rollout"
)

// Capacity is how a scheduler says how many workers are wanted. Of all
// schedulers the one does that holds the first shard.
type Capacity struct {
	// Policy is what is promised of every queue; its Slots are not used: they
	// are what the workers say that they have.
	Policy capacity.Policy
	Book   capacityBook
	// Depth is how many jobs wait in a queue.
	Depth func(ctx context.Context, location string, class jobs.Class) (int, error)
	// Publish, where it is set, is told beside the metrics.
	Publish func(ctx context.Context, reports []capacity.Report) error
}

// capacityBook is what has to be remembered and was measured elsewhere.
type capacityBook interface {
	Served(ctx context.Context) ([]capacity.Served, error)
	// Wanted and KeepWanted are what was said last, by whomever.
	Wanted(ctx context.Context) ([]capacity.Wanted, error)
	KeepWanted(ctx context.Context, wanted []capacity.Wanted) error
}

const (
	// depthsAtOnce is how many queues are asked at a time.
	depthsAtOnce = 8
	// publishTimeout bounds one call of Publish.
	publishTimeout = 10 * time.Second
)

// usualSlots are those of a worker of which nobody has heard yet.
var usualSlots = map[jobs.Class]int{jobs.ClassAPI: 20, jobs.ClassBrowser: 2}

// lane is the workers that serve a queue: how many, and their slots in all.
type lane struct{ workers, slots int }

// lanesOf counts the workers of whom was heard lately.
func lanesOf(f rollout.Fleet) map[destination]lane {
	lanes := map[destination]lane{}
	for _, w := range f.Workers {
		if !f.Alive(w) {
			continue
		}
		for _, l := range w.Lanes {
			if l.Slots > 0 { // one that is known by its results only says nothing of slots
				d := destination{w.Location, l.Class}
				lanes[d] = lane{lanes[d].workers + 1, lanes[d].slots + l.Slots}
			}
		}
	}
	return lanes
}

// demand is what the deciding goroutine shows to the one that speaks of
// capacity. Its maps are not changed any more.
type demand struct {
	rates map[destination]float64
	lanes map[destination]lane
	// until is when the first shard's lease must not be used any more; zero
	// where it is another scheduler's.
	until time.Time
}

// leading reports whether it is this scheduler that speaks.
func (d *demand) leading() bool { return d != nil && time.Now().Before(d.until) }

// showDemand shows the present demand. Rates are counted when checks or pins
// have changed.
func (s *Scheduler) showDemand() {
	if s.o.Capacity == nil {
		return
	}
	if s.rates == nil {
		s.rates = map[destination]float64{}
		for i := range s.checks {
			c := &s.checks[i]
			for _, location := range c.Locations {
				if !c.waits(s.pins, location) {
					s.rates[destination{location, c.class()}] += 1 / c.Every.Seconds()
				}
			}
		}
	}
	d := &demand{rates: s.rates, lanes: s.lanes}
	if first := s.shards[0]; first != nil {
		d.until = first.until
	}
	s.demand.Store(d)
}

// speaker is what the goroutine that speaks of capacity knows.
type speaker struct {
	*Scheduler
	// leading says that the memories below are in use.
	leading  bool
	memories map[destination]capacity.Memory
	ages     map[destination]float64
	slots    map[destination]int // of a worker, when one was last heard of
	at       time.Time           // of the round before
}

// sayCapacity says how many workers are wanted, while this is the scheduler to
// do so, until ctx ends.
func (s *Scheduler) sayCapacity(ctx context.Context) {
	sp := &speaker{Scheduler: s, slots: map[destination]int{}}
	ticker := time.NewTicker(capacity.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if err := sp.round(ctx); err != nil && ctx.Err() == nil {
			s.o.Logger.Warn("saying how many workers are wanted", "err", err)
		}
	}
}

// round decides and says once.
func (sp *speaker) round(ctx context.Context) error {
	d := sp.demand.Load()
	if !d.leading() {
		if sp.leading {
			sp.leading = false
			sp.metrics.capacity.reset()
		}
		return nil
	}
	if !sp.leading {
		if err := sp.remember(ctx); err != nil {
			return err
		}
	}
	served, faults := sp.served(ctx)
	waiting, err := sp.depths(ctx, d)
	faults = errors.Join(faults, err)
	now := time.Now()
	var reports []capacity.Report
	var wanted []capacity.Wanted
	for _, at := range sp.places(d) {
		r, ok := sp.report(at, d, served, waiting, now)
		if ok {
			reports = append(reports, r)
			wanted = append(wanted, capacity.Wanted{Place: r.Place, Workers: r.Wanted, At: now})
		}
	}
	sp.at = now
	if !sp.demand.Load().leading() {
		return faults // the lease has ended meanwhile: another one speaks
	}
	sp.metrics.capacity.show(reports)
	return errors.Join(faults, sp.tell(ctx, reports, wanted))
}

// remember goes on from what was said last.
func (sp *speaker) remember(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	last, err := sp.o.Capacity.Book.Wanted(ctx)
	if err != nil {
		return err
	}
	sp.memories, sp.ages, sp.at = map[destination]capacity.Memory{}, map[destination]float64{}, time.Now()
	for _, w := range last {
		sp.memories[destination{w.Location, w.Class}] = capacity.Remember(w.Workers, w.At)
	}
	sp.leading = true
	return nil
}

// served is what workers were busy with; nil where that cannot be read.
func (sp *speaker) served(ctx context.Context) (map[destination]capacity.Served, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := sp.o.Capacity.Book.Served(ctx)
	if err != nil {
		return nil, err
	}
	served := map[destination]capacity.Served{}
	for _, v := range list {
		served[destination{v.Location, v.Class}] = v
	}
	return served, nil
}

// places are those that have checks, and those of which something was said.
func (sp *speaker) places(d *demand) []destination {
	var all []destination
	for at := range d.rates {
		all = append(all, at)
	}
	for at := range sp.memories {
		if _, ok := d.rates[at]; !ok {
			all = append(all, at)
		}
	}
	slices.SortFunc(all, func(a, b destination) int {
		return slices.Compare([]string{a.location, string(a.class)}, []string{b.location, string(b.class)})
	})
	return all
}

// depths asks the queues of all places how many jobs wait. A queue that does
// not answer is not in the map.
func (sp *speaker) depths(ctx context.Context, d *demand) (map[destination]int, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	type answer struct {
		n   int
		err error
	}
	places := sp.places(d)
	answers := make([]answer, len(places))
	var g errgroup.Group
	g.SetLimit(depthsAtOnce)
	for i, at := range places {
		g.Go(func() error {
			answers[i].n, answers[i].err = sp.o.Capacity.Depth(ctx, at.location, at.class)
			return nil
		})
	}
	_ = g.Wait() // its functions answer nil
	depths, faults := map[destination]int{}, []error(nil)
	for i, at := range places {
		if faults = append(faults, answers[i].err); answers[i].err == nil {
			depths[at] = answers[i].n
		}
	}
	return depths, errors.Join(faults...)
}

// report decides about one place; ok is false where nothing is to be said.
func (sp *speaker) report(at destination, d *demand, served map[destination]capacity.Served, waiting map[destination]int, now time.Time) (r capacity.Report, ok bool) {
	work, lane := served[at], d.lanes[at]
	memory := sp.memories[at]
	r = capacity.Report{
		Place: capacity.Place{Location: at.location, Class: at.class}, Live: lane.workers,
		Reading: capacity.Reading{Rate: d.rates[at] + work.Retries(), Service: math.NaN(), Waiting: math.NaN()},
	}
	if n, ok := waiting[at]; ok {
		r.Reading.Waiting = float64(n)
	}
	if served != nil {
		r.Reading.Service = work.Service()
		if _, said := memory.Wanted(); !said && math.IsNaN(r.Reading.Service) {
			r.Reading.Service = capacity.Guess(at.class)
		}
	}
	r.Age = capacity.Age(sp.ages[at], now.Sub(sp.at), r.Reading.Waiting, work.Now)
	sp.ages[at] = r.Age

	p := sp.o.Capacity.Policy
	p.Slots = sp.slotsOf(at, lane)
	next, n, ok := p.Decide(memory, r.Reading, now)
	if ok {
		sp.memories[at] = next
	}
	if r.Wanted = n; n == 0 && r.Reading.Rate == 0 && r.Reading.Waiting == 0 {
		delete(sp.memories, at) // it is said once more, and then no longer
	}
	return r, ok
}

// slotsOf is how many slots a worker of a place has, in the mean.
func (sp *speaker) slotsOf(at destination, l lane) int {
	if l.workers > 0 {
		sp.slots[at] = max(1, l.slots/l.workers)
	}
	if n := sp.slots[at]; n > 0 {
		return n
	}
	return usualSlots[at.class]
}

// tell keeps what is said and publishes it.
func (sp *speaker) tell(ctx context.Context, reports []capacity.Report, wanted []capacity.Wanted) error {
	kept, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := sp.o.Capacity.Book.KeepWanted(kept, wanted)
	if sp.o.Capacity.Publish == nil || len(reports) == 0 {
		return err
	}
	ctx, cancel = context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	return errors.Join(err, sp.o.Capacity.Publish(ctx, reports))
}
