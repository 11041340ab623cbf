package promotion

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	a = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	b = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	c = "cccccccccccccccccccccccccccccccccccccccc"
)

// tuesday is a time to release in Berlin.
var tuesday = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func shop(t *testing.T) Service {
	return Service{Name: "shop", Stages: []Stage{
		{
			Name: "staging", Timeout: time.Hour, Alarms: []string{"up"}, Gates: Gates{CI: true},
			Bake: &Bake{For: 30 * time.Minute, Tags: []string{"smoke"}, Runs: 20, Locations: 2, GiveUp: 2 * time.Hour},
		},
		{
			Name: "production", Timeout: time.Hour, Alarms: []string{"up"}, Bake: &Bake{For: time.Hour, GiveUp: 3 * time.Hour},
			Gates: Gates{
				CI: true, Approvals: 1, Hours: hoursIn(t, "Europe/Berlin", "Mon-Thu 09:00-16:00", "Fri 09:00-12:00"),
				Freezes: []Freeze{{at(t, "2026-12-20T00:00:00Z"), at(t, "2027-01-04T00:00:00Z"), "holidays"}}, Incidents: &IncidentGate{[]string{"outage"}},
				Shadow: &ShadowGate{Pairs: 300, Disagree: 0.01, Slower: 1.1},
			},
		},
	}}
}

// green is a time at which b, which was in staging for an hour, may go to
// production, where a runs, and nothing newer is there.
func green() Observations {
	came := tuesday.Add(-time.Hour)
	return Observations{
		Now: tuesday, Holder: "desk", LedgerRead: true,
		Commits:  []Commit{{ID: b, OnTrunk: Yes, Back: 0}, {ID: a, OnTrunk: Yes, Back: 1}},
		Ancestry: []Ancestry{{a, b, Yes}, {b, a, No}},
		Stages:   []Seen{{Stage: "staging", Commit: b}, {Stage: "production", Commit: a}},
		CI:       []CI{{Commit: b, State: BuildPassed}},
		Alarms:   []Alarm{{Stage: "staging", Name: "up", State: Quiet}, {Stage: "production", Name: "up", State: Quiet}},
		Checks: []CheckRuns{
			{Stage: "staging", From: came, Check: "login", Locations: []LocationRuns{{Location: "eu", Passed: 15}, {Location: "us", Passed: 15}}},
		},
		Shadow: []ShadowRuns{
			{Stage: "production", Commit: b, Build: "v2", Pairs: 300, P: 1, RateHigh: 0.0099, Timed: 300, RatioLow: 0.98, RatioHigh: 1.02},
		},
		Incidents: &OpenIncidents{},
		Entries: []Entry{
			{Seq: 1, ID: "e1", At: came.Add(-2 * time.Hour), Kind: EntryBegin, Stage: "production", Commit: a, Holder: "desk", Until: came},
			{Seq: 2, ID: "e2", At: came.Add(-2 * time.Hour), Kind: EntryEnd, Stage: "production", Commit: a, Begun: "e1", Outcome: Done},
			{Seq: 3, ID: "e3", At: came.Add(-time.Minute), Kind: EntryBegin, Stage: "staging", Commit: b, From: a, Holder: "desk", Until: came.Add(time.Hour)},
			{Seq: 4, ID: "e4", At: came, Kind: EntryEnd, Stage: "staging", Commit: b, Begun: "e3", Outcome: Done},
			{Seq: 5, ID: "e5", At: came, Kind: EntryApprove, Stage: "production", Commit: b, Actor: "ada"},
		},
	}
}

func (p Plan) of(stage string) StagePlan {
	for _, s := range p.Stages {
		if s.Stage == stage {
			return s
		}
	}
	return StagePlan{}
}

func answers(s StagePlan) map[Gate]Answer {
	m := map[Gate]Answer{}
	for _, v := range s.Verdicts {
		m[v.Gate] = v.Answer
	}
	return m
}

