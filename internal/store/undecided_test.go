package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/store"
)

// retried is a check that is tried again twice.
func retried(elsewhere bool) check.Check {
	c := shopLogin()
	c.Retry = check.Retry{Strategy: check.RetryFixed, Base: 5 * time.Second, Max: 2, MaxDuration: time.Minute, Elsewhere: elsewhere}
	return c
}

// public is what the public knows of the check: the outcome of the newest
// decided slot of each location, and the counts of the hour.
func public(t *testing.T, s *store.Store) (known map[string]jobs.Outcome, counts status.Counts) {
	t.Helper()
	checks, err := s.PublicChecks(t.Context())
	if err != nil || len(checks) != 1 {
		t.Fatalf("%d checks (%v)", len(checks), err)
	}
	known = map[string]jobs.Outcome{}
	for _, r := range checks[0].Conclusive {
		known[r.Location] = r.Outcome
	}
	bs, err := s.PublicBuckets(t.Context(), store.Hour, noon, noon.Add(3*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bs {
		counts = counts.Add(b.Counts)
	}
	return known, counts
}

func wantPublic(t *testing.T, s *store.Store, when string, known map[string]jobs.Outcome, counts status.Counts) {
	t.Helper()
	gotKnown, gotCounts := public(t, s)
	if d := cmp.Diff(known, gotKnown); d != "" {
		t.Errorf("%s: known (-want +got):\n%s", when, d)
	}
	if d := cmp.Diff(counts, gotCounts); d != "" {
		t.Errorf("%s: counts (-want +got):\n%s", when, d)
	}
}

// send settles the only retry that is due, as the scheduler does, to a place.
func send(t *testing.T, s *store.Store, url string, c check.Check, to string) jobs.Retry {
	t.Helper()
	all := due(t, s, url, c.ID)
	if len(all) != 1 || !all[0].Asked {
		t.Fatalf("due: %+v", all)
	}
	r := all[0]
	r.SentTo = to
	if err := s.AssignRetries(t.Context(), []jobs.Retry{r}); err != nil {
		t.Fatal(err)
	}
	if err := s.SettleRetries(t.Context(), []jobs.Retry{r}); err != nil {
		t.Fatal(err)
	}
	return r
}

// A slot that fails is not known until its last attempt is there; then it is
// what that attempt says. Every attempt is a row, a duplicate changes nothing,
// and after a success nothing is tried again.
func TestFailedIsTriedAgain(t *testing.T) {
	for _, row := range []struct {
		name     string
		outcomes []jobs.Outcome
		known    jobs.Outcome
		counts   status.Counts
	}{
		{"passed", []jobs.Outcome{jobs.Failed, jobs.Passed}, jobs.Passed, status.Counts{Passed: 2}},
		{"degraded at last", []jobs.Outcome{jobs.Failed, jobs.Failed, jobs.Degraded}, jobs.Degraded, status.Counts{Passed: 1, Degraded: 1}},
		{"failed for good", []jobs.Outcome{jobs.Failed, jobs.Failed, jobs.Failed}, jobs.Failed, status.Counts{Passed: 1, Failed: 1}},
		{"the retry came too late to run", []jobs.Outcome{jobs.Failed, jobs.Expired}, jobs.Failed, status.Counts{Passed: 1, Failed: 1}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, url := open(t)
			c := retried(false)
			apply(t, s, store.Applied{Created: []string{c.ID}}, c)
			record(t, s, store.Recorded{Stored: 1}, result(c, "here", noon, jobs.Passed, time.Second))
			before, was := map[string]jobs.Outcome{"here": jobs.Passed}, status.Counts{Passed: 1}
			first := result(c, "here", noon.Add(time.Minute), jobs.Failed, time.Second)
			for i, o := range row.outcomes {
				r := attempt(first, i+1, "here", o)
				record(t, s, store.Recorded{Stored: 1}, r)
				record(t, s, store.Recorded{Duplicates: 1}, r)
				if i+1 == len(row.outcomes) {
					break
				}
				wantPublic(t, s, "between attempts", before, was)
				if got := send(t, s, url, c, "here"); got.Attempt != i+2 || got.AvoidLocation != "" || got.Location != "here" {
					t.Errorf("retry %+v", got)
				}
				record(t, s, store.Recorded{Duplicates: 1}, r)
				if again := due(t, s, url, c.ID); len(again) != 0 {
					t.Errorf("a duplicate calls for %+v", again)
				}
			}
			wantPublic(t, s, "at last", map[string]jobs.Outcome{"here": row.known}, row.counts)
			if again := due(t, s, url, c.ID); len(again) != 0 {
				t.Errorf("at last there is still to be tried %+v", again)
			}
			if n := ask[int](t, url, `SELECT count(*) FROM runs`); n != len(row.outcomes)+1 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// A retry whose result never comes leaves the slot failed, when its time has
// passed; and what comes after that still counts.
func TestRetriesThatAreLost(t *testing.T) {
	s, url := open(t)
	c := retried(false)
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	first := result(c, "here", noon, jobs.Failed, time.Second)
	record(t, s, store.Recorded{Stored: 1}, first)
	wantPublic(t, s, "while it is open", map[string]jobs.Outcome{}, status.Counts{})
	if late := ask[bool](t, url, `SELECT until BETWEEN now() + interval '30 seconds' AND now() + interval '2 minutes' FROM undecided`); !late {
		t.Error("the time by which the retry should be there is not near")
	}
	do(t, url, `UPDATE undecided SET until = now() - interval '1 second'`)
	wantPublic(t, s, "when its time has passed", map[string]jobs.Outcome{"here": jobs.Failed}, status.Counts{Failed: 1})
	if err := s.PruneRetries(t.Context(), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	wantPublic(t, s, "after pruning", map[string]jobs.Outcome{"here": jobs.Failed}, status.Counts{Failed: 1})
	record(t, s, store.Recorded{Stored: 1}, attempt(first, 2, "here", jobs.Passed))
	wantPublic(t, s, "when it came after all", map[string]jobs.Outcome{"here": jobs.Passed}, status.Counts{Passed: 1})
}

// A retry that the check asks for elsewhere decides its own location's slot,
// and is nobody else's. One that could not look is made again, and meanwhile
// the slot stays open.
func TestRetriesElsewhereDecide(t *testing.T) {
	s, url := open(t)
	c := retried(true)
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	record(t, s, store.Recorded{Stored: 1}, result(c, "there", noon.Add(-time.Minute), jobs.Failed, time.Second))
	do(t, url, `DELETE FROM retries; UPDATE undecided SET until = now() - interval '1 second'`)
	first := result(c, "here", noon, jobs.Failed, time.Second)
	record(t, s, store.Recorded{Stored: 1}, first)
	if r := send(t, s, url, c, "there"); r.AvoidLocation != "here" {
		t.Errorf("retry %+v", r)
	}
	record(t, s, store.Recorded{Stored: 1}, attempt(first, 2, "there", jobs.Inconclusive))
	wantPublic(t, s, "while nothing more is known", map[string]jobs.Outcome{"there": jobs.Failed}, status.Counts{})
	if r := send(t, s, url, c, "there"); r.Attempt != 3 || r.AvoidLocation != "there" {
		t.Errorf("retry %+v", r)
	}
	record(t, s, store.Recorded{Stored: 1}, attempt(first, 3, "there", jobs.Passed))
	wantPublic(t, s, "at last", map[string]jobs.Outcome{"here": jobs.Passed, "there": jobs.Failed}, status.Counts{Passed: 1})
	if got := ask[string](t, url, `SELECT string_agg(location || ':' || coalesce(origin, '-') || ':' || decides, ' ' ORDER BY attempt) FROM runs WHERE slot = $1`, noon); got != "here:-:false there:here:true there:here:true" {
		t.Errorf("rows %s", got)
	}
}

// Without a policy, for a check that was paused meanwhile, and past the time,
// nothing is tried again.
func TestFailedForGood(t *testing.T) {
	s, url := open(t)
	plain, paused, network := shopLogin(), retried(false), retried(false)
	paused.ID, paused.Active = "paused", false
	network.ID, network.Retry.OnlyNetwork = "network", true
	apply(t, s, store.Applied{Created: []string{"network", "paused", plain.ID}}, plain, paused, network)
	for _, c := range []check.Check{plain, paused, network} {
		r := result(c, "here", noon, jobs.Failed, time.Second)
		r.Fault = &jobs.Fault{Class: jobs.FaultAssertion, Message: "status == 200 (got 503)"}
		record(t, s, store.Recorded{Stored: 1}, r)
		if again := due(t, s, url, c.ID); len(again) != 0 {
			t.Errorf("%s: %+v", c.ID, again)
		}
	}
	r := result(network, "here", noon.Add(time.Minute), jobs.Failed, time.Second)
	r.Fault = &jobs.Fault{Class: jobs.FaultConnect, Message: "connection refused"}
	record(t, s, store.Recorded{Stored: 1}, r)
	if again := due(t, s, url, "network"); len(again) != 1 {
		t.Errorf("the network's fault: %+v", again)
	}
}

// No incident is opened between two attempts; one is where the last has failed.
func TestNoIncidentBetweenAttempts(t *testing.T) {
	s, url := open(t)
	c := retried(false)
	c.Locations = []string{"here"}
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	now := time.Now().UTC().Truncate(time.Second)
	incidents := func() int { return ask[int](t, url, `SELECT count(*) FROM incidents WHERE retracted_at IS NULL`) }
	failing := result(c, "here", now.Add(-2*time.Minute), jobs.Failed, time.Second)
	record(t, s, store.Recorded{Stored: 1}, failing)
	if n := incidents(); n != 0 {
		t.Errorf("%d incidents while a retry is waited for", n)
	}
	record(t, s, store.Recorded{Stored: 1}, attempt(failing, 2, "here", jobs.Passed))
	if n := incidents(); n != 0 {
		t.Errorf("%d incidents after the retry has passed", n)
	}
	down := result(c, "here", now.Add(-time.Minute), jobs.Failed, time.Second)
	for i := range 3 {
		if n := incidents(); n != 0 {
			t.Errorf("%d incidents before attempt %d", n, i+1)
		}
		record(t, s, store.Recorded{Stored: 1}, attempt(down, i+1, "here", jobs.Failed))
	}
	if n := incidents(); n != 1 {
		t.Errorf("%d incidents when the last has failed", n)
	}
}
