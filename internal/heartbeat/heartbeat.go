// Package heartbeat judges jobs by what they say of themselves: they call an
// address when they begin and when they have ended, and one that does not call
// in time has failed. It owns the rules by which the calls of a job become the
// result of a slot. It refuses to take the receiver's own absence for the job's,
// and to know the present time, what a call is (ping) and where calls are kept
// (store).
package heartbeat

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/assert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/ping"
)

// run is one run of a job that has ended.
type run struct {
	ping.Ping
	began time.Time // zero where the job did not say
}

// watch has the rules of what is known.
type watch struct{ ping.Watch }

// Judge is the result of a slot: what the job did since the slot before, and
// whether it called in time. The check's spec has to be a *[check.Heartbeat].
// What came after slot is not looked at, so that the same is found whenever it
// is asked for.
func Judge(known ping.Watch, slot time.Time) jobs.Result {
	w := watch{known}
	r := jobs.ResultFor(jobs.New(w.Check, check.HeartbeatLocation, slot, 1, slot, slot))
	r.SentAt, r.StartedAt, r.FinishedAt = time.Time{}, slot, slot
	runs, open := w.runs(slot)
	spec := w.Check.Spec.(*check.Heartbeat)
	// Nothing is overlooked: of several runs since the slot before the newest
	// that failed counts.
	for i := len(runs) - 1; i >= 0 && runs[i].At.After(slot.Add(-w.Check.Every)); i-- {
		if conclude(&r, spec, runs[i]); r.Outcome == jobs.Failed {
			return r
		}
		clearVerdict(&r)
	}
	w.judgeTime(&r, spec, slot, runs, open)
	return r
}

// judgeTime says whether a job has called in time; if so, its last run decides.
func (w watch) judgeTime(r *jobs.Result, spec *check.Heartbeat, slot time.Time, runs []run, open *ping.Ping) {
	var last run
	if len(runs) > 0 {
		last = runs[len(runs)-1]
	}
	base, first := last.began, false
	if base.IsZero() {
		base = last.At
	}
	if open != nil && open.At.Before(w.Since) {
		open = nil
	}
	switch {
	case w.Since.IsZero():
		r.Excuse(jobs.FaultWaiting, "the heartbeat has no address that a job could call; make one by `probefleet heartbeat "+w.Check.ID+"`")
		return
	case open != nil:
		end := open.At.Add(spec.Grace)
		if slot.After(end) {
			if gap, ok := w.awayWithin(open.At, end); ok {
				w.excuse(r, spec, slot, open.At, gap)
				return
			}
			r.Fail(jobs.FaultLate, fmt.Sprintf("the run that began at %s has not said that it ended within its grace of %s", clock(open.At), words(spec.Grace)))
			return
		}
		base = open.At
	case base.Before(w.Since):
		base, first, last = w.Since, true, run{}
	}
	deadline, gap := w.due(spec, base, slot, first)
	switch {
	case slot.After(deadline) && !first:
		r.Fail(jobs.FaultLate, fmt.Sprintf("no call since %s: the next was due by %s (period %s, grace %s)", clock(base), clock(base.Add(spec.Period+spec.Grace)), words(spec.Period), words(spec.Grace)))
	case slot.After(deadline):
		r.Fail(jobs.FaultLate, fmt.Sprintf("no call has come since calls are waited for, at %s: the first was due by %s (period %s, grace %s)", clock(base), clock(base.Add(spec.Period+spec.Grace)), words(spec.Period), words(spec.Grace)))
	case gap != nil:
		excuse(r, *gap, deadline)
	case last.At.IsZero() && open != nil:
		r.Excuse(jobs.FaultWaiting, fmt.Sprintf("the first run began at %s and has not ended yet", clock(open.At)))
	case last.At.IsZero():
		r.Excuse(jobs.FaultWaiting, fmt.Sprintf("no call has come yet; the first is due by %s", clock(deadline)))
	default:
		conclude(r, spec, last)
	}
}

// runs are those that ended up to a time, and the start of one that has not. A
// start takes the place of one before it that never ended.
func (w watch) runs(until time.Time) (ended []run, open *ping.Ping) {
	for i, p := range w.Pings {
		if p.At.After(until) {
			break
		}
		if p.Signal == ping.Started {
			open = &w.Pings[i]
			continue
		}
		one := run{Ping: p}
		if open != nil {
			one.began, open = open.At, nil
		}
		ended = append(ended, one)
	}
	return ended, open
}

