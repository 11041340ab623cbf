package codec

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
)

// alarmSamples are checks with what is said of alerts, each by itself and all
// together.
func alarmSamples() map[string]check.Check {
	alert, parents, windows, all := sampleAPI(), sampleAPI(), sampleBrowser(), sampleSteps()
	alert.Alert = check.Alert{Runs: 2}
	parents.DependsOn = []string{"shop-home"}
	windows.Maintenance = []check.Maintenance{{From: at(0), To: at(3_600_000)}}
	all.Alert = check.Alert{Runs: 3, For: 5 * time.Minute, Share: 50}
	all.DependsOn = []string{"shop-home", "login"}
	all.Maintenance = []check.Maintenance{
		{Cron: "30 2 * * sun", Zone: "Europe/Berlin", For: 90 * time.Minute, Why: "new disks"},
		{From: at(0), To: at(1), Why: "once"},
	}
	told := sampleSteps()
	told.Alert = check.Alert{Runs: 2, Channels: []string{"ops", "pager"}, Remind: 30 * time.Minute, Reminders: 3, Urgent: true}
	number := sampleBrowser()
	number.Alert = check.Alert{Locations: 1}
	promised := sampleSteps()
	promised.Objective = check.Objective{Target: 999_500, Window: 30 * 24 * time.Hour, Policy: "strict-v1"}
	return map[string]check.Check{
		"alarm-objective": promised,
		"alarm-alert":     alert, "alarm-parents": parents, "alarm-windows": windows, "alarm-all": all, "alarm-number": number, "alarm-told": told,
	}
}

func TestAlarmsAreKept(t *testing.T) {
	for name, want := range alarmSamples() {
		version, data, err := EncodeCheck(want)
		if err != nil || version != 2 {
			t.Fatalf("%s: version %d, %v", name, version, err)
		}
		got, err := DecodeCheck(version, data)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, d)
		}
	}
}

// Rules of alerts are no reason to hold a check back from old workers, and
// none to send more than they need.
func TestJobsLeaveAlarmsOut(t *testing.T) {
	for name, c := range alarmSamples() {
		bare := withoutAlarms(c)
		if JobVersionOf(c) != JobVersionOf(bare) || ResultVersionOf(c) != ResultVersionOf(bare) {
			t.Errorf("%s: asks for another version than without", name)
		}
		for version := JobVersionOf(bare); version <= JobVersion; version++ {
			j := sampleJob(c)
			j.Reply = ResultVersionOf(c)
			body, err := EncodeJobAt(version, j)
			if err != nil {
				t.Errorf("%s in version %d: %v", name, version, err)
				continue
			}
			got, err := DecodeJob(body)
			if d := cmp.Diff(bare, got.Check); err != nil || d != "" {
				t.Errorf("%s in version %d: %v (-want +got):\n%s", name, version, err, d)
			}
		}
	}
}

// What was stored in version 1 never silently loses a rule.
func TestVersionOneHasNoRoomForAlarms(t *testing.T) {
	for name, lost := range map[string]string{
		"alarm-alert": "its alert rules", "alarm-parents": "the checks it depends on", "alarm-windows": "its maintenance windows",
	} {
		w, err := newCheckV2(alarmSamples()[name])
		if err != nil {
			t.Fatal(err)
		}
		if _, got := downcastCheckV2(w); got != lost {
			t.Errorf("%s: %q, want %q", name, got, lost)
		}
	}
}

// withoutAlarms is c as a job has it.
func withoutAlarms(c check.Check) check.Check {
	c.Alert, c.DependsOn, c.Maintenance, c.Retry = check.Alert{}, nil, nil, check.Retry{}
	c.Objective = check.Objective{}
	return c
}
