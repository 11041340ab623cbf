package scheduler

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/schedule"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// Two schedulers over a real Postgres share the shards: while one goes and
// gives its shards back, no slot is left out and none is sent twice.
func TestTwoSchedulersOnPostgres(t *testing.T) {
	db, err := store.Open(t.Context(), storetest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	var checks []check.Check
	for i := range 30 {
		checks = append(checks, apiCheck(fmt.Sprintf("c%d", i), time.Second))
	}
	if _, err := db.ApplyChecks(t.Context(), checks); err != nil {
		t.Fatal(err)
	}
	k := newSink(t)
	run := func(ctx context.Context, owner string) {
		if err := New(options(db, owner, always(k), nil)).Run(ctx); err != nil {
			t.Errorf("scheduler %s: %v", owner, err)
		}
	}
	both, stopBoth := context.WithCancel(t.Context())
	first, stopFirst := context.WithCancel(both)
	var wg, gone sync.WaitGroup
	gone.Go(func() { run(first, "a") })
	wg.Go(func() { run(both, "b") })
	// A fast check of each shard was sent, so every shard is held.
	for len(k.slots("c0")) < 3 {
		time.Sleep(50 * time.Millisecond)
	}
	stopFirst()
	gone.Wait()
	released := time.Now()
	for n := len(k.slots("c0")); len(k.slots("c0")) < n+8; {
		time.Sleep(50 * time.Millisecond)
	}
	stopBoth()
	wg.Wait()
	for _, c := range checks {
		sent := k.slots(c.ID)
		var from, to time.Time
		for s, n := range sent {
			if n != 1 {
				t.Errorf("slot %s of %s was sent %d times", s, c.ID, n)
			}
			if from.IsZero() || s.Before(from) {
				from = s
			}
			if s.After(to) {
				to = s
			}
		}
		if want := schedule.Count(c.ID, "local", c.Every, from, to) + 1; len(sent) != want || to.Before(released) {
			t.Errorf("%s: %d slots sent between %s and %s, want %d, and some after %s", c.ID, len(sent), from, to, want, released)
		}
	}
}
