package recorder_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/recorder"
	"github.com/probefleet/probefleet/internal/rollout"
)

// register is a registry in memory that writes down what it is told.
type register struct {
	mu    sync.Mutex
	lines []string
	away  bool
}

func (r *register) write(line string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away {
		return errAway
	}
	r.lines = append(r.lines, line)
	return nil
}

func (r *register) count(line string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, l := range r.lines {
		if l == line {
			n++
		}
	}
	return n
}

func (r *register) WorkerSaid(_ context.Context, a jobs.Announcement) error {
	return r.write("said " + a.Worker.ID)
}

func (r *register) WorkerWorked(_ context.Context, a jobs.Announcement) error {
	if a.Reads != 1 || a.Location != "here" || len(a.Lanes) != 2 {
		return r.write("nonsense")
	}
	return r.write("worked " + a.Worker.ID)
}

func (r *register) RecorderSaid(_ context.Context, rec rollout.Recorder) error {
	if rec.Reads != codec.ResultVersion {
		return r.write("nonsense")
	}
	if rec.Left {
		return r.write("left " + rec.ID)
	}
	return r.write("here " + rec.ID)
}

func (b *bench) startWith(t *testing.T, r *register) {
	b.ledger.stored = map[string]int{}
	b.reg = prometheus.NewRegistry()
	b.rec = recorder.New(recorder.Options{
		Store: &b.ledger, Registry: r, Identity: jobs.Worker{ID: "r1", Build: "b"},
		Queue: "results", Receiver: &b.queue, Metrics: recorder.NewMetrics(b.reg),
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.rec.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(b.stop)
}

func announcement(t *testing.T, id string) string {
	t.Helper()
	body, err := codec.EncodeAnnouncement(codec.NewAnnouncement(jobs.Worker{ID: id}, "here", time.Now(), time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		r := &register{}
		b.queue.Put(announcement(t, "speaks"))
		b.startWith(t, r)
		after(time.Second)
		for i, worker := range []string{"speaks", "silent", "silent", ""} {
			res := resultAt(slot.Add(time.Duration(i) * time.Minute))
			res.Worker.ID = worker
			b.queue.Put(body(t, res))
		}
		after(time.Minute)
		if b.queue.Empty() == false || b.ledger.count() != 4 {
			t.Errorf("%d results stored", b.ledger.count())
		}
		for line, want := range map[string]int{"said speaks": 1, "worked silent": 1, "worked speaks": 0, "worked ": 0, "nonsense": 0, "left r1": 0} {
			if n := r.count(line); n != want {
				t.Errorf("%q %d times, want %d: %q", line, n, want, r.lines)
			}
		}
		if n := r.count("here r1"); n < 2 || n > 3 {
			t.Errorf("said %d times in a minute that it is there", n)
		}
		// A silent worker is noted again, as long as it works.
		res := resultAt(slot.Add(time.Hour))
		res.Worker.ID = "silent"
		b.queue.Put(body(t, res))
		after(time.Second)
		b.stop()
		if r.count("worked silent") != 2 || r.count("left r1") != 1 || r.lines[len(r.lines)-1] != "left r1" {
			t.Errorf("%q", r.lines)
		}
	})
}

// Without the database an announcement comes back, as long as it lasts.
func TestAnnouncementsWaitForTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		r := &register{away: true}
		b.queue.Put(announcement(t, "w"))
		b.startWith(t, r)
		after(2 * time.Second)
		r.mu.Lock()
		r.away = false
		r.mu.Unlock()
		after(time.Minute)
		if !b.queue.Empty() || !slices.Contains(r.lines, "said w") {
			t.Errorf("%q", r.lines)
		}
	})
}

// What is of a type, or an announcement of a version, that this release does
// not know is left to a newer one: it is not asked for again so soon.
func TestUnknownTypesAreNewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		newer := strings.Replace(announcement(t, "w"), `"v":1,"min":1`, `"v":7,"min":7`, 1)
		b.queue.Put(newer, `{"type":"probefleet.alert","v":1,"min":1,"id":"x","data":{}}`)
		b.startWith(t, &register{})
		after(25 * time.Second)
		b.metric(t, `# HELP probefleet_recorder_unreadable_total Messages that this build cannot read, by reason: unsupported_version, unsupported_type, decode.
# TYPE probefleet_recorder_unreadable_total counter
probefleet_recorder_unreadable_total{reason="unsupported_type"} 1
probefleet_recorder_unreadable_total{reason="unsupported_version"} 1
`, "probefleet_recorder_unreadable_total")
		if b.queue.Empty() {
			t.Error("they are gone")
		}
	})
}
