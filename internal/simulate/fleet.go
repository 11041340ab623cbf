package simulate

import (
	"math"
	"time"
)

// state is what a task is doing.
type state uint8

const (
	gone state = iota
	booting
	active
	leaving // it receives no more, and finishes what it runs
)

type task struct {
	state    state
	epoch    int32
	launched int32
	running  int32
	// refs counts its slots that the wheel or the ring of free slots still
	// hold; its number is free for another once there are none.
	refs int32
}

// slot is one job that a task runs at a time.
type slot struct {
	m    message
	wait int32
	took int32
}

// crew is the fleet: tasks and their slots, of which task i has those from
// i·c on.
type crew struct {
	per     int32
	tasks   []task
	slots   []slot
	free    ring[int32] // slots that wait for a job; those of tasks that have gone are left out when they come up
	unused  []int32     // numbers of tasks
	desired int
	booting int
	active  int
	leaving int
	lived   int64 // ms of tasks that have gone
}

func (c *crew) number() int32 {
	if n := len(c.unused); n > 0 {
		id := c.unused[n-1]
		c.unused = c.unused[:n-1]
		return id
	}
	id := int32(len(c.tasks))
	c.tasks = append(c.tasks, task{})
	c.slots = append(c.slots, make([]slot, c.per)...)
	return id
}

// release gives up a slot of a task that receives no more.
func (c *crew) release(id int32) {
	t := &c.tasks[id]
	if t.refs--; t.refs == 0 && t.state == gone {
		c.unused = append(c.unused, id)
	}
}

// launch begins a task, ready at once where boot says so.
func (r *run) launch(ready bool) {
	id := r.crew.number()
	r.wheel.grow(len(r.crew.slots))
	t := &r.crew.tasks[id]
	*t = task{state: booting, epoch: t.epoch + 1, launched: r.now}
	r.crew.booting++
	if ready {
		r.booted(id)
		return
	}
	spread := r.s.Fleet.BootSpread
	boot := r.s.Fleet.Boot - spread + time.Duration(r.fate.Float64()*2*float64(spread))
	r.agenda.add(event{at: r.now + ms(boot), what: booted, task: id, epoch: t.epoch})
}

func (r *run) booted(id int32) {
	t := &r.crew.tasks[id]
	t.state, t.refs = active, r.crew.per
	r.crew.booting--
	r.crew.active++
	for k := range r.crew.per {
		r.crew.free.push(id*r.crew.per + k)
	}
	r.fateful(id, killed, r.s.Fleet.Kills)
	r.fateful(id, noticed, r.s.Fleet.Spot)
}

// fateful plans what befalls a task so often a day.
func (r *run) fateful(id int32, what happening, perDay float64) {
	if perDay <= 0 {
		return
	}
	after := r.fate.ExpFloat64() / perDay * 24 * time.Hour.Seconds() * 1000
	if after < float64(r.end-r.now) {
		r.agenda.add(event{at: r.now + int32(after), what: what, task: id, epoch: r.crew.tasks[id].epoch})
	}
}

// leave makes a task finish what it runs, within a time.
func (r *run) leave(id int32, within time.Duration) {
	t := &r.crew.tasks[id]
	switch t.state {
	case booting:
		r.crew.booting--
		r.crew.leaving++
		t.state = leaving
		r.vanish(id)
		return
	case active:
		r.crew.active--
		r.crew.leaving++
		t.state = leaving
	}
	if t.running == 0 {
		r.vanish(id)
		return
	}
	r.agenda.add(event{at: r.now + ms(within), what: drained, task: id, epoch: t.epoch})
}

// vanish ends a task that leaves.
func (r *run) vanish(id int32) {
	t := &r.crew.tasks[id]
	t.state = gone
	r.crew.leaving--
	r.crew.lived += int64(r.now - t.launched)
	if t.refs == 0 { // it never received anything
		r.crew.unused = append(r.crew.unused, id)
	}
}

// abandon ends a task with what it runs, which is seen again after a while.
func (r *run) abandon(id int32, after int32) {
	t := &r.crew.tasks[id]
	if t.state == active {
		r.crew.active--
		r.crew.leaving++
		t.state = leaving
	}
	for k := range r.crew.per {
		s := &r.crew.slots[id*r.crew.per+k]
		if s.took == 0 {
			continue
		}
		s.took = 0
		if after == 0 {
			r.returned(s.m)
		} else {
			r.backlog.hidden.push(hidden{at: r.now + after, m: s.m})
		}
	}
	r.running -= int(t.running)
	t.running = 0
	r.vanish(id)
}

// settle launches what is lacking, and lets go what is too much: first what
// has not yet booted, then whom chance picks.
func (r *run) settle() {
	c := &r.crew
	for c.booting+c.active < c.desired {
		r.launch(false)
	}
	excess := c.booting + c.active - c.desired
	if excess <= 0 {
		return
	}
	for id := len(c.tasks) - 1; id >= 0 && excess > 0 && c.booting > 0; id-- {
		if c.tasks[id].state == booting {
			r.leave(int32(id), 0)
			excess--
		}
	}
	if excess <= 0 {
		return
	}
	r.picked = r.picked[:0]
	for id := range c.tasks {
		if c.tasks[id].state == active {
			r.picked = append(r.picked, int32(id))
		}
	}
	for i := range excess {
		j := i + r.fate.IntN(len(r.picked)-i)
		r.picked[i], r.picked[j] = r.picked[j], r.picked[i]
		r.leave(r.picked[i], r.s.Fleet.Drain)
	}
}

// storm takes a share of all tasks that are active, with a notice.
func (r *run) storm() {
	n := int(math.Round(r.s.Fleet.Storm.Share * float64(r.crew.active)))
	for id := 0; id < len(r.crew.tasks) && n > 0; id++ {
		if r.crew.tasks[id].state == active {
			r.leave(int32(id), r.s.Fleet.Notice)
			n--
		}
	}
}
