package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestBarSigterm stops workers under load, with checks that take longer than
// their budget.
func TestBarSigterm(t *testing.T) {
	seed := bar(t)
	const budget = 3 * time.Second
	var mu sync.Mutex
	draws := rand.New(rand.NewPCG(seed, 3))
	draw := func(most time.Duration) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return rand.N(most) * time.Duration(draws.IntN(2)+1) / 2
	}
	r := newRig(t, rigOptions{seed: seed, maxReceives: 1000, answer: func(w http.ResponseWriter, req *http.Request) {
		select {
		case <-time.After(draw(6 * time.Second)):
		case <-req.Context().Done():
		}
		fmt.Fprint(w, "well")
	}})
	workers := []*member{r.worker("worker 0", "-drain", budget.String())}
	// What the end of an idle worker takes is the machine's share.
	margin := 2*time.Second + 3*idleEnd(t, workers[0])
	workers = append(workers, r.worker("worker 1", "-drain", budget.String()))
	r.recorder("recorder")
	r.scheduler("scheduler")
	r.load(12, 2*time.Second)
	time.Sleep(3 * time.Second)
	var faults []string
	var slowest time.Duration
	n := form.N(0, 6, 100)
	for i := range n {
		m := workers[i%2]
		asked := time.Now()
		_ = m.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-m.done:
		case <-time.After(stalled):
		}
		took := time.Since(asked)
		m.end()
		slowest = max(slowest, took)
		if took > budget+margin || m.err != nil {
			faults = append(faults, fmt.Sprintf("end %d after %s: %v", i, took, m.err))
		}
		m.restart()
		time.Sleep(500*time.Millisecond + draw(time.Second))
	}
	releases, redelivery := r.wire.Redelivery()
	a := r.settle()
	if redelivery > 3*time.Second+margin || releases == 0 {
		faults = append(faults, fmt.Sprintf("%d jobs released, redelivered within %s", releases, redelivery))
	}
	r.verdict(t, "SIGTERM under load", seed, a, faults, "%d ends within %s (limit %s), %d jobs released and delivered again within %s",
		n, slowest.Round(time.Millisecond), (budget + margin).Round(time.Millisecond), releases, redelivery.Round(time.Millisecond))
}

// idleEnd is how long a worker that does nothing takes from SIGTERM to its end.
// It is started again.
func idleEnd(t *testing.T, m *member) time.Duration {
	t.Helper()
	eventually(t, stalled, func() error { return expectf(m.rig.wire.Polls() > 0, "the worker does not poll yet") })
	asked := time.Now()
	m.stop(t)
	took := time.Since(asked)
	m.restart()
	return took
}

// TestBarTwoSchedulers stops one of two schedulers past its lease and lets it
// go on, in turns.
func TestBarTwoSchedulers(t *testing.T) {
	seed := bar(t)
	t.Parallel()
	r := newRig(t, rigOptions{seed: seed})
	r.recorder("recorder")
	r.worker("worker")
	pair := []*member{r.scheduler("scheduler 0"), r.scheduler("scheduler 1")}
	r.load(40, 5*time.Second)
	n := form.N(0, 3, 50)
	var failovers []time.Time
	worst := 0
	r.bound = bound{why: "one of a check per failover", missed: func(slots []time.Time) (tooMany int) {
		of := map[int]int{} // failover → slots of the check
		for _, slot := range slots {
			nth, _ := slices.BinarySearchFunc(failovers, slot, time.Time.Compare)
			of[nth]++
			worst = max(worst, of[nth])
			if nth == 0 || of[nth] > 1 {
				tooMany++
			}
		}
		return tooMany
	}}
	for i := range n {
		time.Sleep(7 * time.Second) // the shards are shared again
		failovers = append(failovers, time.Now())
		pair[i%2].freeze()
		time.Sleep(22 * time.Second)
		pair[i%2].resume()
	}
	time.Sleep(7 * time.Second)
	a := r.settle()
	r.verdict(t, "two schedulers", seed, a, nil, "%d failovers, at most %d slots of a check missed in one", n, worst)
}
