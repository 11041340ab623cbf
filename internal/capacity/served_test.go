package capacity

import (
	"math"
	"testing"
	"time"
)

func TestService(t *testing.T) {
	work := func(runs int, mean time.Duration) Work {
		return Work{Runs: runs, Busy: time.Duration(runs) * mean}
	}
	for _, row := range []struct {
		name             string
		recently, lately Work
		want             float64
	}{
		{"many runs", work(100, time.Second), work(1200, 9*time.Second), 1},
		{"an incident shows at once", work(100, 12*time.Second), work(1200, 2*time.Second), 12},
		{"few runs, which are slower", work(3, 20*time.Second), work(30, 4*time.Second), 20},
		{"few runs, which are faster", work(3, time.Second), work(30, 4*time.Second), 4},
		{"none of late", Work{}, work(2, 7*time.Second), 7},
		{"none at all", Work{}, Work{}, math.NaN()},
	} {
		got := Served{Recently: row.recently, Lately: row.lately}.Service()
		if got != row.want && !(math.IsNaN(got) && math.IsNaN(row.want)) {
			t.Errorf("%s: %v s, want %v", row.name, got, row.want)
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
