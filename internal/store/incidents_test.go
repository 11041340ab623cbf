package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/store"
)

// People write incidents down, add to them, merge them and learn from them;
// what the rules found they may describe and add to, and nothing else.
func TestIncidentsOfPeople(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	begin := lately()
	c := shopLogin()
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	record(t, s, store.Recorded{Stored: 1}, result(c, "here", begin, jobs.Failed, time.Second))
	found, err := s.Incidents(ctx, store.IncidentFilter{})
	if err != nil || len(found) != 1 {
		t.Fatalf("%+v (%v)", found, err)
	}
	ruled := found[0].ID
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	first, err := s.OpenIncident(ctx, status.Report{Title: "Payments are slow", Impact: status.ImpactDegraded, Checks: []string{"pay"}, Opened: begin.Add(-time.Hour), Author: "ada"})
	must(err)
	second, err := s.OpenIncident(ctx, status.Report{Title: "Log-in fails", Impact: status.ImpactOutage, Checks: []string{c.ID}, Public: true})
	must(err)
	say := func(id string, p status.Phase, body string) error {
		return s.UpdateIncident(ctx, id, status.Update{Phase: p, Body: body, Public: true, Author: "ada"})
	}
	must(say(first, status.Investigating, "We look into it."))
	must(s.MergeIncident(ctx, first, second))
	must(say(second, status.Resolved, "**All** is well."))
	must(say(ruled, status.Resolved, "It is not, in truth."))
	must(s.DescribeIncident(ctx, second, "Log-in and payments", true, "# What we learnt"))

	got, ok, err := s.Incident(ctx, second)
	must(err)
	if !ok || got.Open() || got.Title != "Log-in and payments" || got.Postmortem != "# What we learnt" || len(got.Updates) != 2 ||
		got.Updates[0].Body != "We look into it." || !got.Opened.Equal(begin.Add(-time.Hour)) || got.ByRules {
		t.Errorf("%+v", got)
	}
	if d := cmp.Diff([]string{"pay", c.ID}, got.Checks); d != "" {
		t.Errorf("checks (-want +got):\n%s", d)
	}
	if part, ok, err := s.Incident(ctx, first); err != nil || !ok || part.MergedInto != second || !part.Retracted {
		t.Errorf("the part: %+v (%v)", part, err)
	}
	if r, _, err := s.Incident(ctx, ruled); err != nil || !r.Open() || len(r.Updates) != 1 {
		t.Errorf("that of the rules: %+v (%v)", r, err)
	}
	_, tooLittle := s.OpenIncident(ctx, status.Report{Impact: status.ImpactNone})
	for name, err := range map[string]error{
		"no title":          tooLittle,
		"no such phase":     say(second, "done", "x"),
		"nothing said":      say(second, status.Monitoring, " "),
		"merged already":    say(first, status.Monitoring, "x"),
		"into itself":       s.MergeIncident(ctx, second, second),
		"what rules found":  s.MergeIncident(ctx, ruled, second),
		"nobody knows it":   say("6f1c1d1e-0000-4000-8000-000000000000", status.Monitoring, "x"),
		"no id":             s.DescribeIncident(ctx, "x", "t", true, ""),
		"a title must stay": s.DescribeIncident(ctx, second, "", true, ""),
	} {
		if _, refused := errors.AsType[*store.RefusedError](err); !refused {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, ok, err := s.Incident(ctx, "nonsense"); ok || err != nil {
		t.Errorf("nonsense: %v", err)
	}
}

// A slot that is tried again says nothing until it is decided; a later slot, or
// the time, decides it.
func TestUndecidedSlotsOpenNothing(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	c.Locations = []string{"here"}
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	slot := lately()
	undecided := func(slot time.Time) {
		t.Helper()
		do(t, url, `INSERT INTO undecided (check_id, location, slot, run_id, attempt, outcome, fault_class, fault_message, finished_at, latency_us, until)
			VALUES ($1, 'here', $2, gen_random_uuid(), 1, 'failed', '', '', now(), 0, now() + interval '1 hour')`, c.ID, slot)
	}
	undecided(slot)
	record(t, s, store.Recorded{Stored: 1}, result(c, "here", slot, jobs.Failed, time.Second))
	if got := incidents(t, s, c.ID); len(got) != 0 {
		t.Errorf("while it is tried again: %+v", got)
	}
	record(t, s, store.Recorded{Stored: 1}, attempt(result(c, "here", slot, jobs.Passed, time.Second), 2, "here", jobs.Passed))
	undecided(slot.Add(time.Minute))
	record(t, s, store.Recorded{Stored: 1}, result(c, "here", slot.Add(time.Minute), jobs.Failed, time.Second))
	if got := incidents(t, s, c.ID); len(got) != 0 {
		t.Errorf("passed in the end: %+v", got)
	}
	record(t, s, store.Recorded{Stored: 1}, result(c, "here", slot.Add(2*time.Minute), jobs.Passed, time.Second))
	if got := incidents(t, s, c.ID); len(got) != 1 || !got[0].Opened.Equal(slot.Add(time.Minute)) {
		t.Errorf("never tried again: %+v", got)
	}
}