func TestAllGatesOpen(t *testing.T) {
	d := Decide(shop(t), green()).of("production")
	if d.Do != Promote || d.Commit != b {
		t.Fatalf("production: %s %s: %s", d.Do, d.Commit, d.Reason)
	}
	if asked := answers(d); len(asked) != len(GateNames()) {
		t.Errorf("gates asked: %v", asked)
	}
}

// TestEachGateHolds spoils one thing at a time: the gate that it belongs to
// must say so, and the stage be held.
func TestEachGateHolds(t *testing.T) {
	for _, row := range []struct {
		name   string
		spoil  func(o *Observations)
		gate   Gate
		want   Answer
		reason string
	}{
		{"Friday evening", func(o *Observations) { o.Now = at(t, "2026-11-27T17:00:00Z") }, GateHours, Wait, "Fri 18:00 in Europe/Berlin is no time to release"},
		{"freeze", func(o *Observations) { o.Now = at(t, "2026-12-22T10:00:00Z") }, GateFreeze, Wait, "frozen until 2027-01-04 00:00 UTC: holidays"},
		{"not on the trunk", func(o *Observations) { o.Commits[0].OnTrunk = No }, GateTrunk, Fail, "bbbbbbbbbb is not on the trunk"},
		{"git is silent", func(o *Observations) { o.Commits[0].OnTrunk = NotKnown }, GateTrunk, Unknown, "git did not say"},
		{"git is silent on ancestors", func(o *Observations) { o.Ancestry = nil }, GateNewer, Unknown, "is not known"},
		{"a hotfix runs", func(o *Observations) { o.Ancestry[0].Is = No }, GateNewer, Fail, "does not contain aaaaaaaaaa"},
		{"stage not seen", func(o *Observations) { o.Stages = o.Stages[:1] }, GateSteady, Unknown, "its driver did not say"},
		{"mixed", func(o *Observations) { o.Stages[1].Mixed = true }, GateSteady, Fail, "more than one thing runs"},
		{"build pending", func(o *Observations) { o.CI[0].State = BuildPending }, GateCI, Wait, "is not done"},
		{"build failed", func(o *Observations) { o.CI[0].State = BuildFailed }, GateCI, Fail, "failed"},
		{"no word of the build", func(o *Observations) { o.CI = nil }, GateCI, Unknown, "nobody said"},
		{"alarm in production", func(o *Observations) { o.Alarms[1].State = Firing }, GateAlarms, Fail, "up in production: firing"},
		{"alarm in staging", func(o *Observations) { o.Alarms[0].State, o.Alarms[0].Since = Firing, tuesday.Add(-time.Minute) }, GateAlarms, Fail, "up in staging: firing"},
		{"no word of an alarm", func(o *Observations) { o.Alarms = o.Alarms[:1] }, GateAlarms, Unknown, "the state is not known of up in production"},
		{"an alarm says something else", func(o *Observations) { o.Alarms[0].State = "insufficient data" }, GateAlarms, Unknown, "up in staging"},
		{"incident", func(o *Observations) {
			o.Incidents.Open = []Incident{{ID: "1", Title: "Log-in is down", Impact: "outage", Opened: tuesday}}
		}, GateIncidents, Fail, `"Log-in is down" (outage, since 2026-11-24 10:00 UTC)`},
		{"no word of incidents", func(o *Observations) {
			o.Incidents = nil
			o.Gaps = []Gap{{Gate: GateIncidents, Why: "the console is away"}}
		}, GateIncidents, Unknown, "the console is away"},
		{"not approved", func(o *Observations) { o.Entries = o.Entries[:4] }, GateApproval, Wait, "0 of 1"},
		{"held", func(o *Observations) {
			o.Entries = append(o.Entries, Entry{Seq: 9, ID: "e9", At: tuesday, Kind: EntryHold, Stage: "production", Actor: "ada", Reason: "sale"})
		}, GateHold, Fail, "held by ada since 2026-11-24 10:00 UTC: sale"},
		{"too early", func(o *Observations) { o.Now = tuesday.Add(-45 * time.Minute) }, GateBake, Wait, "15m of 30m have passed"},
		{"too few runs", func(o *Observations) { o.Checks[0].Locations[0].Passed, o.Checks[0].Locations[0].Inconclusive = 2, 13 }, GateBake, Wait, "17 of 20 runs"},
		{"too few locations", func(o *Observations) { o.Checks[0].Locations[0].Passed, o.Checks[0].Locations[1].Passed = 0, 30 }, GateBake, Wait, "1 of 2 locations"},
		{"a check fails", func(o *Observations) { o.Checks[0].Locations[0].NewestFailed = true }, GateChecks, Fail, "fails login at eu"},
		{"a check has failed", func(o *Observations) { o.Checks[0].Locations[0].Failed = 1 }, GateChecks, Fail, "failed 1 of 31 runs"},
		{"a check has not run", func(o *Observations) {
			o.Checks = append(o.Checks, CheckRuns{Stage: "staging", Check: "idle", From: tuesday.Add(-time.Hour), Locations: []LocationRuns{{Location: "eu"}}})
		}, GateChecks, Wait, "has not yet run: idle"},
		{"no word of the checks", func(o *Observations) { o.Checks = nil }, GateChecks, Unknown, "nothing is known of a check with the tags smoke"},
		{"some of the checks", func(o *Observations) { o.Gaps = []Gap{{Gate: GateChecks, Stage: "staging", Why: "half an answer"}} }, GateBake, Unknown, "half an answer"},
		{"runs of before it came", func(o *Observations) { o.Checks[0].From = tuesday.Add(-2 * time.Hour) }, GateBake, Unknown, "from before the commit came"},
		{"nobody knows since when", func(o *Observations) { o.Entries = append(o.Entries[:2:2], o.Entries[4]) }, GateBake, Unknown, "since when"},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := green()
			row.spoil(&o)
			d := Decide(shop(t), o).of("production")
			if d.Do != Hold {
				t.Errorf("production: %s: %s", d.Do, d.Reason)
			}
			for _, v := range d.Verdicts {
				if v.Gate == row.gate && (v.Answer != row.want || !strings.Contains(v.Reason, row.reason)) {
					t.Errorf("gate %s: %s: %s; want %s: %s", v.Gate, v.Answer, v.Reason, row.want, row.reason)
				}
			}
			if got := answers(d)[row.gate]; got != row.want {
				t.Errorf("gate %s answers %q, want %q", row.gate, got, row.want)
			}
			// An override of this gate, and of it alone, lets the commit through.
			o.Entries = append(o.Entries, Entry{
				Seq: 20, ID: "o", Kind: EntryOverride, Stage: "production", Commit: b, Gate: row.gate, Actor: "ada", Reason: "seen to it", Expires: o.Now.Add(time.Minute),
			})
			others := 0
			for _, v := range d.Verdicts {
				if v.Gate != row.gate && v.Answer != Pass {
					others++
				}
			}
			d = Decide(shop(t), o).of("production")
			if others == 0 && (d.Do != Promote || !strings.Contains(d.Reason, "ada")) || others > 0 && d.Do != Hold {
				t.Errorf("with an override, and %d other gates shut: %s: %s", others, d.Do, d.Reason)
			}
		})
	}
}

