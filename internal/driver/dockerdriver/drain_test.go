package dockerdriver

import (
	"slices"
	"testing"
)

// Whoever is stopped, for a release, for one that is put back or for good, gets
// the time for its drain. Nothing is lost without it, as jobs come again, but
// each running check would be begun anew.
func TestEveryStopIsADrain(t *testing.T) {
	e, socket := newEngine(t)
	d := newDriver(t, socket, 2)
	e.broken["worker:bad"] = true
	for _, commit := range []string{"one", "two"} {
		if err := d.Deploy(t.Context(), release(commit)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Deploy(t.Context(), release("bad")); err == nil {
		t.Error("a release that ends at once was rolled out")
	}
	if err := d.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.drains) < 4 || slices.ContainsFunc(e.drains, func(seconds string) bool { return seconds != "90" }) {
		t.Errorf("seconds that containers were given to end: %v, want 90 each", e.drains)
	}
}
