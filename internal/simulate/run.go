package simulate

import (
	"context"
	"math/rand/v2"
	"time"
)

// run is one simulation under way.
type run struct {
	s       Scenario
	policy  Policy
	now     int32
	end     int32
	crew    crew
	wheel   *wheel
	agenda  agenda
	backlog backlog
	arrive  *arrivals

	// Chance by subject, so that policies that do different things meet the
	// same jobs, and the same losses of metrics.
	work, rework, fate, noise *rand.Rand

	allowed, visibility       int32
	expires                   []int32 // by group
	poison, timesOut, timeout int
	running                   int // attempts under way
	picked                    []int32
	pending                   ring[Seen] // readings under way
	service                   float64    // of the last reading
	sinceReading              tally      // since the last reading
	scheduler                 scheduler
	minute                    Minute
	minuteEnds                int32
	waits                     waits

	Result
}

// tally is what a reading counts.
type tally struct {
	arrived int
	ended   int
	took    int64
}

// Run plays a scenario under a policy. It is a pure function of its arguments;
// the policy is asked in the order of time, and belongs to this run alone. The
// end of ctx ends it early, with an error.
func Run(ctx context.Context, s Scenario, p Policy, seed uint64) (Result, error) {
	if err := s.Validate(); err != nil {
		return Result{}, err
	}
	r := begin(s, p, seed)
	for {
		next := min(r.agenda.next(), r.arrive.next, r.wheel.first(r.now))
		if r.backlog.hidden.n > 0 {
			next = min(next, r.backlog.hidden.first().at)
		}
		if next >= r.end {
			break
		}
		for next >= r.minuteEnds {
			if err := ctx.Err(); err != nil {
				return Result{}, err
			}
			r.closeMinute()
		}
		r.now = next
		r.step()
	}
	for r.minuteEnds <= r.end {
		r.closeMinute()
	}
	r.now = r.end
	return r.close(), nil
}

func begin(s Scenario, p Policy, seed uint64) *run {
	stream := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) }
	r := &run{
		s: s, policy: p, end: ms(s.Length),
		wheel:  newWheel(max(s.Service.longest(), ms(s.Incident.Timeout)) + 1),
		arrive: newArrivals(s.Checks),
		work:   stream(1), rework: stream(2), fate: stream(3), noise: stream(4),
		allowed: ms(s.Allowed), visibility: max(1, ms(s.Queue.Visibility)),
		poison: outOf(s.Queue.Poison), timesOut: outOf(s.Incident.Share), timeout: int(ms(s.Incident.Timeout)),
		minuteEnds: ms(time.Minute),
	}
	r.crew.per = int32(s.Fleet.Slots)
	r.service = s.Service.Mean().Seconds() // what was measured before the start
	for _, g := range s.Checks {
		r.expires = append(r.expires, ms(max(g.Every, 30*time.Second)))
	}
	r.crew.desired = min(max(s.Fleet.Start, s.Fleet.Min), s.Fleet.Max)
	for range r.crew.desired {
		r.launch(true)
	}
	r.agenda.add(event{at: ms(s.Signal.Every), what: reading})
	if d, ok := p.(decider); ok {
		r.schedules(d, stream(5))
	}
	if st := s.Fleet.Storm; st.Share > 0 {
		r.agenda.add(event{at: ms(st.At), what: storm})
	}
	return r
}

