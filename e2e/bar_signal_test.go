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
	const budget, margin = 3 * time.Second, 2 * time.Second
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
	r.recorder("recorder")
	r.scheduler("scheduler")
	workers := []*member{r.worker("worker 0", "-drain", budget.String()), r.worker("worker 1", "-drain", budget.String())}
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
		case <-time.After(30 * time.Second):
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
	if redelivery > 5*time.Second || releases == 0 {
		faults = append(faults, fmt.Sprintf("%d jobs released, redelivered within %s", releases, redelivery))
	}
	r.verdict(t, "SIGTERM under load", seed, a, faults, "%d ends within %s of a budget of %s, %d jobs released and delivered again within %s",
		n, slowest.Round(time.Millisecond), budget, releases, redelivery.Round(time.Millisecond))
}

// TestBarTwoSchedulers stops one of two schedulers past its lease and lets it
// go on, in turns.
func TestBarTwoSchedulers(t *testing.T) {
	seed := bar(t)
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
