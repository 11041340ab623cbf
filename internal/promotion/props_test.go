package promotion

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// cases is how many observations each property is tried on; the seed of a case
// is its number.
const cases = 500

// world makes observations at random: often complete, often with holes and
// contradictions.
type world struct {
	*rand.Rand
	service Service
	o       Observations
	ids     []string
}

func (w *world) chance(percent int) bool { return w.IntN(100) < percent }

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 7))}
	base := shop(t)
	w.service = Service{Name: "shop", Stages: []Stage{base.Stages[0], base.Stages[1], base.Stages[1]}}
	w.service.Stages[2].Name = "production-us"
	w.o.Now, w.o.Holder, w.o.LedgerRead = tuesday.Add(time.Duration(w.IntN(7*24*60))*time.Minute), "desk", true
	if w.chance(60) {
		w.o.Now = tuesday
	}
	n := 3 + w.IntN(3)
	for i := range n { // the newest first
		w.ids = append(w.ids, fmt.Sprintf("%040d", i+1))
	}
	holes := w.IntN(3) * 8 // percent
	for i, id := range w.ids {
		known := Yes
		if w.chance(holes) {
			known = []Known{No, NotKnown}[w.IntN(2)]
		}
		w.o.Commits = append(w.o.Commits, Commit{ID: id, OnTrunk: known, Back: i})
		if !w.chance(holes) {
			w.o.CI = append(w.o.CI, CI{Commit: id, State: []Build{BuildPassed, BuildPassed, BuildPassed, BuildPending, BuildFailed}[w.IntN(5)]})
		}
		for j, other := range w.ids {
			if i != j && !w.chance(holes/4) {
				is := No
				if i > j {
					is = Yes
				}
				w.o.Ancestry = append(w.o.Ancestry, Ancestry{id, other, is})
			}
		}
	}
	if !w.chance(holes) {
		w.o.Incidents = &OpenIncidents{}
		if w.chance(10) {
			w.o.Incidents.Open = []Incident{{ID: "1", Title: "down", Impact: "outage"}, {ID: "2", Title: "slow", Impact: "degraded"}, {ID: "3", Title: "away", Impact: "outage"}}
		}
	}
	for i, s := range w.service.Stages {
		w.stage(i, s, holes)
	}
	for i := range w.o.Entries {
		w.o.Entries[i].Seq, w.o.Entries[i].Actor = i+1, "somebody"
	}
	for w.chance(15) { // somebody could not be asked, and says why in several ways
		g := Gap{Gate: []Gate{GateTrunk, GateNewer, GateCI, GateIncidents, GateAlarms, GateShadow}[w.IntN(6)], Why: fmt.Sprint("away ", w.IntN(9))}
		w.o.Gaps = append(w.o.Gaps, g, Gap{Gate: g.Gate, Stage: "production", Why: "slow"})
	}
	if w.chance(10) { // somebody is told twice, and not the same
		w.o.Stages = append(w.o.Stages, Seen{Stage: "staging", Commit: w.ids[0]})
	}
	return w
}

