package recorder_test

import (
	"context"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/child"
	"github.com/probefleet/probefleet/internal/localpg"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
	"github.com/probefleet/probefleet/internal/recorder"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// Two recorders share a queue that delivers much of it twice, and a real
// database.
func TestRealDatabase(t *testing.T) {
	url := storetest.Database(t)
	db, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()

	const n = 600
	deleted := make(chan struct{}, 10*n)
	q := &queuetest.Queue{OnDelete: func(queue.Message) { deleted <- struct{}{} }}
	for i := range n {
		q.Put(body(t, resultAt(slot.Add(time.Duration(i)*time.Minute))))
		if i%5 == 0 { // a worker that sent twice
			q.Put(body(t, resultAt(slot.Add(time.Duration(i)*time.Minute))))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var recorders sync.WaitGroup
	for range 2 {
		r := recorder.New(recorder.Options{Store: db, Queue: "results", Receiver: q})
		recorders.Go(func() {
			if err := r.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	for range n + n/5 {
		select {
		case <-deleted:
		case <-time.After(time.Minute):
			t.Fatal("the queue does not get empty")
		}
	}
	cancel()
	recorders.Wait()

	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var rows, ids, counted int
	err = conn.QueryRow(t.Context(), `
		SELECT count(*), count(DISTINCT id), (SELECT sum(passed) FROM rollups WHERE grain = 'hour')::int FROM runs`).
		Scan(&rows, &ids, &counted)
	if err != nil {
		t.Fatal(err)
	}
	if rows != n || ids != n || counted != n {
		t.Errorf("%d rows, %d ids, %d counted of %d results", rows, ids, counted, n)
	}
}

// Postgres is stopped at once in the middle of it and started again: nothing
// is received meanwhile, nothing lost, nothing dead.
func TestRealOutage(t *testing.T) {
	account, err := child.Unprivileged(child.DefaultAccount)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "probefleet-recorder-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	o := localpg.Options{Dir: dir, Account: account, Fast: true}
	pg, err := localpg.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pg.Stop() })
	o.Port = pg.Port()
	url := pg.URL(localpg.DefaultDatabase)
	if err := store.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)

	const n = 400
	deleted := make(chan struct{}, 10*n)
	q := &queuetest.Queue{MaxReceives: 5, OnDelete: func(queue.Message) { deleted <- struct{}{} }}
	put := func(from, to int) {
		for i := from; i < to; i++ {
			q.Put(body(t, resultAt(slot.Add(time.Duration(i)*time.Minute))))
		}
	}
	await := func(n int) {
		t.Helper()
		for range n {
			select {
			case <-deleted:
			case <-time.After(time.Minute):
				t.Fatal("the queue does not get empty")
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := recorder.New(recorder.Options{Store: db, Queue: "results", Receiver: q})
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	put(0, n/4)
	await(n / 4)

	if err := syscall.Kill(pg.Pid(), syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-pg.Done()
	_ = pg.Stop() // it is gone; this lets its folder go
	put(n/4, n/2)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for r.Ready(ctx) == nil {
		<-tick.C
	}
	put(n/2, n)
	// Polls that were under way bring ten each; there are no others.
	if visible, _ := q.Len(); visible < n/4 {
		t.Errorf("%d of %d results that came during the outage are left in the queue", visible, n/2)
	}
	if pg, err = localpg.Start(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	await(n - n/4)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if dead := len(q.Dead()); dead != 0 {
		t.Errorf("%d dead letters", dead)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var rows int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM runs`).Scan(&rows); err != nil || rows != n {
		t.Errorf("%d rows of %d results (%v)", rows, n, err)
	}
}
