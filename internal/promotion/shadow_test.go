package promotion

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestShadowGate(t *testing.T) {
	good := ShadowRuns{Stage: "production", Commit: b, Build: "v2", Pairs: 300, P: 1, RateHigh: 0.0099, Timed: 300, RatioLow: 0.98, RatioHigh: 1.02}
	with := func(change func(*ShadowRuns)) []ShadowRuns {
		r := good
		change(&r)
		return []ShadowRuns{r}
	}
	for name, row := range map[string]struct {
		runs   []ShadowRuns
		answer Answer
		words  string
	}{
		"all agree":        {with(func(*ShadowRuns) {}), Pass, "300 pairs of v2 agree"},
		"nobody asked":     {nil, Unknown, "is not known"},
		"of another":       {with(func(r *ShadowRuns) { r.Commit = a }), Unknown, "is not known"},
		"of another stage": {with(func(r *ShadowRuns) { r.Stage = "staging" }), Unknown, "is not known"},
		"told twice":       {append(with(func(*ShadowRuns) {}), with(func(r *ShadowRuns) { r.Pairs = 900 })...), Unknown, "two things"},
		"too few":          {with(func(r *ShadowRuns) { r.Pairs = 299 }), Unknown, "299 pairs"},
		"none":             {with(func(r *ShadowRuns) { *r = ShadowRuns{Stage: r.Stage, Commit: r.Commit, P: 1} }), Unknown, "0 pairs"},
		"too wide":         {with(func(r *ShadowRuns) { r.RateHigh = 0.02 }), Unknown, "more pairs would tell"},
		"not a number":     {with(func(r *ShadowRuns) { r.RateHigh = math.NaN() }), Unknown, "more pairs would tell"},
		"nothing is timed": {with(func(r *ShadowRuns) { r.Timed, r.RatioLow, r.RatioHigh = 0, 0, 0 }), Unknown, "as long"},
		"maybe slower":     {with(func(r *ShadowRuns) { r.RatioHigh = 1.2 }), Unknown, "as long"},
		"slower":           {with(func(r *ShadowRuns) { r.RatioLow, r.RatioHigh = 1.15, 1.2 }), Fail, "at least 1.150 times as long"},
		"disagree":         {with(func(r *ShadowRuns) { r.RateLow, r.RateHigh = 0.02, 0.05 }), Fail, "at least 2.00 %"},
		"worse":            {with(func(r *ShadowRuns) { r.Worse, r.P, r.Pairs = 7, 0.016, 20 }), Fail, "7 pairs are worse"},
	} {
		o := green()
		o.Shadow = row.runs
		s := shop(t)
		d := Decide(s, o).of("production")
		i := slices.IndexFunc(d.Verdicts, func(v Verdict) bool { return v.Gate == GateShadow })
		if i < 0 {
			t.Fatalf("%s: the gate was not asked: %+v", name, d)
		}
		if v := d.Verdicts[i]; v.Answer != row.answer || !strings.Contains(v.Reason, row.words) || (d.Do == Promote) != (row.answer == Pass) {
			t.Errorf("%s: %s, %+v", name, d.Do, v)
		}
		slices.Reverse(o.Shadow)
		if again := Decide(s, o).of("production"); again.Reason != d.Reason {
			t.Errorf("%s: the order matters: %q, then %q", name, d.Reason, again.Reason)
		}
	}
}
