package scheduler

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/rollout"
)

// stepsCheck has two steps: version 1 has no room for it.
func stepsCheck(id string, every time.Duration) check.Check {
	c := apiCheck(id, every)
	s := c.Spec.(*check.API).Steps[0]
	first, second := s, s
	first.ID, second.ID = "first", "second"
	c.Spec = &check.API{Steps: []check.APIStep{first, second}}
	return c
}

// said makes the registry that of one worker at local, and one recorder, for
// each pair of the versions that they read: all spoke just now.
func (d *memory) said(reads ...[2]int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fleet.Workers, d.fleet.Recorders = nil, nil
	for _, r := range reads {
		w := rollout.Worker{Seen: time.Now()}
		w.Location, w.Reads, w.Lanes = "local", r[0], []jobs.LaneState{{Class: jobs.ClassAPI, Slots: 1}}
		d.fleet.Workers = append(d.fleet.Workers, w)
		d.fleet.Recorders = append(d.fleet.Recorders, rollout.Recorder{Reads: r[1], Seen: time.Now()})
	}
}

// change is one by somebody else.
func (d *memory) change(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

// written are the messages about a check since a time: their versions, and
// those in which they want their replies.
func (k *sink) written(t *testing.T, id string, since time.Time) (found map[[2]int]int) {
	t.Helper()
	found = map[[2]int]int{}
	for _, m := range k.Sent() {
		j, err := codec.DecodeJob([]byte(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		h, err := codec.Peek([]byte(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		if j.Check.ID == id && j.Slot.After(since) {
			found[[2]int{h.Version, j.Reply}]++
		}
	}
	return found
}

// A rollout as the scheduler sees it. Checks of several steps wait until
// everyone is there; what was reached stays while nobody is known, or while
// the registry cannot be read.
func TestPinsFollowTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, k := newMemory(apiCheck("single", time.Second), stepsCheck("steps", time.Second)), newSink(t)
		reg := prometheus.NewRegistry()
		o := options(db.of("a"), "a", always(k), reg)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- New(o).Run(ctx) }()
		for _, phase := range []struct {
			name  string
			begin func()
			want  [2]int // version of jobs and of replies
			steps bool
		}{
			{"nobody", func() {}, [2]int{1, 1}, false},
			{"an old worker", func() { db.said([2]int{2, 2}, [2]int{1, 2}) }, [2]int{1, 1}, false},
			{"an old recorder", func() { db.said([2]int{2, 2}, [2]int{2, 1}) }, [2]int{2, 1}, false},
			{"new ones only", func() { db.said([2]int{2, 2}, [2]int{2, 2}) }, [2]int{2, 2}, true},
			{"nobody any more", func() { db.said() }, [2]int{2, 2}, true},
			{"no registry", func() { db.said([2]int{1, 1}); db.change(func() { db.noFleet = true }) }, [2]int{2, 2}, true},
			{"an old worker is back", func() { db.change(func() { db.noFleet = false }) }, [2]int{1, 1}, false},
			{"by a person's hand", func() {
				db.said([2]int{2, 2})
				db.change(func() {
					db.fleet.Pins = []rollout.Pin{{Computed: 2}, {Target: rollout.Target{Location: "local", Class: jobs.ClassAPI}, Computed: 2, Override: 1}}
				})
			}, [2]int{1, 1}, false},
		} {
			phase.begin()
			after(pinsEvery + tick)
			since := time.Now()
			after(time.Minute)
			for id, sent := range map[string]bool{"single": true, "steps": phase.steps} {
				got := k.written(t, id, since)
				if sent && (len(got) != 1 || got[phase.want] < 59) || !sent && len(got) != 0 {
					t.Errorf("%s: jobs of %s in versions %v, want %v, sent %t", phase.name, id, got, phase.want, sent)
				}
			}
			held := map[bool]int{true: 0, false: 1}[phase.steps]
			if n := testutil.CollectAndCount(reg, "probefleet_scheduler_checks_held"); n != held {
				t.Errorf("%s: %d locations hold checks, want %d", phase.name, n, held)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		// A successor goes on from the pins that were kept, where nobody is known.
		db.said()
		for i := range db.fleet.Pins {
			db.fleet.Pins[i].Override = 0
		}
		since := time.Now()
		runFor(t, options(db.of("b"), "b", always(k), nil), 10*time.Second)
		if got := k.written(t, "single", since); got[[2]int{2, 2}] == 0 || len(got) != 1 {
			t.Errorf("a successor writes %v", got)
		}
	})
}

// Slots of checks that wait are missed, and nothing else waits for them.
func TestHeldSlotsAreMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, k := newMemory(stepsCheck("steps", time.Second), apiCheck("single", time.Second)), newSink(t)
		reg := prometheus.NewRegistry()
		from := time.Now()
		runFor(t, options(db.of("a"), "a", always(k), reg), time.Minute)
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() != "probefleet_scheduler_slots_missed_total" {
				continue
			}
			m := f.GetMetric()
			if len(m) != 1 || m[0].GetCounter().GetValue() < 58 || m[0].GetLabel()[1].GetValue() != "held" {
				t.Errorf("missed: %v", m)
			}
		}
		for i, w := range db.watermarks {
			if w.Before(from.Add(time.Minute - time.Second)) {
				t.Errorf("the watermark of shard %d is at %s", i, w)
			}
		}
	})
}

// after lets d of simulated time pass.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
