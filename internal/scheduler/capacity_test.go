package scheduler

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/probefleet/probefleet/internal/capacity"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/rollout"
)

// words are what capacity is decided from, and what was said.
type words struct {
	mu      sync.Mutex
	served  []capacity.Served
	away    bool // Served cannot be read
	kept    map[capacity.Place]capacity.Wanted
	waiting int
	deaf    bool // the queue does not say how many wait
	said    []capacity.Report
}

func (b *words) Served(context.Context) ([]capacity.Served, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return nil, errors.New("the database is away")
	}
	return b.served, nil
}

func (b *words) Wanted(context.Context) (all []capacity.Wanted, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.kept {
		all = append(all, w)
	}
	return all, nil
}

func (b *words) KeepWanted(_ context.Context, all []capacity.Wanted) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = map[capacity.Place]capacity.Wanted{}
	for _, w := range all {
		b.kept[w.Place] = w
	}
	return nil
}

func (b *words) depth(context.Context, string, jobs.Class) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.deaf {
		return 0, errors.New("the queue is away")
	}
	return b.waiting, nil
}

func (b *words) publish(_ context.Context, rs []capacity.Report) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, rs...)
	return nil
}

func (b *words) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

// last is the number that was said last, -1 for none.
func (b *words) last() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.said) == 0 {
		return -1
	}
	return b.said[len(b.said)-1].Wanted
}

func (b *words) options(db database, owner string, k *sink, reg prometheus.Registerer) Options {
	o := options(db, owner, always(k), reg)
	o.Capacity = &Capacity{Policy: capacity.Usual(1), Book: b, Depth: b.depth, Publish: b.publish}
	return o
}

// taking is work in which a run took so long, of late and in the newest minute.
func taking(d, newest time.Duration) []capacity.Served {
	work := func(d time.Duration) capacity.Work { return capacity.Work{Runs: 100, Busy: 100 * d, Received: 1} }
	return []capacity.Served{{
		Place: capacity.Place{Location: "local", Class: jobs.ClassAPI},
		Now:   work(newest), Newest: work(newest), Recently: work(d), Lately: work(d),
	}}
}

// started runs a scheduler until the end of the test's bubble.
func started(t *testing.T, o Options) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := New(o).Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return func() { cancel(); wg.Wait() }
}

// Wanted capacity follows the schedule, the time that runs take and the backlog:
// out with the next look, in after five minutes, and not at all while something
// is not known.
func TestWantedCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks := []string{"a", "b", "c", "d", "e", "f"}
		db := newMemory()
		for _, id := range checks {
			db.checks = append(db.checks, apiCheck(id, time.Second))
		}
		db.fleet = rollout.Fleet{Now: time.Now(), Workers: []rollout.Worker{worker("local", jobs.ClassAPI, 4)}}
		reg := prometheus.NewRegistry()
		b := &words{served: taking(time.Second, time.Second)}
		defer started(t, b.options(db.of("a"), "a", newSink(t), reg))()
		after := func(d time.Duration, want int, why string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if got := b.last(); got != want {
				t.Errorf("%s: %d workers are wanted, want %d", why, got, want)
			}
		}
		after(16*time.Second, 3, "6 jobs of 1 s a second, 65 % busy, on 4 slots")
		b.set(func() { b.served = taking(time.Second, 10*time.Second) })
		after(15*time.Second, 20, "an incident: of the newest minute 100 took 10 s, which 20 of 1 s stand beside")
		b.set(func() { b.waiting = 120 })
		after(15*time.Second, 71, "and 120 wait, which will be 720 in two and a half minutes")
		b.set(func() { b.served, b.waiting = taking(time.Second, time.Second), 0 })
		after(time.Minute, 71, "it is over, but not for a minute")
		after(15*time.Second, 29, "nothing was expected for a minute")
		after(3*time.Minute+45*time.Second, 29, "but it is not over for five minutes")
		b.set(func() { b.deaf = true })
		after(10*time.Minute, 29, "the queue is away")
		b.set(func() { b.deaf, b.away = false, true })
		after(10*time.Minute, 29, "the database is away")
		b.set(func() { b.away = false })
		after(4*time.Minute, 29, "all is known again")
		after(90*time.Second, 3, "for five minutes")

		want := `
# HELP probefleet_scheduler_wanted_workers Workers that are wanted: out at once, in when less was enough for five minutes.
# TYPE probefleet_scheduler_wanted_workers gauge
probefleet_scheduler_wanted_workers{class="api",location="local"} 3
# HELP probefleet_scheduler_queue_depth Jobs that wait in the queue.
# TYPE probefleet_scheduler_queue_depth gauge
probefleet_scheduler_queue_depth{class="api",location="local"} 0
# HELP probefleet_scheduler_arrivals_per_second Jobs that become due, retries included.
# TYPE probefleet_scheduler_arrivals_per_second gauge
probefleet_scheduler_arrivals_per_second{class="api",location="local"} 6
`
		err := testutil.GatherAndCompare(reg, strings.NewReader(want), "probefleet_scheduler_wanted_workers", "probefleet_scheduler_queue_depth", "probefleet_scheduler_arrivals_per_second")
		if err != nil {
			t.Error(err)
		}
	})
}

