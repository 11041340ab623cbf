package promotion

import (
	"fmt"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/numeral"
)

// bake is what a commit has shown in a stage: whether for long enough and
// often enough, and, where checks are named, whether they passed.
func (p *planner) bake(stage Stage, commit string) []Verdict {
	since := p.since(stage.Name)
	seen, ok := p.o.seen(stage.Name)
	if !ok || seen.Commit != commit || seen.Mixed || since.IsZero() {
		words := fmt.Sprintf("since when %s runs in %s is not known", Short(commit), stage.Name)
		list := []Verdict{verdict(GateBake, Unknown, "%s", words)}
		if len(stage.Bake.Tags) > 0 {
			list = append(list, verdict(GateChecks, Unknown, "%s", words))
		}
		return list
	}
	if len(stage.Bake.Tags) == 0 {
		return []Verdict{p.baked(stage, since, nil)}
	}
	runs, words := p.runs(stage, since)
	if words != "" {
		return []Verdict{verdict(GateBake, Unknown, "%s", words), verdict(GateChecks, Unknown, "%s", words)}
	}
	return []Verdict{p.baked(stage, since, runs), passed(stage, runs)}
}

// runs are those of the stage's checks since a time, or why they are not known.
func (p *planner) runs(stage Stage, since time.Time) ([]CheckRuns, string) {
	var list []CheckRuns
	for _, c := range p.o.Checks {
		if c.Stage != stage.Name {
			continue
		}
		if c.From.Before(since) {
			return nil, fmt.Sprintf("what %s found was counted from before the commit came", c.Check)
		}
		if len(c.Locations) == 0 {
			return nil, fmt.Sprintf("it is not known from where %s runs", c.Check)
		}
		list = append(list, c)
	}
	if why := p.o.why(GateChecks, stage.Name, "", ""); why != "" {
		return nil, "what the checks of " + stage.Name + " found is not known: " + why
	}
	if len(list) == 0 {
		return nil, fmt.Sprintf("nothing is known of a check with the tags %s", join(stage.Bake.Tags))
	}
	slices.SortFunc(list, func(a, b CheckRuns) int {
		if a.Check != b.Check {
			return compareText(a.Check, b.Check)
		}
		return a.From.Compare(b.From)
	})
	for i := range list[1:] {
		if list[i].Check == list[i+1].Check {
			return nil, fmt.Sprintf("what %s found was told twice", list[i].Check)
		}
	}
	return list, ""
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// baked holds time, runs and locations against the policy.
func (p *planner) baked(stage Stage, since time.Time, checks []CheckRuns) Verdict {
	b, age := stage.Bake, p.o.Now.Sub(since)
	runs, places := 0, map[string]bool{}
	for _, c := range checks {
		for _, l := range c.Locations {
			if n := l.Passed + l.Failed; n > 0 {
				runs += n
				places[l.Location] = true
			}
		}
	}
	evidence := []string{fmt.Sprintf("in %s since %s (%s of %s)", stage.Name, moment(since), span(age), span(b.For))}
	var lacks []string
	if age < b.For {
		lacks = append(lacks, fmt.Sprintf("%s of %s have passed", span(age), span(b.For)))
	}
	if b.Runs > 0 {
		evidence = append(evidence, fmt.Sprintf("%s of %d", numeral.Of(runs, "conclusive run"), b.Runs))
		if runs < b.Runs {
			lacks = append(lacks, fmt.Sprintf("%d of %s %s made", runs, numeral.Of(b.Runs, "run"), numeral.Pick(b.Runs, "was", "were")))
		}
	}
	if b.Locations > 0 {
		evidence = append(evidence, fmt.Sprintf("%s of %d", numeral.Of(len(places), "location"), b.Locations))
		if len(places) < b.Locations {
			lacks = append(lacks, fmt.Sprintf("%d of %s %s run", len(places), numeral.Of(b.Locations, "location"), numeral.Pick(b.Locations, "has", "have")))
		}
	}
	if len(lacks) == 0 {
		return verdict(GateBake, Pass, "baked in %s for %s", stage.Name, span(age)).evidence(evidence...)
	}
	v := verdict(GateBake, Wait, "not yet baked in %s: %s", stage.Name, join(lacks)).evidence(evidence...)
	if opens := since.Add(b.For); opens.After(p.o.Now) {
		return v.opens(opens)
	}
	return v // runs or locations alone are lacking: no clock says when they come
}

// passed judges the checks: each has to have run, none may fail where it ran
// last, and no more than the allowed share failed.
func passed(stage Stage, checks []CheckRuns) Verdict {
	var failing, idle, evidence []string
	good, bad := 0, 0
	for _, c := range checks {
		runs := 0
		for _, l := range c.Locations {
			runs += l.Passed + l.Failed
			good, bad = good+l.Passed, bad+l.Failed
			evidence = append(evidence, fmt.Sprintf("%s at %s: %d passed, %d failed, %d inconclusive", c.Check, l.Location, l.Passed, l.Failed, l.Inconclusive))
			if l.NewestFailed {
				failing = append(failing, fmt.Sprintf("%s at %s", c.Check, l.Location))
			}
		}
		if runs == 0 {
			idle = append(idle, c.Check)
		}
	}
	share := 0.0
	if bad > 0 {
		share = float64(bad) / float64(good+bad)
	}
	slices.Sort(failing)
	switch {
	case len(failing) > 0:
		return verdict(GateChecks, Fail, "in %s fails %s", stage.Name, join(failing)).evidence(evidence...)
	case share > stage.Bake.MaxFailed:
		return verdict(GateChecks, Fail, "in %s failed %d of %s, which is more than %.4g %%", stage.Name, bad, numeral.Of(good+bad, "run"), 100*stage.Bake.MaxFailed).evidence(evidence...)
	case len(idle) > 0:
		return verdict(GateChecks, Wait, "in %s has not yet run: %s", stage.Name, join(idle)).evidence(evidence...)
	}
	return verdict(GateChecks, Pass, "in %s passed %d of %s of %s", stage.Name, good, numeral.Of(good+bad, "run"), numeral.Of(len(checks), "check")).evidence(evidence...)
}
