// Package backtest says what another definition of a check would have made of
// what was measured: its stored attempts are judged anew by the other
// assertions, and its outages told anew by the other alert rules. It is pure. It
// refuses to guess: an assertion for which an attempt holds no evidence is
// named, and left out.
package backtest

import (
	"cmp"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/assert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
)

// Attempt is one stored attempt.
type Attempt = kept.Attempt

// Tally is what people would have been told.
type Tally struct {
	// Outages is how often they would have been paged.
	Outages int `json:"outages"`
	// Failed and Degraded count slots.
	Failed   int `json:"failed"`
	Degraded int `json:"degraded"`
	// Seconds is for how long there would have been an outage.
	Seconds int64 `json:"seconds"`
	// Burns is how often they would have been told that the error budget burns,
	// 0 where nothing is promised.
	Burns int `json:"burns"`
}

// Gap is an assertion that could not be judged anew everywhere.
type Gap struct {
	Line string `json:"line"`
	// Runs counts the attempts for which it was left out.
	Runs int    `json:"runs"`
	Why  string `json:"why"`
}

// Report compares two definitions over the same attempts.
type Report struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Runs counts the attempts; Cut says that there were more, and that From is
	// the oldest of those that were looked at.
	Runs   int   `json:"runs"`
	Cut    bool  `json:"cut,omitempty"`
	Before Tally `json:"before"`
	After  Tally `json:"after"`
	Gaps   []Gap `json:"gaps,omitempty"`
}

// Matters reports whether two definitions differ in what a backtest looks at.
func Matters(before, after check.Check) bool {
	b, a := status.NewRules(before, time.Time{}), status.NewRules(after, time.Time{})
	return b.Runs != a.Runs || b.For != a.For || b.Count != a.Count || b.Share != a.Share || b.Muted != a.Muted || before.Objective != after.Objective || Judged(before, after)
}

// Judged reports whether their assertions differ, so that what was seen is
// needed and not only what came of it.
func Judged(before, after check.Check) bool {
	be, bd := lines(before)
	ae, ad := lines(after)
	return !slices.Equal(be, ae) || !slices.Equal(bd, ad)
}

// lines are the assertions of a check, those of steps one after the other.
func lines(c check.Check) (expect, degraded []string) {
	switch s := c.Spec.(type) {
	case *check.API:
		for _, step := range s.Steps {
			expect, degraded = append(expect, step.Expect...), append(degraded, step.Degraded...)
		}
	case *check.Browser:
		return s.Expect, s.Degraded
	case interface {
		Assertions() (expect, degraded []string)
	}:
		return s.Assertions()
	}
	return expect, degraded
}

// Run replays attempts, in any order, under both definitions. Slots, intervals
// and locations are those at which was measured: what a definition would have
// measured elsewhere or more often nobody knows.
func Run(before, after check.Check, from, to time.Time, attempts []Attempt, cut bool) Report {
	r := Report{From: from, To: to, Runs: len(attempts), Cut: cut}
	j := &judge{after: after, gaps: map[string]*Gap{}}
	if Judged(before, after) {
		j.prepare(before)
	}
	was, is := make([]dated, len(attempts)), make([]dated, len(attempts))
	for i, a := range attempts {
		was[i] = dated{a.Location, a.Result.Slot, attemptOf(a.Result, a.Result.Outcome)}
		is[i] = dated{a.Location, a.Result.Slot, attemptOf(a.Result, j.outcome(a.Result))}
	}
	after.Every, after.Timeout, after.Locations = before.Every, before.Timeout, before.Locations
	r.Before, r.After = tell(before, from, to, was), tell(after, from, to, is)
	for _, g := range j.gaps {
		r.Gaps = append(r.Gaps, *g)
	}
	slices.SortFunc(r.Gaps, func(a, b Gap) int { return cmp.Compare(a.Line, b.Line) })
	return r
}

type dated struct {
	location string
	slot     time.Time
	attempt  status.Attempt
}

func attemptOf(r jobs.Result, o jobs.Outcome) status.Attempt {
	return status.Attempt{ID: r.JobID, Number: r.Attempt, Outcome: o}
}