func TestOverridesAreScopedAndExpire(t *testing.T) {
	for name, change := range map[string]func(e *Entry){
		"as it should be": func(*Entry) {},
		"another stage":   func(e *Entry) { e.Stage = "staging" },
		"another commit":  func(e *Entry) { e.Commit = a },
		"another gate":    func(e *Entry) { e.Gate = GateFreeze },
		"no commit":       func(e *Entry) { e.Commit = "" },
		"expired":         func(e *Entry) { e.Expires = at(t, "2026-11-27T17:00:00Z") },
		"without expiry":  func(e *Entry) { e.Expires = time.Time{} },
		"without reason":  func(e *Entry) { e.Reason = "" },
		"without actor":   func(e *Entry) { e.Actor = "" },
	} {
		o := green()
		o.Now = at(t, "2026-11-27T17:00:00Z") // Friday evening
		e := Entry{Seq: 9, ID: "o", Kind: EntryOverride, Stage: "production", Commit: b, Gate: GateHours, Actor: "ada", Reason: "fixes the log-in", Expires: o.Now.Add(time.Hour)}
		change(&e)
		o.Entries = append(o.Entries, e)
		want := Hold
		if name == "as it should be" {
			want = Promote
		}
		if d := Decide(shop(t), o).of("production"); d.Do != want {
			t.Errorf("%s: %s: %s", name, d.Do, d.Reason)
		}
	}
}

