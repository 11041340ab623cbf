package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
	"github.com/probefleet/probefleet/internal/rollout"
	"github.com/probefleet/probefleet/internal/schedule"
)

// memory is a database in memory, with the rules of leases that the real one
// has; store's own tests hold it to them.
type memory struct {
	mu         sync.Mutex
	checks     []check.Check
	revision   int64
	owner      map[int]string
	until      map[int]time.Time
	watermarks map[int]time.Time
	seen       map[string]time.Time
	away       map[string]bool // owners that cannot reach it
	fleet      rollout.Fleet
	noFleet    bool // the registry cannot be read
}

func newMemory(checks ...check.Check) *memory {
	d := &memory{
		checks: checks, revision: 1, owner: map[int]string{}, until: map[int]time.Time{},
		watermarks: map[int]time.Time{}, seen: map[string]time.Time{}, away: map[string]bool{},
	}
	for i := range schedule.Shards {
		d.watermarks[i] = time.Now()
	}
	return d
}

// of is the database as one owner reaches it.
func (d *memory) of(owner string) database { return reach{d, owner} }

type reach struct {
	*memory
	owner string
}

var errAway = errors.New("the database is away")

func (r reach) locked() (func(), error) {
	r.mu.Lock()
	if r.away[r.owner] {
		r.mu.Unlock()
		return nil, errAway
	}
	return r.mu.Unlock, nil
}

func (r reach) ActiveChecks(context.Context) ([]check.Check, int64, error) {
	unlock, err := r.locked()
	if err != nil {
		return nil, 0, err
	}
	defer unlock()
	return slices.Clone(r.checks), r.revision, nil
}

func (r reach) ChecksRevision(context.Context) (int64, error) {
	unlock, err := r.locked()
	if err != nil {
		return 0, err
	}
	defer unlock()
	return r.revision, nil
}

func (r reach) Fleet(context.Context) (rollout.Fleet, error) {
	unlock, err := r.locked()
	if err != nil {
		return rollout.Fleet{}, err
	}
	defer unlock()
	if r.noFleet {
		return rollout.Fleet{}, errAway
	}
	f := r.fleet
	f.Now, f.Pins = time.Now(), slices.Clone(f.Pins)
	return f, nil
}

func (r reach) KeepPins(_ context.Context, pins []rollout.Pin) error {
	unlock, err := r.locked()
	if err != nil {
		return err
	}
	defer unlock()
	for _, p := range pins {
		r.fleet.Pins = slices.DeleteFunc(r.fleet.Pins, func(have rollout.Pin) bool { return have.Target == p.Target })
		r.fleet.Pins = append(r.fleet.Pins, p)
	}
	return nil
}

func (r reach) Now(context.Context) (time.Time, error) { return time.Now(), nil }

func (r reach) TakeOver(_ context.Context, owner string) error {
	unlock, err := r.locked()
	if err != nil {
		return err
	}
	defer unlock()
	earlier := func(o string) bool { return o != owner && path.Dir(o) != "." && path.Dir(o) == path.Dir(owner) }
	for i, o := range r.memory.owner {
		if earlier(o) {
			r.memory.owner[i] = owner
		}
	}
	maps.DeleteFunc(r.seen, func(o string, _ time.Time) bool { return earlier(o) })
	return nil
}

func (r reach) LeaseShards(_ context.Context, owner string, ttl time.Duration) ([]schedule.Lease, error) {
	unlock, err := r.locked()
	if err != nil {
		return nil, err
	}
	defer unlock()
	now := time.Now()
	r.seen[owner] = now
	live := 0
	for _, at := range r.seen {
		if now.Sub(at) <= ttl {
			live++
		}
	}
	share := (schedule.Shards + live - 1) / live
	var leases []schedule.Lease
	for i := range schedule.Shards {
		held := r.memory.owner[i] == owner && now.Before(r.until[i])
		free := r.memory.owner[i] == "" || !now.Before(r.until[i])
		switch {
		case (held || free) && len(leases) < share:
			r.memory.owner[i], r.until[i] = owner, now.Add(ttl)
			leases = append(leases, schedule.Lease{Shard: i, Watermark: r.watermarks[i], Term: ttl})
		case held:
			r.memory.owner[i] = ""
		}
	}
	return leases, nil
}

func (r reach) AdvanceWatermarks(_ context.Context, owner string, to map[int]time.Time) (lost []int, err error) {
	unlock, err := r.locked()
	if err != nil {
		return nil, err
	}
	defer unlock()
	for i, w := range to {
		if r.memory.owner[i] != owner || !time.Now().Before(r.until[i]) {
			lost = append(lost, i)
			continue
		}
		r.watermarks[i] = w
	}
	return lost, nil
}

