package pages

import (
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
)

// Faults of the API are told as a person reads them.
func TestFaultsAreToldPlainly(t *testing.T) {
	for _, row := range []struct {
		p    console.Problem
		want string
	}{
		{
			console.Problem{Status: 422, Detail: "nothing was written: mend what is listed under faults", Faults: []string{`body.checks[0]: there is no active check "nobody"; /api/v1/checks lists them`, "body: say when"}},
			`there is no active check "nobody"; say when`,
		},
		{console.Problem{Status: 422, Detail: "a window ends after it begins"}, "a window ends after it begins"},
		{console.Problem{Status: 422, Faults: []string{"anybody: is not of the body"}}, "anybody: is not of the body"},
	} {
		if got, err := wrong(&row.p); err != nil || got != row.want {
			t.Errorf("%+v is told as %q (%v), want %q", row.p, got, err, row.want)
		}
	}
}

// A form of maintenance without times says what is missing, not how a program
// would write it.
func TestAWindowWithoutTimes(t *testing.T) {
	d := maintenanceDraft{Title: "New disks", Zone: "UTC"}
	if _, why := d.plan(); !strings.HasPrefix(why, "say when it begins") {
		t.Errorf("without any time: %q", why)
	}
	d.From = "2026-05-12T02:30"
	if _, why := d.plan(); !strings.HasPrefix(why, "say when it ends") {
		t.Errorf("without an end: %q", why)
	}
	d.To = "soon"
	if _, why := d.plan(); !strings.Contains(why, `"soon" is no time`) {
		t.Errorf("with an end that is none: %q", why)
	}
}

// Heartbeats come in by themselves: the place that takes them needs no worker,
// and is behind where they are late.
func TestHeartbeatsNeedNoWorker(t *testing.T) {
	state := func(overdue time.Duration) fleetPlace {
		var v fleetView
		v.Locations = []status.Location{{Name: "here", Checks: 3, Healthy: true}}
		beat := kept.Activity{Location: check.HeartbeatLocation, Overdue: overdue}
		beat.Passed = 20
		v.fill([]kept.Activity{beat}, time.Now())
		if got := v.Places[0].Mark.Word; got != "No worker" {
			t.Errorf("a location with checks and without a worker is %q", got)
		}
		return v.Places[1]
	}
	if p := state(0); p.Mark.Code != "o" || !p.Taken {
		t.Errorf("heartbeats that come in are %+v", p.Mark)
	}
	if p := state(2 * time.Minute); p.Mark.Word != "Behind" {
		t.Errorf("heartbeats that are late are %+v", p.Mark)
	}
}
