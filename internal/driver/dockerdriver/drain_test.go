package dockerdriver

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// Whoever is stopped, for a release, for one that is put back or for good, gets
// the time for its drain. Nothing is lost without it, as jobs come again, but
// each running check would be begun anew.
func TestEveryStopIsADrain(t *testing.T) {
	e, socket := newEngine(t)
	d := newDriver(t, socket, 2)
	e.broken["worker:bad"], e.sick["worker:sick"] = true, true
	for _, commit := range []string{"one", "two"} {
		if err := d.Deploy(t.Context(), release(commit)); err != nil {
			t.Fatal(err)
		}
	}
	for _, commit := range []string{"bad", "sick"} { // ends at once; runs, takes jobs, and is not ready
		if err := d.Deploy(t.Context(), release(commit)); err == nil {
			t.Errorf("the release %s was rolled out", commit)
		}
	}
	has(t, e, map[string]int{"running two": 2})
	if err := d.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.killed) > 0 {
		t.Errorf("removed while they ran: %v", e.killed)
	}
	if len(e.drains) < 5 || slices.ContainsFunc(e.drains, func(seconds string) bool { return seconds != "90" }) {
		t.Errorf("seconds that containers were given to end: %v, want 90 each", e.drains)
	}
}

// What already is as asked for stays as it is. Where an interrupted deploy left
// a second container of the release in a place, one is kept, untouched, and
// whichever goes is drained: one that runs goes last.
func TestWhatIsAsAskedForStays(t *testing.T) {
	for _, state := range []string{"running", "exited", "created"} {
		for _, older := range []bool{true, false} {
			e, socket := newEngine(t)
			d := newDriver(t, socket, 3)
			if err := d.Deploy(t.Context(), release("one")); err != nil {
				t.Fatal(err)
			}
			first := e.boxes[1]
			second := &box{id: strings.Repeat("a", 64), image: first.image, state: state, labels: maps.Clone(first.labels), created: first.created + 9, looked: 9}
			if older {
				second.created = first.created - 9
			}
			e.boxes = append(e.boxes, second)
			began := map[string]int{}
			for _, b := range e.boxes {
				began[b.id] = b.began
			}
			e.reset()
			for range 2 {
				if err := d.Deploy(t.Context(), release("one")); err != nil {
					t.Fatal(err)
				}
			}
			has(t, e, map[string]int{"running one": 3})
			for _, b := range e.boxes {
				if b.began != began[b.id] {
					t.Errorf("a second one that is %s: place %s was started again", state, b.short())
				}
				if b == second && state != "running" {
					t.Errorf("the one that is %s is kept, and the one that runs is gone", state)
				}
			}
			if e.least < 3 || len(e.killed) > 0 {
				t.Errorf("a second one that is %s: at the worst %d were ready, removed while they ran: %v", state, e.least, e.killed)
			}
		}
	}
}
