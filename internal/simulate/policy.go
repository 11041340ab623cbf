package simulate

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/capacity"
)

// Policy sizes a fleet. It may remember what it has seen.
type Policy interface {
	// Want is how many tasks there should be; false leaves them as they are.
	Want(Seen) (int, bool)
}

// Promise is what every policy is given: what the fleet is for.
type Promise struct {
	// Slots of a task; Busy is the share of them that should be where a policy
	// has none of its own, Allowed how long a job may wait.
	Slots   int
	Busy    float64
	Allowed time.Duration
	// Service is the mean time of an attempt in quiet times, which is what a
	// target is set by, once.
	Service time.Duration
	Min     int
	Max     int
}

// Maker names a policy and makes a new one for each run.
type Maker struct {
	Name, About string
	// Busy is the share of slots that this policy aims at, 0 for that of the
	// promise.
	Busy float64
	make func(Promise) Policy
}

// Make makes a policy that keeps a promise.
func (m Maker) Make(p Promise) Policy {
	if m.Busy > 0 {
		p.Busy = m.Busy
	}
	return m.make(p)
}

// Makers are all policies, ours last: with the share of busy slots that the
// scheduler aims at where nobody asks for another.
func Makers() []Maker {
	return []Maker{
		{Name: "backlog", About: "AWS's documented backlog per instance: target tracking of V/N against c·L/s", make: newBacklog},
		{Name: "load", About: "target tracking of the load s·(sent + V/L)/(c·N) against the share that should be busy", make: newLoad},
		{Name: "keda", About: "ceil((V+I)/queueLength), in on the five-minute maximum", make: newKEDA},
		{Name: "ours", About: "the schedule's rate and the backlog, as it will be when workers are there, with measured service times; one worker to spare; out at once, in on the five-minute maximum of what was seen", Busy: capacity.Usual(1).Busy, make: newOurs},
	}
}

// Choose gives the makers of names, in that order. A name may have the share
// of slots that should be busy after it: ours@0.7.
func Choose(names []string) ([]Maker, error) {
	var chosen []Maker
	for _, name := range names {
		base, target, targeted := strings.Cut(name, "@")
		i := slices.IndexFunc(Makers(), func(m Maker) bool { return m.Name == base })
		if i < 0 {
			var known []string
			for _, m := range Makers() {
				known = append(known, m.Name)
			}
			return nil, fmt.Errorf("%q is no policy: use some of %s", name, strings.Join(known, ", "))
		}
		m := Makers()[i]
		if targeted {
			busy, err := strconv.ParseFloat(target, 64)
			if err != nil || !(busy > 0 && busy <= 1) || base == "backlog" {
				return nil, fmt.Errorf("%q: use a share of busy slots from 0 to 1 after @, for any policy but backlog, which has none", name)
			}
			m.Name, m.Busy = name, busy
		}
		chosen = append(chosen, m)
	}
	return chosen, nil
}

// tracking is AWS's target tracking: out when the metric was above its target
// for three readings, in proportion to it; in when it was under nine tenths of
// the target for fifteen, and then by a tenth of the fleet at most, because AWS
// says no more than that it goes in slowly. While no metric arrives it does
// nothing.
type tracking struct {
	metric      func(Seen) (float64, bool)
	target      float64
	above, less int
}

// The readings after which target tracking acts, as its alarms show them.
const (
	trackOut = 3
	trackIn  = 15
)

func (t *tracking) Want(s Seen) (int, bool) {
	v, ok := t.metric(s)
	if !ok {
		t.above, t.less = 0, 0
		return 0, false
	}
	switch {
	case v > t.target:
		t.above, t.less = t.above+1, 0
	case v < 0.9*t.target:
		t.above, t.less = 0, t.less+1
	default:
		t.above, t.less = 0, 0
	}
	switch {
	case t.above >= trackOut:
		// In proportion to what is ready; what boots already is not asked for
		// twice.
		want := int(math.Ceil(float64(s.Ready) * v / t.target))
		return max(want, s.Desired), true
	case t.less >= trackIn:
		want := int(math.Ceil(float64(s.Ready) * v / t.target))
		slowly := s.Desired - max(1, s.Desired/10)
		return max(want, slowly), true
	}
	return 0, false
}

func newBacklog(p Promise) Policy {
	return &tracking{
		target: float64(p.Slots) * p.Allowed.Seconds() / p.Service.Seconds(),
		metric: func(s Seen) (float64, bool) {
			return float64(s.Visible) / float64(s.Ready), s.Ready > 0
		},
	}
}

func newLoad(p Promise) Policy {
	return &tracking{
		target: p.Busy,
		metric: func(s Seen) (float64, bool) {
			slots := float64(p.Slots * s.Ready)
			return s.Service * (s.Sent + float64(s.Visible)/p.Allowed.Seconds()) / slots, s.Ready > 0
		},
	}
}

// calm is how long less must have been enough before there is less: that of
// Kubernetes' horizontal autoscaler, and of ours.
const calm = 5 * time.Minute

// keda asks for a task for every queueLength messages, waiting or in flight:
// as many as keep the share of its slots busy that should be.
type keda struct {
	length float64
	asked  []asked // of the last five minutes
}

type asked struct {
	at time.Duration
	n  int
}

func newKEDA(p Promise) Policy { return &keda{length: float64(p.Slots) * p.Busy} }

func (k *keda) Want(s Seen) (int, bool) {
	n := int(math.Ceil(float64(s.Visible+s.InFlight) / k.length))
	k.asked = append(slices.DeleteFunc(k.asked, func(a asked) bool { return a.at <= s.At-calm }), asked{s.At, n})
	for _, a := range k.asked {
		n = max(n, a.n)
	}
	return n, true
}

// ours is the policy of package capacity, as the scheduler runs it: the fleet
// follows what it says.
type ours struct {
	policy capacity.Policy
	memory capacity.Memory
}

func newOurs(p Promise) Policy {
	policy := capacity.Usual(p.Slots)
	policy.Busy, policy.Wait, policy.Min, policy.Max = p.Busy, p.Allowed, p.Min, p.Max
	return &ours{policy: policy}
}

func (o *ours) decide(r capacity.Reading, at time.Time) (n int, ok bool) {
	o.memory, n, ok = o.policy.Decide(o.memory, r, at)
	return n, ok
}

func (o *ours) Want(s Seen) (int, bool) { return s.Wanted, s.Wanted > 0 }