func TestWhenItOpens(t *testing.T) {
	o := green()
	// Friday 11:45 in Berlin with a quarter of an hour of bake to go: when that
	// is over, the hours are too.
	o.Now = at(t, "2026-11-27T10:45:00Z")
	o.Stages[0].Since = o.Now.Add(-15 * time.Minute)
	o.Checks[0].From = o.Stages[0].Since
	d := Decide(shop(t), o).of("production")
	if want := at(t, "2026-11-30T08:00:00Z"); d.Do != Hold || d.OpensAt == nil || !d.OpensAt.Equal(want) {
		t.Errorf("%s until %v, want %s: %s", d.Do, d.OpensAt, want, d.Reason)
	}
	o.Incidents = nil // nobody knows when that changes
	if d = Decide(shop(t), o).of("production"); d.OpensAt != nil {
		t.Errorf("opens at %s, though no clock opens a gate", d.OpensAt)
	}
}

func TestTheNewestThatPassesIsTakenFromTheTrunk(t *testing.T) {
	o := green()
	o.Commits = append([]Commit{{ID: c, OnTrunk: Yes, Back: 0}, {ID: "dddd", OnTrunk: Yes, Back: 1}}, Commit{ID: b, OnTrunk: Yes, Back: 2})
	o.Stages[1].Commit = b // so that staging's b has gone on
	o.Ancestry = []Ancestry{{b, c, Yes}, {c, b, No}, {b, "dddd", Yes}, {"dddd", b, No}}
	o.CI = []CI{{Commit: c, State: BuildPending}, {Commit: "dddd", State: BuildPassed}}
	if d := Decide(shop(t), o).of("staging"); d.Do != Promote || d.Commit != "dddd" {
		t.Errorf("staging: %s %s: %s", d.Do, d.Commit, d.Reason)
	}
	o.CI[1].State = BuildFailed
	if d := Decide(shop(t), o).of("staging"); d.Do != Hold || d.Commit != c {
		t.Errorf("staging: %s %s: %s", d.Do, d.Commit, d.Reason)
	}
}

func TestSeveralCommitsInFlight(t *testing.T) {
	o := green()
	o.Commits = append(o.Commits, Commit{ID: c, OnTrunk: Yes, Back: 0})
	o.Commits[0].Back, o.Commits[1].Back = 1, 2
	o.Ancestry = append(o.Ancestry, Ancestry{b, c, Yes}, Ancestry{c, b, No}, Ancestry{a, c, Yes})
	o.CI = append(o.CI, CI{Commit: c, State: BuildPassed})
	plan := Decide(shop(t), o)
	if d := plan.of("production"); d.Do != Promote || d.Commit != b {
		t.Errorf("production: %s %s", d.Do, d.Commit)
	}
	if d := plan.of("staging"); d.Do != Hold || answers(d)[GateTrain] != Wait {
		t.Errorf("staging takes a commit while production takes what it runs: %s: %s", d.Do, d.Reason)
	}
	// Once b runs in production, c may come to staging while b bakes.
	o.Stages[1].Commit = b
	if d := Decide(shop(t), o).of("staging"); d.Do != Promote || d.Commit != c {
		t.Errorf("staging: %s %s: %s", d.Do, d.Commit, d.Reason)
	}
}

func TestPlanIsReadable(t *testing.T) {
	o := green()
	o.Incidents.Open = []Incident{{ID: "1", Title: "Slow", Impact: "degraded", Opened: tuesday}}
	o.Checks[0].Locations[0].NewestFailed = true
	d := Decide(shop(t), o).of("production")
	if diff := cmp.Diff("in staging fails login at eu", d.Reason); diff != "" {
		t.Error(diff)
	}
}
