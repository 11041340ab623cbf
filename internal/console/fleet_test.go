package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/rollout"
	"github.com/probefleet/probefleet/internal/status"
)

// members is a registry in memory.
type members struct {
	fleet rollout.Fleet
	away  error
}

func (m *members) Fleet(context.Context) (rollout.Fleet, error) { return m.fleet, m.away }

func (m *members) OverridePin(_ context.Context, t rollout.Target, version int) error {
	m.fleet.Pins = slices.DeleteFunc(m.fleet.Pins, func(p rollout.Pin) bool { return p.Target == t })
	m.fleet.Pins = append(m.fleet.Pins, rollout.Pin{Target: t, Computed: 1, Override: version})
	return m.away
}

// registered is a console with an old and a new worker, and a check of steps.
func registered(t *testing.T) (*members, http.Handler) {
	t.Helper()
	worker := func(id string, reads int, ago time.Duration) rollout.Worker {
		w := rollout.Worker{Seen: changed.Add(-ago), Silent: reads == 1}
		w.Worker = jobs.Worker{ID: id, Build: "v" + fmt.Sprint(reads)}
		w.Location, w.Reads, w.Writes, w.StartedAt = "here", reads, reads, changed
		w.Lanes = []jobs.LaneState{{Class: jobs.ClassAPI, Slots: 4, Busy: 1}}
		return w
	}
	m := &members{fleet: rollout.Fleet{
		Now:       changed,
		Workers:   []rollout.Worker{worker("new", 2, 0), worker("old", 1, time.Minute), worker("older", 1, time.Hour)},
		Recorders: []rollout.Recorder{{ID: "r", Build: "v2", Reads: 2, Seen: changed}},
	}}
	steps := check.Check{ID: "steps", Locations: []string{"here"}, Spec: &check.API{Steps: []check.APIStep{{ID: "a"}, {ID: "b"}}}}
	return m, New(Options{
		Store: &shelf{checks: map[string]check.Check{"steps": steps}}, Registry: m, Tokens: newRing(),
		Logger: slog.New(slog.DiscardHandler), Ready: func(context.Context) error { return nil },
	}).Handler()
}

func TestFleet(t *testing.T) {
	m, h := registered(t)
	read := func(method, path, body string) Fleet {
		t.Helper()
		w := ask(h, method, path, testToken, body)
		var got Fleet
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return got
	}
	worker := func(id string, reads int, ago time.Duration, alive bool) Worker {
		return Worker{
			ID: id, Location: "here", Build: "v" + fmt.Sprint(reads), Alive: alive, Silent: reads == 1, Reads: reads, Writes: reads,
			Lanes: []Lane{{"api", 4, 1}}, StartedAt: changed, SeenAt: changed.Add(-ago),
		}
	}
	want := Fleet{
		Workers:   []Worker{worker("new", 2, 0, true), worker("old", 1, time.Minute, true), worker("older", 1, time.Hour, false)},
		Recorders: []Recorder{{"r", "v2", true, 2, changed}},
		Pins: []Pin{
			{Type: "probefleet.result", Version: 2, Computed: 2},
			{Type: "probefleet.job", Location: "here", Class: "api", Version: 1, Computed: 1},
		},
		Held: []Held{{"steps", "here", "api", 2, 2}},
	}
	if d := cmp.Diff(want, read("GET", "/api/v1/fleet", "")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	forced := read("PUT", "/api/v1/fleet/pins", `{"location":"here","class":"api","version":2}`)
	if len(forced.Held) != 0 || forced.Pins[1].Version != 2 || forced.Pins[1].Override != 2 || forced.Pins[1].Computed != 1 {
		t.Errorf("forced: %+v", forced)
	}
	lowered := read("PUT", "/api/v1/fleet/pins", `{"version":1}`)
	if len(lowered.Held) != 1 || lowered.Pins[0].Version != 1 {
		t.Errorf("lowered: %+v", lowered)
	}
	m.away = errors.New("the database is away")
	if w := ask(h, "GET", "/api/v1/fleet", testToken, ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestPinsThatAreRefused(t *testing.T) {
	m, h := registered(t)
	for body, want := range map[string]string{
		`{"location":"here","class":"api","version":3}`:  "version 3 is not known here",
		`{"location":"here","class":"api","version":-1}`: "version -1 is not known here",
		`{"location":"here","class":"dns","version":1}`:  `\"dns\" is not a class`,
		`{"location":"No Where","class":"api"}`:          "is not a location",
		`{"class":"api","version":1}`:                    "is not a location",
		`{"location":"here","pin":1}`:                    "body.pin: unexpected property",
		`hello`:                                          "is not the JSON that was expected",
	} {
		w := ask(h, "PUT", "/api/v1/fleet/pins", testToken, body)
		if w.Code < 400 || w.Code >= 500 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	for _, path := range []string{"GET /api/v1/fleet", "PUT /api/v1/fleet/pins"} {
		method, path, _ := strings.Cut(path, " ")
		if w := ask(h, method, path, "wrong", `{"version":1}`); w.Code != http.StatusUnauthorized {
			t.Errorf("%s without the token: %d", path, w.Code)
		}
	}
	if len(m.fleet.Pins) != 0 {
		t.Errorf("%+v", m.fleet.Pins)
	}
}

// A location whose checks nobody runs is a fault of the installation; one without
// checks is none, nor is the place that takes heartbeats.
func TestALocationWithoutAWorker(t *testing.T) {
	all := []status.Location{{Name: "here", Checks: 2}, {Name: "gone", Checks: 9}, {Name: "new"}, {Name: check.HeartbeatLocation, Checks: 1}}
	got := unattended(all, []Worker{{Location: "here", Alive: true}, {Location: "gone"}})
	if want := []string{"location gone has no worker: its checks are not run (9); start a worker there"}; !slices.Equal(got, want) {
		t.Errorf("the faults are %q, want %q", got, want)
	}
}
