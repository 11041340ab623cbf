package chaos

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
	"github.com/probefleet/probefleet/internal/recorder"
	"github.com/probefleet/probefleet/internal/scheduler"
	"github.com/probefleet/probefleet/internal/worker"
)

// quick is a runner of targets that answer at once.
type quick struct{}

func (quick) Run(_ context.Context, j jobs.Job) (jobs.Result, error) {
	res := jobs.ResultFor(j)
	res.Conclude()
	return res, nil
}

// steady is a fleet of one process each on n checks, all of an interval.
type steady struct {
	ledger        *Ledger
	db            *Memory
	jobs, results queuetest.Queue
	rate          float64 // jobs a second
	mu            sync.Mutex
	accepted      map[int64]int // jobs by window
}

// window is the time over which a rate is taken, in seconds: the phases of
// checks are hashes, so that single seconds differ by chance.
const window = 10

// run lets the fleet work for span. Calls to the database fail as database
// says, calls to the jobs queue as calls says.
func (s *steady) run(t *testing.T, n int, every, span time.Duration, database func(string) (error, bool), calls func(queuetest.Op) queuetest.Fault) {
	checks := simulatedChecks(Plan{})
	one := checks[0]
	checks = nil
	for i := range n {
		one.ID, one.Every = fmt.Sprintf("c%d", i), every
		checks = append(checks, one)
	}
	s.rate = float64(n) / every.Seconds()
	s.ledger, s.db, s.accepted = NewLedger(), NewMemory(checks), map[int64]int{}
	s.jobs.MaxReceives, s.results.MaxReceives = 5, 5
	s.jobs.Faults.Call = calls
	s.jobs.OnAccept = func(m queue.Outgoing) {
		s.ledger.Accept(m.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.accepted[time.Now().Unix()/window]++
	}
	db := Faulty{Database: s.db, Fault: database}
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	time.AfterFunc(span-2*time.Minute, func() { s.db.SetChecks(nil) })
	var all sync.WaitGroup
	all.Go(func() {
		_ = scheduler.New(scheduler.Options{Store: db, Owner: "one", Logger: discard, Open: func(context.Context, string, jobs.Class) (queue.Sender, error) {
			return &s.jobs, nil
		}}).Run(ctx)
	})
	all.Go(func() {
		_ = worker.New(worker.Options{
			Location: location, Runner: quick{}, Results: queue.NewBatcher(&s.results, 0),
			Lanes: map[jobs.Class]worker.Lane{jobs.ClassAPI: {Queue: "jobs", Receiver: &s.jobs, Slots: 20}},
		}).Run(ctx)
	})
	all.Go(func() {
		_ = recorder.New(recorder.Options{Store: db, Queue: "results", Receiver: &s.results}).Run(ctx)
	})
	all.Wait()
}

// The bar: a queue that is away for five minutes and then throttles is not met
// by a burst when it is back.
func TestBarQueueDown(t *testing.T) {
	const n, every = 300, 30 * time.Second
	const down, up, span = time.Minute, 6 * time.Minute, 12 * time.Minute
	burst, total := 0.0, 0
	var rate float64
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var s steady
		calls := 0
		s.run(t, n, every, span, func(string) (error, bool) { return nil, false }, func(op queuetest.Op) queuetest.Fault {
			since := time.Since(begun)
			calls++
			// 503 first, then two of three calls are throttled for a minute.
			if since >= down && since < up || since >= up && since < up+time.Minute && calls%3 != 0 {
				return queuetest.Fault{Err: ErrInjected}
			}
			return queuetest.Fault{}
		})
		rate = s.rate
		for at, k := range s.accepted {
			total += k
			if time.Unix(at*window, 0).Sub(begun) > down {
				burst = max(burst, float64(k)/window)
			}
		}
	})
	// Due were 10 minutes; 5 of them cannot be sent, but for what is still
	// worth running at their end.
	ok := burst <= 2*rate && total > int(rate*5*60)
	if !ok {
		t.Errorf("%.1f jobs a second after the outage, %d in all; the steady rate is %.0f", burst, total, rate)
	}
	if form.Asked() {
		Report(os.Stdout, ok, "queue down", fmt.Sprintf("503 for 5m, throttled for 1m: at most %.1f jobs a second after it over %d s, steady %.0f; %d jobs sent", burst, window, rate, total), 0)
	}
}

// The bar: a database that is away for ten minutes costs no result, and no
// message is worn out meanwhile.
func TestBarDatabaseDownSimulated(t *testing.T) {
	const n, every = 100, 10 * time.Second
	const down, outage = 2 * time.Minute, 10 * time.Minute
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var s steady
		s.results.OnDelete = func(queue.Message) {}
		var drained time.Duration
		database := func(string) (error, bool) {
			if since := time.Since(begun); since >= down && since < down+outage {
				return ErrInjected, since%2 == 0
			}
			return nil, false
		}
		waiting := 0
		go func() {
			time.Sleep(down + outage - time.Second)
			visible, hidden := s.results.Len()
			waiting = visible + hidden
			time.Sleep(time.Second)
			for since := time.Now(); ; time.Sleep(time.Second) {
				if visible, hidden := s.results.Len(); visible+hidden < 20 {
					drained = time.Since(since)
					return
				}
			}
		}()
		s.run(t, n, every, down+3*outage, database, func(queuetest.Op) queuetest.Fault { return queuetest.Fault{} })
		synctest.Wait()
		rows, counted := s.db.Rows()
		e := Ends{Counted: counted}
		for _, r := range rows {
			e.Rows = append(e.Rows, r.JobID)
		}
		for _, q := range []*queuetest.Queue{&s.jobs, &s.results} {
			for _, m := range q.Dead() {
				e.Dead = append(e.Dead, m.Body)
			}
		}
		a := s.ledger.Reconcile(e)
		ok := len(a.Violations()) == 0 && a.Dead == 0 && drained > 0 && drained < 2*outage && waiting > 50
		if !ok {
			t.Errorf("%q, %d dead letters, %d results waited, drained in %s", a.Violations(), a.Dead, waiting, drained)
		}
		if form.Asked() {
			Report(os.Stdout, ok, "database down, simulated", fmt.Sprintf("10m with %d results waiting: lost %d, dead %d, drained within %s", waiting, len(a.Lost), a.Dead, drained), 0)
		}
	})
}