// tell replays attempts by the rules of c.
func tell(c check.Check, from, to time.Time, attempts []dated) Tally {
	type key struct {
		location string
		slot     int64
	}
	of := map[key][]dated{}
	for _, a := range attempts {
		k := key{a.location, a.slot.UnixNano()}
		of[k] = append(of[k], a)
	}
	slots := make([]status.Slot, 0, len(of))
	var t Tally
	for _, as := range of {
		tries := make([]status.Attempt, len(as))
		for i, a := range as {
			tries[i] = a.attempt
		}
		s := status.SlotOf(as[0].location, as[0].slot, tries)
		switch s.By.Outcome {
		case jobs.Failed:
			t.Failed++
		case jobs.Degraded:
			t.Degraded++
		}
		slots = append(slots, s)
	}
	book := status.Rulebook{status.NewRules(c, time.Time{})}
	book[0].Active = true
	if c.Muted {
		return t // nobody is told
	}
	if o, promised := status.ObjectiveOf(c); promised {
		t.Burns = o.BurnsOver(book[0], from, to, slots)
	}
	for _, i := range status.Replay(book, status.Mark{At: from, Quiet: true, Fold: &status.Fold{}}, slots).Incidents {
		t.Outages++
		end := i.Closed
		if i.Open() {
			end = to
		}
		t.Seconds += int64(end.Sub(i.Opened) / time.Second)
	}
	return t
}

// judge judges attempts by the assertions of another definition.
type judge struct {
	after            check.Check
	expect, degraded []string
	active           bool
	gaps             map[string]*Gap
}

const (
	whySteps   = "assertions of several steps and of browser checks are not judged anew; the outcomes stay what they were"
	whyBody    = "the body was not kept whole"
	whyNever   = "an answer is not kept with what it looks at"
	whyAnother = "the request changed: what it would have answered nobody knows"
)

func (j *judge) prepare(before check.Check) {
	api, isAPI := j.after.Spec.(*check.API)
	old, wasAPI := before.Spec.(*check.API)
	switch {
	case !isAPI || !wasAPI || !api.Single() || !old.Single():
		j.gap("(all)", whySteps)
		return
	case api.Steps[0].Request.URL != old.Steps[0].Request.URL || api.Steps[0].Request.Method != old.Steps[0].Request.Method:
		j.gap("(request)", whyAnother)
	}
	j.active = true
	j.expect, j.degraded = api.Steps[0].Expect, api.Steps[0].Degraded
}

func (j *judge) gap(line, why string) {
	if j.gaps[line] == nil {
		j.gaps[line] = &Gap{Line: line, Why: why}
	}
	j.gaps[line].Runs++
}

// outcome is what the attempt would have come to. Whatever no assertion decided
// stays what it was.
func (j *judge) outcome(r jobs.Result) jobs.Outcome {
	if !j.active || !r.Outcome.Conclusive() || r.Fault != nil && r.Outcome == jobs.Failed && r.Fault.Class != jobs.FaultAssertion {
		return r.Outcome
	}
	if !j.hold(r, j.expect, false) {
		return jobs.Failed
	}
	if !j.hold(r, j.degraded, true) {
		return jobs.Degraded
	}
	return jobs.Passed
}

// hold reports whether all lines hold, those left out that cannot be judged.
func (j *judge) hold(r jobs.Result, lines []string, degraded bool) bool {
	all := true
	for _, line := range lines {
		ok, why := verdict(r, line, degraded)
		if why != "" {
			j.gap(line, why)
			continue
		}
		all = all && ok
	}
	return all
}

var (
	looksAtBody  = regexp.MustCompile(`\b(body|json|jq|schema|matchesSchema|size)\b`)
	looksAtOther = regexp.MustCompile(`\b(steps|names)\b`)
)

// verdict is that of one line: the stored one where the attempt was judged by it,
// else one by the evidence.
func verdict(r jobs.Result, line string, degraded bool) (ok bool, why string) {
	for _, v := range r.Verdicts {
		if v.Expr == line && v.Degraded == degraded && v.Step == "" {
			return v.OK, ""
		}
	}
	seen := r.Evidence.Response
	switch {
	case seen == nil, looksAtOther.MatchString(line):
		return false, whyNever
	case looksAtBody.MatchString(line) && int64(len(seen.Excerpt)) != seen.Size:
		return false, whyBody
	}
	o := assert.API{
		Status: seen.Status, Headers: seen.Headers, Body: seen.Excerpt, Size: seen.Size, URL: seen.URL, Redirects: seen.Redirects,
		Time: assert.Times{
			DNS: r.Timings.DNS, Connect: r.Timings.Connect, TLS: r.Timings.TLS, FirstByte: r.Timings.FirstByte,
			Download: r.Timings.Download, Total: r.Timings.Total,
		},
	}
	if peer, err := netip.ParseAddrPort(seen.RemoteAddr); err == nil {
		o.IP = peer.Addr().Unmap().String()
	}
	if s := seen.TLS; s != nil {
		o.TLS = assert.TLS{
			DaysLeft: int(math.Floor(s.NotAfter.Sub(r.FinishedAt).Hours() / 24)), Version: s.Version, Issuer: s.Issuer, Subject: s.Subject,
		}
	}
	return assert.Judge(check.KindAPI, []string{line}, nil, o)[0].OK, ""
}
