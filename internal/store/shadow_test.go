package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/shadow"
	"github.com/probefleet/probefleet/internal/store"
)

// What a candidate found is paired with what counts, once a build, and is in no
// count and no state.
func TestShadow(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	first := result(c, "here", noon, jobs.Passed, 100*time.Millisecond)
	second := result(c, "there", noon.Add(time.Second), jobs.Passed, 200*time.Millisecond)
	alone := result(c, "here", noon.Add(time.Minute), jobs.Passed, time.Second)
	record(t, s, store.Recorded{Stored: 2}, first, second)
	before := ask[string](t, url, `SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM (SELECT check_id, location, outcome, slot FROM latest) t`)
	candidate := func(r jobs.Result, build string, o jobs.Outcome, took time.Duration) jobs.Result {
		r.Worker.ID, r.Worker.Build, r.Outcome, r.Timings.Total, r.Fault = "candidate", build, o, took, nil
		if o != jobs.Passed {
			r.Fault = &jobs.Fault{Class: jobs.FaultAssertion, Message: "status == 200 (got 500)"}
		}
		return r
	}
	for _, r := range []jobs.Result{
		candidate(first, "v2", jobs.Passed, 110*time.Millisecond),
		candidate(first, "v2", jobs.Failed, time.Hour), // delivered twice: the first one counts
		candidate(first, "v3", jobs.Passed, 90*time.Millisecond),
		candidate(second, "v2", jobs.Failed, 50*time.Millisecond),
		candidate(alone, "v2", jobs.Failed, time.Second), // of which what counts is not known yet
	} {
		if err := s.RecordShadow(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.ShadowPairs(t.Context(), "v2", "", noon)
	if err != nil {
		t.Fatal(err)
	}
	want := []shadow.Pair{
		{JobID: second.JobID, CheckID: c.ID, Location: "there", Slot: second.Slot, Old: jobs.Passed, New: jobs.Failed, OldTook: 200 * time.Millisecond, NewTook: 50 * time.Millisecond, Why: "status == 200 (got 500)"},
		{JobID: first.JobID, CheckID: c.ID, Location: "here", Slot: first.Slot, Old: jobs.Passed, New: jobs.Passed, OldTook: 100 * time.Millisecond, NewTook: 110 * time.Millisecond},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("pairs (-want +got):\n%s", d)
	}
	for name, p := range map[string]struct {
		build, location string
		since           time.Time
		want            int
	}{"a location": {"v2", "here", noon, 1}, "another build": {"v3", "", noon, 1}, "later": {"v2", "", noon.Add(time.Hour), 0}} {
		if got, err := s.ShadowPairs(t.Context(), p.build, p.location, p.since); err != nil || len(got) != p.want {
			t.Errorf("%s: %d pairs, want %d, %v", name, len(got), p.want, err)
		}
	}
	if builds, err := s.ShadowBuilds(t.Context(), noon); err != nil || !slices.Equal(builds, []string{"v2", "v3"}) {
		t.Errorf("builds %v, %v", builds, err)
	}
	if n := ask[int](t, url, `SELECT count(*) FROM runs`); n != 2 {
		t.Errorf("%d runs count, want 2", n)
	}
	if after := ask[string](t, url, `SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM (SELECT check_id, location, outcome, slot FROM latest) t`); after != before {
		t.Error("a candidate's result has changed what is thought of the check")
	}
	if err := s.RecordShadow(t.Context(), jobs.Result{}); err == nil {
		t.Error("a result of nothing was stored")
	}
}
