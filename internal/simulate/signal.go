package simulate

import "time"

// Seen is what a policy may know of a queue and its fleet: a reading of
// metrics, some time ago.
type Seen struct {
	// At is when it was read, since the start.
	At time.Duration
	// Rate is how many jobs a second the schedule plans; Sent is how many were
	// sent since the reading before, a second.
	Rate, Sent float64
	// Service is the mean time of the attempts that ended since the reading
	// before, or in the time of [Signal.Over], in seconds; where none did, that
	// of the reading before.
	Service float64
	// Visible messages wait, InFlight ones are with a worker, or were and are
	// not yet seen again.
	Visible, InFlight int
	// Ready tasks receive, Desired is how many there are to be.
	Ready, Desired int
}

// told reads metrics, or hands a reading to the policy.
func (r *run) told(e event) {
	if e.what == decide {
		r.decided(r.pending.pop())
		return
	}
	at, sg := time.Duration(r.now)*time.Millisecond, r.s.Signal
	since := r.sinceReading
	r.sinceReading = tally{}
	s := Seen{
		At: at, Rate: r.s.Rate(), Sent: float64(since.arrived) / sg.Every.Seconds(),
		Visible: r.backlog.visible(), InFlight: r.running + r.backlog.hidden.n,
		Ready: r.crew.active, Desired: r.crew.desired,
	}
	s.Service = r.service
	if t := r.lately(since); t.ended > 0 {
		s.Service = float64(t.took) / float64(t.ended) / 1000
	}
	r.service = s.Service
	lost := r.noise.Float64() < sg.Loss
	if dark := sg.DarkFor > 0 && at >= sg.Dark && at < sg.Dark+sg.DarkFor; !lost && !dark {
		r.pending.push(s)
		r.agenda.add(event{at: r.now + ms(sg.Delay), what: decide})
	}
	r.agenda.add(event{at: r.now + ms(sg.Every), what: reading})
}

// lately is what service times are measured by: what was counted since the
// reading before, or as many readings as a longer time has.
func (r *run) lately(since tally) tally {
	n := max(1, int(r.s.Signal.Over/r.s.Signal.Every))
	r.tallies = append(r.tallies, since)
	if len(r.tallies) > n {
		r.tallies = r.tallies[1:]
	}
	var sum tally
	for _, t := range r.tallies {
		sum.ended, sum.took = sum.ended+t.ended, sum.took+t.took
	}
	return sum
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
