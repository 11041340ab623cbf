package backtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

var begin = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func watched(change ...func(*check.Check)) check.Check {
	c := check.Check{
		ID: "shop", Name: "Shop", Every: time.Minute, Timeout: 10 * time.Second, Locations: []string{"here"}, Active: true,
		Spec: check.OneRequest(check.Request{URL: "https://shop.example/"}, []string{"status == 200"}, []string{"time.total < 300ms"}),
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func expecting(expect ...string) func(*check.Check) {
	return func(c *check.Check) {
		c.Spec = check.OneRequest(check.Request{URL: "https://shop.example/"}, expect, []string{"time.total < 300ms"})
	}
}

// stored makes an attempt a minute out of signs: . passed, s slow, F answered
// 503, X no connection, I inconclusive.
func stored(signs string) (attempts []Attempt) {
	for i, sign := range signs {
		r := jobs.Result{
			JobID: fmt.Sprint(i), CheckID: "shop", Location: "here", Slot: begin.Add(time.Duration(i) * time.Minute), Attempt: 1, Outcome: jobs.Passed,
			Timings: jobs.Timings{Total: 100 * time.Millisecond}, Evidence: jobs.Evidence{Response: &jobs.Response{Status: 200, Excerpt: `{"n": 3}`, Size: 8}},
			Verdicts: []jobs.Verdict{{Expr: "status == 200", OK: true}, {Expr: "time.total < 300ms", OK: true, Degraded: true}},
		}
		switch sign {
		case 's':
			r.Outcome, r.Timings.Total, r.Verdicts[1].OK = jobs.Degraded, 500*time.Millisecond, false
		case 'F':
			r.Outcome, r.Evidence.Response.Status, r.Verdicts[0].OK = jobs.Failed, 503, false
			r.Fault = &jobs.Fault{Class: jobs.FaultAssertion}
		case 'X':
			r.Outcome, r.Evidence.Response, r.Verdicts = jobs.Failed, nil, nil
			r.Fault = &jobs.Fault{Class: jobs.FaultConnect}
		case 'I':
			r.Outcome = jobs.Inconclusive
		}
		attempts = append(attempts, Attempt{Location: "here", Result: r})
	}
	return attempts
}

func TestBacktests(t *testing.T) {
	type tallies struct {
		Before, After int
		Gaps          []Gap
	}
	for name, c := range map[string]struct {
		signs string
		after check.Check
		want  tallies
	}{
		"three in a row instead of one":  {"..F....F......FFF.....", watched(func(c *check.Check) { c.Alert.Runs = 3 }), tallies{2, 1, nil}},
		"slow is an outage":              {"..s......F...", watched(expecting("status == 200", "time.total < 400ms")), tallies{1, 2, nil}},
		"503 is well":                    {"..F......X...", watched(expecting("status in [200, 503]")), tallies{2, 1, nil}},
		"a body that was kept":           {"....", watched(expecting("json.n > 5")), tallies{0, 1, nil}},
		"what says nothing says nothing": {"..I..", watched(expecting("status == 404")), tallies{0, 1, nil}},
		"muted":                          {"..F..", watched(func(c *check.Check) { c.Muted = true }), tallies{1, 0, nil}},
		"evidence that there is not":     {"..", watched(expecting("status == 200", "'a' in tls.names")), tallies{0, 0, []Gap{{"'a' in tls.names", 2, whyNever}}}},
		"another page: nobody can tell":  {".F", watched(func(c *check.Check) { c.Spec = &check.Browser{} }), tallies{1, 1, []Gap{{"(all)", 1, whySteps}}}},
	} {
		t.Run(name, func(t *testing.T) {
			to := begin.Add(time.Hour)
			r := Run(watched(), c.after, begin, to, stored(c.signs), false)
			if d := cmp.Diff(c.want, tallies{r.Before.Outages, r.After.Outages, r.Gaps}); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if r.Runs != len(c.signs) {
				t.Errorf("%d runs", r.Runs)
			}
			if !Matters(watched(), c.after) {
				t.Error("the change does not matter, it is said")
			}
		})
	}
	cut := stored("..")
	cut[0].Result.Evidence.Response.Size = 100_000
	if r := Run(watched(), watched(expecting("json.n > 0")), begin, begin.Add(time.Hour), cut, true); len(r.Gaps) != 1 || r.Gaps[0].Runs != 1 || r.Gaps[0].Why != whyBody || !r.Cut {
		t.Errorf("%+v", r)
	}
	if Matters(watched(), watched(func(c *check.Check) { c.Name = "Another" })) {
		t.Error("a name matters")
	}
}
