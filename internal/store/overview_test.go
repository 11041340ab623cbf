package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/store"
)

func TestRevisionsSayWhoAndWhat(t *testing.T) {
	s, _ := open(t)
	as := func(name string) context.Context {
		return access.WithActor(t.Context(), access.Actor{Kind: access.ActorToken, ID: name, Name: name})
	}
	c := shopLogin()
	if _, err := s.ApplySet(as("ann"), []check.Check{c}, store.ApplyOptions{Owner: "shop"}); err != nil {
		t.Fatal(err)
	}
	if found, err := s.ChangeCheck(as("ben"), c.ID, func(c *check.Check) { c.Active = false }); !found || err != nil {
		t.Fatal(found, err)
	}
	// What changes nothing is no revision.
	if found, err := s.ChangeCheck(as("carl"), c.ID, func(c *check.Check) { c.Active = false }); !found || err != nil {
		t.Fatal(found, err)
	}
	if found, err := s.ChangeCheck(as("ben"), "nothing", func(*check.Check) {}); found || err != nil {
		t.Fatal(found, err)
	}
	if _, err := s.RemoveChecks(as("dora"), []string{c.ID}); err != nil {
		t.Fatal(err)
	}
	revisions, err := s.Revisions(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	var who []string
	for _, r := range revisions {
		who = append(who, r.By)
	}
	// Paused, it was not scheduled any more: to remove it changed nothing.
	entries, err := s.Audit(t.Context(), access.EntryFilter{Limit: 10})
	if err != nil || len(entries) != 3 || entries[1].Actor != "ben" {
		t.Errorf("the audit log: %+v, %v", entries, err)
	}
	if len(who) != 2 || who[0] != "ben" || who[1] != "ann" || revisions[0].Active || !revisions[1].Active {
		t.Errorf("%+v", revisions)
	}
	if found, err := s.ChangeCheck(as("ben"), c.ID, func(*check.Check) {}); found || err != nil {
		t.Errorf("a removed check was changed: %v", err)
	}
}

func TestOverviewAndWhatWasMeasured(t *testing.T) {
	s, _ := open(t)
	shown, hidden := shopLogin(), named("hidden")
	hidden.Public, hidden.Active, hidden.Muted = false, false, true
	apply(t, s, store.Applied{Created: []string{"hidden", shown.ID}}, shown, hidden)
	now := time.Now().UTC().Truncate(time.Minute)
	var results []jobs.Result
	for i := range 5 {
		outcome := jobs.Passed
		if i == 1 {
			outcome = jobs.Failed
		}
		r := result(shown, shown.Locations[0], now.Add(-time.Duration(i)*time.Minute), outcome, time.Second)
		r.ReceivedAt = r.SentAt.Add(2 * time.Second)
		r.StartedAt = r.ReceivedAt
		r.FinishedAt = r.StartedAt.Add(3 * time.Second)
		results = append(results, r)
	}
	record(t, s, store.Recorded{Stored: len(results)}, results...)
	all, err := s.Overview(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("%d, %v", len(all), err)
	}
	h, l := all[0], all[1]
	if h.ID != "hidden" || h.Active || !h.Muted || len(h.Last) != 0 {
		t.Errorf("hidden: %+v", h)
	}
	if l.ID != shown.ID || !l.Active || len(l.Conclusive) != 1 || l.Conclusive[0].Outcome != jobs.Passed || !l.Conclusive[0].Slot.Equal(now) {
		t.Errorf("shown: %+v", l)
	}
	recent, err := s.Recent(t.Context(), []string{shown.ID, "hidden"}, 3)
	if err != nil || len(recent[shown.ID]) != 3 || recent[shown.ID][1].Outcome != jobs.Failed || len(recent["hidden"]) != 0 {
		t.Errorf("%+v, %v", recent, err)
	}
	line, err := s.Latencies(t.Context(), shown.ID, now.Add(-time.Hour))
	if err != nil || len(line) != 5 || !line[4].Slot.Equal(now) {
		t.Errorf("%+v, %v", line, err)
	}
	activity, err := s.Activity(t.Context(), 10*time.Minute)
	if err != nil || len(activity) == 0 {
		t.Fatalf("%+v, %v", activity, err)
	}
	for _, a := range activity {
		switch a.Location {
		case shown.Locations[0]:
			if a.Passed != 4 || a.Failed != 1 || a.Wait.P50 != 2*time.Second || a.Run.P99 != 3*time.Second || a.Overdue != 0 {
				t.Errorf("%+v", a)
			}
		default: // has no run at all: what is due is late
			if a.Conclusive() != 0 || a.Overdue != 0 || a.OverdueCheck != shown.ID {
				t.Errorf("%+v", a)
			}
		}
	}
	attempts, err := s.Attempts(t.Context(), shown.ID, now, jobs.RunID(shown.ID, shown.Locations[0], now))
	if err != nil || len(attempts) != 1 || attempts[0].StoredAt.IsZero() || len(attempts[0].Data) == 0 {
		t.Errorf("%+v, %v", attempts, err)
	}
}
