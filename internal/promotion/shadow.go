package promotion

import (
	"fmt"
	"slices"

	"github.com/probefleet/probefleet/internal/numeral"
)

// significant is the p-value under which a candidate does differ.
const significant = 0.05

// shadow holds what candidate workers of the commit's build found against what
// the gate allows. Too few pairs, and a bound that is not yet narrow enough,
// are no evidence either way.
func (q question) shadow() Verdict {
	var runs []ShadowRuns
	for _, r := range q.o.Shadow {
		if r.Stage == q.stage.Name && r.Commit == q.commit {
			runs = append(runs, r)
		}
	}
	if runs = slices.Compact(runs); len(runs) != 1 {
		return verdict(GateShadow, Unknown, "what shadow runs of %s found is not known: %s", Short(q.commit), q.o.why(GateShadow, q.stage.Name, q.commit, "nobody asked, or was told two things"))
	}
	return runs[0].judge(*q.stage.Gates.Shadow)
}

func (r ShadowRuns) judge(g ShadowGate) Verdict {
	evidence := []string{
		fmt.Sprintf("%s of %s: %d worse, %d better, p = %.3f", numeral.Of(r.Pairs, "pair"), r.Build, r.Worse, r.Better, r.P),
		fmt.Sprintf("%.2f to %.2f %% disagree, of which %.4g %% are allowed", 100*r.RateLow, 100*r.RateHigh, 100*g.Disagree),
		fmt.Sprintf("%d timed: × %.3f to %.3f as long, of which × %.4g is allowed", r.Timed, r.RatioLow, r.RatioHigh, g.Slower),
	}
	say := func(a Answer, format string, args ...any) Verdict {
		return verdict(GateShadow, a, format, args...).evidence(evidence...)
	}
	// A comparison with NaN is false: each of these holds only for what is
	// known.
	agrees, quick := r.RateHigh <= g.Disagree, r.RatioLow > 0 && r.RatioHigh <= g.Slower
	switch {
	case r.Worse > r.Better && r.P < significant:
		return say(Fail, "%s finds something else: %s %s worse and %d better, which chance explains in %.2g %% of all cases", r.Build, numeral.Of(r.Worse, "pair"), numeral.Pick(r.Worse, "is", "are"), r.Better, 100*r.P)
	case r.RateLow > g.Disagree:
		return say(Fail, "at least %.2f %% of the pairs of %s disagree, which is more than %.4g %%", 100*r.RateLow, r.Build, 100*g.Disagree)
	case r.Timed > 1 && r.RatioLow > g.Slower:
		return say(Fail, "%s takes at least %.3f times as long, which is more than %.4g", r.Build, r.RatioLow, g.Slower)
	case r.Pairs < g.Pairs:
		return say(Unknown, "%s of shadow runs of %s %s too few to tell: %d are needed", numeral.Of(r.Pairs, "pair"), r.Build, numeral.Pick(r.Pairs, "is", "are"), g.Pairs)
	case !agrees:
		return say(Unknown, "up to %.2f %% of the pairs of %s may disagree, which is more than %.4g %%: more pairs would tell", 100*r.RateHigh, r.Build, 100*g.Disagree)
	case r.Timed < 2 || !quick:
		return say(Unknown, "%s may take up to %.3f times as long, which is more than %.4g: more pairs would tell", r.Build, r.RatioHigh, g.Slower)
	}
	return say(Pass, "%s of %s %s", numeral.Of(r.Pairs, "pair"), r.Build, numeral.Pick(r.Pairs, "agrees", "agree"))
}
