package assert

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

func TestBudgetsOfAPage(t *testing.T) {
	seen := Browser{
		Vitals:   Vitals{TTFB: 100 * time.Millisecond, FCP: time.Second, LCP: 3 * time.Second, TBT: 90 * time.Millisecond, CLS: 0.05},
		Requests: Requests{Count: 12, Failed: 1}, Bytes: 2 << 20,
		Steps: []time.Duration{2 * time.Second, 300 * time.Millisecond},
	}
	holds := []string{
		"vitals.ttfb < 200ms", "vitals.fcp <= 1s", "vitals.tbt < 200ms", "vitals.inp < 200ms", "vitals.cls < 0.1",
		"requests.count <= 12", "bytes < 3 * 1024 * 1024", "steps[2].time < 1s", "vitals.lcp > vitals.fcp",
	}
	for _, v := range Judge(check.KindBrowser, holds, nil, seen) {
		if !v.OK {
			t.Error(v.Message)
		}
	}
	lines := []string{"vitals.lcp < 2.5s", "requests.failed == 0", "steps[1].time < 1s", "steps[3].time < 1s"}
	want := []jobs.Verdict{
		{Expr: lines[0], Degraded: true, Message: "vitals.lcp < 2.5s (got 3s)"},
		{Expr: lines[1], Degraded: true, Message: "requests.failed == 0 (got 1)"},
		{Expr: lines[2], Degraded: true, Message: "steps[1].time < 1s (got 2s)"},
		{Expr: lines[3], Degraded: true, Message: "steps[3].time < 1s (steps[3] is missing)"},
	}
	if d := cmp.Diff(want, Judge(check.KindBrowser, nil, lines, seen)); d != "" {
		t.Error(d)
	}
	unpainted := Judge(check.KindBrowser, []string{"vitals.lcp < 2.5s"}, nil, Browser{})
	if unpainted[0].OK || unpainted[0].Message != "vitals.lcp < 2.5s (vitals.lcp is missing: no page of the flow came so far)" {
		t.Errorf("a page that painted nothing: %+v", unpainted[0])
	}
	for _, wrong := range []string{"vitals.lcp < 2.5", "vitals.speed < 1s", "steps['buy'].time < 1s", "requests > 3", "vitals.cls < 1s", "steps[1] < 1s"} {
		if _, err := Compile(check.KindBrowser, wrong); err == nil {
			t.Errorf("%q compiles", wrong)
		}
	}
}
