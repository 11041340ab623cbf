package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
	"github.com/probefleet/probefleet/internal/worker"
)

// run is a runner made of a function.
type run func(ctx context.Context, j jobs.Job) (jobs.Result, error)

func (r run) Run(ctx context.Context, j jobs.Job) (jobs.Result, error) { return r(ctx, j) }

// pass is the result of a target that is well.
func pass(j jobs.Job) jobs.Result {
	res := jobs.ResultFor(j)
	res.Conclude()
	return res
}

// takes is a runner that passes after d, and gives up when it is cancelled.
func takes(d time.Duration) run {
	return func(ctx context.Context, j jobs.Job) (jobs.Result, error) {
		select {
		case <-time.After(d):
			return pass(j), nil
		case <-ctx.Done():
			return jobs.Result{}, context.Cause(ctx)
		}
	}
}

// bench is a worker between two queues in simulated time.
type bench struct {
	jobs, browser, results queuetest.Queue
	reg                    *prometheus.Registry
	log                    safeBuffer
	ready                  func() error // of the options; may be nil
	worker                 *worker.Worker
	stop                   func()
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (b *bench) start(t *testing.T, r run) {
	b.reg = prometheus.NewRegistry()
	b.worker = worker.New(worker.Options{
		Location: "here",
		Identity: jobs.Worker{ID: "w1", Build: "test"},
		Lanes: map[jobs.Class]worker.Lane{
			jobs.ClassAPI:     {Queue: "jobs-api", Receiver: &b.jobs, Slots: 4, MaxReceives: b.jobs.MaxReceives},
			jobs.ClassBrowser: {Queue: "jobs-browser", Receiver: &b.browser, Slots: 1},
		},
		Runner:  r,
		Ready:   b.ready,
		Results: queue.NewBatcher(&b.results, 0),
		Logger:  slog.New(slog.NewTextHandler(&b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics: worker.NewMetrics(b.reg),
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.worker.Run(ctx) }()
	var once sync.Once
	b.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(b.stop)
}

// sent decodes the results that were accepted.
func (b *bench) sent(t *testing.T) (rs []jobs.Result) {
	t.Helper()
	for _, m := range b.results.Sent() {
		if m.Attributes["type"] == codec.TypeDeadLetter {
			continue // see notes
		}
		r, err := codec.DecodeResult([]byte(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		rs = append(rs, r)
	}
	return rs
}

func (b *bench) only(t *testing.T) jobs.Result {
	t.Helper()
	rs := b.sent(t)
	if len(rs) != 1 {
		t.Fatalf("%d results, want 1; log:\n%s", len(rs), b.log.String())
	}
	return rs[0]
}

// metric expects one line of the metrics, without its prefix.
func (b *bench) metric(t *testing.T, want string) {
	t.Helper()
	families, err := b.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue()
			lines = append(lines, fmt.Sprintf("%s{%s} %v", f.GetName(), strings.Join(labels, ","), value))
		}
	}
	if !slices.Contains(lines, "probefleet_worker_"+want) {
		t.Errorf("metrics lack %s:\n%s", want, strings.Join(lines, "\n"))
	}
}

// after lets simulated time go by and everything settle.
func after(d time.Duration) {
	time.Sleep(d) // simulated: every caller runs under synctest
	synctest.Wait()
}

// job is an API job of slot now that expires in a minute.
func job(id string) jobs.Job {
	now := time.Now()
	c := check.Check{
		ID: id, Name: id, Every: time.Minute, Timeout: 10 * time.Second, Locations: []string{"here"},
		Spec: check.OneRequest(check.Request{Method: "GET", URL: "http://localhost/", MaxBody: check.DefaultMaxBody}, nil, nil),
	}
	return jobs.New(c, "here", now, 1, now, now.Add(time.Minute))
}

func body(t *testing.T, j jobs.Job) string {
	t.Helper()
	b, err := codec.EncodeJob(j)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPassedJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		b.start(t, takes(2*time.Second))
		after(time.Second)
		j := job("shop")
		received := time.Now()
		b.jobs.Put(body(t, j))
		after(5 * time.Second)
		if !b.jobs.Empty() {
			t.Error("job was not deleted")
		}
		want := pass(j)
		want.ReceivedAt, want.StartedAt, want.FinishedAt = received.UTC(), received.UTC(), received.Add(2*time.Second).UTC()
		want.Worker = jobs.Worker{ID: "w1", Build: "test"}
		if diff := cmp.Diff(want, b.only(t)); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
		if attrs := b.results.Sent()[0].Attributes; attrs["type"] != codec.TypeResult || attrs["version"] != "1" {
			t.Errorf("attributes %v", attrs)
		}
		b.metric(t, `jobs_total{class="api",outcome="passed"} 1`)
		b.metric(t, `slots{class="api"} 4`)
		b.metric(t, `slots_busy{class="api"} 0`)
		if err := b.worker.Check(time.Minute); err != nil {
			t.Error(err)
		}
	})
}

func TestExpiredJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		j := job("shop")
		b.jobs.Put(body(t, j))
		after(time.Minute + 90*time.Second)
		b.start(t, func(context.Context, jobs.Job) (jobs.Result, error) {
			t.Error("an expired job was started")
			return jobs.Result{}, nil
		})
		after(time.Second)
		r := b.only(t)
		if r.Outcome != jobs.Expired || r.Fault == nil || r.Fault.Class != jobs.FaultExpired || !strings.Contains(r.Fault.Message, "1m30s past its deadline") {
			t.Errorf("outcome %s, fault %+v", r.Outcome, r.Fault)
		}
		if r.JobID != j.ID || r.Worker.ID != "w1" || !r.StartedAt.IsZero() || r.FinishedAt.IsZero() || !b.jobs.Empty() {
			t.Errorf("result %+v", r)
		}
		b.metric(t, `jobs_total{class="api",outcome="expired"} 1`)
	})
}

func TestResultThatIsNotAcceptedKeepsJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		down := queuetest.Faults{Call: func(queuetest.Op) queuetest.Fault { return queuetest.Fault{Err: queuetest.ErrInjected} }}
		b.results.SetFaults(down)
		var runs atomic.Int64
		b.start(t, func(_ context.Context, j jobs.Job) (jobs.Result, error) { runs.Add(1); return pass(j), nil })
		b.jobs.Put(body(t, job("a")))
		after(25 * time.Second)
		if runs.Load() != 1 {
			t.Errorf("%d runs in 25 s: sending must be tried again, not the run", runs.Load())
		}
		if b.jobs.Empty() {
			t.Fatal("job was deleted before its result was accepted")
		}
		for !strings.Contains(b.log.String(), "was not handled") {
			after(time.Second) // until it is given up; then everything pauses
		}
		polls := b.jobs.Polls()
		b.jobs.Put(body(t, job("b"))) // goes to the long poll that is under way
		after(time.Second)
		b.jobs.Put(body(t, job("c")))
		after(6 * time.Second)
		if visible, _ := b.jobs.Len(); visible != 2 || b.jobs.Polls() != polls {
			t.Errorf("%d visible jobs, %d receives while results cannot be handed over; want a and c, 0", visible, b.jobs.Polls()-polls)
		}
		b.results.SetFaults(queuetest.Faults{})
		after(time.Minute)
		if n := len(b.sent(t)); n != 3 || !b.jobs.Empty() {
			t.Errorf("%d results, jobs empty %t; want 3, true", n, b.jobs.Empty())
		}
	})
}

func TestSendIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		n := 0
		b.results.Faults.Entry = func(queuetest.Op, string) queuetest.Fault {
			if n++; n < 4 {
				return queuetest.Fault{Err: queuetest.ErrInjected}
			}
			return queuetest.Fault{}
		}
		b.start(t, takes(0))
		b.jobs.Put(body(t, job("a")))
		after(5 * time.Second)
		b.only(t)
		if !b.jobs.Empty() {
			t.Error("job was not deleted")
		}
		b.metric(t, `send_errors_total{class="api"} 3`)
	})
}

func TestNewerVersionIsLeftToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		var received []time.Time
		b.jobs.Faults.Entry = func(op queuetest.Op, _ string) queuetest.Fault {
			if op == queuetest.Receive {
				received = append(received, time.Now())
			}
			return queuetest.Fault{}
		}
		newer := `{"type":"probefleet.job","v":7,"min":7,"id":"x","time":"2026-01-01T00:00:00Z","data":{}}`
		b.jobs.Put(newer)
		b.start(t, takes(0))
		after(2 * time.Minute)
		b.stop()
		if len(received) < 2 || len(b.sent(t)) != 0 || b.jobs.Empty() {
			t.Fatalf("%d deliveries, %d results, queue empty %t; log:\n%s", len(received), len(b.sent(t)), b.jobs.Empty(), b.log.String())
		}
		if d := received[1].Sub(received[0]); d < 30*time.Second || d > 62*time.Second {
			t.Errorf("came back after %s, want 30 to 60 s", d)
		}
		if strings.Contains(b.log.String(), "level=WARN") {
			t.Errorf("a newer version is no failure:\n%s", b.log.String())
		}
		if n, err := testutil.GatherAndCount(b.reg, "probefleet_worker_decode_failures_total"); n != 0 || err != nil {
			t.Error("counted as a decode failure")
		}
	})
}

// Each look at a message that cannot be read uses up one of its deliveries.
func TestManyNewerVersionsPauseTheLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		newer := `{"type":"probefleet.job","v":7,"min":7,"id":"x","time":"2026-01-01T00:00:00Z","data":{}}`
		for range 100 {
			b.jobs.Put(newer)
		}
		b.start(t, takes(0))
		after(25 * time.Second)
		if _, hidden := b.jobs.Len(); hidden > 12 {
			t.Errorf("looked at %d of 100 newer jobs in 25 s", hidden)
		}
		if !strings.Contains(b.log.String(), "newer workers") {
			t.Errorf("the pause is not said:\n%s", b.log.String())
		}
	})
}

