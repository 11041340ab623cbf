package locality

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// place is the network of a location in simulated time: whether names resolve
// and addresses answer.
type place struct {
	mu               sync.Mutex
	noNetwork, noDNS bool
	questions        atomic.Int64
	takes            time.Duration
}

func (p *place) set(noNetwork, noDNS bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noNetwork, p.noDNS = noNetwork, noDNS
}

// ask answers as the place is when the question is asked.
func (p *place) ask(_ context.Context, c Canary) answer {
	p.questions.Add(1)
	p.mu.Lock()
	noNetwork, noDNS := p.noNetwork, p.noDNS
	p.mu.Unlock()
	<-time.After(p.takes)
	switch {
	case noNetwork:
		return silent
	case noDNS && c.Named():
		return unresolved
	}
	return answered
}

func guardOf(p *place, canaries string) *Guard {
	cs, err := ParseCanaries(canaries)
	if err != nil {
		panic(err)
	}
	g := NewGuard(Options{Location: "here", Canaries: cs})
	g.asker = p
	return g
}

const three = "one.example:443,two.example:443,https://three.example/"

// does is a runner that fails with class after d.
type does struct {
	class jobs.FaultClass
	takes time.Duration
}

func (d does) Run(_ context.Context, j jobs.Job) (jobs.Result, error) {
	<-time.After(d.takes)
	res := jobs.ResultFor(j)
	if d.class == "" {
		res.Conclude()
	} else {
		res.Fail(d.class, "what the target said")
	}
	return res, nil
}

func job(spec check.Spec) jobs.Job {
	return jobs.New(check.Check{ID: "c", Every: time.Minute, Timeout: time.Second, Spec: spec}, "here", time.Now(), 1, time.Now(), time.Now().Add(time.Minute))
}

func outcomeOf(t *testing.T, r *Runner, spec check.Spec) jobs.Result {
	t.Helper()
	res, err := r.Run(t.Context(), job(spec))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// Who is to blame, by what failed and what is away.
func TestBlame(t *testing.T) {
	api, browser := &check.API{}, &check.Browser{}
	for _, c := range []struct {
		name             string
		noNetwork, noDNS bool
		class            jobs.FaultClass
		spec             check.Spec
		want             jobs.Outcome
		words            string
	}{
		{"all is well and the name does not resolve", false, false, jobs.FaultDNS, api, jobs.Failed, ""},
		{"no network and the name does not resolve", true, true, jobs.FaultDNS, api, jobs.Inconclusive, "the network of location here is away: 3 of 3 canaries do not answer either; the target said: what"},
		{"no network and no connection", true, false, jobs.FaultConnect, api, jobs.Inconclusive, "network of location"},
		{"no network and a timeout", true, false, jobs.FaultTimeout, api, jobs.Inconclusive, "network of location"},
		{"no network and a handshake", true, false, jobs.FaultTLS, api, jobs.Inconclusive, "network of location"},
		{"no network and a cut", true, false, jobs.FaultProtocol, api, jobs.Inconclusive, "network of location"},
		{"no network and an answer that is wrong", true, false, jobs.FaultAssertion, api, jobs.Failed, ""},
		{"no network and a step in vain", true, false, jobs.FaultStep, browser, jobs.Inconclusive, "network of location"},
		{"no network and a crashed page", true, false, jobs.FaultPage, browser, jobs.Failed, ""},
		{"no DNS and the name does not resolve", false, true, jobs.FaultDNS, api, jobs.Inconclusive, "the DNS of location here is away: the names of 3 of 3 canaries"},
		{"no DNS and a timeout", false, true, jobs.FaultTimeout, api, jobs.Inconclusive, "DNS of location"},
		{"no DNS and a refused connection", false, true, jobs.FaultConnect, api, jobs.Failed, ""},
		{"no network and yet it passed", true, true, "", api, jobs.Passed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &place{}
				p.set(c.noNetwork, c.noDNS)
				res := outcomeOf(t, &Runner{Next: does{c.class, time.Second}, Guard: guardOf(p, three)}, c.spec)
				if res.Outcome != c.want {
					t.Fatalf("outcome %s (%+v), want %s", res.Outcome, res.Fault, c.want)
				}
				if c.words == "" {
					return
				}
				if res.Fault.Class != jobs.FaultLocation || !strings.Contains(res.Fault.Message, c.words) || !strings.Contains(res.Fault.Message, "what the target said") {
					t.Errorf("fault %+v", res.Fault)
				}
			})
		})
	}
}

// Two hundred checks fail at once and go on failing: the canaries are asked a
// few times, not two hundred.
func TestManyFailuresAskOnce(t *testing.T) {
	for _, away := range []bool{false, true} {
		t.Run(fmt.Sprint("away ", away), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &place{takes: 100 * time.Millisecond}
				p.set(away, away)
				r := &Runner{Next: does{jobs.FaultConnect, time.Millisecond}, Guard: guardOf(p, three)}
				var all sync.WaitGroup
				var down atomic.Int64
				began := time.Now()
				for range 200 {
					all.Go(func() {
						for range 3 {
							if outcomeOf(t, r, &check.API{}).Outcome == jobs.Failed {
								down.Add(1)
							}
						}
					})
				}
				all.Wait()
				if n := p.questions.Load(); n == 0 || n > 3*4 {
					t.Errorf("600 failures asked three canaries %d times", n)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("600 failures took %s", took)
				}
				if want := map[bool]int64{true: 0, false: 600}[away]; down.Load() != want {
					t.Errorf("%d down, want %d", down.Load(), want)
				}
			})
		})
	}
}