func (w *world) stage(i int, s Stage, holes int) {
	runs := w.ids[min(len(w.ids)-1, i+w.IntN(3))]
	before := w.ids[min(len(w.ids)-1, i+2)]
	came := w.o.Now.Add(-time.Duration(w.IntN(180)) * time.Minute)
	add := func(e Entry) { e.Stage = s.Name; w.o.Entries = append(w.o.Entries, e) }
	if !w.chance(holes) {
		seen := Seen{Stage: s.Name, Commit: runs, Mixed: w.chance(5)}
		if w.chance(50) {
			seen.Since = came
		}
		w.o.Stages = append(w.o.Stages, seen)
	}
	if !w.chance(holes) {
		id := fmt.Sprint("was", i)
		add(Entry{ID: id, Kind: EntryBegin, At: came.Add(-24 * time.Hour), Commit: before})
		add(Entry{ID: id + "end", Kind: EntryEnd, At: came.Add(-23 * time.Hour), Commit: before, Begun: id, Outcome: Done})
		id = fmt.Sprint("is", i)
		add(Entry{ID: id, Kind: EntryBegin, At: came.Add(-time.Minute), Commit: runs, From: before, Holder: "desk", Until: came.Add(time.Hour)})
		if !w.chance(10) {
			outcome := Done
			if w.chance(10) {
				outcome = Failed
			}
			add(Entry{ID: id + "end", Kind: EntryEnd, At: came, Commit: runs, Begun: id, Outcome: outcome})
		}
	}
	for _, id := range w.ids {
		if w.chance(60) {
			add(Entry{ID: "ok" + id + s.Name, Kind: EntryApprove, At: came, Commit: id})
		}
		if w.chance(3) {
			gates := GateNames()
			add(Entry{ID: "over" + id + s.Name, Kind: EntryOverride, At: came, Commit: id, Gate: gates[w.IntN(len(gates))], Reason: "so", Expires: w.o.Now.Add(time.Minute)})
		}
	}
	if w.chance(5) {
		add(Entry{ID: "hold" + s.Name, Kind: EntryHold, At: came, Reason: "sale"})
	}
	if !w.chance(holes) {
		state := Quiet
		if w.chance(8) {
			state = Firing
		}
		w.o.Alarms = append(w.o.Alarms, Alarm{Stage: s.Name, Name: "up", State: state})
	}
	if s.Gates.Shadow != nil && !w.chance(holes) {
		for _, id := range w.ids {
			w.o.Shadow = append(w.o.Shadow, ShadowRuns{Stage: s.Name, Commit: id, Pairs: 250 + w.IntN(2000), P: 1, RateHigh: 0.009, Timed: 200, RatioLow: 0.9, RatioHigh: 1.05})
		}
	}
	if s.Bake != nil && len(s.Bake.Tags) > 0 && !w.chance(holes) {
		c := CheckRuns{Stage: s.Name, Check: "login", From: came}
		for _, l := range []string{"eu", "us"} {
			c.Locations = append(c.Locations, LocationRuns{Location: l, Passed: w.IntN(40), Failed: max(0, w.IntN(12)-10)})
		}
		w.o.Checks = append(w.o.Checks, c)
	}
}

