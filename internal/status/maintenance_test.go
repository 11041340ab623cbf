package status

import (
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// The clocks of Berlin go from 2 to 3 on 29 March 2026 and from 3 to 2 on 25
// October; those of New York on 8 March and 1 November; Lord Howe's go by half
// an hour, on 5 April and 4 October.
func TestRecurringWindowsAcrossClockChanges(t *testing.T) {
	sunday := check.Maintenance{Cron: "30 2 * * sun", Zone: "Europe/Berlin", For: 90 * time.Minute}
	nightly := check.Maintenance{Cron: "0 1 * * *", Zone: "America/New_York", For: 2 * time.Hour}
	howe := check.Maintenance{Cron: "15 2 * * *", Zone: "Australia/Lord_Howe", For: time.Hour}
	late := check.Maintenance{Cron: "0 23 31 12 *", For: 3 * time.Hour}
	long := check.Maintenance{Cron: "0 22 * * fri", Zone: "Europe/Berlin", For: 55 * time.Hour}
	for _, c := range []struct {
		name       string
		m          check.Maintenance
		start, end string // the first moment in it, and the first after it
	}{
		{"an ordinary Sunday", sunday, "2026-03-22T01:30:00Z", "2026-03-22T03:00:00Z"},
		{"half past two is skipped: it begins as clocks go forward", sunday, "2026-03-29T01:00:00Z", "2026-03-29T02:30:00Z"},
		{"the Sunday after", sunday, "2026-04-05T00:30:00Z", "2026-04-05T02:00:00Z"},
		{"half past two comes twice: it begins at the first", sunday, "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z"},
		{"over the change, two hours are two hours", nightly, "2026-03-08T06:00:00Z", "2026-03-08T08:00:00Z"},
		{"one o'clock comes twice", nightly, "2026-11-01T05:00:00Z", "2026-11-01T07:00:00Z"},
		{"the day after", nightly, "2026-11-02T06:00:00Z", "2026-11-02T08:00:00Z"},
		{"half an hour is skipped", howe, "2026-10-03T15:30:00Z", "2026-10-03T16:30:00Z"},
		{"over the end of a year", late, "2026-12-31T23:00:00Z", "2027-01-01T02:00:00Z"},
		{"a weekend with a change in it", long, "2026-03-27T21:00:00Z", "2026-03-30T04:00:00Z"},
	} {
		w := NewWindow(c.m)
		start, end := when(t, c.start), when(t, c.end)
		for at, want := range map[time.Time]bool{start.Add(-1): false, start: true, end.Add(-1): true, end: false} {
			if got := w.Covers(at); got != want {
				t.Errorf("%s: %s is covered: %v", c.name, at.UTC().Format(time.RFC3339Nano), got)
			}
		}
	}
}

// Whatever the zone and the day, a daily window begins once a day and lasts as
// long as it says.
func TestADailyWindowIsThereEveryDay(t *testing.T) {
	for _, zone := range []string{"", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "America/Sao_Paulo", "Africa/Casablanca"} {
		for _, cron := range []string{"30 2 * * *", "0 0 * * *", "45 1 * * *"} {
			w := NewWindow(check.Maintenance{Cron: cron, Zone: zone, For: 45 * time.Minute})
			days, in := 0, false
			covered := 0
			for at := when(t, "2026-01-01T00:00:00Z"); at.Before(when(t, "2027-01-01T00:00:00Z")); at = at.Add(15 * time.Minute) {
				now := w.Covers(at)
				if now && !in {
					days++
				}
				if in = now; in {
					covered++
				}
			}
			if days < 365 || days > 366 || covered < 365*3-3 || covered > 366*3 {
				t.Errorf("%s in %q: %d windows of %d quarters of an hour", cron, zone, days, covered)
			}
		}
	}
}

func TestOneWindow(t *testing.T) {
	w := NewWindow(check.Maintenance{From: minute(3), To: minute(5)})
	for n, want := range []bool{false, false, false, true, true, false} {
		if got := w.Covers(minute(n)); got != want {
			t.Errorf("minute %d: %v", n, got)
		}
	}
	for _, bad := range []check.Maintenance{{}, {Cron: "no", For: time.Hour}, {Cron: "* * * * *", Zone: "Nowhere/Land", For: time.Hour}} {
		if w := NewWindow(bad); w.Covers(minute(0)) {
			t.Errorf("%+v covers", bad)
		}
	}
	bounded := NewWindow(check.Maintenance{Cron: "* * * * *", For: time.Minute})
	bounded.From, bounded.To = minute(3), minute(5)
	for n, want := range []bool{false, false, false, true, true, false} {
		if got := bounded.Covers(minute(n)); got != want {
			t.Errorf("bounded, minute %d: %v", n, got)
		}
	}
}

func when(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
