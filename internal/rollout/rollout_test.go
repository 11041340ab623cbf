package rollout

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

var (
	now  = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	here = Target{"here", jobs.ClassAPI}
)

// worker serves API checks here; seen ago.
func worker(reads int, ago time.Duration, change ...func(*Worker)) Worker {
	w := Worker{Seen: now.Add(-ago)}
	w.Location, w.Reads, w.Lanes = "here", reads, []jobs.LaneState{{Class: jobs.ClassAPI, Slots: 1}}
	for _, c := range change {
		c(&w)
	}
	return w
}

func leaving(w *Worker) { w.Leaving = true }

func browsers(w *Worker) { w.Lanes = []jobs.LaneState{{Class: jobs.ClassBrowser}} }

func there(w *Worker) { w.Location = "there" }

func TestPinOfWorkers(t *testing.T) {
	for name, c := range map[string]struct {
		last    int
		workers []Worker
		want    int
	}{
		"nobody ever":                     {0, nil, 1},
		"nobody any more":                 {2, nil, 2},
		"nobody any more, lower":          {1, nil, 1},
		"one":                             {1, []Worker{worker(2, 0)}, 2},
		"all":                             {1, []Worker{worker(2, 0), worker(3, 0), worker(2, time.Minute)}, 2},
		"one lags":                        {1, []Worker{worker(2, 0), worker(1, 0)}, 1},
		"an old one comes back":           {2, []Worker{worker(2, 0), worker(1, 0)}, 1},
		"an old one is about to time out": {1, []Worker{worker(2, 0), worker(1, Alive-1)}, 1},
		"an old one has timed out":        {1, []Worker{worker(2, 0), worker(1, Alive)}, 2},
		"an old one has left":             {1, []Worker{worker(2, 0), worker(1, 0, leaving)}, 2},
		"the only one has left":           {1, []Worker{worker(2, 0, leaving)}, 1},
		"the only one has timed out":      {1, []Worker{worker(2, Alive)}, 1},
		"an old one elsewhere":            {1, []Worker{worker(2, 0), worker(1, 0, there)}, 2},
		"an old one of another class":     {1, []Worker{worker(2, 0), worker(1, 0, browsers)}, 2},
		"newer than all":                  {1, []Worker{worker(9, 0)}, 9},
		"nonsense":                        {1, []Worker{worker(0, 0)}, 1},
		"seen in our future":              {1, []Worker{worker(1, -time.Hour), worker(2, 0)}, 1},
	} {
		f := Fleet{Now: now, Workers: c.workers}
		if c.last > 0 {
			f.Pins = []Pin{{Target: here, Computed: c.last}}
		}
		got := 1
		for _, p := range f.Decide() {
			if p.Target == here {
				got = p.Computed
			}
		}
		if got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestPinOfResults(t *testing.T) {
	for name, c := range map[string]struct {
		last      int
		recorders []Recorder
		want      int
	}{
		"nobody ever":     {0, nil, 1},
		"nobody any more": {2, []Recorder{{Reads: 1, Seen: now.Add(-Alive)}}, 2},
		"one left":        {2, []Recorder{{Reads: 1, Seen: now, Left: true}}, 2},
		"all":             {1, []Recorder{{Reads: 2, Seen: now}, {Reads: 3, Seen: now}}, 2},
		"one lags":        {2, []Recorder{{Reads: 2, Seen: now}, {Reads: 1, Seen: now}}, 1},
	} {
		f := Fleet{Now: now, Recorders: c.recorders}
		if c.last > 0 {
			f.Pins = []Pin{{Computed: c.last}}
		}
		if got := Versions(f.Decide()).Results(); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// A hand beats what was computed, but no build writes more than it knows.
func TestOverride(t *testing.T) {
	for _, c := range []struct{ computed, override, want int }{
		{0, 0, 1}, {2, 0, 2}, {2, 1, 1}, {1, 2, 2}, {1, 9, 2}, {9, 0, 2},
	} {
		if got := (Pin{Computed: c.computed, Override: c.override}).Version(2); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	f := Fleet{Now: now, Workers: []Worker{worker(2, 0)}, Pins: []Pin{{Target: here, Computed: 1, Override: 1}}}
	want := []Pin{{Computed: 1}, {Target: here, Computed: 2, Override: 1}}
	if d := cmp.Diff(want, f.Decide()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestHeld(t *testing.T) {
	step := check.APIStep{ID: "a"}
	steps := check.Check{ID: "steps", Locations: []string{"here", "there"}, Spec: &check.API{Steps: []check.APIStep{step, step}}}
	single := check.Check{ID: "single", Locations: []string{"here"}, Spec: check.OneRequest(check.Request{}, nil, nil)}
	browser := check.Check{ID: "browser", Locations: []string{"here"}, Spec: &check.Browser{}}
	checks := []check.Check{steps, single, browser}
	held := func(location string) Held {
		return Held{"steps", Target{location, jobs.ClassAPI}, 2, 2}
	}
	for name, c := range map[string]struct {
		pins []Pin
		want []Held
	}{
		"at first":          {nil, []Held{held("here"), held("there")}},
		"workers lag":       {[]Pin{{Computed: 2}, {Target: here, Computed: 2}}, []Held{held("there")}},
		"recorders lag":     {[]Pin{{Computed: 1}, {Target: here, Computed: 2}, {Target: Target{"there", jobs.ClassAPI}, Computed: 2}}, []Held{held("here"), held("there")}},
		"everyone is there": {[]Pin{{Computed: 2}, {Target: here, Computed: 2}, {Target: Target{"there", jobs.ClassAPI}, Computed: 2}}, nil},
	} {
		v := Versions(c.pins)
		if d := cmp.Diff(c.want, v.Held(checks)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if v.Holds(single, "here") || v.Holds(browser, "here") {
			t.Errorf("%s: holds what version 1 has room for", name)
		}
	}
}