// step does all that happens now.
func (r *run) step() {
	fleet := false
	for r.agenda.next() == r.now && r.agenda.heap[0].what < reading {
		r.befall(r.agenda.pop())
		fleet = true
	}
	if fleet {
		r.settle()
	}
	if r.wheel.count > 0 && r.wheel.first(r.now) == r.now {
		for id := r.wheel.take(r.now); id >= 0; {
			next := r.wheel.next[id]
			r.ended(id)
			id = next
		}
	}
	for r.backlog.hidden.n > 0 && r.backlog.hidden.first().at == r.now {
		r.returned(r.backlog.hidden.pop().m)
	}
	if r.arrive.next == r.now {
		r.arrive.take(r.now, r.arrived)
	}
	// A task that is ready as soon as it is launched comes up in another step of
	// the same moment.
	for r.agenda.next() == r.now && r.agenda.heap[0].what >= reading {
		r.tell(r.agenda.pop())
	}
	for r.crew.free.n > 0 && r.backlog.visible() > 0 {
		id := r.crew.free.pop()
		if owner := id / r.crew.per; r.crew.tasks[owner].state == active {
			r.receive(id, owner)
		} else {
			r.crew.release(owner)
		}
	}
}

func (r *run) arrived(group, n int) {
	r.backlog.arrive(r.now, group, n)
	r.Arrived += n
	r.sinceReading.arrived += n
}

// befall is what happens to a task, if it is still the same.
func (r *run) befall(e event) {
	if e.what == storm {
		r.storm()
		return
	}
	t := r.crew.tasks[e.task]
	if t.epoch != e.epoch || t.state == gone {
		return
	}
	switch e.what {
	case booted:
		r.booted(e.task)
	case killed:
		r.abandon(e.task, r.visibility)
		r.Killed++
	case noticed:
		if t.state == active {
			r.leave(e.task, r.s.Fleet.Notice)
			r.Killed++
		}
	case drained:
		r.abandon(e.task, 0)
	}
}

// receive begins attempts in a free slot until one takes time: a job that has
// expired takes none.
func (r *run) receive(id, owner int32) {
	for r.backlog.visible() > 0 {
		m, isNew := r.backlog.take()
		chance := r.work
		if !isNew {
			chance = r.rework
		}
		l := lot(chance.Uint64())
		if isNew {
			m.poison = l.poison(r.poison)
		}
		m.receives++
		wait := r.now - m.arrived
		if wait > r.expires[m.group] && !m.poison {
			r.Expired++
			r.minute.Late++
			r.waits.add(wait)
			continue
		}
		took := l.duration(r.s.Service.values)
		if in := r.s.Incident; r.timesOut > 0 && r.now >= ms(in.At) && r.now < ms(in.At+in.For) && l.timesOut(r.timesOut) {
			took = int32(r.timeout)
		}
		r.crew.slots[id] = slot{m: m, wait: wait, took: took}
		r.crew.tasks[owner].running++
		r.running++
		r.wheel.add(id, r.now+took)
		if isNew {
			r.minute.wait(wait)
		}
		return
	}
	r.crew.free.push(id)
}

// ended is the end of an attempt, or of one that was lost with its task.
func (r *run) ended(id int32) {
	r.wheel.count--
	owner := id / r.crew.per
	t, s := &r.crew.tasks[owner], &r.crew.slots[id]
	if s.took == 0 {
		r.crew.release(owner)
		return
	}
	took := s.took
	s.took = 0
	t.running--
	r.running--
	r.busy += int64(took)
	r.sinceReading.ended++
	r.sinceReading.took += int64(took)
	if !s.m.poison { // of which there is no result
		r.scheduler.noted.ended++
		r.scheduler.noted.took += int64(took)
	}
	switch {
	case s.m.poison:
		r.backlog.hidden.push(hidden{at: r.now + r.visibility, m: s.m})
	case s.wait > r.allowed:
		r.Late++
		r.minute.Late++
		r.waits.add(s.wait)
	default:
		r.OnTime++
		r.waits.add(s.wait)
	}
	if t.state == active {
		r.crew.free.push(id)
		return
	}
	if t.state == leaving && t.running == 0 {
		r.vanish(owner)
	}
	r.crew.release(owner)
}

// returned is a message that is visible again, or dead.
func (r *run) returned(m message) {
	r.Redelivered++
	if int(m.receives) >= r.s.Queue.Receives {
		r.Dead++
		return
	}
	r.backlog.again.push(m)
}