func TestUndecodableGoesToDeadLetters(t *testing.T) {
	for name, c := range map[string]struct {
		body   func(*testing.T) string
		reason string
		says   string
	}{
		"no JSON":           {func(*testing.T) string { return "<xml/>" }, "decode", "JSON"},
		"no job":            {func(*testing.T) string { return `{"type":"probefleet.result","v":1,"min":1,"id":"x","data":{}}` }, "decode", "probefleet.result"},
		"of other location": {func(t *testing.T) string { j := job("a"); j.Location = "moon"; return body(t, j) }, "location", "moon"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b bench
				b.jobs.MaxReceives = 5
				b.jobs.Put(c.body(t), body(t, job("good")))
				b.start(t, takes(0))
				after(10 * time.Minute)
				if b.only(t).CheckID != "good" || len(b.jobs.Dead()) != 1 || !b.jobs.Empty() {
					t.Errorf("%d dead letters, want 1", len(b.jobs.Dead()))
				}
				b.metric(t, `decode_failures_total{class="api",reason="`+c.reason+`"} 5`)
				if !strings.Contains(b.log.String(), c.says) {
					t.Errorf("log lacks %q:\n%s", c.says, b.log.String())
				}
			})
		})
	}
}

func TestPoisonJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		b.jobs.MaxReceives = 5
		var good []string
		for range 5 {
			good = append(good, body(t, job("good")))
		}
		poison := job("poison")
		poison.ExpiresAt = poison.ExpiresAt.Add(time.Hour)
		b.jobs.Put(append(good, body(t, poison))...)
		b.start(t, func(_ context.Context, j jobs.Job) (jobs.Result, error) {
			if j.Check.ID == "poison" {
				panic("poison")
			}
			return pass(j), nil
		})
		after(10 * time.Minute)
		if n := len(b.sent(t)); n != 5 || len(b.jobs.Dead()) != 1 || !b.jobs.Empty() {
			t.Errorf("%d results, %d dead letters; want 5, 1", n, len(b.jobs.Dead()))
		}
	})
}

func TestRunnerErrorIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		n := 0
		b.start(t, func(_ context.Context, j jobs.Job) (jobs.Result, error) {
			if n++; n == 1 {
				return jobs.Result{}, errors.New("no space left on device")
			}
			return pass(j), nil
		})
		b.jobs.Put(body(t, job("a")))
		after(30 * time.Second)
		if b.only(t); n != 2 {
			t.Errorf("%d runs, want 2", n)
		}
		b.metric(t, `run_errors_total{class="api"} 1`)
		if !strings.Contains(b.log.String(), "no space left") {
			t.Error("the runner's error is not logged")
		}
	})
}

func TestClassesDoNotStarveEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		slow := job("flow")
		slow.Check.Spec = &check.Browser{Width: 1280, Height: 720, Steps: []check.Step{{Action: check.ActionOpen, Value: "http://localhost/"}}}
		for range 3 {
			b.browser.Put(body(t, slow))
			b.jobs.Put(body(t, job("a")))
		}
		b.start(t, func(ctx context.Context, j jobs.Job) (jobs.Result, error) {
			if j.Check.Kind() == check.KindBrowser {
				res, err := takes(10*time.Second)(ctx, j)
				res.Worker.Browser = "Chrome 1"
				return res, err
			}
			return takes(10*time.Millisecond)(ctx, j)
		})
		after(time.Second)
		if n := len(b.sent(t)); n != 3 {
			t.Errorf("%d API results after a second, want 3", n)
		}
		after(time.Minute)
		for _, r := range b.sent(t) {
			if want := r.Kind == check.KindBrowser; (r.Worker.Browser == "Chrome 1") != want {
				t.Errorf("%s: worker %+v", r.Kind, r.Worker)
			}
		}
	})
}

func TestBadOptions(t *testing.T) {
	err := worker.New(worker.Options{}).Run(t.Context())
	for _, want := range []string{"no class of jobs", "a runner"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
	lanes := map[jobs.Class]worker.Lane{jobs.ClassAPI: {Queue: "q", Receiver: &queuetest.Queue{}}}
	if err := worker.New(worker.Options{Lanes: lanes, Runner: takes(0), Results: &queue.Batcher{}}).Run(t.Context()); err == nil {
		t.Error("a lane without slots")
	}
	lanes[jobs.ClassAPI] = worker.Lane{Receiver: &queuetest.Queue{}, Slots: 1}
	if err := worker.New(worker.Options{Lanes: lanes, Runner: takes(0), Results: &queue.Batcher{}}).Run(t.Context()); err == nil {
		t.Error("a lane without a queue's name")
	}
}
