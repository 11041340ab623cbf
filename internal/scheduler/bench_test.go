package scheduler

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/rollout"
	"github.com/probefleet/probefleet/internal/schedule"
)

const benchChecks = 1_000_000

// crowd is a database with very many checks, all shards free, and a clock of
// its own.
type crowd struct{ now time.Time }

func (c *crowd) Now(context.Context) (time.Time, error)        { return c.now, nil }
func (c *crowd) ChecksRevision(context.Context) (int64, error) { return 1, nil }
func (c *crowd) KeepPins(context.Context, []rollout.Pin) error { return nil }
func (c *crowd) Fleet(context.Context) (rollout.Fleet, error) {
	return rollout.Fleet{Pins: currentPins()}, nil
}
func (c *crowd) ReleaseShards(context.Context, string) error { return nil }
func (c *crowd) TakeOver(context.Context, string) error      { return nil }
func (c *crowd) ActiveChecks(context.Context) ([]check.Check, int64, error) {
	checks := make([]check.Check, benchChecks)
	for i := range checks {
		checks[i] = check.Check{
			ID: fmt.Sprintf("bench-%07d", i), Name: fmt.Sprintf("Bench %d", i), Group: "Bench", Tags: []string{"bench"},
			Every: time.Minute, Timeout: 10 * time.Second, Locations: []string{"local"}, Active: true, Public: true,
			Spec: check.OneRequest(check.Request{
				Method: "GET", URL: fmt.Sprintf("https://shop.example/api/orders/%d", i),
				Headers: map[string]string{"Accept": "application/json"}, MaxRedirects: 10, MaxBody: 1 << 20,
			}, []string{"status == 200", "len(json.orders) >= 1"}, []string{"time.total < 300ms"}),
		}
	}
	return checks, 1, nil
}

func (c *crowd) LeaseShards(context.Context, string, time.Duration) ([]schedule.Lease, error) {
	leases := make([]schedule.Lease, schedule.Shards)
	for i := range leases {
		leases[i] = schedule.Lease{Shard: i, Watermark: c.now, Term: time.Hour}
	}
	return leases, nil
}

func (c *crowd) AdvanceWatermarks(context.Context, string, map[int]time.Time) ([]int, error) {
	return nil, nil
}

// currentPins are those of a fleet that is all of this release.
func currentPins() []rollout.Pin {
	return []rollout.Pin{{Target: rollout.Recorders, Computed: 2}, {Target: rollout.Target{Location: "local", Class: jobs.ClassAPI}, Computed: 2}}
}

// abyss takes every message.
type abyss struct{}

func (abyss) SendBatch(_ context.Context, ms []queue.Outgoing) ([]error, error) {
	return make([]error, len(ms)), nil
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heapNow() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkMillionChecks has one scheduler plan a million checks that are due
// every minute, and hand a minute of their jobs to the sender. It reports what
// that minute costs of a core, and what a check takes of the heap.
func BenchmarkMillionChecks(b *testing.B) {
	for b.Loop() {
		before := heapNow()
		db := &crowd{now: time.Now()}
		s := New(Options{
			Store: db, Owner: "bench", Logger: slog.New(slog.DiscardHandler),
			Open: func(context.Context, string, jobs.Class) (queue.Sender, error) { return abyss{}, nil },
		})
		begun := cpu(b)
		s.step(b.Context()) // reads and plans, and sends what became due meanwhile
		planned := cpu(b) - begun
		resting := heapNow() - before
		begun = cpu(b)
		for range time.Minute / tick {
			db.now = db.now.Add(tick)
			s.offset = time.Until(db.now)
			s.step(b.Context())
		}
		used := cpu(b) - begun
		sent := testutil.ToFloat64(s.metrics.sent.WithLabelValues("local", string(jobs.ClassAPI)))
		if sent < benchChecks*.99 {
			b.Fatalf("%.0f jobs sent of %d checks", sent, benchChecks)
		}
		runtime.KeepAlive(s)
		b.ReportMetric(float64(resting)/benchChecks, "B/check")
		b.ReportMetric(used.Seconds(), "cpu-s/min")
		b.ReportMetric(used.Seconds()/60, "cores")
		b.ReportMetric(planned.Seconds(), "plan-cpu-s")
		b.ReportMetric(0, "ns/op")
	}
}
