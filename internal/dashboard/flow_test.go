package dashboard_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
	"github.com/probefleet/probefleet/internal/recorder"
	"github.com/probefleet/probefleet/internal/sqslocal"
	"github.com/probefleet/probefleet/internal/store"
)

// flowEvery is the time between two results.
const flowEvery = 25 * time.Millisecond

// outageChecks are 40 checks.
func outageChecks() []check.Check {
	all := make([]check.Check, 40)
	for i := range all {
		all[i] = check.Check{
			ID: fmt.Sprintf("c-%d", i), Name: fmt.Sprintf("Check %d", i), Every: time.Minute, Timeout: 10 * time.Second, Locations: []string{"here"}, Active: true, Public: true,
			Spec: check.OneRequest(check.Request{Method: "GET", URL: "https://shop.example/", MaxBody: check.DefaultMaxBody}, []string{"status == 200"}, nil),
		}
	}
	return all
}

func applyOutageChecks(t *testing.T, db *store.Store) {
	t.Helper()
	if _, err := db.ApplyChecks(t.Context(), outageChecks()); err != nil {
		t.Fatal(err)
	}
}

// flow is results on their way through the queue to a recorder.
type flow struct {
	client *sqsqueue.Client
	run    errgroup.Group
	end    context.CancelFunc // of sending
	away   context.CancelFunc // of the recorder
	mu     sync.Mutex
	ids    []string // of results that the queue has accepted
}

// newFlow begins to send results, and to record them.
func newFlow(t *testing.T, db *store.Store) *flow {
	t.Helper()
	queues := sqslocal.New(sqslocal.Options{})
	server := httptest.NewServer(queues)
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = queues.Close() })
	f := &flow{}
	var err error
	if f.client, err = sqsqueue.NewAt(t.Context(), server.URL); err != nil {
		t.Fatal(err)
	}
	if err := f.client.Ensure(t.Context(), "results", sqsqueue.Settings{}); err != nil {
		t.Fatal(err)
	}
	q, err := f.client.Open(t.Context(), "results")
	if err != nil {
		t.Fatal(err)
	}
	sending, end := contextOf(t)
	recording, away := contextOf(t)
	f.end, f.away = end, away
	r := recorder.New(recorder.Options{Store: db, Queue: "results", Receiver: q})
	f.run.Go(func() error { return r.Run(recording) })
	f.run.Go(func() error { return f.send(sending, q) })
	return f
}

// send sends a result of one check after the other until ctx ends.
func (f *flow) send(ctx context.Context, q *sqsqueue.Queue) error {
	checks := outageChecks()
	tick := time.NewTicker(flowEvery)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		now := time.Now().UTC().Truncate(time.Microsecond)
		r := jobs.ResultFor(jobs.New(checks[n%len(checks)], "here", now, 1, now, now.Add(time.Minute)))
		r.Outcome, r.ReceivedAt, r.StartedAt, r.FinishedAt, r.Worker.ID = jobs.Passed, now, now, now.Add(time.Second), "w"
		r.Timings.Total = time.Second
		body, err := codec.EncodeResult(r)
		if err != nil {
			return err
		}
		refused, err := q.SendBatch(context.WithoutCancel(ctx), []queue.Outgoing{{Body: string(body)}})
		if err != nil || refused[0] != nil {
			return fmt.Errorf("sending a result: %w, %v", err, refused)
		}
		f.mu.Lock()
		f.ids = append(f.ids, r.JobID)
		f.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// accepted is the number of results that the queue has accepted.
func (f *flow) accepted() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.ids)
}

// stop ends the sending, waits until what was accepted is recorded, and answers
// how much that is: each result in one row, none of them dead.
func (f *flow) stop(t *testing.T, db *store.Store, url string) int {
	t.Helper()
	f.end()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var there, rows int
	within(t, "every accepted result", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		err := conn.QueryRow(t.Context(), `SELECT count(DISTINCT id) FILTER (WHERE id = ANY ($1::text[]::uuid[])), count(*) FROM runs`, f.ids).Scan(&there, &rows)
		if err != nil {
			t.Fatal(err)
		}
		return there == len(f.ids)
	})
	f.away()
	if err := f.run.Wait(); err != nil {
		t.Error(err)
	}
	dead, total, err := db.DeadResults(t.Context(), 10)
	if err != nil || total > 0 || rows != f.accepted() {
		t.Errorf("%d rows of %d accepted results, %d dead ones %v, %v", rows, f.accepted(), total, dead, err)
	}
	letters, err := f.client.Open(t.Context(), queue.DeadLetterName("results"))
	if err != nil {
		t.Fatal(err)
	}
	if depth, err := letters.Depth(t.Context()); err != nil || depth.Visible+depth.InFlight > 0 {
		t.Errorf("dead letters: %+v, %v", depth, err)
	}
	return rows
}
