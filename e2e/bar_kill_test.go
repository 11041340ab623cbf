package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/failpoint"
)

// TestBarFailpoints has each process killed by SIGKILL at each of its
// failpoints, under load, again and again. Scheduler, worker and recorder die
// beside each other.
func TestBarFailpoints(t *testing.T) {
	seed := bar(t)
	t.Parallel()
	r := newRig(t, rigOptions{bin: built(t, nil, "-tags", "failpoint"), maxReceives: 1000, seed: seed})
	places := []*victim{{member: r.recorder("recorder")}, {member: r.scheduler("scheduler")}, {member: r.worker("worker")}}
	// Slots that outlive a slow machine's restarts: what is too late is rightly
	// not run.
	r.load(4800, 2*time.Minute)
	each := form.N(0, 2, 100)
	var all sync.WaitGroup
	for i, v := range places {
		v.draws = rand.New(rand.NewPCG(seed, uint64(i)))
		all.Go(func() { v.die(each) })
	}
	all.Wait()
	a := r.settle()
	var faults []string
	kills, at := 0, 0
	for _, v := range places {
		faults = append(faults, v.faults...)
		kills += v.kills
		at += v.at
	}
	if want := each * at; kills != want {
		faults = append(faults, fmt.Sprintf("%d kills, want %d", kills, want))
	}
	if a.Dead > 0 {
		faults = append(faults, fmt.Sprintf("%d dead letters", a.Dead))
	}
	r.verdict(t, "SIGKILL at every failpoint", seed, a, faults, "%d kills: %d at each of %d failpoints of scheduler, worker and recorder", kills, each, at)
}

// victim is a place in the fleet whose process dies at its failpoints.
type victim struct {
	*member
	draws     *rand.Rand
	kills, at int
	faults    []string
}

// die has the process die each times at every failpoint of its command, and
// leaves one that lives. The failpoints take turns: a scheduler that died at
// its sends alone would never come to move a watermark, and slots that it never
// came to would rightly expire.
func (v *victim) die(each int) {
	var points []failpoint.Name
	for _, p := range failpoint.Points {
		if slices.Contains(p.Commands, v.name) {
			points = append(points, p.Name)
		}
	}
	v.at = len(points)
	for range each {
		for _, p := range points {
			if v.dieAt(p) {
				v.kills++
			}
		}
	}
	v.end()
	v.note(v.relaunch())
}

func (v *victim) note(err error) {
	if err != nil {
		v.faults = append(v.faults, err.Error())
	}
}

func (v *victim) dieAt(p failpoint.Name) bool {
	v.end()
	if err := v.relaunch(fmt.Sprintf("%s=%s=kill:%d", failpoint.Variable, p, 1+v.draws.IntN(8))); err != nil {
		v.note(err)
		return false
	}
	select {
	case <-v.done:
		if !killed(v.process) {
			v.note(fmt.Errorf("%s at %s: %w: %s", v.who, p, v.err, tail(v.log.String(), 500)))
			return false
		}
		return true
	case <-time.After(stalled):
		v.note(fmt.Errorf("%s never came to %s: %s", v.who, p, tail(v.log.String(), 500)))
		return false
	}
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
	if !form.Full() {
		t.Parallel() // in full it is measured how long it takes
	}
	seeds := uint64(form.N(0, 1, 5))
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { kills(t, seed, form.N(0, 1500, 10_000)) })
	}
}

func kills(t *testing.T, seed uint64, wanted int) {
	draws := rand.New(rand.NewPCG(seed, 2))
	// With the five deliveries that a job gets by default, none becomes a dead
	// letter, unless a machine is so slow that most jobs take as long as their
	// workers live: the short form must hold there too.
	r := newRig(t, rigOptions{seed: seed, maxReceives: form.N(0, 20, 0)})
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
	most, moved := 0, time.Now()
	for ; most < wanted && time.Since(moved) < stalled; n++ {
		<-every.C
		if sent := r.ledger.Accepted(); sent > most {
			most, moved = sent, time.Now()
		}
		m := r.members[draws.IntN(len(r.members))]
		m.end()
		m.restart()
	}
	a := r.settle()
	took := time.Since(begun)
	var faults []string
	if a.Accepted < wanted {
		faults = append(faults, fmt.Sprintf("only %d of %d jobs were sent", a.Accepted, wanted))
	}
	if a.Dead > 0 {
		faults = append(faults, fmt.Sprintf("%d dead letters", a.Dead))
	}
	// How fast a machine that others use is shows nothing.
	if form.Full() && took > 5*time.Minute {
		faults = append(faults, "it took more than 5 minutes")
	}
	r.verdict(t, "a kill every 250 ms", seed, a, faults, "%d kills, %d deliveries made twice, %s", n, r.wire.Duplicated(), took.Round(time.Second))
}
