package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/schedule"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

var errKilled = errors.New("this scheduler was killed")

// mortal is a scheduler's way to database and queue, cut when ctx ends: what a
// killed process leaves behind.
type mortal struct {
	*store.Store
	*sink
	ctx context.Context
}

func (m mortal) TakeOver(ctx context.Context, owner string) error {
	if m.ctx.Err() != nil {
		return errKilled
	}
	return m.Store.TakeOver(ctx, owner)
}

func (m mortal) LeaseShards(ctx context.Context, owner string, ttl time.Duration) ([]schedule.Lease, error) {
	if m.ctx.Err() != nil {
		return nil, errKilled
	}
	return m.Store.LeaseShards(ctx, owner, ttl)
}

func (m mortal) AdvanceWatermarks(ctx context.Context, owner string, to map[int]time.Time) ([]int, error) {
	if m.ctx.Err() != nil {
		return nil, errKilled
	}
	return m.Store.AdvanceWatermarks(ctx, owner, to)
}

func (m mortal) ReleaseShards(ctx context.Context, owner string) error {
	if m.ctx.Err() != nil {
		return errKilled
	}
	return m.Store.ReleaseShards(ctx, owner)
}

func (m mortal) SendBatch(ctx context.Context, ms []queue.Outgoing) ([]error, error) {
	if m.ctx.Err() != nil {
		return nil, errKilled
	}
	return m.sink.SendBatch(ctx, ms)
}

// One of two schedulers over a real Postgres is killed between a send and its
// watermark. The other takes its shards when the leases end, and every slot up
// to the watermarks was sent; what both sent has one id.
func TestKilledSchedulerOnPostgres(t *testing.T) {
	url := storetest.Database(t)
	db, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	var checks []check.Check
	for i := range 48 {
		checks = append(checks, apiCheck(fmt.Sprint("c", i), time.Second))
	}
	if _, err := db.ApplyChecks(t.Context(), checks); err != nil {
		t.Fatal(err)
	}
	// Both have been heard of, so each takes its half at once.
	for _, statement := range []string{
		`INSERT INTO schedulers (id, seen_at) VALUES ('a', now()), ('b', now())`,
		`UPDATE shards SET watermark = now()`,
	} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	begun := lowestWatermark(t, conn, `true`, time.Time{}, schedule.Shards)

	k := newSink(t)
	ctx, stop := context.WithCancel(t.Context())
	alive, kill := context.WithCancel(ctx)
	var wg sync.WaitGroup
	run := func(m mortal, owner string) {
		wg.Go(func() {
			if err := New(options(m, owner, always(m), nil)).Run(ctx); err != nil {
				t.Errorf("scheduler %s: %v", owner, err)
			}
		})
	}
	run(mortal{db, k, alive}, "a")
	run(mortal{db, k, ctx}, "b")
	lowestWatermark(t, conn, `owner = 'a'`, begun.Add(time.Second), schedule.Shards/2)
	kill()
	// Its leases end; here at once, to save the wait.
	if _, err := conn.Exec(t.Context(), `UPDATE shards SET lease_until = now() WHERE owner = 'a'`); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `UPDATE schedulers SET seen_at = now() - interval '1 hour' WHERE id = 'a'`); err != nil {
		t.Fatal(err)
	}
	until := lowestWatermark(t, conn, `owner = 'b'`, begun.Add(2*time.Second), schedule.Shards)
	stop()
	wg.Wait()

	for _, c := range checks {
		sent := k.slots(c.ID)
		for slot := range schedule.Slots(c.ID, "local", c.Every, begun, until) {
			if sent[slot] == 0 {
				t.Errorf("slot %s of %s was never sent, though the watermarks are at %s", slot, c.ID, until)
			}
		}
	}
}

// lowestWatermark waits until n shards have the given owner and each is past a
// time, and answers the lowest watermark.
func lowestWatermark(t *testing.T, conn *pgx.Conn, owner string, past time.Time, n int) (lowest time.Time) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		var held int
		err := conn.QueryRow(t.Context(), `SELECT count(*), coalesce(min(watermark), 'epoch') FROM shards WHERE `+owner).Scan(&held, &lowest)
		if err != nil {
			t.Fatal(err)
		}
		if held == n && lowest.After(past) {
			return lowest
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d of %d shards with %s, the lowest watermark at %s; want it past %s", held, n, owner, lowest, past)
		}
	}
}
