package jobs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConclude(t *testing.T) {
	ok := Verdict{Expr: "status == 200", OK: true}
	slower := Verdict{Expr: "time.total < 300ms", OK: true, Degraded: true}
	bad := Verdict{Expr: "status == 200", Message: "status == 200 (got 503)"}
	worse := Verdict{Expr: "json.ok", Message: "json.ok (got false)"}
	slow := Verdict{Expr: "time.total < 300ms", Degraded: true, Message: "time.total < 300ms (got 400ms)"}
	slower2 := Verdict{Expr: "size < 10", Degraded: true, Message: "size < 10 (got 11)"}
	fault := func(v Verdict) *Fault { return &Fault{FaultAssertion, v.Message} }

	for name, c := range map[string]struct {
		verdicts []Verdict
		outcome  Outcome
		fault    *Fault
	}{
		"nothing asserted":                      {nil, Passed, nil},
		"all hold":                              {[]Verdict{ok, ok, slower}, Passed, nil},
		"one does not":                          {[]Verdict{ok, bad, ok, slower}, Failed, fault(bad)},
		"the first of two is the cause":         {[]Verdict{worse, bad}, Failed, fault(worse)},
		"degraded":                              {[]Verdict{ok, slow}, Degraded, fault(slow)},
		"the first degraded is the cause":       {[]Verdict{ok, slow, slower2}, Degraded, fault(slow)},
		"failed outweighs degraded":             {[]Verdict{bad, slow}, Failed, fault(bad)},
		"failed outweighs an earlier degraded":  {[]Verdict{slow, slower2, bad}, Failed, fault(bad)},
		"a degraded that holds changes nothing": {[]Verdict{slower, ok}, Passed, nil},
	} {
		r := Result{Verdicts: c.verdicts}
		r.Conclude()
		if d := cmp.Diff(Result{Verdicts: c.verdicts, Outcome: c.outcome, Fault: c.fault}, r); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		again := r
		if again.Conclude(); !cmp.Equal(r, again) {
			t.Errorf("%s: concluding twice changed %+v to %+v", name, r, again)
		}
	}
}

// A fault that was set before the verdicts were looked at stands.
func TestConcludeKeepsAFault(t *testing.T) {
	for _, bad := range []bool{false, true} {
		r := Result{Verdicts: []Verdict{{OK: !bad, Message: "no"}}}
		r.Fail(FaultTLS, "the certificate has ended")
		r.Conclude()
		if r.Outcome != Failed || r.Fault.Class != FaultTLS {
			t.Errorf("got %s, %+v", r.Outcome, r.Fault)
		}
		r.Excuse(FaultBrowser, "the browser went away")
		r.Conclude()
		if r.Outcome != Inconclusive || *r.Fault != (Fault{FaultBrowser, "the browser went away"}) {
			t.Errorf("got %s, %+v", r.Outcome, r.Fault)
		}
	}
}

func TestConclusive(t *testing.T) {
	got := map[Outcome]bool{"": Outcome("").Conclusive(), "missing": Outcome("missing").Conclusive()}
	for _, o := range Outcomes {
		got[o] = o.Conclusive()
	}
	want := map[Outcome]bool{"": false, "missing": false, Passed: true, Degraded: true, Failed: true, Inconclusive: false, Expired: false}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