// A network that comes and goes while 200 checks run all the time, each as
// short as a refused lookup or as long as a timeout: none is down.
func TestNoFalseDownAtTheEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &place{takes: 300 * time.Millisecond}
		g := guardOf(p, three)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		var excused, down atomic.Int64
		for i := range 200 {
			takes := time.Duration(1+i%20*i%20*25) * time.Millisecond
			r := &Runner{Guard: g, Next: met{p, takes}}
			all.Go(func() {
				<-time.After(time.Duration(i) * 37 * time.Millisecond)
				for ctx.Err() == nil {
					switch res := outcomeOf(t, r, &check.API{}); res.Outcome {
					case jobs.Failed:
						down.Add(1)
					case jobs.Inconclusive:
						excused.Add(1)
					}
					<-time.After(5 * time.Second)
				}
			})
		}
		for range 5 {
			<-time.After(time.Minute)
			p.set(true, true)
			<-time.After(5*time.Minute + 333*time.Millisecond)
			p.set(false, false)
		}
		<-time.After(time.Minute)
		cancel()
		all.Wait()
		if down.Load() != 0 || excused.Load() < 1000 {
			t.Errorf("%d down, %d inconclusive", down.Load(), excused.Load())
		}
	})
}

// met fails where the network was away at its beginning or its end.
type met struct {
	p     *place
	takes time.Duration
}

func (m met) Run(_ context.Context, j jobs.Job) (jobs.Result, error) {
	away := func() bool {
		m.p.mu.Lock()
		defer m.p.mu.Unlock()
		return m.p.noNetwork
	}
	before := away()
	<-time.After(m.takes)
	res := jobs.ResultFor(j)
	if before || away() {
		res.Fail(jobs.FaultConnect, "no connection")
	}
	res.Conclude()
	return res, nil
}

// An outage is over when the canaries say so: what fails later is down, even
// where nobody asked since.
func TestAnOutageExcusesNothingLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &place{}
		p.set(true, true)
		r := &Runner{Next: does{jobs.FaultConnect, time.Second}, Guard: guardOf(p, three)}
		if res := outcomeOf(t, r, &check.API{}); res.Outcome != jobs.Inconclusive {
			t.Fatalf("during the outage: %s", res.Outcome)
		}
		p.set(false, false)
		<-time.After(settling + time.Second)
		if res := outcomeOf(t, r, &check.API{}); res.Outcome != jobs.Failed {
			t.Errorf("after the outage: %s (%+v)", res.Outcome, res.Fault)
		}
	})
}

// A good answer from before the cut is worth nothing after it.
func TestAGoodRoundIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &place{}
		r := &Runner{Next: does{jobs.FaultConnect, 0}, Guard: guardOf(p, three)}
		if res := outcomeOf(t, r, &check.API{}); res.Outcome != jobs.Failed {
			t.Fatalf("before the cut: %s", res.Outcome)
		}
		<-time.After(10 * time.Millisecond)
		p.set(true, true)
		if res := outcomeOf(t, r, &check.API{}); res.Outcome != jobs.Inconclusive {
			t.Errorf("after the cut: %s", res.Outcome)
		}
	})
}

func TestWithoutCanariesNothingChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, g := range []*Guard{nil, guardOf(&place{noNetwork: true}, "")} {
			if res := outcomeOf(t, &Runner{Next: does{class: jobs.FaultConnect}, Guard: g}, &check.API{}); res.Outcome != jobs.Failed {
				t.Errorf("outcome %s", res.Outcome)
			}
		}
	})
}

// What runs on an exhausted machine says nothing about its target.
func TestExhausted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full error
		ran := 0
		r := &Runner{Well: func() error { return full }, Next: runs(func(j jobs.Job) jobs.Result {
			ran++
			res := jobs.ResultFor(j)
			if full = fmt.Errorf("/profiles is full"); ran == 1 {
				res.Fail(jobs.FaultStep, "the page broke")
			}
			res.Conclude()
			return res
		})}
		res := outcomeOf(t, r, &check.Browser{})
		if res.Outcome != jobs.Inconclusive || !strings.Contains(res.Fault.Message, "/profiles is full") || !strings.Contains(res.Fault.Message, "the page broke") {
			t.Errorf("failed while the disk got full: %s %+v", res.Outcome, res.Fault)
		}
		res = outcomeOf(t, r, &check.Browser{})
		if ran != 1 || res.Outcome != jobs.Inconclusive || res.Fault.Class != jobs.FaultInternal || res.StartedAt.IsZero() {
			t.Errorf("on a full disk: run %d times, %s %+v", ran, res.Outcome, res.Fault)
		}
		full = nil
		if res = outcomeOf(t, r, &check.Browser{}); res.Outcome != jobs.Passed {
			t.Errorf("with space again: %s %+v", res.Outcome, res.Fault)
		}
	})
}

type runs func(j jobs.Job) jobs.Result

func (r runs) Run(_ context.Context, j jobs.Job) (jobs.Result, error) { return r(j), nil }