// due is when the job has to have called at the latest, given that it did at
// base. Where nobody was there when a call was due, that one may have been
// missed, and the next one decides: gap then names the span. A first call may
// come at any time of its period, others about a period after the one before.
func (w watch) due(spec *check.Heartbeat, base, slot time.Time, first bool) (deadline time.Time, gap *ping.Span) {
	for {
		deadline = base.Add(spec.Period + spec.Grace)
		if !slot.After(deadline) {
			return deadline, gap
		}
		from := base.Add(max(0, spec.Period-spec.Grace))
		if first {
			from = base
		}
		missed, ok := w.awayWithin(from, deadline)
		if !ok {
			return deadline, nil
		}
		gap = &missed
		// Of a long absence all periods but the last are passed over at once.
		base = base.Add(max(1, missed.To.Sub(base)/spec.Period) * spec.Period)
	}
}

// excuse is for a run whose end may have been missed: the next run decides,
// or its absence does.
func (w watch) excuse(r *jobs.Result, spec *check.Heartbeat, slot, began time.Time, gap ping.Span) {
	deadline, other := w.due(spec, began, slot, false)
	if slot.After(deadline) {
		r.Fail(jobs.FaultLate, fmt.Sprintf("no call since the start at %s: the next was due by %s (period %s, grace %s)", clock(began), clock(deadline), words(spec.Period), words(spec.Grace)))
		return
	}
	if other != nil {
		gap = *other
	}
	excuse(r, gap, deadline)
}

func excuse(r *jobs.Result, gap ping.Span, deadline time.Time) {
	r.Excuse(jobs.FaultAway, fmt.Sprintf("no console was there to be called from %s to %s, so that a call may have been missed; the next one is due by %s", clock(gap.From), clock(gap.To), clock(deadline)))
}

// awayWithin is the first span of Away that has a part in (from, to].
func (w watch) awayWithin(from, to time.Time) (ping.Span, bool) {
	i := sort.Search(len(w.Away), func(i int) bool { return w.Away[i].To.After(from) })
	if i == len(w.Away) || !w.Away[i].From.Before(to) {
		return ping.Span{}, false
	}
	return w.Away[i], true
}

// conclude judges one run by the lines of its check. An exit code of which none
// of them speaks has to be 0.
func conclude(r *jobs.Result, spec *check.Heartbeat, last run) {
	seen := assert.Net{Body: last.Body, ExitCode: last.ExitCode, IP: last.Address}
	if !last.began.IsZero() {
		seen.Timed, seen.Time.Total = true, last.At.Sub(last.began)
		r.Timings.Total = seen.Time.Total
	}
	r.Evidence.Response = &jobs.Response{Proto: string(check.KindHeartbeat), Status: last.ExitCode, Excerpt: last.Body, Size: last.Size, RemoteAddr: last.Address}
	expect := spec.Expect
	if !speaksOf(spec.Expect, "exit_code") && !speaksOf(spec.Degraded, "exit_code") {
		expect = append([]string{"exit_code == 0"}, expect...)
	}
	if last.Signal == ping.Failed {
		said := "the job said at " + clock(last.At) + " that it failed"
		if line, _, _ := strings.Cut(strings.TrimSpace(last.Body), "\n"); line != "" {
			said += ": " + short(line)
		}
		r.Fail(jobs.FaultJob, said)
		return
	}
	r.Verdicts = assert.Judge(check.KindHeartbeat, expect, spec.Degraded, seen)
	r.Conclude()
}

// clearVerdict takes back what conclude said.
func clearVerdict(r *jobs.Result) {
	r.Outcome, r.Fault, r.Verdicts, r.Timings, r.Evidence = "", nil, nil, jobs.Timings{}, jobs.Evidence{}
}

func speaksOf(lines []string, word string) bool {
	for _, l := range lines {
		if strings.Contains(l, word) {
			return true
		}
	}
	return false
}

func clock(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04:05") + " UTC" }

// words writes 24h, not 24h0m0s.
func words(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func short(s string) string {
	const most = 160
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
