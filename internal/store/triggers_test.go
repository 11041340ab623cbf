package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
	"github.com/probefleet/probefleet/internal/store"
)

const requestID = "7d0f5a3c-8a57-4a83-9d7c-0d6b7a3d2b11"

func trigger(id, location string, slot time.Time) jobs.Trigger {
	return jobs.Trigger{
		AttemptID: jobs.AttemptID(id, location, slot, 1), CheckID: id, Location: location,
		Slot: slot, ExpiresAt: slot.Add(time.Minute),
	}
}

// What was asked for is answered where it was asked, and counts nowhere: not
// in histories, not as the newest run, not as covered.
func TestTriggeredRunsAreApart(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	if _, err := s.ApplyChecks(t.Context(), []check.Check{c}); err != nil {
		t.Fatal(err)
	}
	here, there := trigger(c.ID, "here", noon), trigger(c.ID, "there", noon)
	if err := s.AddTriggers(t.Context(), store.TriggerRequest{ID: requestID, RequestedBy: "ci", Runs: []jobs.Trigger{here, there}}); err != nil {
		t.Fatal(err)
	}
	shard := schedule.Shard(c.ID)
	if due, err := s.DueTriggers(t.Context(), []int{(shard + 1) % schedule.Shards}); err != nil || len(due) > 0 {
		t.Errorf("another shard's triggers: %v, %v", due, err)
	}
	due, err := s.DueTriggers(t.Context(), []int{shard})
	if d := cmp.Diff([]jobs.Trigger{here, there}, due); err != nil || d != "" {
		t.Fatalf("due: %v (-want +got):\n%s", err, d)
	}
	here.Fate, there.Fate = jobs.FateSent, jobs.FateExpired
	if err := s.SettleTriggers(t.Context(), []jobs.Trigger{here, there}); err != nil {
		t.Fatal(err)
	}
	if due, err := s.DueTriggers(t.Context(), []int{shard}); err != nil || len(due) > 0 {
		t.Errorf("settled, and still due: %v, %v", due, err)
	}

	asked := result(c, "here", noon, jobs.Failed, time.Second)
	planned := result(c, "here", noon.Add(time.Second), jobs.Passed, time.Second)
	for i, want := range []store.Recorded{{Stored: 2}, {Duplicates: 2}} {
		got, err := s.RecordReceived(t.Context(), []jobs.Result{asked, planned}, nil)
		if err != nil || got != want {
			t.Errorf("record %d: %+v, %v, want %+v", i, got, err, want)
		}
	}
	if n := ask[int](t, url, `SELECT count(*)::int FROM runs`); n != 1 {
		t.Errorf("%d runs, want the planned one alone", n)
	}
	if n := ask[int](t, url, `SELECT sum(failed)::int FROM rollups`); n != 0 {
		t.Errorf("%d failed runs are counted", n)
	}
	if n := ask[int](t, url, `SELECT count(*)::int FROM latest WHERE outcome = 'failed'`); n != 0 {
		t.Error("the run that was asked for is the newest")
	}

	runs, err := s.Triggered(t.Context(), requestID)
	if err != nil || len(runs) != 2 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	if r := runs[0]; r.Run.Outcome != jobs.Failed || r.RequestedBy != "ci" || r.Fate != jobs.FateSent || r.Run.Kind != "api" || len(r.Run.Data) == 0 || r.Run.Latency != time.Second {
		t.Errorf("here: %+v", r)
	}
	if r := runs[1]; r.Run.Outcome != "" || r.Fate != jobs.FateExpired || r.Run.Data != nil {
		t.Errorf("there: %+v", r)
	}
	if r, ok, err := s.Run(t.Context(), here.AttemptID); err != nil || !ok || r.Outcome != jobs.Failed || r.Kind != "api" {
		t.Errorf("by its id: %+v, %t, %v", r, ok, err)
	}
	for _, id := range []string{"no uuid", "00000000-0000-5000-8000-000000000000"} {
		if runs, err := s.Triggered(t.Context(), id); err != nil || len(runs) > 0 {
			t.Errorf("%s: %v, %v", id, runs, err)
		}
	}
	if err := s.PruneTriggers(t.Context(), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if runs, err := s.Triggered(t.Context(), requestID); err != nil || len(runs) > 0 {
		t.Errorf("pruned, and still there: %v, %v", runs, err)
	}
}

// A result that the database refuses is kept apart, and keeps no other back.
func TestRefusedTriggeredRun(t *testing.T) {
	s, _ := open(t)
	c := shopLogin()
	bad := trigger(c.ID, "here", noon)
	if err := s.AddTriggers(t.Context(), store.TriggerRequest{ID: requestID, Runs: []jobs.Trigger{bad}}); err != nil {
		t.Fatal(err)
	}
	asked, planned := result(c, "here", noon, jobs.Failed, time.Second), result(c, "here", noon.Add(time.Second), jobs.Passed, time.Second)
	asked.Timings.Total = 1 << 62 // more than a latency may be
	asked.FinishedAt = time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC)
	got, err := s.RecordReceived(t.Context(), []jobs.Result{asked, planned}, nil)
	if err != nil || got.Stored != 1 || got.Dead != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestHistoryOfRuns(t *testing.T) {
	s, _ := open(t)
	c, d := shopLogin(), shopLogin()
	d.ID = "other"
	var all []jobs.Result
	for i := range 10 {
		slot := noon.Add(time.Duration(i) * time.Minute)
		o := jobs.Passed
		if i%3 == 0 {
			o = jobs.Failed
		}
		all = append(all, result(c, "here", slot, o, time.Second), result(d, "there", slot, jobs.Passed, time.Second))
	}
	if _, err := s.RecordReceived(t.Context(), all, nil); err != nil {
		t.Fatal(err)
	}
	count := func(f store.RunFilter) int {
		t.Helper()
		f.Since, f.Until = noon, noon.Add(time.Hour)
		f.Limit = 100
		runs, err := s.Runs(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		return len(runs)
	}
	for _, row := range []struct {
		f    store.RunFilter
		want int
	}{
		{store.RunFilter{}, 20}, {store.RunFilter{Check: c.ID}, 10}, {store.RunFilter{Location: "there"}, 10},
		{store.RunFilter{Outcomes: []jobs.Outcome{jobs.Failed}}, 4}, {store.RunFilter{Check: d.ID, Outcomes: []jobs.Outcome{jobs.Failed}}, 0},
	} {
		if n := count(row.f); n != row.want {
			t.Errorf("%+v: %d runs, want %d", row.f, n, row.want)
		}
	}
	// Page by page it is the same list, without gaps and repetitions.
	f := store.RunFilter{Since: noon, Until: noon.Add(time.Hour), Limit: 3}
	seen := map[string]bool{}
	for {
		page, err := s.Runs(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			if seen[r.ID] || r.Outcome == "" || r.Data != nil {
				t.Errorf("run %+v", r)
			}
			seen[r.ID] = true
		}
		if len(page) < f.Limit {
			break
		}
		last := page[len(page)-1]
		f.Before, f.BeforeID = last.Slot, last.ID
	}
	if len(seen) != 20 {
		t.Errorf("%d runs by pages", len(seen))
	}
}