func worker(location string, class jobs.Class, slots int) rollout.Worker {
	// Heard of in the far future, so that it counts as alive all the time.
	return rollout.Worker{Seen: time.Now().Add(24 * time.Hour), Announcement: jobs.Announcement{
		Worker: jobs.Worker{ID: fmt.Sprintf("%s-%s-%d", location, class, slots)}, Location: location, Reads: 2, Writes: 2,
		Lanes: []jobs.LaneState{{Class: class, Slots: slots}},
	}}
}

// Without any worker, and without a run that was ever seen, some are wanted:
// else there would never be a first one.
func TestWantedFromNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &words{waiting: 600}
		defer started(t, b.options(newMemory(apiCheck("a", time.Second)).of("a"), "a", newSink(t), nil))()
		time.Sleep(16 * time.Second)
		synctest.Wait()
		if got := b.last(); got != 2 { // (1/0.65 + 600/30) / 20
			t.Errorf("%d workers are wanted, want 2", got)
		}
	})
}

// Of two schedulers one speaks; when it goes, the other goes on from what was
// said last.
func TestOneSchedulerSpeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks = newMemory()
		for i := range 40 {
			checks.checks = append(checks.checks, apiCheck(fmt.Sprintf("c%d", i), time.Second))
		}
		b := &words{served: taking(time.Second, time.Second)}
		regs := map[string]*prometheus.Registry{"a": prometheus.NewRegistry(), "b": prometheus.NewRegistry()}
		k := newSink(t)
		stop := map[string]func(){}
		for owner, reg := range regs {
			stop[owner] = started(t, b.options(checks.of(owner), owner, k, reg))
		}
		series := func(owner string) int {
			n, err := testutil.GatherAndCount(regs[owner], "probefleet_scheduler_wanted_workers")
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if series("a")+series("b") != 1 {
			t.Errorf("schedulers a and b have %d and %d series; one of them speaks", series("a"), series("b"))
		}
		first, second := "a", "b"
		if series("b") == 1 {
			first, second = "b", "a"
		}
		if got := b.last(); got != 4 { // 40/0.65/20
			t.Errorf("%d workers are wanted, want 4", got)
		}
		b.set(func() { b.served = taking(100*time.Millisecond, 100*time.Millisecond) })
		stop[first]()
		time.Sleep(time.Minute)
		synctest.Wait()
		if series(second) != 1 || b.last() != 4 {
			t.Errorf("the successor has %d series and wants %d workers, want 1 and 4: nothing is known of five minutes", series(second), b.last())
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if b.last() != 2 { // 4 slots are busy: one would do, and one is to spare
			t.Errorf("%d workers are wanted after five minutes, want 2", b.last())
		}
		stop[second]()
	})
}

// What is not known has no series.
func TestShowUnknown(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := newCapacityMetrics(reg)
	m.show([]capacity.Report{{Place: capacity.Place{Location: "paris", Class: jobs.ClassAPI}, Wanted: 3, Reading: capacity.Unknown, Age: math.NaN()}})
	if n, err := testutil.GatherAndCount(reg); n != 2 || err != nil { // wanted, live
		t.Errorf("%d series, %v", n, err)
	}
}
