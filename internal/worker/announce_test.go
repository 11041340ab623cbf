package worker_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
	"github.com/probefleet/probefleet/internal/worker"
)

// A worker says that it is there before its first result, then regularly, also
// while it drains, and that it leaves at its end.
func TestAnnouncements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var in, out queuetest.Queue
		for range 3 {
			in.Put(body(t, job("a")))
		}
		w := worker.New(worker.Options{
			Location: "here", Identity: jobs.Worker{ID: "w1", Build: "test"},
			Lanes:  map[jobs.Class]worker.Lane{jobs.ClassAPI: {Queue: "jobs", Receiver: &in, Slots: 2}},
			Runner: takes(50 * time.Second), Results: queue.NewBatcher(&out, 0),
			AnnounceEvery: 15 * time.Second, DrainBudget: time.Minute,
		})
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := w.Run(ctx); err != nil {
			t.Fatal(err)
		}
		var said []jobs.Announcement
		results := 0
		for i, m := range out.Sent() {
			if codec.TypeOf([]byte(m.Body)) == codec.TypeResult {
				results++
				continue
			}
			if i == 0 && m.Attributes["type"] != codec.TypeWorker {
				t.Errorf("attributes %v", m.Attributes)
			}
			a, err := codec.DecodeAnnouncement([]byte(m.Body))
			if err != nil {
				t.Fatal(err)
			}
			a.SentAt = a.SentAt.Truncate(time.Second)
			said = append(said, a)
		}
		at := func(d time.Duration, busy int, leaving bool) jobs.Announcement {
			a := codec.NewAnnouncement(jobs.Worker{ID: "w1", Build: "test"}, "here", begun, begun.Add(d))
			a.Lanes = []jobs.LaneState{{Class: jobs.ClassAPI, Slots: 2, Busy: busy}}
			a.Leaving = leaving
			return a
		}
		want := []jobs.Announcement{
			at(0, 0, false), at(15*time.Second, 2, false), at(30*time.Second, 2, false), at(45*time.Second, 2, false),
		}
		if len(said) != 5 || results != 2 {
			t.Fatalf("%d announcements and %d results", len(said), results)
		}
		if d := cmp.Diff(want, said[:4]); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if last := said[4]; !last.Leaving || last.Lanes[0].Busy != 0 || last.SentAt.Before(begun.Add(50*time.Second)) {
			t.Errorf("the last words: %+v", last)
		}
	})
}

// A queue that is away keeps no worker from its jobs.
func TestUnheardAnnouncements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var in, out queuetest.Queue
		out.SetFaults(queuetest.Faults{Call: func(queuetest.Op) queuetest.Fault { return queuetest.Fault{Err: queuetest.ErrInjected} }})
		in.Put(body(t, job("a")))
		ran := false
		w := worker.New(worker.Options{
			Location: "here", Identity: jobs.Worker{ID: "w1"},
			Lanes: map[jobs.Class]worker.Lane{jobs.ClassAPI: {Queue: "jobs", Receiver: &in, Slots: 1}},
			Runner: run(func(ctx context.Context, j jobs.Job) (jobs.Result, error) {
				ran = true
				return takes(time.Second)(ctx, j)
			}),
			Results: queue.NewBatcher(&out, 0), AnnounceEvery: 15 * time.Second,
		})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := w.Run(ctx); err != nil || !ran {
			t.Errorf("ran %t, %v", ran, err)
		}
	})
	w := worker.New(worker.Options{
		Lanes:  map[jobs.Class]worker.Lane{jobs.ClassAPI: {Queue: "q", Receiver: &queuetest.Queue{}, Slots: 1}},
		Runner: takes(0), Results: queue.NewBatcher(&queuetest.Queue{}, 0), AnnounceEvery: time.Second,
	})
	if err := w.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "needs an id and a location") {
		t.Errorf("a worker without a name: %v", err)
	}
}
