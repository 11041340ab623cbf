package check

import (
	"fmt"
	"slices"
	"time"
)

// HeartbeatLocation is the location of every heartbeat: it is the console that
// is called.
const HeartbeatLocation = "console"

// Bounds and defaults of a heartbeat.
const (
	MinPeriod    = 30 * time.Second
	MaxPeriod    = 365 * 24 * time.Hour
	MinGrace     = time.Second
	MaxGrace     = 365 * 24 * time.Hour
	DefaultGrace = time.Minute
	// maxHeartbeatEvery is how often a heartbeat is looked at, at least.
	maxHeartbeatEvery = time.Minute
)

// Heartbeat is the spec of a check that is told of the runs of a job, such as
// one of cron, by the job itself: it calls an address of the console. No job of
// ours is sent for it. The lines of a heartbeat are about a run of that job.
type Heartbeat struct {
	Lines
	// Period is the time between two runs of the job, [MinPeriod] to
	// [MaxPeriod].
	Period time.Duration
	// Grace is how much later than Period a run may be, and how long a run that
	// said that it started may take until it says that it ended: [MinGrace] to
	// [MaxGrace].
	Grace time.Duration
}

// Kind implements [Spec].
func (*Heartbeat) Kind() Kind { return KindHeartbeat }

// Every is how often a heartbeat is looked at: its period, and at least once a
// minute.
func (h *Heartbeat) Every() time.Duration { return min(h.Period, maxHeartbeatEvery) }

func (h *Heartbeat) faults() []Fault {
	var fs []Fault
	if h.Period < MinPeriod || h.Period > MaxPeriod {
		fs = append(fs, Fault{"heartbeat.period", fmt.Sprintf("%s is out of range; use 30s to 8760h, which is 365 days", h.Period)})
	}
	if h.Grace < MinGrace || h.Grace > MaxGrace {
		fs = append(fs, Fault{"heartbeat.grace", fmt.Sprintf("%s is out of range; use 1s to 8760h, which is 365 days", h.Grace)})
	}
	return fs
}

func (h *Heartbeat) texts() []text { return h.lines() }

// Jobless reports whether no job is sent for checks of the kind: what they look
// at comes by itself.
func (k Kind) Jobless() bool { return k == KindHeartbeat }

// heartbeatFaults are those of what a heartbeat shares with other checks.
func (c Check) heartbeatFaults() []Fault {
	h, ok := c.Spec.(*Heartbeat)
	if !ok || h == nil {
		return nil
	}
	var fs []Fault
	if !slices.Equal(c.Locations, []string{HeartbeatLocation}) {
		fs = append(fs, Fault{"locations", "are not for heartbeats, which run nowhere: it is the console that is called; leave them out"})
	}
	if c.Retry != (Retry{}) {
		fs = append(fs, Fault{"retry", "is not for heartbeats: a job that did not run cannot be run again from here; leave it out"})
	}
	if h.Period >= MinPeriod && c.Every != h.Every() {
		fs = append(fs, Fault{"every", fmt.Sprintf("is not for heartbeats, which have a period: they are looked at every %s; leave it out", h.Every())})
	}
	return fs
}
