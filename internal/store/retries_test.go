package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/store"
)

// attempt is the result of a later attempt of r's slot, made at a location.
func attempt(r jobs.Result, n int, location string, o jobs.Outcome) jobs.Result {
	r.Attempt, r.Location, r.Outcome = n, location, o
	r.JobID = jobs.AttemptID(r.CheckID, location, r.Slot, n)
	r.RunID = jobs.RunID(r.CheckID, location, r.Slot)
	r.Fault = nil
	if o != jobs.Passed {
		r.Fault = &jobs.Fault{Class: jobs.FaultLocation, Message: "the network is away"}
	}
	return r
}

// due waits until the retries that were written are due, and lists them.
func due(t *testing.T, s *store.Store, url, checkID string) []jobs.Retry {
	t.Helper()
	do(t, url, `UPDATE retries SET due_at = due_at - interval '1 minute'`)
	got, err := s.DueRetries(t.Context(), []int{schedule.Shard(checkID)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if got[i].DueAt.IsZero() {
			t.Errorf("%+v does not say when it is due", got[i])
		}
		got[i].DueAt = time.Time{}
	}
	return got
}

func bucket(t *testing.T, s *store.Store) status.Counts {
	t.Helper()
	bs, err := s.PublicBuckets(t.Context(), store.Hour, noon, noon.Add(3*time.Hour))
	if err != nil || len(bs) != 1 {
		t.Fatalf("%d buckets (%v)", len(bs), err)
	}
	return bs[0].Counts
}

// An inconclusive attempt calls for the next, at most two more; others for
// none; and duplicates for nothing.
func TestInconclusiveIsRunAgain(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	first := attempt(result(c, "here", noon, jobs.Failed, time.Second), 1, "here", jobs.Inconclusive)
	record(t, s, store.Recorded{Stored: 3}, first,
		result(c, "there", noon, jobs.Failed, time.Second), result(c, "there", noon.Add(time.Minute), jobs.Expired, 0))
	if got, err := s.DueRetries(t.Context(), []int{schedule.Shard(c.ID)}); err != nil || len(got) != 0 {
		t.Errorf("at once: %+v (%v)", got, err)
	}
	want := jobs.Retry{CheckID: c.ID, Location: "here", Slot: noon, Attempt: 2, AvoidLocation: "here"}
	if d := cmp.Diff([]jobs.Retry{want}, due(t, s, url, c.ID)); d != "" {
		t.Fatalf("due (-want +got):\n%s", d)
	}
	if got, err := s.DueRetries(t.Context(), []int{(schedule.Shard(c.ID) + 1) % schedule.Shards}); err != nil || len(got) != 0 {
		t.Errorf("of another shard: %+v (%v)", got, err)
	}
	want.SentTo = "here"
	if err := s.AssignRetries(t.Context(), []jobs.Retry{want}); err != nil {
		t.Fatal(err)
	}
	other := want
	other.SentTo = "there" // another scheduler decides otherwise, too late
	if err := s.AssignRetries(t.Context(), []jobs.Retry{other}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]jobs.Retry{want}, due(t, s, url, c.ID)); d != "" {
		t.Errorf("assigned (-want +got):\n%s", d)
	}
	if err := s.SettleRetries(t.Context(), []jobs.Retry{want}); err != nil {
		t.Fatal(err)
	}
	record(t, s, store.Recorded{Duplicates: 1}, first)
	if got := due(t, s, url, c.ID); len(got) != 0 {
		t.Errorf("after it was sent: %+v", got)
	}
	record(t, s, store.Recorded{Stored: 1}, attempt(first, 2, "here", jobs.Inconclusive))
	if got := due(t, s, url, c.ID); len(got) != 1 || got[0].Attempt != 3 {
		t.Fatalf("after the second: %+v", got)
	}
	record(t, s, store.Recorded{Stored: 1}, attempt(first, 3, "here", jobs.Inconclusive))
	if got := due(t, s, url, c.ID); len(got) != 1 || got[0].Attempt != 3 {
		t.Errorf("after the third: %+v", got)
	}
	if err := s.PruneRetries(t.Context(), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n := ask[int](t, url, `SELECT count(*) FROM retries`); n != 0 {
		t.Errorf("%d retries after pruning", n)
	}
}

// However many attempts a slot has, it is counted once: by its newest
// conclusive attempt, else its newest.
func TestASlotIsCountedOnce(t *testing.T) {
	for _, c := range []struct {
		name     string
		outcomes []jobs.Outcome
		want     status.Counts
		latest   jobs.Outcome
	}{
		{"passed in the end", []jobs.Outcome{jobs.Inconclusive, jobs.Inconclusive, jobs.Passed}, status.Counts{Passed: 1}, jobs.Passed},
		{"never known", []jobs.Outcome{jobs.Inconclusive, jobs.Inconclusive, jobs.Inconclusive}, status.Counts{Inconclusive: 1}, jobs.Inconclusive},
		{"expired in the end", []jobs.Outcome{jobs.Inconclusive, jobs.Expired}, status.Counts{Expired: 1}, jobs.Expired},
		{"a conclusive one stays", []jobs.Outcome{jobs.Failed, jobs.Inconclusive}, status.Counts{Failed: 1}, jobs.Failed},
		{"the newest conclusive one", []jobs.Outcome{jobs.Failed, jobs.Inconclusive, jobs.Passed}, status.Counts{Passed: 1}, jobs.Passed},
	} {
		for _, together := range []bool{false, true} {
			s, url := open(t)
			check := shopLogin()
			apply(t, s, store.Applied{Created: []string{check.ID}}, check)
			base := result(check, "here", noon, jobs.Passed, time.Second)
			var all []jobs.Result
			for i, o := range c.outcomes {
				all = append(all, attempt(base, i+1, "here", o))
			}
			if together {
				record(t, s, store.Recorded{Stored: len(all)}, all...)
			} else {
				for _, r := range all {
					record(t, s, store.Recorded{Stored: 1}, r)
					record(t, s, store.Recorded{Duplicates: 1}, r)
				}
			}
			if d := cmp.Diff(c.want, bucket(t, s)); d != "" {
				t.Errorf("%s, together %t (-want +got):\n%s", c.name, together, d)
			}
			if got := ask[string](t, url, `SELECT outcome FROM latest WHERE NOT conclusive`); got != string(c.latest) {
				t.Errorf("%s: the newest run is %s, want %s", c.name, got, c.latest)
			}
			sum := ask[int64](t, url, `SELECT latency_sum_us FROM rollups WHERE grain = 'day'`)
			if want := int64(c.want.Passed) * time.Second.Microseconds(); sum != want {
				t.Errorf("%s: latencies sum up to %d, want %d", c.name, sum, want)
			}
		}
	}
}

// A slot that is run again elsewhere is in the history of that place, and
// counts there as little as it does at home.
func TestElsewhereIsHistoryOnly(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	first := attempt(result(c, "here", noon, jobs.Failed, time.Second), 1, "here", jobs.Inconclusive)
	record(t, s, store.Recorded{Stored: 2}, first, result(c, "there", noon.Add(-time.Minute), jobs.Passed, time.Second))
	retry := due(t, s, url, c.ID)[0]
	retry.SentTo = "there"
	if err := s.AssignRetries(t.Context(), []jobs.Retry{retry}); err != nil {
		t.Fatal(err)
	}
	record(t, s, store.Recorded{Stored: 1}, attempt(first, 2, "there", jobs.Failed))
	if got := ask[string](t, url, `SELECT origin FROM runs WHERE location = 'there' AND attempt = 2`); got != "here" {
		t.Errorf("origin %q", got)
	}
	bs, err := s.PublicBuckets(t.Context(), store.Day, noon, noon.Add(time.Hour))
	if err != nil || len(bs) != 1 {
		t.Fatalf("%+v (%v)", bs, err)
	}
	if d := cmp.Diff(status.Counts{Passed: 1, Inconclusive: 1}, bs[0].Counts); d != "" {
		t.Errorf("counts (-want +got):\n%s", d)
	}
	checks, err := s.PublicChecks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if con := checks[0].Conclusive; len(con) != 1 || con[0].Location != "there" || con[0].Outcome != jobs.Failed {
		t.Errorf("newest conclusive runs %+v", con)
	}
	// What is inconclusive there too is tried a third time, for the same slot,
	// and not there.
	second := attempt(first, 2, "there", jobs.Inconclusive)
	s2, url2 := open(t)
	apply(t, s2, store.Applied{Created: []string{c.ID}}, c)
	record(t, s2, store.Recorded{Stored: 1}, first)
	retry = due(t, s2, url2, c.ID)[0]
	retry.SentTo = "there"
	if err := s2.AssignRetries(t.Context(), []jobs.Retry{retry}); err != nil {
		t.Fatal(err)
	}
	if err := s2.SettleRetries(t.Context(), []jobs.Retry{retry}); err != nil {
		t.Fatal(err)
	}
	record(t, s2, store.Recorded{Stored: 1}, second)
	want := jobs.Retry{CheckID: c.ID, Location: "here", Slot: noon, Attempt: 3, AvoidLocation: "there"}
	if d := cmp.Diff([]jobs.Retry{want}, due(t, s2, url2, c.ID)); d != "" {
		t.Errorf("third attempt (-want +got):\n%s", d)
	}
}
