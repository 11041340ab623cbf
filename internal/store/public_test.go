package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

func benchStore(b *testing.B) *store.Store { return storetest.Store(b) }

// What is private, paused, removed or no longer looked at from a place is not
// on any public page.
func TestThePublicSeesPublicChecksOnly(t *testing.T) {
	s, url := open(t)
	public, private, paused, gone := shopLogin(), shopLogin(), shopLogin(), shopLogin()
	private.ID, private.Public = "private", false
	paused.ID, paused.Active = "paused", false
	gone.ID = "gone"
	if _, err := s.ApplyChecks(t.Context(), []check.Check{public, private, paused, gone}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RemoveChecks(t.Context(), []string{"gone"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []check.Check{public, private, paused, gone} {
		record(t, s, store.Recorded{Stored: 2}, result(c, "here", noon, jobs.Passed, time.Second),
			result(c, "formerly", noon, jobs.Failed, time.Second))
	}
	checks, err := s.PublicChecks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run := status.Run{
		RunID: jobs.RunID(public.ID, "here", noon), CheckID: public.ID, Location: "here", Slot: noon,
		Attempt: 1, Outcome: jobs.Passed, FinishedAt: noon.Add(time.Second), Latency: time.Second,
	}
	want := []status.Check{{
		ID: public.ID, Name: public.Name, Group: public.Group, Tags: public.Tags, Kind: check.KindAPI,
		Every: public.Every, Timeout: public.Timeout, Locations: public.Locations, Level: status.Operational,
		Last: []status.Run{run}, Conclusive: []status.Run{run},
	}}
	if diff := cmp.Diff(want, checks, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	for _, c := range []check.Check{private, paused, gone} {
		runs, err := s.PublicRuns(t.Context(), c.ID, 10)
		if err != nil || len(runs) != 0 {
			t.Errorf("%s: %d public runs (%v)", c.ID, len(runs), err)
		}
		runs, err = s.PublicLatencies(t.Context(), c.ID, noon.Add(-time.Hour))
		if err != nil || len(runs) != 0 {
			t.Errorf("%s: %d public latencies (%v)", c.ID, len(runs), err)
		}
	}
	buckets, err := s.PublicBuckets(t.Context(), store.Day, noon, noon.Add(time.Hour))
	if err != nil || len(buckets) != 1 || buckets[0].CheckID != public.ID {
		t.Errorf("buckets %+v (%v)", buckets, err)
	}
	// A status page is made of its definition; checks and runs show none of theirs.
	detail := ask[int](t, url, `SELECT count(*) FROM information_schema.columns
		WHERE table_name LIKE 'public\_%' AND table_name <> 'public_pages' AND (data_type = 'jsonb' OR column_name IN ('data', 'spec', 'worker'))`)
	if detail != 0 {
		t.Errorf("%d columns of the public views hold detail", detail)
	}
}

func TestPublicRunsNewestFirst(t *testing.T) {
	s, _ := open(t)
	c := shopLogin()
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	var all []jobs.Result
	for i := range 10 {
		all = append(all, result(c, "here", noon.Add(time.Duration(i)*time.Minute), jobs.Failed, time.Second))
	}
	record(t, s, store.Recorded{Stored: 10}, all...)
	runs, err := s.PublicRuns(t.Context(), c.ID, 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 3 || !runs[0].Slot.Equal(noon.Add(9*time.Minute)) || !runs[2].Slot.Equal(noon.Add(7*time.Minute)) {
		t.Errorf("runs %+v", runs)
	}
	if runs[0].FaultMessage != "status == 200 (got 503)" || runs[0].FaultClass != jobs.FaultAssertion {
		t.Errorf("the reason is %q, %q", runs[0].FaultClass, runs[0].FaultMessage)
	}
	if _, err := s.PublicBuckets(t.Context(), "week", noon, noon); err == nil {
		t.Error("an unknown grain was accepted")
	}
}

// A chart has fewer points than a busy check has runs, but no failure is lost
// between them.
func TestLatenciesAreThinnedButKeepFailures(t *testing.T) {
	s, _ := open(t)
	c := shopLogin()
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	now, err := s.Now(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	since := now.Add(-3 * time.Hour).Truncate(time.Second)
	var all []jobs.Result
	for i := range 3 * 3600 {
		o := jobs.Passed
		switch i {
		case 5000:
			o = jobs.Failed
		case 6000:
			o = jobs.Inconclusive
		}
		all = append(all, result(c, "here", since.Add(time.Duration(i)*time.Second), o, time.Duration(10+i%7)*time.Millisecond))
	}
	record(t, s, store.Recorded{Stored: len(all)}, all...)
	runs, err := s.PublicLatencies(t.Context(), c.ID, since)
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) < 1000 || len(runs) > 1441 {
		t.Errorf("%d points", len(runs))
	}
	failures := 0
	for i, r := range runs {
		if i > 0 && r.Slot.Before(runs[i-1].Slot) {
			t.Fatalf("point %d is older than the one before", i)
		}
		switch r.Outcome {
		case jobs.Failed:
			failures++
		case jobs.Inconclusive:
			t.Error("an inconclusive run has a latency")
		}
	}
	if failures != 1 {
		t.Errorf("%d failures on the chart, want 1", failures)
	}
}