func (r reach) ReleaseShards(_ context.Context, owner string) error {
	unlock, err := r.locked()
	if err != nil {
		return err
	}
	defer unlock()
	maps.DeleteFunc(r.memory.owner, func(_ int, o string) bool { return o == owner })
	delete(r.seen, owner)
	return nil
}

// sink collects the jobs that its queue has accepted.
type sink struct {
	mu   sync.Mutex
	jobs []jobs.Job
	*queuetest.Queue
}

func newSink(t *testing.T) *sink {
	k := &sink{Queue: &queuetest.Queue{}}
	k.OnAccept = func(o queue.Outgoing) {
		j, err := codec.DecodeJob([]byte(o.Body))
		if err != nil {
			t.Errorf("an undecodable job was sent: %v", err)
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		k.jobs = append(k.jobs, j)
	}
	return k
}

// sent are the jobs that were accepted so far.
func (k *sink) sent() []jobs.Job {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.jobs)
}

// slots counts how often each slot of a check was sent.
func (k *sink) slots(id string) map[time.Time]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	m := map[time.Time]int{}
	for _, j := range k.jobs {
		if j.Check.ID == id {
			m[j.Slot]++
		}
	}
	return m
}

func apiCheck(id string, every time.Duration, locations ...string) check.Check {
	if len(locations) == 0 {
		locations = []string{"local"}
	}
	return check.Check{
		ID: id, Name: id, Every: every, Timeout: time.Second, Locations: locations, Active: true,
		Spec: check.OneRequest(check.Request{Method: "GET", URL: "http://example.com/", MaxBody: 1}, nil, nil),
	}
}

func options(db database, owner string, open func(string, jobs.Class) (queue.Sender, error), reg prometheus.Registerer) Options {
	return Options{
		Store: db, Owner: owner, Logger: slog.New(slog.DiscardHandler), Metrics: reg,
		Open: func(_ context.Context, location string, class jobs.Class) (queue.Sender, error) {
			return open(location, class)
		},
	}
}

func always(s queue.Sender) func(string, jobs.Class) (queue.Sender, error) {
	return func(string, jobs.Class) (queue.Sender, error) { return s, nil }
}

// runFor runs a scheduler for a while of simulated time.
func runFor(t *testing.T, o Options, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := New(o).Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
}

// wantSlots compares what was sent with the schedule over (from, to].
func wantSlots(t *testing.T, k *sink, c check.Check, from, to time.Time, most int) {
	t.Helper()
	for _, location := range c.Locations {
		sent := k.slots(c.ID)
		for s := range schedule.Slots(c.ID, location, c.Every, from, to) {
			if sent[s] == 0 {
				t.Errorf("slot %s of %s was not sent", s, c.ID)
			}
			if sent[s] > most {
				t.Errorf("slot %s of %s was sent %d times, want at most %d", s, c.ID, sent[s], most)
			}
		}
	}
}

func TestEverySlotOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks := []check.Check{apiCheck("fast", time.Second), apiCheck("minute", time.Minute), apiCheck("odd", 7*time.Second)}
		db, k := newMemory(checks...), newSink(t)
		from := time.Now()
		runFor(t, options(db.of("a"), "a", always(k), nil), 10*time.Minute)
		for _, c := range checks {
			wantSlots(t, k, c, from, from.Add(10*time.Minute-tick), 1)
		}
		for _, j := range k.jobs {
			if late := j.SentAt.Sub(j.Slot); late < 0 || late > tick {
				t.Errorf("slot %s was sent %s after it", j.Slot, late)
			}
			if j.ID != jobs.AttemptID(j.Check.ID, j.Location, j.Slot, 1) || !j.ExpiresAt.Equal(schedule.Expires(j.Slot, j.Check.Every)) {
				t.Errorf("job %+v has another id or expiry than its slot", j)
			}
		}
	})
}

func TestQueueAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := apiCheck("minute", time.Minute)
		db, k := newMemory(c), newSink(t)
		from := time.Now()
		back := from.Add(3 * time.Minute)
		k.Faults.Call = func(queuetest.Op) queuetest.Fault {
			if time.Now().Before(back) {
				return queuetest.Fault{Err: queuetest.ErrInjected}
			}
			return queuetest.Fault{}
		}
		reg := prometheus.NewRegistry()
		runFor(t, options(db.of("a"), "a", always(k), reg), 10*time.Minute)
		// A slot lives for a minute: the last one before the queue was back is
		// sent late, those before are missed.
		wantSlots(t, k, c, back.Add(-time.Minute), from.Add(10*time.Minute-tick), 1)
		expected := schedule.Count(c.ID, "local", c.Every, from, from.Add(10*time.Minute-tick))
		missed := missed(t, reg)
		if missed != 2 || len(k.jobs)+missed != expected {
			t.Errorf("%d sent, %d missed, want 2 missed of %d", len(k.jobs), missed, expected)
		}
	})
}

func TestPartialFailureIsOfferedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := apiCheck("fast", time.Second)
		db, k := newMemory(c), newSink(t)
		n := 0
		k.Faults.Entry = func(queuetest.Op, string) queuetest.Fault {
			if n++; n%3 == 0 {
				return queuetest.Fault{Err: queuetest.ErrInjected}
			}
			return queuetest.Fault{}
		}
		from := time.Now()
		runFor(t, options(db.of("a"), "a", always(k), nil), time.Minute)
		wantSlots(t, k, c, from, from.Add(time.Minute-2*time.Second), 1)
	})
}

func TestFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks []check.Check
		for i := range 40 {
			checks = append(checks, apiCheck(fmt.Sprintf("c%d", i), 20*time.Second))
		}
		db, k := newMemory(checks...), newSink(t)
		from := time.Now()
		died := from.Add(2 * time.Minute)
		dead := &queuetest.Queue{Faults: queuetest.Faults{Call: func(queuetest.Op) queuetest.Fault {
			return queuetest.Fault{Err: queuetest.ErrInjected}
		}}}
		openA := func(string, jobs.Class) (queue.Sender, error) {
			return senderFunc(func(ctx context.Context, ms []queue.Outgoing) ([]error, error) {
				if time.Now().Before(died.Add(-2 * time.Second)) { // then the queue goes first
					return k.SendBatch(ctx, ms)
				}
				return dead.SendBatch(ctx, ms)
			}), nil
		}
		time.AfterFunc(2*time.Minute, func() {
			db.mu.Lock()
			defer db.mu.Unlock()
			db.away["a"] = true
		})
		var wg sync.WaitGroup
		wg.Go(func() { runFor(t, options(db.of("a"), "a", openA, nil), 6*time.Minute) })
		wg.Go(func() { runFor(t, options(db.of("b"), "b", always(k), nil), 6*time.Minute) })
		wg.Wait()
		for _, c := range checks {
			wantSlots(t, k, c, from, from.Add(6*time.Minute-tick), 2)
		}
	})
}

type senderFunc func(ctx context.Context, ms []queue.Outgoing) ([]error, error)

func (f senderFunc) SendBatch(ctx context.Context, ms []queue.Outgoing) ([]error, error) {
	return f(ctx, ms)
}

func TestNoBurstAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := apiCheck("minute", time.Minute)
		db, k := newMemory(c), newSink(t)
		from := time.Now().Add(-24 * time.Hour)
		for i := range db.watermarks {
			db.watermarks[i] = from
		}
		reg := prometheus.NewRegistry()
		runFor(t, options(db.of("a"), "a", always(k), reg), time.Minute)
		expected := schedule.Count(c.ID, "local", c.Every, from, time.Now().Add(-tick))
		if n := len(k.jobs); n > 2 || n+missed(t, reg) != expected {
			t.Errorf("%d sent and %d missed of %d slots, want at most 2 sent", n, missed(t, reg), expected)
		}
	})
}

func TestOneLocationAwayHoldsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := apiCheck("both", 10*time.Second, "here", "there")
		db, k := newMemory(c), newSink(t)
		open := func(location string, _ jobs.Class) (queue.Sender, error) {
			if location == "there" {
				return nil, errors.New("no such queue")
			}
			return k, nil
		}
		from := time.Now()
		runFor(t, options(db.of("a"), "a", open, nil), 5*time.Minute)
		c.Locations = []string{"here"}
		wantSlots(t, k, c, from, from.Add(5*time.Minute-tick), 1)
	})
}

func TestChecksTakeEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := apiCheck("c", 10*time.Second)
		db, k := newMemory(old), newSink(t)
		from := time.Now()
		var changed time.Time
		time.AfterFunc(time.Minute, func() {
			db.mu.Lock()
			defer db.mu.Unlock()
			changed = time.Now()
			db.checks, db.revision = []check.Check{apiCheck("c", 3*time.Second), apiCheck("new", 5*time.Second)}, 2
		})
		runFor(t, options(db.of("a"), "a", always(k), nil), 2*time.Minute)
		wantSlots(t, k, old, from, changed, 1)
		soon, end := changed.Add(reloadEvery+tick), from.Add(2*time.Minute-tick)
		wantSlots(t, k, apiCheck("c", 3*time.Second), soon, end, 1)
		wantSlots(t, k, apiCheck("new", 5*time.Second), soon, end, 1)
	})
}

// missed is the number of slots that the metrics count as missed.
func missed(t *testing.T, reg *prometheus.Registry) int {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0.0
	for _, f := range families {
		if f.GetName() == "probefleet_scheduler_slots_missed_total" {
			for _, m := range f.GetMetric() {
				n += m.GetCounter().GetValue()
			}
		}
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v %v", problems, err)
	}
	return int(n)
}
