package capacity

import (
	"math"
	"strings"
	"testing"
	"time"
)

var unknown = math.NaN()

func TestNeed(t *testing.T) {
	usual := Policy{Slots: 4, Busy: 0.75, Wait: 30 * time.Second}
	bounded := usual
	bounded.Min, bounded.Max = 2, 10
	spare := usual
	spare.Spare = 1
	for _, row := range []struct {
		name string
		p    Policy
		r    Reading
		want int // -1 where it is not known
	}{
		{"nothing to do", usual, Reading{0, 1, 0}, 0},
		{"nothing to do, and nobody knows how long it would take", usual, Reading{0, unknown, 0}, 0},
		{"the schedule alone: 3 slots busy of 4", usual, Reading{3, 1, 0}, 1},
		{"a little more", usual, Reading{3.01, 1, 0}, 2},
		{"one slow check an hour", usual, Reading{1. / 3600, 20, 0}, 1},
		{"a backlog alone: 120 jobs of 1 s within 30 s", usual, Reading{0, 1, 120}, 1},
		{"schedule and backlog", usual, Reading{3, 1, 120}, 2},
		{"an incident: the same checks take ten times as long", usual, Reading{3, 10, 0}, 10},
		{"slots of an hour's worth", usual, Reading{1000, 0.3, 9000}, 123},
		{"what only rounding adds is not added", Policy{Slots: 1, Busy: 0.1, Wait: time.Second}, Reading{0.1, 3, 0}, 3},
		{"one to spare, where one would do", spare, Reading{3, 1, 0}, 2},
		{"and where more are idle than one", spare, Reading{30, 1, 0}, 10},
		{"nothing to spare where nothing is due", spare, Reading{0, 1, 0}, 0},
		{"nor for a backlog alone", spare, Reading{0, 1, 120}, 1},
		{"at least", bounded, Reading{0, 1, 0}, 2},
		{"at most", bounded, Reading{1000, 10, 0}, 10},
		{"more than anybody has", usual, Reading{1e300, 1e300, 0}, many},
		{"no rate", usual, Reading{unknown, 1, 5}, -1},
		{"no backlog", usual, Reading{1, 1, unknown}, -1},
		{"no time", usual, Reading{1, unknown, 0}, -1},
		{"a time of 0", usual, Reading{1, 0, 0}, -1},
		{"less than nothing", usual, Reading{1, 1, -1}, -1},
		{"without end", usual, Reading{math.Inf(1), 1, 0}, -1},
		{"nothing was seen", bounded, Unknown, -1},
	} {
		n, ok := row.p.Need(row.r)
		if !ok {
			n = -1
		}
		if n != row.want {
			t.Errorf("%s: %d workers, want %d", row.name, n, row.want)
		}
	}
}

// TestDecide tells stories: what was read each minute, as the number of workers
// that a reading asks for, and what was wanted then. -1 is not known.
func TestDecide(t *testing.T) {
	for _, row := range []struct {
		name       string
		read, want []int
	}{
		{"out at once", []int{1, 9}, []int{1, 9}},
		{"in when five minutes have asked for less", []int{9, 1, 1, 1, 1, 1, 1, 1}, []int{9, 9, 9, 9, 9, 9, 1, 1}},
		{"in by steps", []int{9, 5, 5, 2, 2, 2, 2, 2, 2}, []int{9, 9, 9, 9, 9, 9, 5, 5, 2}},
		{"a peak within the five minutes begins them anew", []int{9, 1, 1, 6, 1, 1, 1, 1, 1, 1}, []int{9, 9, 9, 9, 9, 9, 6, 6, 6, 1}},
		{"a lower value in between does not prolong the higher one", []int{9, 1, 3, 3, 3, 3, 3, 3}, []int{9, 9, 9, 9, 9, 9, 3, 3}},
		{"to none and back", []int{2, 0, 0, 0, 0, 0, 0, 3}, []int{2, 2, 2, 2, 2, 2, 0, 3}},
		{"not to know holds", []int{4, -1, -1, -1, -1, -1, -1, -1, -1}, []int{4, 4, 4, 4, 4, 4, 4, 4, 4}},
		{"and is no calm", []int{9, 1, 1, 1, -1, 1, 1, 1, 1, 1, 1}, []int{9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 1}},
		{"more than is held goes out", []int{4, -1, 6, -1}, []int{4, 4, 6, 6}},
		{"nothing is known at first", []int{-1, -1, 3, -1}, []int{-1, -1, 3, 3}},
	} {
		p := Policy{Slots: 1, Busy: 1, Wait: time.Second, Calm: 5 * time.Minute}
		var m Memory
		var got []int
		for i, n := range row.read {
			r := Reading{float64(n), 1, 0}
			next, workers, ok := p.Decide(m, r, start.Add(time.Duration(i)*time.Minute))
			if !ok {
				workers = -1
			}
			m, got = next, append(got, workers)
		}
		for i := range got {
			if got[i] != row.want[i] {
				t.Errorf("%s: wanted %v, want %v", row.name, got, row.want)
				break
			}
		}
	}
}

