package scheduler

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
	"github.com/probefleet/probefleet/internal/schedule"
)

// book is a book of retries in memory.
type book struct {
	mu       sync.Mutex
	open     map[rerunKey]*jobs.Retry
	sick     []string
	assigned []jobs.Retry
	settled  map[rerunKey]int
	failing  bool // of settling
}

func newBook(rs ...jobs.Retry) *book {
	b := &book{open: map[rerunKey]*jobs.Retry{}, settled: map[rerunKey]int{}}
	for _, r := range rs {
		b.open[keyOf(r)] = &r
	}
	return b
}

func (b *book) DueRetries(_ context.Context, shards []int) (due []jobs.Retry, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.open {
		if slices.Contains(shards, schedule.Shard(r.CheckID)) {
			due = append(due, *r)
		}
	}
	return due, nil
}

func (b *book) AssignRetries(_ context.Context, rs []jobs.Retry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.assigned = append(b.assigned, rs...)
	for _, r := range rs {
		b.open[keyOf(r)].SentTo = r.SentTo
	}
	return nil
}

func (b *book) SettleRetries(_ context.Context, rs []jobs.Retry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failing {
		return errAway
	}
	for _, r := range rs {
		b.settled[keyOf(r)]++
		delete(b.open, keyOf(r))
	}
	return nil
}

func (b *book) SickLocations(context.Context) ([]string, error) { return b.sick, nil }

// late are the jobs that were sent of attempts after the first.
func (k *sink) late() (late []jobs.Job) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, j := range k.jobs {
		if j.Attempt > 1 {
			late = append(late, j)
		}
	}
	return late
}

func fates(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]float64{}
	for _, f := range families {
		if f.GetName() == "probefleet_scheduler_reruns_total" {
			for _, metric := range f.GetMetric() {
				m[metric.GetLabel()[0].GetValue()] = metric.GetCounter().GetValue()
			}
		}
	}
	return m
}

// retryOf is the second attempt of the slot of c at "a" before now.
func retryOf(c check.Check) jobs.Retry {
	slot := schedule.Next(c.ID, "a", c.Every, time.Now().Add(-c.Every-1))
	return jobs.Retry{CheckID: c.ID, Location: "a", Slot: slot, Attempt: 2, AvoidLocation: "a"}
}

// A rerun goes once, to another location that is healthy, with the slot's own
// expiry and the ids of the place where it runs; watermarks do not wait for it.
func TestRerunElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := apiCheck("c", 10*time.Minute, "a", "b", "c")
		r := retryOf(c)
		db, k, reg := newMemory(c), newSink(t), prometheus.NewRegistry()
		b := newBook(r)
		b.sick = []string{"b"}
		to := map[string]int{}
		o := options(db.of("s"), "s", func(location string, _ jobs.Class) (queue.Sender, error) {
			to[location]++
			return k, nil
		}, reg)
		o.Retries = b
		runFor(t, o, time.Minute)
		late := k.late()
		if len(late) != 1 {
			t.Fatalf("%d reruns were sent", len(late))
		}
		j := late[0]
		if j.Location != "c" || to["c"] == 0 || !j.Slot.Equal(r.Slot) || j.Attempt != 2 ||
			j.ID != jobs.AttemptID("c", "c", r.Slot, 2) || !j.ExpiresAt.Equal(schedule.Expires(r.Slot, c.Every)) {
			t.Errorf("job %+v", j)
		}
		if len(b.assigned) != 1 || b.assigned[0].SentTo != "c" || b.settled[keyOf(r)] != 1 {
			t.Errorf("assigned %+v, settled %v", b.assigned, b.settled)
		}
		if f := fates(t, reg); f["sent"] != 1 || len(f) != 1 {
			t.Errorf("fates %v", f)
		}
		if w := db.watermarks[schedule.Shard("c")]; time.Since(w) > 2*time.Second {
			t.Errorf("the watermark is %s old", time.Since(w))
		}
	})
}

// What was assigned before a failover goes to the same place.
func TestRerunStaysAssigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := apiCheck("c", 10*time.Minute, "a", "b", "c")
		r := retryOf(c)
		r.SentTo = "c"
		k := newSink(t)
		o := options(newMemory(c).of("s"), "s", always(k), nil)
		o.Retries = newBook(r)
		runFor(t, o, 10*time.Second)
		if late := k.late(); len(late) != 1 || late[0].Location != "c" {
			t.Errorf("sent %+v", late)
		}
	})
}

// Past the slot's expiry, and for checks that are not active any more, nothing
// is sent; while the queue is away it is offered again.
func TestRerunsThatAreNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short, long := apiCheck("short", time.Second, "a"), apiCheck("long", 10*time.Minute, "a")
		stale := retryOf(short)
		stale.Slot = stale.Slot.Add(-time.Minute)
		gone := retryOf(apiCheck("removed", time.Minute, "a"))
		waits := retryOf(long)
		waits.Slot = time.Now().Add(-time.Minute).UTC()
		b, k, reg := newBook(stale, gone, waits), newSink(t), prometheus.NewRegistry()
		back := time.Now().Add(30 * time.Second)
		k.Faults.Call = func(queuetest.Op) queuetest.Fault {
			if time.Now().Before(back) {
				return queuetest.Fault{Err: queuetest.ErrInjected}
			}
			return queuetest.Fault{}
		}
		o := options(newMemory(short, long).of("s"), "s", always(k), reg)
		o.Retries = b
		runFor(t, o, time.Minute)
		late := k.late()
		if len(late) != 1 || late[0].Check.ID != "long" || late[0].SentAt.Before(back) {
			t.Errorf("sent %+v", late)
		}
		if f := fates(t, reg); f["sent"] != 1 || f["gone"] != 1 || f["expired"] != 1 {
			t.Errorf("fates %v", f)
		}
		if len(b.open) != 0 {
			t.Errorf("%d are left", len(b.open))
		}
	})
}

// A rerun that cannot be settled is not sent a second time.
func TestRerunIsSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := apiCheck("c", 10*time.Minute, "a")
		b, k := newBook(retryOf(c)), newSink(t)
		b.failing = true
		o := options(newMemory(c).of("s"), "s", always(k), nil)
		o.Retries = b
		runFor(t, o, 10*time.Second)
		if n := len(k.late()); n != 1 || len(b.open) != 1 {
			t.Errorf("sent %d times, %d left", n, len(b.open))
		}
	})
}

// What the check asks for follows its own waits: it is sent past the slot's
// expiry, and where the slot is from; but not for ever.
func TestAskedRetriesOutliveTheirSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := apiCheck("c", time.Second, "a", "b"), apiCheck("d", time.Second, "a", "b")
		r, stale := retryOf(c), retryOf(d)
		r.Slot = r.Slot.Add(-5 * time.Minute)
		r.AvoidLocation, r.Asked, r.DueAt = "", true, time.Now()
		stale.Slot, stale.AvoidLocation, stale.Asked = r.Slot, "", true
		stale.DueAt = time.Now().Add(-time.Minute)
		b, k, reg := newBook(r, stale), newSink(t), prometheus.NewRegistry()
		o := options(newMemory(c, d).of("s"), "s", always(k), reg)
		o.Retries = b
		runFor(t, o, 10*time.Second)
		late := k.late()
		if len(late) != 1 || late[0].Check.ID != "c" || late[0].Location != "a" || !late[0].ExpiresAt.Equal(r.DueAt.Add(30*time.Second)) {
			t.Errorf("sent %+v", late)
		}
		if f := fates(t, reg); f["sent"] != 1 || f["expired"] != 1 {
			t.Errorf("fates %v", f)
		}
	})
}
