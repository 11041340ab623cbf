package status_test

import (
	"testing"

	"github.com/probefleet/probefleet/internal/status"
)

func TestJudgeLocation(t *testing.T) {
	for _, c := range []struct {
		name  string
		s     status.LocationSample
		sound bool
	}{
		{"nothing known", status.LocationSample{Checks: 10, Healthy: true}, true},
		{"nothing known of a sick one", status.LocationSample{Checks: 10}, false},
		{"a sick one that is not used any more", status.LocationSample{}, true},
		{"all well", status.LocationSample{Checks: 10, Healthy: true, Runs: 10}, true},
		{"just under half", status.LocationSample{Checks: 10, Healthy: true, Runs: 9, Sick: 4, Attempts: 9}, true},
		{"half", status.LocationSample{Checks: 10, Healthy: true, Runs: 10, Sick: 5, Attempts: 5}, false},
		{"the only check, once", status.LocationSample{Checks: 10, Healthy: true, Runs: 1, Sick: 1, Attempts: 1}, true},
		{"the only check, twice", status.LocationSample{Checks: 10, Healthy: true, Runs: 1, Sick: 1, Attempts: 2}, false},
		{"still a quarter", status.LocationSample{Checks: 10, Runs: 8, Sick: 2, Attempts: 2}, false},
		{"less than a quarter", status.LocationSample{Checks: 10, Runs: 9, Sick: 2, Attempts: 2}, true},
	} {
		if got := c.s.Judge(); got != c.sound {
			t.Errorf("%s: healthy %t", c.name, got)
		}
	}
}