// each runs a property on every case, and sees to it that enough of them tell
// anything.
func each(t *testing.T, enough int, property func(t *testing.T, w *world, p Plan) (told bool)) {
	t.Helper()
	told := 0
	for seed := range uint64(cases) {
		w := newWorld(t, seed)
		if property(t, w, Decide(w.service, w.o)) {
			told++
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if told < enough {
		t.Errorf("only %d of %d cases tell anything, want %d", told, cases, enough)
	}
}

func TestSameObservationsSamePlan(t *testing.T) {
	each(t, cases, func(t *testing.T, w *world, p Plan) bool {
		if diff := cmp.Diff(p, Decide(w.service, w.o)); diff != "" {
			t.Error(diff)
		}
		return true
	})
}

func TestOrderOfObservationsDoesNotMatter(t *testing.T) {
	each(t, cases, func(t *testing.T, w *world, p Plan) bool {
		o := w.o
		mix(w, &o.Commits)
		mix(w, &o.Ancestry)
		mix(w, &o.Stages)
		mix(w, &o.CI)
		mix(w, &o.Alarms)
		mix(w, &o.Checks)
		mix(w, &o.Shadow)
		mix(w, &o.Entries)
		mix(w, &o.Gaps)
		if o.Incidents != nil {
			open := *o.Incidents
			mix(w, &open.Open)
			o.Incidents = &open
		}
		for i := range o.Checks {
			mix(w, &o.Checks[i].Locations)
		}
		if diff := cmp.Diff(p, Decide(w.service, o)); diff != "" {
			t.Error(diff)
		}
		return true
	})
}

func mix[T any](w *world, list *[]T) {
	*list = slices.Clone(*list)
	w.Shuffle(len(*list), func(i, j int) { (*list)[i], (*list)[j] = (*list)[j], (*list)[i] })
}

// TestNoGatePassesOnMissingEvidence takes away, one after the other, all that
// is known, each piece by itself: what was promoted on it must not be.
func TestNoGatePassesOnMissingEvidence(t *testing.T) {
	each(t, 50, func(t *testing.T, w *world, p Plan) bool {
		told := false
		for i, d := range p.Stages {
			if d.Do != Promote {
				continue
			}
			told = true
			for name, take := range w.pieces(i, d.Commit) {
				o := w.o
				take(&o)
				q := question{&planner{service: w.service, o: &o, histories: histories(w.service, o)}, i, w.service.Stages[i], d.Commit}
				if again := Decide(w.service, o).of(d.Stage); again.Do == Promote && again.Commit == d.Commit && !overridden(q) {
					t.Errorf("%s takes %s without %s", d.Stage, d.Commit, name)
				}
			}
		}
		return told
	})
}

func histories(s Service, o Observations) map[string]History {
	m := map[string]History{}
	for _, stage := range s.Stages {
		m[stage.Name] = HistoryOf(o.Entries, stage.Name, o.Now)
	}
	return m
}

func overridden(q question) bool {
	return slices.ContainsFunc(q.ask(), func(v Verdict) bool { return v.Overridden != "" })
}

// pieces are what a promotion into stage i rests on.
func (w *world) pieces(i int, commit string) map[string]func(o *Observations) {
	stage := w.service.Stages[i].Name
	m := map[string]func(o *Observations){
		"the commits": func(o *Observations) { o.Commits = nil },
		"its builds": func(o *Observations) {
			o.CI = slices.DeleteFunc(slices.Clone(o.CI), func(c CI) bool { return c.Commit == commit })
		},
		"what runs there": func(o *Observations) {
			o.Stages = slices.DeleteFunc(slices.Clone(o.Stages), func(s Seen) bool { return s.Stage == stage })
		},
		"its alarms": func(o *Observations) {
			o.Alarms = slices.DeleteFunc(slices.Clone(o.Alarms), func(a Alarm) bool { return a.Stage == stage })
		},
		"the time":   func(o *Observations) { o.Now = time.Time{} },
		"the ledger": func(o *Observations) { o.LedgerRead = false },
	}
	if i > 0 {
		before := w.service.Stages[i-1].Name
		m["incidents"] = func(o *Observations) { o.Incidents = nil }
		m["approvals"] = func(o *Observations) {
			o.Entries = slices.DeleteFunc(slices.Clone(o.Entries), func(e Entry) bool { return e.Kind == EntryApprove })
		}
		m["the stage before"] = func(o *Observations) {
			o.Stages = slices.DeleteFunc(slices.Clone(o.Stages), func(s Seen) bool { return s.Stage == before })
		}
		m["alarms of the stage before"] = func(o *Observations) {
			o.Alarms = slices.DeleteFunc(slices.Clone(o.Alarms), func(a Alarm) bool { return a.Stage == before })
		}
		m["when it came to the stage before"] = func(o *Observations) {
			o.Entries = slices.DeleteFunc(slices.Clone(o.Entries), func(e Entry) bool { return e.Stage == before })
			o.Stages = slices.Clone(o.Stages)
			for i := range o.Stages {
				o.Stages[i].Since = time.Time{}
			}
		}
		m["shadow runs"] = func(o *Observations) {
			o.Shadow = slices.DeleteFunc(slices.Clone(o.Shadow), func(r ShadowRuns) bool { return r.Commit == commit })
		}
		if i == 1 {
			m["the checks"] = func(o *Observations) { o.Checks = nil }
		}
	}
	return m
}

func TestNeverPromotesWhatIsNotInTheStageBefore(t *testing.T) {
	each(t, 50, func(t *testing.T, w *world, p Plan) bool {
		told := false
		for i, d := range p.Stages {
			if d.Do != Promote {
				continue
			}
			told = true
			if i > 0 && !slices.ContainsFunc(w.o.Stages, func(s Seen) bool { return s.Stage == p.Stages[i-1].Stage && s.Commit == d.Commit && !s.Mixed }) {
				t.Errorf("%s takes %s, which is not in %s", d.Stage, d.Commit, p.Stages[i-1].Stage)
			}
			if i > 0 && p.Stages[i-1].Do != Hold && p.Stages[i-1].Do != Nothing {
				t.Errorf("%s takes %s while %s is to %s", d.Stage, d.Commit, p.Stages[i-1].Stage, p.Stages[i-1].Do)
			}
		}
		return told
	})
}

func TestNeverTwoDeploysInAStage(t *testing.T) {
	each(t, 50, func(t *testing.T, w *world, p Plan) bool {
		told := false
		for _, d := range p.Stages {
			if HistoryOf(w.o.Entries, d.Stage, w.o.Now).Flight == nil {
				continue
			}
			told = true
			if d.Do == Promote || d.Do == Nothing || d.Do == Hold {
				t.Errorf("%s: %s while a deploy is under way", d.Stage, d.Do)
			}
		}
		return told
	})
}

// TestARollbackIsNeverGated sets a failed deploy, or an alarm within the bake,
// into all sorts of worlds: it is rolled back whatever the gates say.
func TestARollbackIsNeverGated(t *testing.T) {
	each(t, cases, func(t *testing.T, w *world, _ Plan) bool {
		i := w.IntN(len(w.service.Stages))
		s := w.service.Stages[i]
		good, bad := w.ids[2], w.ids[1]
		w.o.Entries = slices.DeleteFunc(w.o.Entries, func(e Entry) bool {
			return e.Stage == s.Name && (e.Kind == EntryBegin || e.Kind == EntryEnd || e.Gate == GateAlarms)
		})
		w.o.Stages = slices.DeleteFunc(w.o.Stages, func(x Seen) bool { return x.Stage == s.Name })
		if w.chance(70) {
			w.o.Stages = append(w.o.Stages, Seen{Stage: s.Name, Commit: bad, Mixed: w.chance(30)})
		}
		began := w.o.Now.Add(-10 * time.Minute)
		begin := Entry{Seq: 1000, ID: "bad", Kind: EntryBegin, Stage: s.Name, Commit: bad, From: good, At: began, Holder: "desk", Until: began.Add(time.Hour)}
		end := Entry{Seq: 1001, ID: "badend", Kind: EntryEnd, Stage: s.Name, Commit: bad, Begun: "bad", Outcome: Done, At: began.Add(time.Minute)}
		firing := Alarm{Stage: s.Name, Name: "up", State: Firing, Since: w.o.Now}
		switch w.IntN(4) {
		case 0: // it did not become ready
			end.Outcome = Failed
			w.o.Entries = append(w.o.Entries, begin, end)
		case 1: // an alarm within the bake
			w.o.Entries, w.o.Alarms = append(w.o.Entries, begin, end), append(w.o.Alarms, firing)
		case 2: // an alarm while it is deployed, by whomever
			begin.Holder = "other"
			w.o.Entries, w.o.Alarms = append(w.o.Entries, begin), append(w.o.Alarms, firing)
		case 3: // it takes too long
			begin.Until = w.o.Now
			w.o.Entries = append(w.o.Entries, begin)
		}
		if w.chance(50) { // somebody holds the stage, after it came
			w.o.Entries = append(w.o.Entries, Entry{Seq: 1002, ID: "held", Kind: EntryHold, Stage: s.Name, Actor: "ada", Reason: "sale"})
		}
		if d := Decide(w.service, w.o).of(s.Name); d.Do != RollBack || d.Commit != good {
			t.Errorf("%s: %s %s: %s", d.Stage, d.Do, d.Commit, d.Reason)
		}
		return true
	})
}
