package recorder_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
	"github.com/probefleet/probefleet/internal/recorder"
)

// book keeps what candidates found.
type book struct {
	mu    sync.Mutex
	away  bool
	found []jobs.Result
}

func (b *book) RecordShadow(_ context.Context, r jobs.Result) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return errAway
	}
	b.found = append(b.found, r)
	return nil
}

func (b *book) set(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
}

// What a candidate found is stored in its own book, waits for the database as
// results do, and never comes to where results count.
func TestShadow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l ledger
		var results, shadows queuetest.Queue
		l.stored = map[string]int{}
		b := &book{away: true}
		r := recorder.New(recorder.Options{
			Store: &l, Queue: "results", Receiver: &results, Shadow: &recorder.Shadow{Queue: "shadow", Receiver: &shadows, Book: b},
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		counts, candidate := resultAt(slot), resultAt(slot)
		candidate.Outcome, candidate.Worker.Build = jobs.Failed, "v2"
		candidate.Fault = &jobs.Fault{Class: jobs.FaultConnect, Message: "refused"}
		results.Put(body(t, counts))
		shadows.Put(body(t, candidate), `{"type":"probefleet.worker","v":1,"min":1,"id":"x","data":{}}`)
		after(2 * time.Minute)
		b.set(false)
		after(10 * time.Minute)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(b.found) != 1 || b.found[0].Outcome != jobs.Failed || b.found[0].Worker.Build != "v2" {
			t.Errorf("the candidate's book: %+v", b.found)
		}
		if l.count() != 1 || !shadows.Empty() || !results.Empty() {
			t.Errorf("%d results count, want 1; the queues are empty: %t, %t", l.count(), shadows.Empty(), results.Empty())
		}
	})
}
