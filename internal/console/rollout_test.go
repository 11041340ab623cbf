package console

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
	"github.com/probefleet/probefleet/internal/worker"
)

// older is a queue as a worker of the release before sees it: everything on it
// is of a version that it does not know.
type older struct{ *queuetest.Queue }

func (o older) Receive(ctx context.Context, most int, wait, visibility time.Duration) ([]queue.Message, error) {
	ms, err := o.Queue.Receive(ctx, most, wait, visibility)
	for i := range ms {
		ms[i].Body = newer(ms[i].Body)
	}
	return ms, err
}

type passes struct{}

func (passes) Run(_ context.Context, j jobs.Job) (jobs.Result, error) {
	r := jobs.ResultFor(j)
	r.Conclude()
	return r, nil
}

// work runs a worker for a time.
func work(t *testing.T, jobQueue queue.Receiver, receives int, results queue.Sender, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	w := worker.New(worker.Options{
		Location: "here", Identity: jobs.Worker{ID: "w"}, Runner: passes{}, Results: queue.NewBatcher(results, 0),
		Lanes: map[jobs.Class]worker.Lane{jobs.ClassAPI: {Queue: "pf-jobs-here-api", Receiver: jobQueue, Slots: 3, MaxReceives: receives}},
	})
	if err := w.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

// A rollout went on for so long that jobs of the new version wore out their
// deliveries on old workers. They are seen for what they are, and redriven
// once there are new workers: each ends in one result.
func TestParkedMessagesAreRedrivenAfterTheRollout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 12
		y, c, _ := newYard()
		dead := y.queues[deadAPI]
		dead.source.MaxReceives = 5
		for i := range n {
			dead.source.Put(apiJob(t, fmt.Sprintf("c%d", i), "here"))
		}
		var results queuetest.Queue
		work(t, older{&dead.source}, 5, &results, 2*time.Hour)
		for _, m := range dead.source.Dead() { // as the queue itself does
			dead.Put(m.Body)
		}
		for i, m := range dead.source.Dead() { // as the recorder does, under the ids that the queue keeps
			for _, sent := range results.Sent() {
				note, err := codec.DecodeDeadLetter([]byte(sent.Body))
				if err != nil {
					t.Fatalf("an old worker sent %s", sent.Body)
				}
				if note.MessageID == m.ID {
					note.MessageID = fmt.Sprintf("m%d", i+1)
					y.notes = append(y.notes, note)
				}
			}
		}
		got := api[DeadLetters](t, c, 200, "GET", "/api/v1/dlq", "")
		for _, l := range got.Letters {
			if l.Reason != jobs.DeadVersion || !l.Readable || l.Worker != "w" {
				t.Errorf("a parked job is shown as %+v", l)
			}
		}
		if len(got.Letters) != n {
			t.Fatalf("%d of %d jobs are parked", len(got.Letters), n)
		}
		api[Done](t, c, 200, "POST", "/api/v1/dlq/redrive", `{"all":true}`)
		before := len(results.Sent())
		work(t, &dead.source, 5, &results, time.Minute)
		ids := map[string]bool{}
		for _, m := range results.Sent()[before:] {
			r, err := codec.DecodeResult([]byte(m.Body))
			if err != nil {
				t.Fatal(err)
			}
			ids[r.JobID] = true
		}
		if len(ids) != n || !dead.Empty() || !dead.source.Empty() {
			t.Errorf("%d of %d jobs have a result after the redrive; queues empty: %t, %t", len(ids), n, dead.Empty(), dead.source.Empty())
		}
	})
}