var start = time.Date(2026, 3, 14, 9, 26, 0, 0, time.UTC)

// A pause between two decisions, as of a publisher that was away, is no time
// in which less was asked for.
func TestPauseIsNoCalm(t *testing.T) {
	p := Policy{Slots: 1, Busy: 1, Wait: time.Second, Calm: 5 * time.Minute}
	m := Remember(9, start)
	for _, row := range []struct {
		after time.Duration
		want  int
	}{{time.Hour, 9}, {time.Hour + 4*time.Minute, 9}, {time.Hour + 5*time.Minute, 1}} {
		next, workers, _ := p.Decide(m, Reading{1, 1, 0}, start.Add(row.after))
		if workers != row.want {
			t.Errorf("%s later %d are wanted, want %d", row.after, workers, row.want)
		}
		m = next
	}
}

// A clock that is set back delays a decision for less, and brings none forward.
func TestClockSetBack(t *testing.T) {
	p := Policy{Slots: 1, Busy: 1, Wait: time.Second, Calm: 5 * time.Minute}
	m, _, _ := p.Decide(Memory{}, Reading{9, 1, 0}, start)
	for _, at := range []time.Duration{-time.Hour, time.Minute, -time.Minute, 4 * time.Minute} {
		next, workers, ok := p.Decide(m, Reading{1, 1, 0}, start.Add(at))
		if workers != 9 || !ok {
			t.Errorf("at %s %d are wanted, want 9", at, workers)
		}
		m = next
	}
}

// What was only expected is wanted for a minute longer, what was seen for five.
// Not to know is calm for neither.
func TestWhatWasExpectedIsEased(t *testing.T) {
	p := Policy{Slots: 1, Busy: 1, Wait: 30 * time.Second, Lead: time.Minute, Calm: 5 * time.Minute, Ease: time.Minute}
	type seen struct {
		after int // seconds
		r     Reading
		want  int
	}
	quiet, waits, more := Reading{10, 1, 0}, Reading{10, 1, 300}, Reading{10, 1, 450}
	for name, story := range map[string][]seen{
		// 300 within half a minute are 900 in a minute: for these 40, for those 20.
		"a backlog that grew":       {{0, quiet, 10}, {30, waits, 40}, {45, quiet, 40}, {90, quiet, 40}, {105, quiet, 20}, {330, quiet, 20}, {345, quiet, 10}},
		"it stays as it is":         {{0, quiet, 10}, {30, waits, 40}, {60, waits, 40}, {105, waits, 40}, {120, waits, 20}, {600, waits, 20}},
		"it grows on, more slowly":  {{0, quiet, 10}, {30, waits, 40}, {60, more, 40}, {120, more, 35}, {150, more, 35}, {180, more, 25}},
		"a backlog that was there":  {{0, waits, 20}, {15, quiet, 20}, {300, quiet, 20}, {315, quiet, 10}},
		"not to know":               {{0, quiet, 10}, {30, waits, 40}, {45, Unknown, 40}, {300, Unknown, 40}, {315, quiet, 40}, {360, quiet, 40}, {375, quiet, 20}, {600, quiet, 20}, {615, quiet, 10}},
		"what was remembered holds": {{-15, Unknown, 9}, {0, Reading{1, 1, 0}, 9}, {285, Reading{1, 1, 0}, 9}, {300, Reading{1, 1, 0}, 1}},
	} {
		var m Memory
		if story[0].after < 0 {
			m = Remember(9, start.Add(-15*time.Second))
		}
		for _, s := range story {
			next, workers, _ := p.Decide(m, s.r, start.Add(time.Duration(s.after)*time.Second))
			if workers != s.want {
				t.Errorf("%s: after %d s %d are wanted, want %d", name, s.after, workers, s.want)
			}
			if n, ok := next.Wanted(); n != workers || !ok {
				t.Errorf("%s: after %d s %d are wanted, and %d remembered, %t", name, s.after, workers, n, ok)
			}
			m = next
		}
	}
}

