package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// ran stores runs of a check at a location, a minute apart, that took so long.
func (d *desk) ran(id, location string, n int, took time.Duration) {
	d.t.Helper()
	var list []jobs.Result
	for i := range n {
		now := time.Now().UTC().Add(-time.Duration(i) * time.Minute)
		c := check.Check{ID: id, Every: time.Minute, Spec: check.OneRequest(check.Request{}, nil, nil)}
		r := jobs.ResultFor(jobs.New(c, location, now, 1, now, now.Add(time.Minute)))
		r.Outcome, r.StartedAt, r.FinishedAt = jobs.Passed, now, now.Add(took)
		list = append(list, r)
	}
	if _, err := d.db.RecordReceived(d.t.Context(), list, nil); err != nil {
		d.t.Fatal(err)
	}
}

// A fleet is simulated as its console knows it: its own checks at a location,
// the times that its stored runs took there, and its workers with their slots.
func TestSimulateTheFleetOfAConsole(t *testing.T) {
	d := newDesk(t)
	file := filepath.Join(t.TempDir(), "checks.yaml")
	if err := os.WriteFile(file, []byte(`defaults: {locations: [here]}
checks:
  - {id: home, every: 10s, request: "http://example.com/", expect: ["status == 200"]}
  - {id: shop, every: 20s, locations: [here, there], request: "http://example.com/shop", expect: ["status == 200"]}
  - {id: away, every: 20s, locations: [there], request: "http://example.com/away", expect: ["status == 200"]}
  - {id: idle, every: 20s, active: false, request: "http://example.com/idle", expect: ["status == 200"]}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	d.expect(0, []string{"4 created"}, "apply", file)
	base := []string{"simulate", "-live", "-class", "api", "-location", "here", "-seeds", "2", "-for", "30m", "-incident-share", "0"}
	with := func(args ...string) []string { return append(base[:len(base):len(base)], args...) }

	d.expect(1, []string{"at least 10 are needed", "-since", "-service"}, base...)
	d.ran("home", "here", 30, 2*time.Second)
	d.ran("shop", "there", 30, 20*time.Second) // another location's, which does not count
	d.expect(0, []string{"service times of 30 runs, no worker is known", "2 checks, ", "jobs a second of 2.00 s each"}, base...)

	for i, slots := range []int{10, 12} {
		w := jobs.Announcement{
			Worker: jobs.Worker{ID: "box/" + string(rune('1'+i)), Build: "v1"}, Location: "here", Reads: 1, Writes: 1,
			Lanes: []jobs.LaneState{{Class: jobs.ClassAPI, Slots: slots}, {Class: jobs.ClassBrowser, Slots: 2}}, StartedAt: time.Now(), SentAt: time.Now(),
		}
		if err := d.db.WorkerSaid(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	// The fleet stays as it is: nobody may size it.
	out := d.expect(0, []string{`"workers": 2`, `"slots": 11`, `"runs": 30`}, with("-o", "json", "-policies", "ours", "-min", "2", "-max", "2")...)
	var got simulated
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if hours := got.Rows[0].TaskHours.Mean; math.Abs(got.Rate-0.15) > 1e-9 || hours != 1 {
		t.Errorf("%.2f jobs a second, %.2f task-hours in half an hour; want 0.15, and those of 2 workers", got.Rate, hours)
	}
	// What is said wins over what is found.
	d.expect(0, []string{"service times as asked for, no worker is known", "of 1.", "s each"}, with("-service", "1s:0.1", "-slots", "3", "-start", "1")...)

	for want, args := range map[string][]string{
		"has no active check of class browser": {"-class", "browser"},
		"name no files":                        {file},
		"at \"moon\"":                          {"-location", "moon"},
	} {
		d.expect(2, []string{want}, with(args...)...)
	}
	d.env["PROBEFLEET_CONSOLE_TOKEN"] = "not-this-one"
	if out := d.expect(1, []string{"401"}, base...); strings.Contains(out, "not-this-one") {
		t.Errorf("the token is said: %s", out)
	}
}
