package e2e

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/chaos"
	"github.com/probefleet/probefleet/internal/child"
	"github.com/probefleet/probefleet/internal/localpg"
	"github.com/probefleet/probefleet/internal/store"
)

// TestBarCommitCut cuts the answers of commits: the rows are there, and nobody
// is told.
func TestBarCommitCut(t *testing.T) {
	seed := bar(t)
	t.Parallel()
	cutter := &chaos.CommitCutter{}
	r := newRig(t, rigOptions{seed: seed, before: func(dsn string) string {
		var err error
		if cutter, err = chaos.NewCommitCutter(address(t, dsn)); err != nil {
			t.Fatal(err)
		}
		return cutter.Addr()
	}})
	t.Cleanup(func() { _ = cutter.Close() })
	r.recorder("recorder")
	r.scheduler("scheduler")
	r.worker("worker")
	r.load(50, time.Second)
	for range form.N(0, 20, 200) {
		before := cutter.Cuts()
		cutter.Arm(1)
		eventually(t, stalled, func() error { return expectf(cutter.Cuts() > before, "no commit was answered") })
		// In between some get through, else no lease could be renewed either.
		rows, err := r.number(`SELECT count(*) FROM runs`)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, stalled, func() error {
			n, err := r.number(`SELECT count(*) FROM runs`)
			return expectf(err == nil && n > rows, "no result was stored after a cut: %v", err)
		})
	}
	a := r.settle()
	var faults []string
	if a.Dead > 0 {
		faults = append(faults, fmt.Sprintf("%d dead letters", a.Dead))
	}
	r.verdict(t, "commit answer cut", seed, a, faults, "%d answers cut", cutter.Cuts())
}

// TestBarDatabaseDown stops the database at once, as a crash does, and starts
// it again after a while.
func TestBarDatabaseDown(t *testing.T) {
	seed := bar(t)
	account, err := child.Unprivileged(child.DefaultAccount)
	if err != nil {
		t.Fatal(err)
	}
	o := localpg.Options{Dir: folder(t), Account: account, Fast: true}
	pg, err := localpg.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pg.Stop() })
	dsn := pg.URL(localpg.DefaultDatabase)
	if err := store.Migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, rigOptions{seed: seed, database: dsn})
	r.recorder("recorder")
	r.scheduler("scheduler")
	r.worker("worker")
	r.load(50, time.Second)
	time.Sleep(5 * time.Second)

	outage := form.Span(15*time.Second, 90*time.Second)
	down := time.Now()
	if err := syscall.Kill(pg.Pid(), syscall.SIGQUIT); err != nil { // pg_ctl stop -m immediate
		t.Fatal(err)
	}
	<-pg.Done()
	_ = pg.Stop() // it has ended already; this frees the folder
	time.Sleep(time.Until(down.Add(outage)))
	waiting, err := r.wire.Held(results)
	if err != nil {
		t.Fatal(err)
	}
	o.Port = pg.Port()
	if pg, err = localpg.Start(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	up := time.Now()
	// What has expired meanwhile cannot be sent, and of the rest, sent beside what
	// is newly due and at the same rate, the older half.
	r.bound = bound{why: "those due while it was down, but in the 10 s before its return", missed: func(slots []time.Time) (tooMany int) {
		for _, slot := range slots {
			if slot.Before(down.Add(-time.Second)) || slot.After(up.Add(-10*time.Second)) {
				tooMany++
			}
		}
		return tooMany
	}}
	held := func() int {
		n, err := r.wire.Held(results)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	// The schedule goes on: what waited has been stored when the queue has
	// become as short as its flow.
	eventuallyDown(t, func() (int, string) { n := held(); return max(0, n-49), "results wait beyond those of a second" })
	drained := time.Since(up)
	time.Sleep(10 * time.Second) // slots that nothing may disturb any more
	a := r.settle()
	var faults []string
	if a.Dead > 0 {
		faults = append(faults, fmt.Sprintf("%d dead letters", a.Dead))
	}
	if drained > 2*outage {
		faults = append(faults, "drained after "+drained.String())
	}
	if waiting < 50 {
		faults = append(faults, fmt.Sprintf("only %d results were waiting for the database", waiting))
	}
	r.verdict(t, "database down", seed, a, faults, "down for %s with %d results waiting, drained within %s",
		outage, waiting, drained.Round(100*time.Millisecond))
	_ = r.conn.Close(context.Background())
}
