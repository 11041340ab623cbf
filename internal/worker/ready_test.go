package worker_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A worker that lacks something takes no job and is not ready, until it is
// well again.
func TestExhaustedWorkerTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		var full atomic.Bool
		b.ready = func() error {
			if full.Load() {
				return errors.New("the disk is full")
			}
			return nil
		}
		full.Store(true)
		for range 6 {
			b.jobs.Put(body(t, job("a")))
		}
		b.start(t, takes(time.Second))
		after(2 * time.Minute)
		if visible, hidden := b.jobs.Len(); visible != 6 || hidden != 0 || len(b.sent(t)) != 0 {
			t.Errorf("%d jobs visible, %d hidden, %d results on a full disk", visible, hidden, len(b.sent(t)))
		}
		if err := b.worker.Check(time.Minute); err == nil || !strings.Contains(err.Error(), "the disk is full") {
			t.Errorf("ready on a full disk: %v", err)
		}
		full.Store(false)
		after(2 * time.Minute)
		if n := len(b.sent(t)); n != 6 {
			t.Errorf("%d results of 6 jobs with room again", n)
		}
		if err := b.worker.Check(time.Minute); err != nil {
			t.Errorf("not ready with room again: %v", err)
		}
		b.stop()
	})
}
