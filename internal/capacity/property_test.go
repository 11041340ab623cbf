package capacity

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// rounds is how many histories each property is held against.
const rounds = 2000

func chance(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 30)) }

func anyPolicy(r *rand.Rand) Policy {
	p := Policy{
		Slots: 1 + r.IntN(30), Busy: 0.05 + 0.95*r.Float64(), Wait: time.Duration(1+r.IntN(120)) * time.Second,
		Spare: r.IntN(3), Lead: time.Duration(r.IntN(300)) * time.Second,
		Min: r.IntN(3), Calm: time.Duration(r.IntN(600)) * time.Second, Ease: time.Duration(r.IntN(300)) * time.Second,
	}
	if r.IntN(2) == 0 {
		p.Max = p.Min + r.IntN(200)
	}
	return p
}

// anyReading is something that a queue may show, now and then with a part
// missing.
func anyReading(r *rand.Rand) Reading {
	some := func(scale float64) float64 {
		switch r.IntN(12) {
		case 0:
			return math.NaN()
		case 1:
			return -1
		case 2:
			return 0
		}
		return scale * r.Float64()
	}
	return Reading{some(200), some(30), some(5000)}
}

// More of anything never needs fewer workers, and more slots never need more.
func TestNeedIsMonotonic(t *testing.T) {
	for seed := range uint64(rounds) {
		r := chance(seed)
		p, low := anyPolicy(r), anyReading(r)
		n, ok := p.Need(low)
		if !ok {
			continue
		}
		high := Reading{low.Rate + r.Float64(), max(low.Service, 0.001) + r.Float64(), low.Waiting + float64(r.IntN(50))}
		if more, ok := p.Need(high); ok && more < n {
			t.Errorf("seed %d: %+v needs %d, %+v only %d", seed, low, n, high, more)
		}
		larger := p
		larger.Slots += 1 + r.IntN(5)
		if fewer, ok := larger.Need(low); ok && fewer > n {
			t.Errorf("seed %d: %d slots need %d workers, %d need %d", seed, p.Slots, n, larger.Slots, fewer)
		}
	}
}

// What is needed does what it is for: it keeps up with the schedule while it
// works the backlog off in time, and one worker fewer would not.
func TestNeedIsEnoughAndNotMore(t *testing.T) {
	for seed := range uint64(rounds) {
		r := chance(seed)
		p, reading := anyPolicy(r), anyReading(r)
		p.Min, p.Max, p.Spare = 0, 0, 0
		n, ok := p.Need(reading)
		if !ok || reading.Rate == 0 && reading.Waiting == 0 {
			continue
		}
		asked := reading.Rate*reading.Service/p.Busy + reading.Waiting*reading.Service/p.Wait.Seconds()
		slots := float64(n * p.Slots)
		if slots < asked*(1-1e-6) || slots-float64(p.Slots) >= asked*(1+1e-6) {
			t.Errorf("seed %d: %d workers of %d slots for %.3f slots", seed, n, p.Slots, asked)
		}
	}
}

// So many workers as are to spare may be lost: those that are left keep up with
// the schedule. A worker fewer would be one too few for that or for the rest.
func TestSomeMayBeLost(t *testing.T) {
	for seed := range uint64(rounds) {
		r := chance(seed)
		p, reading := anyPolicy(r), anyReading(r)
		p.Min, p.Max = 0, 0
		n, ok := p.Need(reading)
		if !ok || reading.Rate == 0 {
			continue
		}
		busy := reading.Rate * reading.Service
		left := float64((n - p.Spare) * p.Slots)
		alone := p
		alone.Spare = 0
		without, _ := alone.Need(reading)
		if left < busy*(1-1e-6) || n > without && left-float64(p.Slots) >= busy*(1+1e-6) {
			t.Errorf("seed %d: of %d workers of %d slots %d are lost, %.3f slots are busy", seed, n, p.Slots, p.Spare, busy)
		}
	}
}

