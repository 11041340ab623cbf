package scheduler

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
)

// wishes is a book of triggers in memory.
type wishes struct {
	mu      sync.Mutex
	open    []jobs.Trigger
	settled []jobs.Trigger
}

func (b *wishes) DueTriggers(_ context.Context, shards []int) (due []jobs.Trigger, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.open {
		if slices.Contains(shards, schedule.Shard(w.CheckID)) {
			due = append(due, w)
		}
	}
	return due, nil
}

func (b *wishes) SettleTriggers(_ context.Context, ts []jobs.Trigger) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settled = append(b.settled, ts...)
	b.open = slices.DeleteFunc(b.open, func(w jobs.Trigger) bool {
		return slices.ContainsFunc(ts, func(t jobs.Trigger) bool { return t.AttemptID == w.AttemptID })
	})
	return nil
}

func wish(id, location string, lasts time.Duration) jobs.Trigger {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return jobs.Trigger{AttemptID: jobs.AttemptID(id, location, now, 1), CheckID: id, Location: location, Slot: now, ExpiresAt: now.Add(lasts)}
}

// What was asked for is sent once, within two seconds, apart from the slots;
// what cannot be sent says why.
func TestTriggers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := apiCheck("c", time.Hour, "a", "b")
		k, reg := newSink(t), prometheus.NewRegistry()
		sent := wish("c", "b", time.Minute)
		b := &wishes{open: []jobs.Trigger{sent, wish("c", "elsewhere", time.Minute), wish("unknown", "a", time.Minute), wish("c", "a", 0)}}
		o := options(newMemory(c).of("s"), "s", always(k), reg)
		o.Triggers = b
		runFor(t, o, 30*time.Second)
		var got []jobs.Job
		for _, j := range k.jobs {
			if j.Slot.Equal(sent.Slot) {
				got = append(got, j)
			}
		}
		if len(got) != 1 {
			t.Fatalf("%d jobs were sent: %+v", len(got), got)
		}
		if j := got[0]; j.ID != sent.AttemptID || j.Location != "b" || !j.ExpiresAt.Equal(sent.ExpiresAt) || j.SentAt.Sub(sent.Slot) > 2*time.Second {
			t.Errorf("job %+v", j)
		}
		fates := map[string]jobs.Fate{}
		for _, s := range b.settled {
			fates[s.CheckID+"@"+s.Location] = s.Fate
		}
		for what, want := range map[string]jobs.Fate{"c@b": jobs.FateSent, "c@elsewhere": jobs.FateGone, "unknown@a": jobs.FateGone, "c@a": jobs.FateExpired} {
			if fates[what] != want {
				t.Errorf("%s: %q, want %q", what, fates[what], want)
			}
		}
		if len(b.settled) != 4 {
			t.Errorf("%d were settled", len(b.settled))
		}
		if n, err := testutil.GatherAndCount(reg, "probefleet_scheduler_triggers_total"); err != nil || n != 3 {
			t.Errorf("%d fates are counted, %v", n, err)
		}
	})
}
