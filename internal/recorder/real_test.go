package recorder_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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
