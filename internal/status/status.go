// Package status turns results into what people want to know: the state of a
// check, now and over time. It is pure: no clock, no disk, no network. It
// refuses to count the monitor's own faults as the target's, and silence as
// health.
package status

import (
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// State is what a status page says about a check.
type State string

// The states of a check.
const (
	// Operational: the last conclusive run of every measured location passed.
	Operational State = "operational"
	// Degraded: some location degraded or failed, fewer than half failed.
	DegradedState State = "degraded"
	// Outage: at least half of the measured locations failed.
	Outage State = "outage"
	// NotMeasured: no location has a fresh conclusive run.
	NotMeasured State = "not_measured"
)

// States lists every state, best first.
var States = []State{Operational, DegradedState, Outage, NotMeasured}

// Run is one recorded attempt, as far as the public may see it.
type Run struct {
	RunID    string
	CheckID  string
	Location string
	Slot     time.Time
	Attempt  int
	Outcome  jobs.Outcome
	// Fault says why, for people; "" where the run passed.
	FaultClass   jobs.FaultClass
	FaultMessage string
	FinishedAt   time.Time
	// Latency is Timings.Total of the result.
	Latency time.Duration
}

// Check is a public check with the newest runs of each location.
type Check struct {
	ID, Name, Description, Group string
	Tags                         []string
	Kind                         check.Kind
	Every, Timeout               time.Duration
	Locations                    []string
	// Level is what the stored history says of the check since LevelSince, by
	// its own rules: operational, degraded or outage. "" where no history is
	// kept.
	Level      State
	LevelSince time.Time
	// Last is the newest run of each location, whatever its outcome.
	Last []Run
	// Conclusive is the newest conclusive run of each location.
	Conclusive []Run
}

// Counts are the outcomes of a period.
type Counts struct {
	Passed, Degraded, Failed, Inconclusive, Expired int
}

// Conclusive counts the runs that say something about the target.
func (c Counts) Conclusive() int { return c.Passed + c.Degraded + c.Failed }

// Add sums two counts.
func (c Counts) Add(d Counts) Counts {
	return Counts{
		c.Passed + d.Passed, c.Degraded + d.Degraded, c.Failed + d.Failed,
		c.Inconclusive + d.Inconclusive, c.Expired + d.Expired,
	}
}

// Bucket is one bar of a history: a check's counts over [Start, End), all
// locations together.
type Bucket struct {
	CheckID    string
	Start, End time.Time
	Counts
	// Expected slots were due, as far as the slots of the bar were counted; of
	// these, and of Counts, the ones in maintenance.
	Expected            int
	MaintenanceExpected int
	Maintenance         Counts
	// Down says that the check had an outage in it by its own rules.
	Down bool
	// LatencySum is the sum over passed and degraded runs.
	LatencySum time.Duration
}

// Latency is the mean latency of the bucket's passed and degraded runs, 0
// where there are none.
func (b Bucket) Latency() time.Duration {
	if n := b.Passed + b.Degraded; n > 0 {
		return b.LatencySum / time.Duration(n)
	}
	return 0
}

// Judged are the counts without those in maintenance.
func (b Bucket) Judged() Counts { return b.Counts.less(b.Maintenance) }

// less takes d away.
func (c Counts) less(d Counts) Counts {
	return Counts{
		c.Passed - d.Passed, c.Degraded - d.Degraded, c.Failed - d.Failed,
		c.Inconclusive - d.Inconclusive, c.Expired - d.Expired,
	}
}

// State judges a bar: not measured where no run is conclusive, outage where the
// check had one by its own rules, degraded where any run failed or degraded
// that is not in maintenance.
func (b Bucket) State() State {
	j := b.Judged()
	switch {
	case b.Conclusive() == 0:
		return NotMeasured
	case b.Down:
		return Outage
	case j.Failed > 0 || j.Degraded > 0:
		return DegradedState
	}
	return Operational
}

// Span is a stretch of time; it lasts while To is the zero time.
type Span struct{ From, To time.Time }

// Overlaps reports whether some moment of the span is from one time on and
// before another.
func (s Span) Overlaps(from, before time.Time) bool {
	return s.From.Before(before) && (s.To.IsZero() || from.Before(s.To))
}

// Outages are when a check had outages by its own rules, in order.
type Outages struct {
	CheckID string
	Spans   []Span
}

// Uptime is the share of conclusive runs that did not fail, 0 to 1, and false
// where nothing was measured.
func (c Counts) Uptime() (float64, bool) {
	n := c.Conclusive()
	if n == 0 {
		return 0, false
	}
	return float64(n-c.Failed) / float64(n), true
}

// freshSlots is the number of intervals for which a conclusive run speaks for
// its location: one missed slot is no silence yet.
const freshSlots = 3

// Fresh reports whether a run of slot still speaks for its location at now.
// The timeout and ten seconds of delivery are allowed on top of the slots.
func (c Check) Fresh(slot, now time.Time) bool { return now.Sub(slot) <= c.fresh() }

func (c Check) fresh() time.Duration { return freshSlots*c.Every + c.Timeout + 10*time.Second }

// State judges the check at now: not measured where no location has a fresh
// conclusive run, else its Level. Where no history is kept the newest runs
// decide: an outage from half of the measured locations failing on, degraded
// where any failed or degraded.
func (c Check) State(now time.Time) State {
	measured, failed, degraded := 0, 0, 0
	for _, r := range c.Conclusive {
		if !r.Outcome.Conclusive() || !c.Fresh(r.Slot, now) {
			continue
		}
		measured++
		switch r.Outcome {
		case jobs.Failed:
			failed++
		case jobs.Degraded:
			degraded++
		}
	}
	switch {
	case measured == 0:
		return NotMeasured
	case c.Level != "":
		return c.Level
	case 2*failed >= measured:
		return Outage
	case failed > 0 || degraded > 0:
		return DegradedState
	}
	return Operational
}

// Newest is the newest run over all locations, and false where there is none.
func (c Check) Newest() (Run, bool) {
	var newest Run
	for _, r := range c.Last {
		if r.Slot.After(newest.Slot) {
			newest = r
		}
	}
	return newest, newest.RunID != ""
}

// Overall is the state of a page: the worst of its checks' states, where
// silence counts only if nothing is known at all.
func Overall(states []State) State {
	worst := NotMeasured
	rank := map[State]int{NotMeasured: 0, Operational: 1, DegradedState: 2, Outage: 3}
	for _, s := range states {
		if rank[s] > rank[worst] {
			worst = s
		}
	}
	return worst
}
