package dashboard

import (
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
)

// judged is a check with all that is said about it at one moment. The moment
// is the reader's, not the snapshot's: while the store is away no new run is
// known, so each check turns to "not measured" when its last run stops
// speaking for it, with the last known state beside it.
type judged struct {
	status.Check
	state status.State
	// known is the state when the newest conclusive run was planned; not
	// measured where there never was one.
	known   status.State
	knownAt time.Time
	newest  status.Run // over all locations
	ran     bool       // newest is set
	// latency is that of the newest run that has one and did not fail.
	latency   time.Duration
	reasons   []reason
	locations []judgedLocation
	// maintained says that a window lasts, and that there is no outage.
	maintained bool
}

// reason is why a check is not operational, and where.
type reason struct {
	text      string
	locations []string
}

// judgedLocation is what one location says.
type judgedLocation struct {
	id    string
	state status.State
	last  status.Run
	ran   bool
}

func judge(c status.Check, now time.Time) judged {
	j := judged{Check: c, state: c.State(now), known: status.NotMeasured}
	j.newest, j.ran = c.Newest()
	var best status.Run
	for _, r := range c.Conclusive {
		if r.Slot.After(j.knownAt) {
			j.knownAt = r.Slot
		}
		if r.Outcome != jobs.Failed && r.Latency > 0 && r.Slot.After(best.Slot) {
			best = r
		}
	}
	j.latency = best.Latency
	if !j.knownAt.IsZero() {
		j.known = c.State(j.knownAt)
	}
	for _, l := range c.Locations {
		j.locations = append(j.locations, judgeLocation(c, l, now))
	}
	j.reasons = reasons(c, now, j.state)
	return j
}

func judgeLocation(c status.Check, location string, now time.Time) judgedLocation {
	l := judgedLocation{id: location}
	here := func(r status.Run) bool { return r.Location == location }
	if i := slices.IndexFunc(c.Last, here); i >= 0 {
		l.last, l.ran = c.Last[i], true
	}
	only := c
	only.Level = "" // what one location says is said by its runs
	only.Conclusive = nil
	if i := slices.IndexFunc(c.Conclusive, here); i >= 0 {
		only.Conclusive = c.Conclusive[i : i+1]
	}
	l.state = only.State(now)
	return l
}

// reasons collects why a check is in its state, equal words once. Silence is
// explained by the newest runs that could not look; trouble by the runs that
// found it.
func reasons(c status.Check, now time.Time, state status.State) []reason {
	var out []reason
	add := func(r status.Run) {
		text := fault(r)
		if text == "" {
			return
		}
		for i := range out {
			if out[i].text == text {
				out[i].locations = append(out[i].locations, r.Location)
				return
			}
		}
		out = append(out, reason{text, []string{r.Location}})
	}
	if state == status.NotMeasured {
		for _, r := range c.Last {
			if !r.Outcome.Conclusive() && c.Fresh(r.Slot, now) {
				add(r)
			}
		}
		return out
	}
	for _, worst := range []jobs.Outcome{jobs.Failed, jobs.Degraded} {
		for _, r := range c.Conclusive {
			if r.Outcome == worst && c.Fresh(r.Slot, now) {
				add(r)
			}
		}
	}
	return out
}

// fault is why a run did not pass, in words.
func fault(r status.Run) string {
	switch {
	case r.FaultClass == notTold:
		return ""
	case r.FaultMessage != "":
		return r.FaultMessage
	case r.FaultClass != "":
		return string(r.FaultClass)
	case r.Outcome == jobs.Passed:
		return ""
	}
	return "no reason was recorded"
}

// when is the moment to show for a run: its end, or its slot where the end is
// not known.
func when(r status.Run) time.Time {
	if r.FinishedAt.IsZero() {
		return r.Slot
	}
	return r.FinishedAt
}