// A backlog that grows asks for no less than one of that size does by itself,
// and for no more than one to which all is added that becomes due until workers
// are there.
func TestGrowthIsBounded(t *testing.T) {
	grew := 0
	for seed := range uint64(rounds) {
		r := chance(seed)
		p, rate, service := anyPolicy(r), 200*r.Float64(), 0.1+30*r.Float64()
		var m Memory
		now := start
		for range 20 {
			now = now.Add(time.Duration(1+r.IntN(90)) * time.Second)
			low := Reading{rate, service, float64(r.IntN(5000))}
			high := low
			high.Waiting += rate * p.Lead.Seconds()
			got := p.ahead(m, low, now)
			if got.Waiting < low.Waiting || got.Waiting > high.Waiting*(1+1e-9) || got.Rate != rate || got.Service != service {
				t.Fatalf("seed %d: %+v is taken for %+v, at most %+v", seed, low, got, high)
			}
			if got.Waiting > low.Waiting {
				grew++
			}
			m, _, _ = p.Decide(m, low, now)
		}
	}
	if grew < rounds {
		t.Errorf("only %d backlogs grew", grew)
	}
}

// Over whole histories: never under what a reading needs, never less than a
// moment ago unless all was measured for long enough and asked for less, within
// the bounds, and without any memory beyond what it was given.
func TestDecisions(t *testing.T) {
	for seed := range uint64(rounds / 10) {
		r := chance(seed)
		p := anyPolicy(r)
		var seen, expected past
		var m Memory
		now := start
		for range 120 {
			now = now.Add(time.Duration(1+r.IntN(90)) * time.Second)
			reading := anyReading(r)
			need, known := p.Need(reading)
			later, _ := p.Need(p.ahead(m, reading, now))
			before := m
			next, wanted, ok := p.Decide(m, reading, now)
			if _, again, _ := p.Decide(before, reading, now); again != wanted {
				t.Fatalf("seed %d: the same decision is %d, then %d", seed, wanted, again)
			}
			m = next
			if !ok {
				if known || len(seen) > 0 {
					t.Fatalf("seed %d: nothing is wanted, although something is known", seed)
				}
				continue
			}
			if known && wanted < need || wanted < p.Min || p.Max > 0 && wanted > p.Max {
				t.Fatalf("seed %d: %d wanted, %d needed, %d to %d allowed", seed, wanted, need, p.Min, p.Max)
			}
			if want := p.bound(max(m.seen.first(), m.expected.first())); wanted != want {
				t.Fatalf("seed %d: %d wanted, want %d", seed, wanted, want)
			}
			seen = seen.and(t, seed, moment{now, need, known, m.seen.first()}, p.Calm)
			expected = expected.and(t, seed, moment{now, later, known, m.expected.first()}, p.Ease)
		}
	}
}

// moment is what a reading asked for, and what was wanted then; past are those
// that there were.
type (
	moment struct {
		at     time.Time
		need   int
		known  bool
		wanted int
	}
	past []moment
)

// and is the past with a moment more. A fall has to be right: what was in force
// at any time within calm, the readings since it began and the one before these,
// was measured and asked for no more.
func (history past) and(t *testing.T, seed uint64, now moment, calm time.Duration) past {
	t.Helper()
	n := len(history)
	if now.known && now.wanted < now.need {
		t.Fatalf("seed %d: %d are held of %d", seed, now.wanted, now.need)
	}
	if n == 0 || now.wanted >= history[n-1].wanted {
		return append(history, now)
	}
	if !now.known {
		t.Fatalf("seed %d: less is wanted although nothing is known", seed)
	}
	for i := n - 1; i >= 0 && calm > 0; i-- {
		h := history[i]
		if !h.known || h.need > now.wanted {
			t.Fatalf("seed %d: %d wanted at %s, but at %s it was %+v", seed, now.wanted, now.at, h.at, h)
		}
		if now.at.Sub(h.at) >= calm {
			break
		}
	}
	return append(history, now)
}

// In the steady state the publisher is as quiet as what it measures: the same
// reading leads to the same number, and the memory does not grow.
func TestSteady(t *testing.T) {
	p := Usual(4)
	var m Memory
	r := chance(1)
	for i := range 10000 {
		m, _, _ = p.Decide(m, Reading{3 + r.Float64(), 1, float64(r.IntN(40))}, start.Add(time.Duration(i)*time.Second))
	}
	if len(m.seen) > 4 || len(m.expected) > 30 || len(m.looks) > 32 {
		t.Errorf("%d and %d steps and %d looks are remembered", len(m.seen), len(m.expected), len(m.looks))
	}
	last := start.Add(3 * time.Hour)
	for i := range 100 {
		next, workers, _ := p.Decide(m, Reading{6, 1, 0}, last.Add(time.Duration(i)*time.Minute))
		if i > 5 && workers != 3 { // 6/0.65/4
			t.Fatalf("minute %d: %d workers, want 3", i, workers)
		}
		m = next
	}
}
