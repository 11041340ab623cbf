package recorder_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
	"github.com/probefleet/probefleet/internal/recorder"
	"github.com/probefleet/probefleet/internal/status"
)

// places are locations in memory.
type places struct {
	mu       sync.Mutex
	samples  []status.LocationSample
	declared []bool
	pruned   int
}

func (p *places) LocationSamples(context.Context) ([]status.LocationSample, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]status.LocationSample(nil), p.samples...), nil
}

func (p *places) DeclareLocation(_ context.Context, location string, healthy bool, _ string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.samples {
		if s := &p.samples[i]; s.Location == location && s.Healthy != healthy {
			s.Healthy = healthy
			p.declared = append(p.declared, healthy)
			return true, nil
		}
	}
	return false, nil
}

func (p *places) PruneRetries(context.Context, time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pruned++
	return nil
}

func (p *places) set(samples ...status.LocationSample) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.samples = samples
}

// A location that turns sick is declared so once, by one of two recorders, and
// once that it is well again.
func TestALocationIsAlertedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		var mu sync.Mutex
		log := slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return said.Write(p)
		}), nil))
		p := &places{}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 2 {
			r := recorder.New(recorder.Options{
				Store: &ledger{stored: map[string]int{}}, Locations: p, Queue: "results", Receiver: &queuetest.Queue{}, Logger: log,
			})
			all.Go(func() {
				if err := r.Run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		well := status.LocationSample{Location: "here", Checks: 10, Healthy: true, Runs: 10}
		sick := status.LocationSample{Location: "here", Checks: 10, Healthy: true, Runs: 10, Sick: 10, Attempts: 10, Class: jobs.FaultLocation}
		p.set(well)
		after(time.Minute)
		p.set(sick)
		after(5 * time.Minute)
		well.Healthy = false
		p.set(well)
		after(5 * time.Minute)
		cancel()
		all.Wait()
		if len(p.declared) != 2 || p.declared[0] || !p.declared[1] {
			t.Errorf("declared healthy: %v", p.declared)
		}
		for words, want := range map[string]int{"location is unhealthy": 1, "location is healthy again": 1, "class location": 1} {
			if n := strings.Count(said.String(), words); n != want {
				t.Errorf("%q was said %d times:\n%s", words, n, said.String())
			}
		}
		if p.pruned != 2 {
			t.Errorf("pruned %d times in 11 minutes", p.pruned)
		}
	})
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// The clocks of workers are judged by the stamps of their results, however
// long the queues took.
func TestClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		b.start(t)
		after(time.Second)
		at := time.Now()
		send := func(worker string, skew, waited time.Duration) {
			at = at.Add(time.Minute)
			r := resultAt(at)
			r.Worker.ID = worker
			// The job waited in its queue until a second ago.
			r.SentAt = time.Now().Add(-time.Second - waited)
			r.ReceivedAt = time.Now().Add(skew - time.Second)
			r.FinishedAt = time.Now().Add(skew)
			b.queue.Put(body(t, r))
			after(time.Second)
		}
		expect := func(want string) {
			t.Helper()
			if want != "" {
				want = `# HELP probefleet_recorder_worker_clock_skew_seconds What a worker's clock is ahead of the database's at least; only of workers that are off by more than 30 s.
# TYPE probefleet_recorder_worker_clock_skew_seconds gauge
` + want
			}
			b.metric(t, want, "probefleet_recorder_worker_clock_skew_seconds")
		}
		send("right", 0, 0)
		send("right", 20*time.Second, 0)
		send("right", -20*time.Second, 0)
		send("right", 0, 2*time.Hour) // a backlog is no skew
		expect("")
		send("ahead", time.Hour, 0)
		send("behind", -time.Hour, 0)
		expect("probefleet_recorder_worker_clock_skew_seconds{worker=\"ahead\"} 3600\nprobefleet_recorder_worker_clock_skew_seconds{worker=\"behind\"} -3600\n")
		send("behind", -time.Hour, 2*time.Hour) // a backlog that hides it
		send("ahead", 0, 0)
		expect("probefleet_recorder_worker_clock_skew_seconds{worker=\"behind\"} -3600\n")
		after(2 * time.Hour)
		expect("")
	})
}

// Our own clock is compared with the database's, and reported once.
func TestOurClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		reg := prometheus.NewRegistry()
		b := bench{reg: reg}
		b.ledger.stored = map[string]int{}
		r := recorder.New(recorder.Options{
			Store: skewed{&b.ledger, 45 * time.Second}, Queue: "results", Receiver: &b.queue,
			Logger: slog.New(slog.NewTextHandler(&said, nil)), Metrics: recorder.NewMetrics(reg),
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := r.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(said.String(), "clock is off"); n != 1 {
			t.Errorf("said %d times:\n%s", n, said.String())
		}
		b.metric(t, `# HELP probefleet_recorder_clock_offset_seconds What the database's clock is ahead of this machine's.
# TYPE probefleet_recorder_clock_offset_seconds gauge
probefleet_recorder_clock_offset_seconds 45
`, "probefleet_recorder_clock_offset_seconds")
	})
}

// skewed is a database whose clock is ahead of ours.
type skewed struct {
	*ledger
	ahead time.Duration
}

func (s skewed) Now(context.Context) (time.Time, error) { return time.Now().Add(s.ahead), nil }
