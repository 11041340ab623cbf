package status

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBars(t *testing.T) {
	for _, c := range []struct {
		counts Counts
		state  State
		uptime float64
		known  bool
	}{
		{Counts{}, NotMeasured, 0, false},
		{Counts{Inconclusive: 5, Expired: 7}, NotMeasured, 0, false},
		{Counts{Passed: 10}, Operational, 1, true},
		{Counts{Passed: 10, Inconclusive: 90, Expired: 90}, Operational, 1, true},
		{Counts{Passed: 9, Degraded: 1}, DegradedState, 1, true},
		{Counts{Degraded: 4}, DegradedState, 1, true},
		{Counts{Passed: 9, Failed: 1}, DegradedState, 0.9, true},
		{Counts{Passed: 1, Failed: 1}, DegradedState, 0.5, true},
		{Counts{Passed: 51, Failed: 49}, DegradedState, 0.51, true},
		{Counts{Passed: 1, Degraded: 1, Failed: 2}, DegradedState, 0.5, true},
		{Counts{Passed: 1, Degraded: 2, Failed: 2}, DegradedState, 0.6, true},
		{Counts{Failed: 1}, DegradedState, 0, true},
		{Counts{Failed: 1, Inconclusive: 100}, DegradedState, 0, true},
	} {
		if got := (Bucket{Counts: c.counts}).State(); got != c.state {
			t.Errorf("%+v: got %s, want %s", c.counts, got, c.state)
		}
		up, known := c.counts.Uptime()
		if math.Abs(up-c.uptime) > 1e-12 || known != c.known {
			t.Errorf("%+v: got uptime %v, %v; want %v, %v", c.counts, up, known, c.uptime, c.known)
		}
	}
}

func TestCountsAdd(t *testing.T) {
	a, b := Counts{1, 2, 3, 4, 5}, Counts{10, 20, 30, 40, 50}
	if d := cmp.Diff(Counts{11, 22, 33, 44, 55}, a.Add(b)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if a.Add(Counts{}) != a || a.Add(b) != b.Add(a) {
		t.Error("adding is not what it should be")
	}
	if n := a.Conclusive(); n != 6 {
		t.Errorf("%+v has %d conclusive runs, want 6", a, n)
	}
}

func TestLatencyOfABar(t *testing.T) {
	for _, c := range []struct {
		b    Bucket
		want time.Duration
	}{
		{Bucket{}, 0},
		{Bucket{Counts: Counts{Failed: 3}, LatencySum: time.Hour}, 0},
		{Bucket{Counts: Counts{Passed: 3, Degraded: 1, Failed: 90}, LatencySum: 10 * time.Second}, 2500 * time.Millisecond},
	} {
		if got := c.b.Latency(); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.b, got, c.want)
		}
	}
}

// A bar is an outage where the rules found one, and what is in maintenance is
// not held against it.
func TestBarsByTheStoredHistory(t *testing.T) {
	for _, c := range []struct {
		b    Bucket
		want State
	}{
		{Bucket{Counts: Counts{Passed: 9, Failed: 1}, Down: true}, Outage},
		{Bucket{Counts: Counts{Inconclusive: 3}, Down: true}, NotMeasured},
		{Bucket{Counts: Counts{Passed: 9, Failed: 1}, Maintenance: Counts{Failed: 1}}, Operational},
		{Bucket{Counts: Counts{Passed: 9, Failed: 2}, Maintenance: Counts{Failed: 1}}, DegradedState},
		{Bucket{Counts: Counts{Failed: 2}, Maintenance: Counts{Failed: 2}}, Operational},
	} {
		if got := c.b.State(); got != c.want {
			t.Errorf("%+v is %s, want %s", c.b, got, c.want)
		}
	}
}
