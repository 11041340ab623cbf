package promotion

import (
	"fmt"
	"testing"
	"time"
)

// TestCommitsThatLandFasterThanTheBake lets a commit land every five minutes
// for a day, in front of a bake of half an hour: each train bakes in full and
// goes on, and what waits meanwhile comes with the next one.
func TestCommitsThatLandFasterThanTheBake(t *testing.T) {
	s := Service{Name: "shop", Stages: []Stage{
		{Name: "staging", Bake: &Bake{For: 30 * time.Minute, GiveUp: time.Hour}},
		{Name: "production", Bake: &Bake{For: 20 * time.Minute, GiveUp: time.Hour}},
	}}
	var trunk []string // the oldest first
	var entries []Entry
	running, arrived := map[string]string{}, []time.Time{}
	for minute := range 24 * 60 {
		now := tuesday.Add(time.Duration(minute) * time.Minute)
		if minute%5 == 0 {
			trunk = append(trunk, fmt.Sprintf("%040d", minute))
		}
		o := Observations{Now: now, Holder: "desk", LedgerRead: true, Entries: entries}
		for i, id := range trunk {
			o.Commits = append(o.Commits, Commit{ID: id, OnTrunk: Yes, Back: len(trunk) - 1 - i})
			for _, r := range running {
				o.Ancestry = append(o.Ancestry, Ancestry{r, id, map[bool]Known{true: Yes, false: No}[r <= id]}, Ancestry{id, r, map[bool]Known{true: Yes, false: No}[id <= r]})
			}
		}
		for _, stage := range s.Stages {
			o.Stages = append(o.Stages, Seen{Stage: stage.Name, Commit: running[stage.Name]})
		}
		for _, d := range Decide(s, o).Stages {
			if d.Do != Promote {
				continue
			}
			n := len(entries)
			id := fmt.Sprint("e", n)
			entries = append(entries,
				Entry{Seq: n + 1, ID: id, At: now, Kind: EntryBegin, Stage: d.Stage, Commit: d.Commit, From: running[d.Stage], Until: now.Add(time.Hour)},
				Entry{Seq: n + 2, ID: id + "end", At: now, Kind: EntryEnd, Stage: d.Stage, Commit: d.Commit, Begun: id, Outcome: Done})
			running[d.Stage] = d.Commit
			if d.Stage == "production" {
				arrived = append(arrived, now)
			}
		}
	}
	if len(arrived) < 40 {
		t.Errorf("%d commits came to production in a day, want one about every half hour", len(arrived))
	}
	for i := 1; i < len(arrived); i++ {
		if gap := arrived[i].Sub(arrived[i-1]); gap > 35*time.Minute || gap < 30*time.Minute {
			t.Errorf("from %s to %s nothing came to production", arrived[i-1], arrived[i])
		}
	}
}

// TestATrainGivesItsPlaceUp: a bake that cannot be completed keeps newer
// commits out for a while only; one that has failed does not at all.
func TestATrainGivesItsPlaceUp(t *testing.T) {
	o := green()
	o.Commits = append(o.Commits, Commit{ID: c, OnTrunk: Yes, Back: 0})
	o.Commits[0].Back, o.Commits[1].Back = 1, 2
	o.Ancestry = append(o.Ancestry, Ancestry{b, c, Yes}, Ancestry{c, b, No})
	o.CI = append(o.CI, CI{Commit: c, State: BuildPassed})
	came := o.Checks[0].From
	o.Checks[0].Locations[0].Passed = 0 // one location of two
	for _, row := range []struct {
		after time.Duration
		want  Do
	}{{time.Hour, Hold}, {2*time.Hour - time.Second, Hold}, {2 * time.Hour, Promote}} {
		o.Now = came.Add(row.after)
		if d := Decide(shop(t), o).of("staging"); d.Do != row.want || d.Do == Hold && (d.OpensAt == nil || !d.OpensAt.Equal(came.Add(2*time.Hour))) {
			t.Errorf("after %s: %s, opens %v: %s", row.after, d.Do, d.OpensAt, d.Reason)
		}
	}
	o.Now = came.Add(time.Hour)
	o.Checks[0].Locations[1].NewestFailed = true
	if d := Decide(shop(t), o).of("staging"); d.Do != Promote || d.Commit != c {
		t.Errorf("while b fails its checks: %s %s: %s", d.Do, d.Commit, d.Reason)
	}
}