// A backlog that grows is worked off as it will be when workers are there. It
// is measured over two looks, so that a burst alone, and what was seen long ago,
// ask for nothing; what falls is left to those who are there.
func TestGrowingBacklog(t *testing.T) {
	p := Policy{Slots: 1, Busy: 1, Wait: 30 * time.Second, Lead: 2 * time.Minute}
	type seen struct {
		after   time.Duration
		waiting float64
		want    int // of 10 jobs a second of 1 s: 10, and a thirtieth of the backlog
	}
	for name, story := range map[string][]seen{
		"two more a second":         {{0, 0, 10}, {time.Minute, 120, 22}, {2 * time.Minute, 240, 26}},
		"no more than becomes due":  {{0, 0, 10}, {time.Minute, 6000, 250}},
		"a burst is not yet growth": {{0, 0, 10}, {15 * time.Second, 300, 20}, {29 * time.Second, 300, 20}},
		"over looks of 15 s": {
			{0, 0, 10}, {15 * time.Second, 30, 11}, {30 * time.Second, 60, 20}, {45 * time.Second, 90, 21}, {time.Minute, 120, 22}, {75 * time.Second, 120, 18},
		},
		"it falls":                 {{0, 600, 30}, {time.Minute, 300, 20}},
		"an old look says nothing": {{0, 0, 10}, {3 * time.Minute, 300, 20}},
		"a look without an answer": {{0, 0, 10}, {time.Minute, unknown, 10}, {2 * time.Minute, 240, 26}},
	} {
		var m Memory
		for _, s := range story {
			next, workers, _ := p.Decide(m, Reading{10, 1, s.waiting}, start.Add(s.after))
			if workers != s.want {
				t.Errorf("%s: after %s %d are wanted, want %d", name, s.after, workers, s.want)
			}
			m = next
		}
	}
}

// New bounds hold at once, also for what is remembered.
func TestBoundsOfToday(t *testing.T) {
	p := Policy{Slots: 1, Busy: 1, Wait: time.Second, Calm: 5 * time.Minute, Min: 2, Max: 6}
	for was, want := range map[int]int{9: 6, 0: 2, 4: 4} {
		if _, workers, _ := p.Decide(Remember(was, start), Unknown, start); workers != want {
			t.Errorf("%d were wanted, now %d, want %d", was, workers, want)
		}
	}
}

func TestFaults(t *testing.T) {
	if err := Usual(4).Faults(); err != nil {
		t.Errorf("the usual policy: %v", err)
	}
	err := Policy{Busy: unknown, Min: 3, Max: 2, Spare: -1, Calm: -1}.Faults()
	for _, part := range []string{"slots of a worker: 0", "busy: NaN", "allowed wait: 0s", "from 3 to 2 workers", "-1 spare workers", "calm: -1ns"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("faults do not have %q: %v", part, err)
		}
	}
}
