// Package simulate plays a queue of jobs, the fleet of workers behind it and a
// policy that sizes the fleet through some hours, event by event, and counts
// what comes too late and what it costs. It is pure: the same scenario, policy
// and seed give the same result, and no clock, network or disk is asked. It
// owns the model (what a queue, a worker and a metric do) and refuses to own
// the schedule (schedule) and our own policy (capacity): it runs those.
//
// Time is in whole milliseconds since the start. What happens at the same
// millisecond happens in this order: workers come and go, attempts end,
// messages become visible again, jobs arrive, metrics are read, workers
// receive.
package simulate

import (
	"errors"
	"fmt"
	"time"
)

// Scenario is what happens to a queue and its fleet, apart from the policy.
type Scenario struct {
	// Length is how long is simulated.
	Length time.Duration
	// Allowed is how long a job may wait from its slot to its start; one that
	// waits longer is late.
	Allowed  time.Duration
	Checks   []Group
	Service  Distribution
	Fleet    Fleet
	Queue    Queue
	Signal   Signal
	Incident Incident
}

// Fleet is what the workers are.
type Fleet struct {
	// Slots is how many jobs a task runs at a time.
	Slots int
	// Start is the number of tasks that are ready at the beginning; the policy
	// may ask for Min to Max.
	Start, Min, Max int
	// Boot is the time from the launch of a task to its first receive, give or
	// take BootSpread, evenly.
	Boot, BootSpread time.Duration
	// Drain is how long a task that has to go may finish what it runs. What is
	// left then is made visible to others at once.
	Drain time.Duration
	// Kills is how often a task is killed without a word, and Spot how often it
	// is taken with a notice, each a task and day. Both are replaced at once.
	Kills, Spot float64
	// Notice is the time from a spot notice to the end.
	Notice time.Duration
	// Storm takes a share of all tasks with a notice, at one moment.
	Storm Storm
	// Price is what an hour of a task costs, from its launch to its end.
	Price float64
}

// Storm is a moment at which a share of the tasks gets its spot notice.
type Storm struct {
	At    time.Duration
	Share float64
}

// Queue is how messages are delivered again.
type Queue struct {
	// Visibility is how long after the death of its worker, or the end of an
	// attempt that was not acknowledged, a message is seen again.
	Visibility time.Duration
	// Receives is the number of deliveries after which a message is dead.
	Receives int
	// Poison is the share of jobs that no worker can do.
	Poison float64
}

// Signal is how a policy learns what is going on.
type Signal struct {
	// Every is the time between two readings, Delay that from a reading to the
	// policy.
	Every, Delay time.Duration
	// Loss is the share of readings that never arrive.
	Loss float64
	// Dark begins a time without any reading.
	Dark, DarkFor time.Duration
}

// Incident is a time in which a share of the attempts runs into its timeout.
type Incident struct {
	At, For time.Duration
	Share   float64
	Timeout time.Duration
}

// maxLength keeps milliseconds within 32 bits, with room for what is planned
// ahead.
const maxLength = 14 * 24 * time.Hour

// Validate reports everything that makes the scenario unplayable.
func (s Scenario) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	share := func(name string, v float64) {
		fault(!(v >= 0 && v <= 1), "%s is %g: use 0 to 1", name, v)
	}
	fault(s.Length < time.Second || s.Length > maxLength, "the length is %s: use 1s to %s", s.Length, maxLength)
	fault(s.Allowed < time.Millisecond || s.Allowed > maxLength, "the allowed wait is %s: use at least 1ms", s.Allowed)
	fault(len(s.Checks) == 0, "no checks arrive")
	for _, g := range s.Checks {
		fault(g.Every < time.Second || g.Every > 24*time.Hour, "an interval is %s: use 1s to 24h", g.Every)
		fault(len(g.phases) == 0, "a group of checks every %s is empty", g.Every)
	}
	fault(s.Service.longest() == 0, "service times are not known")
	fault(s.Service.longest() > ms(maxService), "a service time is longer than %s", maxService)
	f := s.Fleet
	fault(f.Slots < 1 || f.Slots > 1000, "a task has %d slots: use 1 to 1000", f.Slots)
	fault(f.Min < 0 || f.Max < 1 || f.Max > maxTasks || f.Min > f.Max, "a fleet of %d to %d tasks: use 0 to %d, the lower number first", f.Min, f.Max, maxTasks)
	fault(f.Start < 0 || f.Start > maxTasks, "the fleet starts with %d tasks: use 0 to %d", f.Start, maxTasks)
	fault(f.Boot < 0 || f.BootSpread < 0 || f.BootSpread > f.Boot, "a boot takes %s, give or take %s", f.Boot, f.BootSpread)
	fault(f.Boot > time.Hour || f.Drain > time.Hour || f.Notice > time.Hour || s.Queue.Visibility > 12*time.Hour, "a boot, drain or notice is longer than an hour, or a visibility timeout than twelve")
	fault(f.Drain < 0 || f.Notice < 0 || s.Queue.Visibility < 0, "a drain, notice or visibility timeout is below zero")
	fault(f.Kills < 0 || f.Spot < 0 || f.Kills > 1000 || f.Spot > 1000, "tasks are lost %g and %g times a day: use 0 to 1000", f.Kills, f.Spot)
	fault(s.Queue.Receives < 1 || s.Queue.Receives > 100, "messages are delivered %d times: use 1 to 100", s.Queue.Receives)
	fault(s.Signal.Every < time.Second || s.Signal.Delay < 0 || s.Signal.Delay > time.Hour, "metrics are read every %s and arrive after %s: use at least 1s, and at most 1h", s.Signal.Every, s.Signal.Delay)
	share("the share of poison messages", s.Queue.Poison)
	share("the share of lost metrics", s.Signal.Loss)
	share("the share that an incident concerns", s.Incident.Share)
	share("the share that a spot storm takes", f.Storm.Share)
	fault(s.Incident.Share > 0 && (s.Incident.Timeout < time.Millisecond || s.Incident.Timeout > maxService), "a timeout is %s: use at most %s", s.Incident.Timeout, maxService)
	return errors.Join(faults...)
}

const (
	// maxService is the longest attempt; check.Check allows ten minutes.
	maxService = 10 * time.Minute
	// maxTasks bounds memory.
	maxTasks = 100_000
)

// Rate is how many jobs a second arrive when all checks run.
func (s Scenario) Rate() float64 {
	rate := 0.0
	for _, g := range s.Checks {
		rate += float64(len(g.phases)) / g.Every.Seconds()
	}
	return rate
}

// ms is a duration in the simulation's unit.
func ms(d time.Duration) int32 { return int32(d / time.Millisecond) }
