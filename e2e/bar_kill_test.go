package e2e

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/failpoint"
)

// TestBarFailpoints has each process killed by SIGKILL at each of its
// failpoints, under load, again and again.
func TestBarFailpoints(t *testing.T) {
	seed := bar(t)
	draws := rand.New(rand.NewPCG(seed, 1))
	r := newRig(t, rigOptions{bin: built(t, nil, "-tags", "failpoint"), maxReceives: 1000, seed: seed})
	members := map[string]*member{"recorder": r.recorder("recorder"), "scheduler": r.scheduler("scheduler"), "worker": r.worker("worker")}
	// Slots that outlive a slow machine's restarts: what is too late is rightly
	// not run.
	r.load(2400, 2*time.Minute)
	kills, each := 0, form.N(0, 2, 100)
	var faults []string
	for _, p := range failpoint.Points {
		for _, command := range p.Commands {
			m := members[command]
			for range each {
				m.end()
				m.restart(fmt.Sprintf("%s=%s=kill:%d", failpoint.Variable, p.Name, 1+draws.IntN(8)))
				select {
				case <-m.done:
					if !killed(m.process) {
						t.Fatalf("%s at %s: %v\n%s", command, p.Name, m.err, tail(m.log.String(), 2000))
					}
					kills++
				case <-time.After(30 * time.Second):
					faults = append(faults, fmt.Sprintf("%s never came to %s", command, p.Name))
				}
			}
			m.end()
			m.restart()
		}
	}
	a := r.settle(5 * time.Minute)
	if a.Dead > 0 {
		faults = append(faults, fmt.Sprintf("%d dead letters", a.Dead))
	}
	verdict(t, "SIGKILL at every failpoint", seed, a, faults, "%d kills at %d failpoints", kills, len(failpoint.Points))
}

// killed reports whether SIGKILL ended the process.
func killed(p *process) bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// TestBarKills kills some process every 250 ms, while one delivery in a
// hundred is made twice.
func TestBarKills(t *testing.T) {
	first := bar(t)
	seeds := uint64(form.N(0, 1, 5))
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { kills(t, seed, form.N(0, 1500, 10_000)) })
	}
}

func kills(t *testing.T, seed uint64, wanted int) {
	draws := rand.New(rand.NewPCG(seed, 2))
	r := newRig(t, rigOptions{seed: seed})
	r.wire.Twice = 0.01
	begun := time.Now()
	for i := range 2 {
		r.recorder(fmt.Sprint("recorder ", i))
		r.scheduler(fmt.Sprint("scheduler ", i))
		r.worker(fmt.Sprint("worker ", i))
	}
	r.worker("worker 2")
	r.load(form.N(0, 2000, 4000), time.Minute)
	every := time.NewTicker(250 * time.Millisecond)
	defer every.Stop()
	n := 0
	for limit := time.Now().Add(10 * time.Minute); r.ledger.Accepted() < wanted && time.Now().Before(limit); n++ {
		<-every.C
		m := r.members[draws.IntN(len(r.members))]
		m.end()
		m.restart()
	}
	a := r.settle(5 * time.Minute)
	took := time.Since(begun)
	var faults []string
	if a.Accepted < wanted {
		faults = append(faults, fmt.Sprintf("only %d of %d jobs were sent", a.Accepted, wanted))
	}
	if a.Dead > 0 {
		faults = append(faults, fmt.Sprintf("%d dead letters", a.Dead))
	}
	if took > 5*time.Minute {
		faults = append(faults, "it took more than 5 minutes")
	}
	verdict(t, "a kill every 250 ms", seed, a, faults, "%d kills, %d deliveries made twice, %s", n, r.wire.Duplicated(), took.Round(time.Second))
}
