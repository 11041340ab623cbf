package status

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/jobs"
)

var now = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// runs are one fresh run per outcome, each at a location of its own.
func runs(outcomes ...jobs.Outcome) []Run {
	rs := make([]Run, 0, len(outcomes))
	for i, o := range outcomes {
		rs = append(rs, Run{RunID: string(rune('a' + i)), Location: string(rune('a' + i)), Slot: now.Add(-time.Duration(i) * time.Second), Outcome: o})
	}
	return rs
}

// permutations calls f with every order of list.
func permutations[T any](list []T, f func([]T)) {
	if len(list) < 2 {
		f(list)
		return
	}
	for i := range list {
		rest := slices.Delete(slices.Clone(list), i, i+1)
		permutations(rest, func(p []T) { f(append([]T{list[i]}, p...)) })
	}
}

func TestStateOfACheck(t *testing.T) {
	const p, d, f = jobs.Passed, jobs.Degraded, jobs.Failed
	for _, c := range []struct {
		outcomes []jobs.Outcome
		want     State
	}{
		{nil, NotMeasured},
		{[]jobs.Outcome{p}, Operational},
		{[]jobs.Outcome{p, p, p}, Operational},
		{[]jobs.Outcome{d}, DegradedState},
		{[]jobs.Outcome{p, p, d}, DegradedState},
		{[]jobs.Outcome{d, d, d}, DegradedState},
		{[]jobs.Outcome{f}, Outage},
		{[]jobs.Outcome{f, p}, Outage},
		{[]jobs.Outcome{f, d}, Outage},
		{[]jobs.Outcome{f, p, p}, DegradedState},
		{[]jobs.Outcome{f, f, p}, Outage},
		{[]jobs.Outcome{f, f, p, p}, Outage},
		{[]jobs.Outcome{f, f, p, p, p}, DegradedState},
		{[]jobs.Outcome{f, p, d, d}, DegradedState},
		// What is no measurement counts neither way, should it ever be here.
		{[]jobs.Outcome{jobs.Inconclusive, jobs.Expired}, NotMeasured},
		{[]jobs.Outcome{jobs.Inconclusive, jobs.Expired, f, p, p}, DegradedState},
		{[]jobs.Outcome{"", f}, Outage},
	} {
		permutations(runs(c.outcomes...), func(rs []Run) {
			check := Check{Every: time.Minute, Timeout: 10 * time.Second, Conclusive: rs}
			if got := check.State(now); got != c.want {
				t.Errorf("%v: got %s, want %s", rs, got, c.want)
			}
		})
	}
}

// Silence is not health, and an old failure is no outage.
func TestStaleRunsSayNothing(t *testing.T) {
	c := Check{Every: time.Minute, Timeout: 10 * time.Second, Conclusive: runs(jobs.Passed, jobs.Failed, jobs.Failed)}
	const limit = 3*time.Minute + 20*time.Second
	for after, want := range map[time.Duration]State{
		0:                         Outage,
		limit - 2*time.Second:     Outage,
		limit - 2*time.Second + 1: Outage, // the last failure is stale, the other is one of two
		limit - time.Second + 1:   Operational,
		limit:                     Operational,
		limit + 1:                 NotMeasured,
		24 * time.Hour:            NotMeasured,
	} {
		if got := c.State(now.Add(after)); got != want {
			t.Errorf("after %s: got %s, want %s", after, got, want)
		}
	}
}

// A run speaks for three intervals, the timeout and ten seconds.
func TestFresh(t *testing.T) {
	for _, c := range []struct{ every, timeout, limit time.Duration }{
		{time.Second, 100 * time.Millisecond, 13*time.Second + 100*time.Millisecond},
		{time.Minute, 10 * time.Second, 3*time.Minute + 20*time.Second},
		{24 * time.Hour, 10 * time.Minute, 72*time.Hour + 10*time.Minute + 10*time.Second},
	} {
		check := Check{Every: c.every, Timeout: c.timeout}
		for age, want := range map[time.Duration]bool{
			0: true, c.limit - 1: true, c.limit: true, c.limit + 1: false, 100 * c.limit: false,
			-time.Minute: true, // clocks differ
		} {
			if got := check.Fresh(now.Add(-age), now); got != want {
				t.Errorf("every %s: a run of %s ago: got %v, want %v", c.every, age, got, want)
			}
		}
		if check.Fresh(time.Time{}, now) {
			t.Error("a run that never was is fresh")
		}
	}
}

func TestNewest(t *testing.T) {
	if r, ok := (Check{}).Newest(); ok {
		t.Errorf("a check without runs has the newest run %+v", r)
	}
	rs := runs(jobs.Inconclusive, jobs.Passed, jobs.Failed)
	permutations(rs, func(p []Run) {
		got, ok := Check{Last: p}.Newest()
		if d := cmp.Diff(rs[0], got); !ok || d != "" {
			t.Errorf("%v: %v (-want +got):\n%s", p, ok, d)
		}
	})
}

func TestOverall(t *testing.T) {
	for _, c := range []struct {
		states []State
		want   State
	}{
		{nil, NotMeasured},
		{[]State{NotMeasured, NotMeasured}, NotMeasured},
		{[]State{NotMeasured, Operational}, Operational},
		{[]State{Operational, DegradedState, NotMeasured}, DegradedState},
		{[]State{Operational, DegradedState, Outage, NotMeasured}, Outage},
		{[]State{NotMeasured, Outage}, Outage},
		{[]State{"", "unheard of"}, NotMeasured},
	} {
		permutations(c.states, func(p []State) {
			if got := Overall(p); got != c.want {
				t.Errorf("%v: got %s, want %s", p, got, c.want)
			}
		})
	}
	for _, s := range States {
		if got := Overall([]State{s}); got != s {
			t.Errorf("%s alone is %s", s, got)
		}
	}
}

// What the stored history says is what is shown, for as long as something is
// measured.
func TestTheStoredLevelDecides(t *testing.T) {
	c := Check{Every: time.Minute, Timeout: 10 * time.Second, Level: Operational, Conclusive: runs(jobs.Failed)}
	if got := c.State(now); got != Operational {
		t.Errorf("a failed run within the rules is %s", got)
	}
	c.Level, c.Conclusive = Outage, runs(jobs.Passed)
	if got := c.State(now); got != Outage {
		t.Errorf("an outage that lasts is %s", got)
	}
	if got := c.State(now.Add(time.Hour)); got != NotMeasured {
		t.Errorf("without fresh runs it is %s", got)
	}
}
