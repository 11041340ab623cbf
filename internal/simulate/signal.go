package simulate

import "time"

// Seen is what a policy may know of a queue and its fleet: a reading of
// metrics, some time ago.
type Seen struct {
	// At is when it was read, since the start.
	At time.Duration
	// Sent is how many jobs were sent since the reading before, a second.
	Sent float64
	// Service is the mean time of the attempts that ended since the reading
	// before, in seconds; where none did, that of the reading before.
	Service float64
	// Visible messages wait, InFlight ones are with a worker, or were and are
	// not yet seen again.
	Visible, InFlight int
	// Ready tasks receive, Desired is how many there are to be.
	Ready, Desired int
	// Wanted is the most that the scheduler has said since the reading before, as
	// CloudWatch's Maximum; 0 where it has said nothing, or is not asked.
	Wanted int
}

// tell reads metrics, hands a reading to the policy, or lets recorder and
// scheduler do their part.
func (r *run) tell(e event) {
	switch e.what {
	case reading:
		r.read()
	case decide:
		r.decided(r.pending.pop())
	case handing:
		r.handOver()
	case looking:
		r.look()
	}
}

// read reads metrics.
func (r *run) read() {
	at, sg := time.Duration(r.now)*time.Millisecond, r.s.Signal
	since := r.sinceReading
	r.sinceReading = tally{}
	s := Seen{
		At: at, Sent: float64(since.arrived) / sg.Every.Seconds(),
		Visible: r.backlog.visible(), InFlight: r.running + r.backlog.hidden.n,
		Ready: r.crew.active, Desired: r.crew.desired, Wanted: r.scheduler.wanted,
	}
	r.scheduler.wanted = 0
	if s.Service = r.service; since.ended > 0 {
		s.Service = float64(since.took) / float64(since.ended) / 1000
	}
	r.service = s.Service
	lost := r.noise.Float64() < sg.Loss
	if dark := sg.DarkFor > 0 && at >= sg.Dark && at < sg.Dark+sg.DarkFor; !lost && !dark {
		r.pending.push(s)
		r.agenda.add(event{at: r.now + ms(sg.Delay), what: decide})
	}
	r.agenda.add(event{at: r.now + ms(sg.Every), what: reading})
}

// decided lets the policy size the fleet.
func (r *run) decided(s Seen) {
	s.Desired = r.crew.desired // what was asked for is known without a metric
	n, ok := r.policy.Want(s)
	if !ok {
		return
	}
	n = min(max(n, r.s.Fleet.Min), r.s.Fleet.Max)
	if n == r.crew.desired {
		return
	}
	if n > r.crew.desired {
		r.Out++
	} else {
		r.In++
	}
	r.crew.desired = n
	r.settle()
}
