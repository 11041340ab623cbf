package recorder_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	"github.com/probefleet/probefleet/internal/recorder"
)

var errAway = errors.New("the database is away")

// ledger is a database in simulated time: it keeps what was stored by id. The
// real one is in real_test.go.
type ledger struct {
	takes time.Duration // one transaction
	fault func() (err error, committed bool)

	mu         sync.Mutex
	stored     map[string]int // times that a result was new
	notes      []jobs.DeadLetter
	away       bool
	probes     int
	partitions int
}

func (l *ledger) RecordReceived(ctx context.Context, results []jobs.Result, bodies []string) (rec jobs.Recorded, err error) {
	for i, r := range results {
		if !strings.Contains(bodies[i], r.JobID) {
			return rec, fmt.Errorf("result %s came with the message %q", r.JobID, bodies[i])
		}
	}
	select {
	case <-time.After(l.takes):
	case <-ctx.Done():
		return rec, context.Cause(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	committed := true
	if l.fault != nil {
		err, committed = l.fault()
	}
	if l.away {
		return rec, errAway
	}
	if committed {
		for _, r := range results {
			if l.stored[r.JobID] == 0 {
				l.stored[r.JobID] = 1
				rec.Stored++
			} else {
				rec.Duplicates++
			}
		}
	}
	return rec, err
}

func (l *ledger) NoteDeadLetter(_ context.Context, d jobs.DeadLetter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return errAway
	}
	l.notes = append(l.notes, d)
	return nil
}

func (l *ledger) Ready(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.probes++
	if l.away {
		return errAway
	}
	return nil
}

func (l *ledger) EnsurePartitions(_ context.Context, from, to time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return errAway
	}
	if from.After(time.Now()) || to.Before(time.Now().Add(24*time.Hour)) {
		return fmt.Errorf("partitions from %s to %s at %s", from, to, time.Now())
	}
	l.partitions++
	return nil
}

func (l *ledger) Now(context.Context) (time.Time, error) { return time.Now(), nil }

func (l *ledger) setAway(away bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = away
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.stored)
}

// bench is a recorder between a queue and a ledger.
type bench struct {
	queue  queuetest.Queue
	ledger ledger
	reg    *prometheus.Registry
	rec    *recorder.Recorder
	stop   func()
}

func (b *bench) start(t *testing.T) {
	b.ledger.stored = map[string]int{}
	b.reg = prometheus.NewRegistry()
	b.rec = recorder.New(recorder.Options{
		Store: &b.ledger, Queue: "results", Receiver: &b.queue, Metrics: recorder.NewMetrics(b.reg),
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

// after lets d of simulated time pass.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

var slot = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func resultAt(slot time.Time) jobs.Result {
	c := check.Check{
		ID: "a", Name: "A", Every: time.Minute, Timeout: time.Second, Locations: []string{"here"}, Active: true, Public: true,
		Spec: check.OneRequest(check.Request{Method: "GET", URL: "https://a.example/", MaxBody: check.DefaultMaxBody}, nil, nil),
	}
	r := jobs.ResultFor(jobs.New(c, "here", slot, 1, slot, slot.Add(time.Minute)))
	r.StartedAt, r.FinishedAt = slot, slot.Add(time.Second)
	r.Conclude()
	return r
}

func body(t *testing.T, r jobs.Result) string {
	t.Helper()
	b, err := codec.EncodeResult(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (b *bench) put(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		b.queue.Put(body(t, resultAt(slot.Add(time.Duration(i)*time.Minute))))
	}
}

// metric fails the test where a counter or gauge is not as wanted.
func (b *bench) metric(t *testing.T, want string, names ...string) {
	t.Helper()
	if err := testutil.GatherAndCompare(b.reg, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

func TestResultsAreStoredInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		b.ledger.takes = 10 * time.Millisecond
		b.put(t, 1000)
		b.queue.Put(body(t, resultAt(slot))) // sent twice
		b.start(t)
		after(5 * time.Second)
		if n := b.ledger.count(); n != 1000 || !b.queue.Empty() {
			t.Errorf("%d of 1000 results stored, queue empty: %t", n, b.queue.Empty())
		}
		b.metric(t, `# HELP probefleet_recorder_results_total Results by what became of them: stored, duplicate, dead.
# TYPE probefleet_recorder_results_total counter
probefleet_recorder_results_total{fate="dead"} 0
probefleet_recorder_results_total{fate="duplicate"} 1
probefleet_recorder_results_total{fate="stored"} 1000
`, "probefleet_recorder_results_total")
		if n := testutil.CollectAndCount(b.reg, "probefleet_recorder_batch_size"); n != 1 {
			t.Errorf("%d batch sizes", n)
		}
		if err := b.rec.Ready(t.Context()); err != nil {
			t.Error(err)
		}
		after(2 * time.Hour)
		if b.ledger.partitions < 3 {
			t.Errorf("partitions were looked after %d times in two hours", b.ledger.partitions)
		}
	})
}

// Ten minutes without a database cost no message: nothing is received
// meanwhile, nothing is lost, and the queue is drained soon after.
func TestDatabaseAwayForTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		b.queue.MaxReceives = 5
		b.ledger.takes = 200 * time.Millisecond
		b.put(t, 4000)
		b.start(t)
		after(time.Second)
		b.ledger.setAway(true)
		after(30 * time.Second)
		polls := b.queue.Polls()
		if err := b.rec.Ready(t.Context()); !errors.Is(err, errAway) {
			t.Errorf("readiness without a database: %v", err)
		}
		after(10 * time.Minute)
		if more := b.queue.Polls() - polls; more != 0 {
			t.Errorf("%d receives while the database was away", more)
		}
		if n := b.ledger.probes; n < 20 || n > 2000 {
			t.Errorf("the database was asked %d times in ten minutes", n)
		}
		b.ledger.setAway(false)
		after(time.Minute)
		if n := b.ledger.count(); n != 4000 || !b.queue.Empty() {
			t.Errorf("%d of 4000 results stored a minute after the outage, queue empty: %t", n, b.queue.Empty())
		}
		if n := len(b.queue.Dead()); n != 0 {
			t.Errorf("%d dead letters", n)
		}
	})
}

