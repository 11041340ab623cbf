package scheduler

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// A scheduler that is killed and started again under its name goes on at once,
// although the leases of its former life have not ended.
func TestHeirNeedNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks := []check.Check{apiCheck("a", time.Second), apiCheck("b", time.Second), apiCheck("c", 5*time.Second)}
		db, k := newMemory(checks...), newSink(t)
		from := time.Now()
		time.AfterFunc(time.Minute, func() {
			db.mu.Lock()
			defer db.mu.Unlock()
			db.away["s/1"] = true // it gives nothing back
		})
		runFor(t, options(db.of("s/1"), "s/1", always(k), nil), time.Minute+tick/2)
		runFor(t, options(db.of("s/2"), "s/2", always(k), nil), 3*time.Second)
		for _, c := range checks {
			wantSlots(t, k, c, from, from.Add(time.Minute+3*time.Second-tick), 2)
		}
	})
}
