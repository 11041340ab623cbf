package capacity

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/jobs"
)

func TestService(t *testing.T) {
	work := func(runs int, mean time.Duration) Work {
		return Work{Runs: runs, Busy: time.Duration(runs) * mean}
	}
	for _, row := range []struct {
		name                     string
		newest, recently, lately Work
		want                     float64
	}{
		{"an incident shows in the newest minute", work(180, 12*time.Second), work(400, 2*time.Second), work(1200, 2*time.Second), 11},
		{"and so does its end", work(180, time.Second), work(400, 11*time.Second), work(1200, 11*time.Second), 2},
		{"in few of the newest it shows less", work(20, 12*time.Second), work(100, 2*time.Second), work(1200, 9*time.Second), 7},
		{"none of the newest", Work{}, work(100, 2*time.Second), work(1200, 9*time.Second), 2},
		{"few runs, which are slower", Work{}, work(3, 20*time.Second), work(30, 4*time.Second), 20},
		{"few runs, which are faster", Work{}, work(3, time.Second), work(30, 4*time.Second), 4},
		{"few runs, one of them of the newest", work(1, 25*time.Second), work(3, 20*time.Second), work(30, 4*time.Second), (25 + 20*20) / 21.},
		{"none of late", Work{}, Work{}, work(2, 7*time.Second), 7},
		{"none at all", Work{}, Work{}, Work{}, math.NaN()},
	} {
		got := Served{Newest: row.newest, Recently: row.recently, Lately: row.lately}.Service()
		if got != row.want && !(math.IsNaN(got) && math.IsNaN(row.want)) {
			t.Errorf("%s: %v s, want %v", row.name, got, row.want)
		}
	}
}

// A minute that has just begun does not stand for a minute: the one before
// counts for what is lacking.
func TestSum(t *testing.T) {
	paris, tokyo := Place{"paris", jobs.ClassAPI}, Place{"tokyo", jobs.ClassBrowser}
	minute := func(p Place, before int, runs int, mean time.Duration) Minute {
		return Minute{p, start.Add(-time.Duration(before) * time.Minute), Work{
			Runs: runs, Again: 1, Busy: time.Duration(runs) * mean, Waited: time.Duration(before) * time.Second, Received: 1,
		}}
	}
	minutes := []Minute{ // in no order
		minute(paris, 4, 30, time.Second), minute(paris, 0, 10, 4*time.Second), minute(paris, 1, 40, 2*time.Second),
		minute(paris, 2, 40, time.Second), minute(paris, 59, 1000, time.Second), minute(paris, 60, 1, time.Hour),
		minute(tokyo, 5, 3, time.Minute),
	}
	work := func(runs, again int, busy, waited time.Duration, received int) Work {
		return Work{Runs: runs, Again: again, Busy: busy, Waited: waited, Received: received}
	}
	for after, want := range map[time.Duration][]Served{
		0: {
			{paris, work(50, 2, 120*time.Second, time.Second, 2), work(50, 1, 120*time.Second, 0, 1), work(120, 4, 190*time.Second, 4*time.Second, 4), work(1120, 5, 1190*time.Second, 59*time.Second, 5)},
			{tokyo, Work{}, Work{}, Work{}, work(3, 1, 3*time.Minute, 5*time.Second, 1)},
		},
		// Fifteen seconds of the minute before are over.
		15 * time.Second: {
			{paris, work(50, 2, 120*time.Second, time.Second, 2), work(40, 1, 100*time.Second, 0, 1), work(120, 4, 190*time.Second, 4*time.Second, 4), work(1120, 5, 1190*time.Second, 59*time.Second, 5)},
			{tokyo, Work{}, Work{}, Work{}, work(3, 1, 3*time.Minute, 5*time.Second, 1)},
		},
		// A whole one, of which nothing was stored.
		time.Minute: {
			{paris, work(10, 1, 40*time.Second, 0, 1), work(10, 0, 40*time.Second, 0, 0), work(90, 3, 160*time.Second, 2*time.Second, 3), work(120, 4, 190*time.Second, 4*time.Second, 4)},
			{tokyo, Work{}, Work{}, Work{}, work(3, 1, 3*time.Minute, 5*time.Second, 1)},
		},
		time.Hour: {{Place: paris}, {Place: tokyo}},
	} {
		if d := cmp.Diff(want, Sum(minutes, start.Add(after))); d != "" {
			t.Errorf("after %s (-want +got):\n%s", after, d)
		}
	}
}

func TestAge(t *testing.T) {
	nan := math.NaN()
	got := Work{Received: 4, Waited: 9 * time.Second}
	for _, row := range []struct {
		name            string
		before, waiting float64
		now             Work
		want            float64
	}{
		{"nothing waits", 50, 0, got, 0},
		{"jobs are received", 50, 10, got, 9},
		{"jobs wait and nobody receives them", 50, 10, Work{}, 65},
		{"since the first look", nan, 10, Work{}, 15},
		{"the queue could not be asked", 50, nan, got, nan},
	} {
		age := Age(row.before, 15*time.Second, row.waiting, row.now)
		if age != row.want && !(math.IsNaN(age) && math.IsNaN(row.want)) {
			t.Errorf("%s: %v s, want %v", row.name, age, row.want)
		}
	}
}
