package worker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
	"github.com/probefleet/probefleet/internal/worker"
)

const seeds = 200

// Whatever the queues do, every job ends in at least one result, and none is
// deleted before its result was accepted.
func TestNothingIsLost(t *testing.T) {
	o := worker.Options{Metrics: worker.NewMetrics(nil), Queues: queue.NewMetrics(nil)}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { seeded(t, o, uint64(seed)) })
		})
	}
}

// ledger follows jobs and their results by job id.
type ledger struct {
	mu      sync.Mutex
	results map[string]int
	early   []string // deleted before any result was accepted
}

func (l *ledger) accepted(m queue.Outgoing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, _ := codec.Peek([]byte(m.Body))
	l.results[h.ID]++
}

func (l *ledger) deleted(m queue.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h, _ := codec.Peek([]byte(m.Body)); l.results[h.ID] == 0 {
		l.early = append(l.early, h.ID)
	}
}

// storm breaks every kind of call and entry now and then. Each queue has its
// own, as a queue asks for faults one at a time.
func storm(seed uint64) queuetest.Faults {
	rng := rand.New(rand.NewPCG(seed, 1))
	calls, entries, twice := rng.Float64()*0.3, rng.Float64()*0.3, rng.Float64()*0.3
	outage := seed%5 == 0
	if outage {
		calls = 0.98
	}
	fault := func(p float64) (f queuetest.Fault) {
		if rng.Float64() < p {
			f = queuetest.Fault{Err: queuetest.ErrInjected, After: rng.IntN(2) == 0 && !outage}
		}
		return f
	}
	return queuetest.Faults{
		Call: func(queuetest.Op) queuetest.Fault { return fault(calls) },
		Entry: func(op queuetest.Op, _ string) queuetest.Fault {
			if op == queuetest.Receive {
				return queuetest.Fault{Twice: rng.Float64() < twice}
			}
			return fault(entries)
		},
	}
}

func seeded(t *testing.T, o worker.Options, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	book := &ledger{results: map[string]int{}}
	in := &queuetest.Queue{Faults: storm(seed), OnDelete: book.deleted}
	out := &queuetest.Queue{Faults: storm(seed + 1e6 + 2), OnAccept: book.accepted}
	var ids []string
	for i := range 30 {
		j := job(fmt.Sprintf("check-%d", i))
		ids = append(ids, j.ID)
		in.Put(body(t, j))
	}
	var runs sync.Mutex
	draw := func(n int) int { runs.Lock(); defer runs.Unlock(); return rng.IntN(n) }
	r := run(func(ctx context.Context, j jobs.Job) (jobs.Result, error) {
		switch draw(20) {
		case 0:
			panic("defect")
		case 1:
			return jobs.Result{}, queuetest.ErrInjected
		case 2:
			return takes(90*time.Second)(ctx, j) // three times the visibility
		}
		return takes(time.Duration(draw(3000))*time.Millisecond)(ctx, j)
	})
	// A worker at a time, each stopped after a while, as a rollout does.
	for round := 0; round < 100 && !in.Empty(); round++ {
		if round == 20 { // the storm is over: what is left must get through
			in.SetFaults(queuetest.Faults{})
			out.SetFaults(queuetest.Faults{})
		}
		o.Lanes = map[jobs.Class]worker.Lane{jobs.ClassAPI: {Queue: "jobs", Receiver: in, Slots: 1 + draw(20)}}
		o.Runner, o.Results = r, queue.NewBatcher(out, 0)
		o.DrainBudget = time.Duration(draw(20)) * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(10+draw(120))*time.Second)
		if err := worker.New(o).Run(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	synctest.Wait()
	if !in.Empty() {
		t.Error("jobs are left")
	}
	if len(book.early) > 0 {
		t.Errorf("deleted before their result was accepted: %q", book.early)
	}
	if missing := slices.DeleteFunc(ids, func(id string) bool { return book.results[id] > 0 }); len(missing) > 0 {
		t.Errorf("jobs without a result: %q", missing)
	}
}
