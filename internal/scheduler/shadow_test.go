package scheduler

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
)

// Jobs of the queues that are named are copied as they are; a queue of copies
// that is away costs copies, and never a job or its time.
func TestShadow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newMemory(apiCheck("c", time.Minute, "here", "there"), apiCheck("d", time.Minute, "here"))
		primary, copied, reg := newSink(t), newSink(t), prometheus.NewRegistry()
		o := options(db.of("s"), "s", always(primary), reg)
		var away atomic.Bool
		away.Store(true)
		o.Shadow = []Shadow{{"here", jobs.ClassAPI, 1}, {"there", jobs.ClassBrowser, 1}}
		o.OpenShadow = func(ctx context.Context, location string, class jobs.Class) (queue.Sender, error) {
			if location != "here" || class != jobs.ClassAPI {
				t.Errorf("the queue of copies of %s/%s is asked for", location, class)
			}
			if away.Load() {
				<-ctx.Done() // the slowest way of being away
				return nil, ctx.Err()
			}
			return copied, nil
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- New(o).Run(ctx) }()
		<-time.After(10 * time.Minute)
		synctest.Wait()
		first := primary.sent()
		if n := len(copied.sent()); n != 0 || len(first) < 29 {
			t.Errorf("%d jobs and %d copies were sent", len(first), n)
		}
		lateness := time.Duration(0)
		for _, j := range first {
			lateness = max(lateness, j.SentAt.Sub(j.Slot))
		}
		if lateness > time.Second {
			t.Errorf("a job was sent %s after its slot, because of its copy", lateness)
		}
		away.Store(false)
		<-time.After(10 * time.Minute)
		synctest.Wait()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		sent := map[string]bool{}
		for _, j := range primary.sent()[len(first):] {
			sent[j.ID] = j.Location == "here"
		}
		here := 0
		for _, is := range sent {
			if is {
				here++
			}
		}
		copies := copied.sent()
		if len(copies) < here-1 || len(copies) > here+2 { // one may have been on its way
			t.Errorf("%d copies of %d jobs", len(copies), here)
		}
		for _, j := range copies {
			if j.Location != "here" {
				t.Errorf("a job of %s was copied", j.Location)
			}
		}
		if n, err := testutil.GatherAndCount(reg, "probefleet_scheduler_shadow_jobs_total"); err != nil || n != 2 {
			t.Errorf("%d fates of copies are counted, %v; want sent and lost", n, err)
		}
	})
}

// A share is a share, and what somebody asked for is not copied.
func TestShadowShare(t *testing.T) {
	c := newCopies([]Shadow{{"here", jobs.ClassAPI, 0.25}})
	d := destination{"here", jobs.ClassAPI}
	taken := 0
	for range 4000 {
		c.take(d, batch{slots: []*slot{{}, {asked: &asked{}}, {}}, outgoing: make([]queue.Outgoing, 3)}, []error{nil, nil, context.Canceled})
		select {
		case got := <-c.waiting:
			taken += len(got.outgoing)
		default:
		}
	}
	if taken < 850 || taken > 1150 { // five standard deviations
		t.Errorf("%d of 4000 jobs were copied, want a quarter", taken)
	}
	lost := 0
	c.lost = func(_ destination, n int) { lost += n }
	c.shares[d] = 1
	for range copiesWaiting + 10 {
		c.take(d, batch{slots: []*slot{{}}, outgoing: make([]queue.Outgoing, 1)}, []error{nil})
	}
	if lost != 10 {
		t.Errorf("%d copies were lost where %d wait, want 10", lost, copiesWaiting)
	}
	(*copies)(nil).take(d, batch{}, nil)
}
