package promotion

import (
	"slices"
	"testing"
	"time"
)

// rests is what a gate's answer rests on: ways to take it away. Without what
// whole plans rest on no gate is asked at all.
type rests struct {
	whole bool
	ways  []func(o *Observations)
}

func without[T any](list *[]T, gone func(T) bool) {
	*list = slices.DeleteFunc(slices.Clone(*list), gone)
}

// evidence has an entry for each gate, for a commit that is to come into stage
// i. The train alone has none: it keeps a newcomer out for the sake of what
// bakes there, which says nothing about the newcomer; where it is not known
// what that is, the stage is not steady.
func (w *world) evidence(i int, commit string) map[Gate]rests {
	stage := w.service.Stages[i].Name
	seen := func(name string) func(o *Observations) {
		return func(o *Observations) { without(&o.Stages, func(s Seen) bool { return s.Stage == name }) }
	}
	ledger := rests{whole: true, ways: []func(*Observations){func(o *Observations) { o.LedgerRead = false }}}
	clock := rests{whole: true, ways: []func(*Observations){func(o *Observations) { o.Now = time.Time{} }}}
	m := map[Gate]rests{
		GateTrunk: {ways: []func(*Observations){
			func(o *Observations) { without(&o.Commits, func(c Commit) bool { return c.ID == commit }) },
		}},
		GateNewer:    {ways: []func(*Observations){seen(stage)}},
		GateSteady:   {ways: []func(*Observations){seen(stage)}},
		GateTrain:    {},
		GateHold:     ledger,
		GateRejected: ledger,
		GateCI: {ways: []func(*Observations){
			func(o *Observations) { without(&o.CI, func(c CI) bool { return c.Commit == commit }) },
		}},
		GateShadow: {ways: []func(*Observations){
			func(o *Observations) {
				without(&o.Shadow, func(r ShadowRuns) bool { return r.Stage == stage && r.Commit == commit })
			},
		}},
		GateIncidents: {ways: []func(*Observations){func(o *Observations) { o.Incidents = nil }}},
		GateFreeze:    clock,
		GateHours:     clock,
		GateApproval: {ways: []func(*Observations){
			func(o *Observations) { without(&o.Entries, func(e Entry) bool { return e.Kind == EntryApprove }) },
		}},
	}
	if here, ok := w.o.seen(stage); ok && here.Commit != commit {
		newer := m[GateNewer]
		newer.ways = append(newer.ways, func(o *Observations) {
			without(&o.Ancestry, func(a Ancestry) bool { return a.Ancestor == here.Commit && a.Descendant == commit })
		})
		m[GateNewer] = newer
	}
	places := []string{stage}
	if i > 0 {
		before := w.service.Stages[i-1]
		places = append(places, before.Name)
		since := func(o *Observations) {
			without(&o.Entries, func(e Entry) bool { return e.Stage == before.Name })
			o.Stages = slices.Clone(o.Stages)
			for j := range o.Stages {
				o.Stages[j].Since = time.Time{}
			}
		}
		baked := rests{ways: []func(*Observations){seen(before.Name), since}}
		if len(before.Bake.Tags) > 0 {
			baked.ways = append(baked.ways,
				func(o *Observations) { without(&o.Checks, func(c CheckRuns) bool { return c.Stage == before.Name }) },
				func(o *Observations) {
					o.Gaps = append(slices.Clone(o.Gaps), Gap{Gate: GateChecks, Stage: before.Name, Why: "half an answer"})
				},
				func(o *Observations) {
					o.Checks = slices.Clone(o.Checks)
					for j := range o.Checks {
						o.Checks[j].Locations = nil
					}
				})
		}
		m[GateBake], m[GateChecks] = baked, baked
	}
	var quiet rests
	for _, place := range places {
		quiet.ways = append(quiet.ways,
			func(o *Observations) { without(&o.Alarms, func(a Alarm) bool { return a.Stage == place }) },
			func(o *Observations) {
				o.Alarms = slices.Clone(o.Alarms)
				for j := range o.Alarms {
					if o.Alarms[j].Stage == place {
						o.Alarms[j].State = "insufficient data"
					}
				}
			})
	}
	m[GateAlarms] = quiet
	return m
}

// TestEveryGateNeedsItsEvidence takes away what each gate that passes rests on,
// each piece by itself: that very gate does not pass any more, whatever the
// others say.
func TestEveryGateNeedsItsEvidence(t *testing.T) {
	tried := map[Gate]int{}
	each(t, 300, func(t *testing.T, w *world, _ Plan) bool {
		told := false
		for i, stage := range w.service.Stages {
			commit := w.ids[0]
			if i > 0 {
				from, ok := w.o.seen(w.service.Stages[i-1].Name)
				if !ok {
					continue
				}
				commit = from.Commit
			}
			ask := func(o Observations) []Verdict {
				return question{&planner{service: w.service, o: &o, histories: histories(w.service, o)}, i, stage, commit}.ask()
			}
			evidence := w.evidence(i, commit)
			for _, v := range ask(w.o) {
				on, known := evidence[v.Gate]
				if !known {
					t.Errorf("what gate %s rests on is not known here", v.Gate)
				}
				if v.Answer != Pass {
					continue
				}
				for n, take := range on.ways {
					tried[v.Gate]++
					told = true
					o := w.o
					take(&o)
					if on.whole {
						if d := Decide(w.service, o).of(stage.Name); d.Do == Promote || len(d.Verdicts) > 0 {
							t.Errorf("%s: %s, and %d gates are asked, without what gate %s rests on", stage.Name, d.Do, len(d.Verdicts), v.Gate)
						}
						continue
					}
					for _, again := range ask(o) {
						if again.Gate == v.Gate && again.Answer == Pass {
							t.Errorf("%s: gate %s passes without its evidence %d: %s", stage.Name, v.Gate, n, again.Reason)
						}
					}
				}
			}
		}
		return told
	})
	for _, g := range GateNames() {
		if g != GateTrain && tried[g] < 30 {
			t.Errorf("gate %s was tried %d times", g, tried[g])
		}
	}
}
