package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
)

// measure puts a failed run of a check into the history.
func (d *desk) measure(id string) {
	d.t.Helper()
	now := time.Now().UTC()
	c := check.Check{ID: id, Every: time.Minute, Spec: check.OneRequest(check.Request{}, nil, nil)}
	r := jobs.ResultFor(jobs.New(c, "here", now.Add(-time.Minute), 1, now, now.Add(time.Minute)))
	r.Fail(jobs.FaultAssertion, "status == 200 (got 503)")
	r.FinishedAt = now
	if _, err := d.db.RecordReceived(d.t.Context(), []jobs.Result{r}, nil); err != nil {
		d.t.Fatal(err)
	}
}

// serveTriggers does what scheduler, worker and recorder do with what is asked
// for, until the test ends: checks whose id ends in "free" fail.
func (d *desk) serveTriggers() {
	ctx := d.t.Context()
	var shards []int
	for i := range schedule.Shards {
		shards = append(shards, i)
	}
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			due, err := d.db.DueTriggers(ctx, shards)
			for _, t := range due {
				t.Fate = jobs.FateSent
				r := jobs.Result{
					JobID: t.AttemptID, RunID: jobs.RunID(t.CheckID, t.Location, t.Slot), CheckID: t.CheckID, Kind: check.KindAPI,
					Location: t.Location, Slot: t.Slot, Attempt: 1, Outcome: jobs.Passed, FinishedAt: time.Now(),
				}
				if strings.HasSuffix(t.CheckID, "free") {
					r.Fail(jobs.FaultAssertion, "status == 201 (got 200)")
				}
				if err == nil {
					err = d.db.SettleTriggers(ctx, []jobs.Trigger{t})
				}
				if err == nil {
					_, err = d.db.RecordReceived(ctx, []jobs.Result{r}, nil)
				}
			}
			if err != nil && ctx.Err() == nil {
				d.t.Error(err)
				return
			}
		}
	}()
}

// manyChecks writes check files with n checks, and answers their folder.
func manyChecks(t testing.TB, n int) string {
	t.Helper()
	folder := t.TempDir()
	const perFile = 500
	for first := 0; first < n; first += perFile {
		var b strings.Builder
		b.WriteString("vars: {base: https://shop.example}\ndefaults: {every: 1m, tags: [many]}\nchecks:\n")
		for i := first; i < min(n, first+perFile); i++ {
			fmt.Fprintf(&b, "  - id: many-%05d\n    name: Check %d\n    request: {method: POST, url: \"{{ vars.base }}/api/%d\", headers: {accept: application/json}, json: {n: %d}}\n    expect: [\"status == 200\", \"json.n == %d\", \"time.total < 800ms\"]\n", i, i, i, i, i)
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%05d.yaml", first)), []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// A second apply of thousands of checks changes nothing: not a row, not the
// revision by which schedulers read them again.
func TestApplyOfThousands(t *testing.T) {
	const n = 5000
	d := newDesk(t)
	folder := manyChecks(t, n)
	timed := func(says string, args ...string) {
		t.Helper()
		began := time.Now()
		d.expect(0, []string{says}, append(args, "-owner", "many", folder)...)
		t.Logf("%s of %d checks: %s", args[0], n, time.Since(began).Round(time.Millisecond))
	}
	timed("5000 to create, 0 to change, 0 to delete, 0 unchanged", "plan")
	timed("5000 created, 0 changed, 0 deleted, 0 unchanged", "apply")
	before, err := d.db.ChecksRevision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	timed("0 to create, 0 to change, 0 to delete, 5000 unchanged", "plan", "-exitcode")
	timed("0 created, 0 changed, 0 deleted, 5000 unchanged", "apply")
	after, err := d.db.ChecksRevision(t.Context())
	if err != nil || before != after {
		t.Errorf("the revision went from %d to %d, %v", before, after, err)
	}
}