// A database that answers but stores nothing (a full disk) does not wear
// messages out: they are kept in hand, and no more are received.
func TestDatabaseThatOnlyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		b.queue.MaxReceives = 5
		full := true
		b.ledger.fault = func() (error, bool) {
			if full {
				return errors.New("disk full"), false
			}
			return nil, true
		}
		b.put(t, 100)
		b.start(t)
		after(45 * time.Minute)
		b.ledger.mu.Lock()
		full = false
		b.ledger.mu.Unlock()
		after(5 * time.Minute)
		if n := b.ledger.count(); n != 100 || len(b.queue.Dead()) > 0 {
			t.Errorf("%d stored, %d dead letters of 100", n, len(b.queue.Dead()))
		}
	})
}

// A commit that is cut off may have happened. The results come again and are
// duplicates; none is lost and none deleted before it is stored.
func TestCutCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		calls := 0
		b.ledger.fault = func() (error, bool) {
			calls++
			switch calls % 6 {
			case 2:
				return errors.New("cut before the commit"), false
			case 4:
				return errors.New("cut after the commit"), true
			}
			return nil, true
		}
		var mu sync.Mutex
		deleted := 0
		b.queue.OnDelete = func(m queue.Message) {
			mu.Lock()
			defer mu.Unlock()
			deleted++
			r, err := codec.DecodeResult([]byte(m.Body))
			b.ledger.mu.Lock()
			defer b.ledger.mu.Unlock()
			if err != nil || b.ledger.stored[r.JobID] == 0 {
				t.Errorf("a message was deleted before its result was stored (%v)", err)
			}
		}
		b.put(t, 2000)
		b.start(t)
		after(5 * time.Minute)
		if n := b.ledger.count(); n != 2000 || deleted != 2000 || len(b.queue.Dead()) > 0 {
			t.Errorf("%d stored, %d deleted, %d dead of 2000", n, deleted, len(b.queue.Dead()))
		}
	})
}

func TestStopStoresWhatIsInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		b.ledger.takes = time.Second
		b.put(t, 100)
		b.start(t)
		after(500 * time.Millisecond)
		if n := b.ledger.count(); n != 0 {
			t.Fatalf("%d stored already", n)
		}
		b.stop()
		visible, hidden := b.queue.Len()
		if n := b.ledger.count(); n+visible != 100 || hidden != 0 || n == 0 {
			t.Errorf("%d stored, %d visible, %d hidden of 100", n, visible, hidden)
		}
	})
}

// Without a database a stop does not wait for it: what is in hand goes back.
func TestStopWhileDatabaseIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		b.put(t, 100)
		b.ledger.takes = 100 * time.Millisecond
		b.ledger.fault = func() (error, bool) { return errors.New("disk full"), false }
		b.start(t)
		after(10 * time.Second)
		begun := time.Now()
		b.stop()
		if d := time.Since(begun); d > 5*time.Second {
			t.Errorf("stopping took %s", d)
		}
		after(time.Minute)
		if visible, hidden := b.queue.Len(); visible != 100 || hidden != 0 {
			t.Errorf("%d messages visible, %d hidden of 100", visible, hidden)
		}
	})
}

// What cannot be read stays: for newer recorders, or for the dead letters. It
// does not hold up the others.
func TestUnreadableMessagesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		b.queue.MaxReceives = 3
		newer := strings.Replace(body(t, resultAt(slot)), `"v":2`, `"v":9`, 1)
		newer = strings.Replace(newer, `"min":1`, `"min":9`, 1)
		b.queue.Put("not json", newer)
		b.put(t, 10)
		b.start(t)
		after(time.Second)
		if n := b.ledger.count(); n != 10 {
			t.Errorf("%d of 10 results stored", n)
		}
		b.metric(t, `# HELP probefleet_recorder_unreadable_total Messages that this build cannot read, by reason: unsupported_version, unsupported_type, decode.
# TYPE probefleet_recorder_unreadable_total counter
probefleet_recorder_unreadable_total{reason="decode"} 1
probefleet_recorder_unreadable_total{reason="unsupported_version"} 1
`, "probefleet_recorder_unreadable_total")
		after(25 * time.Second) // a newer message is not asked for again so soon
		if got := testutil.CollectAndCount(b.reg, "probefleet_recorder_unreadable_total"); got != 2 {
			t.Errorf("%d reasons", got)
		}
		after(10 * time.Minute)
		if n := len(b.queue.Dead()); n != 2 {
			t.Errorf("%d dead letters, want 2", n)
		}
	})
}

func TestBadOptions(t *testing.T) {
	r := recorder.New(recorder.Options{Store: &ledger{}, Receiver: &queuetest.Queue{}})
	if err := r.Run(t.Context()); err == nil {
		t.Error("a recorder without a queue's name ran")
	}
}
