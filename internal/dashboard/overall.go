package dashboard

import (
	"fmt"
	"time"

	"github.com/probefleet/probefleet/internal/status"
)

// overall is the sentence at the head of the page.
type overall struct {
	state    status.State
	Mark     mark
	Sentence string
	// Note qualifies the sentence; may be empty.
	Note string
}

// tally counts checks by state.
type tally struct {
	all, up, degraded, outage, silent int
	ran                               bool // some check has a run
	known                             bool // some check was measured once
}

func tallyOf(js []judged) tally {
	t := tally{all: len(js)}
	for _, j := range js {
		switch j.state {
		case status.Operational:
			t.up++
		case status.DegradedState:
			t.degraded++
		case status.Outage:
			t.outage++
		default:
			t.silent++
		}
		t.ran = t.ran || j.ran
		t.known = t.known || j.known != status.NotMeasured
	}
	return t
}

// overallOf says in one sentence how the services are. Silence never reads as
// health: it is either the sentence or a note to it.
func overallOf(js []judged) overall {
	states := make([]status.State, len(js))
	for i, j := range js {
		states[i] = j.state
	}
	o := overall{state: status.Overall(states)}
	o.Mark = stateMark(o.state)
	t := tallyOf(js)
	o.Sentence, o.Note = t.sentence(js), t.note(js)
	return o
}

// staleOverall is the head of a page whose data is old: as soon as one check
// has faded, the sentence of the reading is given as what was last known.
func staleOverall(js []judged, asOf time.Time) overall {
	o := overallOf(js)
	was := make([]judged, len(js))
	faded := false
	for i, j := range js {
		was[i] = judge(j.Check, asOf)
		faded = faded || was[i].state != j.state
	}
	if faded {
		last := overallOf(was)
		o.Mark = stateMark(status.NotMeasured)
		o.Sentence = "The current state is not known"
		o.Note = "At " + asOf.UTC().Format("15:04:05") + " UTC: " + last.Sentence + "."
	}
	return o
}

func (t tally) sentence(js []judged) string {
	switch {
	case t.all == 0:
		return "No services to show yet"
	case t.silent == t.all && !t.ran:
		return "Waiting for the first results"
	case t.silent == t.all:
		return "Nothing is being measured right now"
	case t.outage == t.all && t.all > 1:
		return fmt.Sprintf("Major outage: all %d services are affected", t.all)
	case t.outage > 0 && t.degraded > 0:
		return fmt.Sprintf("%s, %d %s degraded", t.outages(js), t.degraded, isAre(t.degraded))
	case t.outage > 0:
		return t.outages(js)
	case t.degraded == 1:
		return theOne(js, status.DegradedState) + " is degraded"
	case t.degraded > 1:
		return fmt.Sprintf("%d services are degraded", t.degraded)
	case t.silent > 0:
		return "All measured services operational"
	}
	return "All services operational"
}

func (t tally) outages(js []judged) string {
	if t.outage == 1 {
		return theOne(js, status.Outage) + " has an outage"
	}
	return fmt.Sprintf("%d services have an outage", t.outage)
}

func (t tally) note(js []judged) string {
	switch {
	case t.all == 0:
		return "Public checks appear here as soon as they are applied."
	case t.silent == t.all && !t.ran:
		return "The checks are planned; each appears here with its first run."
	case t.silent == t.all && t.known:
		return "No fresh result has arrived for any service. The last known state is shown beside each."
	case t.silent == t.all:
		return "No run could look at its service yet; the reason is shown beside each."
	case t.outage+t.degraded > 0:
		return ""
	case t.silent == 1:
		return theOne(js, status.NotMeasured) + " is not being measured."
	case t.silent > 1:
		return fmt.Sprintf("%d services are not being measured.", t.silent)
	}
	return ""
}

// theOne names the first check in a state, briefly enough for a headline.
func theOne(js []judged, s status.State) string {
	for _, j := range js {
		if j.state == s {
			return shorten(j.Name, 60)
		}
	}
	return ""
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
