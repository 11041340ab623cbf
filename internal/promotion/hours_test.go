package promotion

import (
	"strings"
	"testing"
	"time"
)

func hoursIn(t *testing.T, zone string, windows ...string) *Hours {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	h := &Hours{Zone: loc}
	for _, text := range windows {
		w, err := ParseWindow(text)
		if err != nil {
			t.Fatal(err)
		}
		h.Open = append(h.Open, w)
	}
	return h
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestHoursFollowTheClockOnTheWall(t *testing.T) {
	office := []string{"Mon-Thu 09:00-16:00", "Fri 09:00-12:00"}
	for _, row := range []struct {
		zone    string
		windows []string
		now     string
		open    bool
		next    string
	}{
		{"Europe/Berlin", office, "2026-03-26T08:30:00Z", true, ""}, // Thursday 09:30 in winter
		{"Europe/Berlin", office, "2026-03-26T07:59:00Z", false, "2026-03-26T08:00:00Z"},
		{"Europe/Berlin", office, "2026-03-30T07:00:00Z", true, ""}, // Monday 09:00, the clocks went forward on Sunday
		{"Europe/Berlin", office, "2026-03-30T06:59:59Z", false, "2026-03-30T07:00:00Z"},
		{"Europe/Berlin", office, "2026-03-27T17:00:00Z", false, "2026-03-30T07:00:00Z"}, // Friday evening: Monday, an hour less away
		{"Europe/Berlin", office, "2026-10-23T16:00:00Z", false, "2026-10-26T08:00:00Z"}, // and in autumn an hour more
		{"America/New_York", office, "2026-03-06T21:00:00Z", false, "2026-03-09T13:00:00Z"},
		// 02:30 does not exist on 29 March: it opens when the clocks jump to 03:00.
		{"Europe/Berlin", []string{"Sun 02:30-04:00"}, "2026-03-29T00:59:00Z", false, "2026-03-29T01:00:00Z"},
		{"Europe/Berlin", []string{"Sun 02:10-02:50"}, "2026-03-28T23:00:00Z", false, "2026-04-05T00:10:00Z"}, // left out whole
		// 02:30 comes twice on 25 October, in summer time and in winter time.
		{"Europe/Berlin", []string{"Sun 02:30-02:45"}, "2026-10-25T00:30:00Z", true, ""},
		{"Europe/Berlin", []string{"Sun 02:30-02:45"}, "2026-10-25T00:50:00Z", false, "2026-10-25T01:30:00Z"},
		{"Europe/Berlin", []string{"Sun 02:30-02:45"}, "2026-10-25T01:30:00Z", true, ""},
		{"UTC", []string{"Fri 22:00-02:00"}, "2026-11-21T01:59:00Z", true, ""}, // past midnight
		{"UTC", []string{"Fri 22:00-02:00"}, "2026-11-21T02:00:00Z", false, "2026-11-27T22:00:00Z"},
		{"UTC", []string{"Mon-Sun 00:00-24:00"}, "2026-11-21T23:59:59Z", true, ""},
		{"Asia/Kolkata", []string{"Mon 09:00-10:00"}, "2026-11-22T12:00:00Z", false, "2026-11-23T03:30:00Z"},
	} {
		h, now := hoursIn(t, row.zone, row.windows...), at(t, row.now)
		if got := h.open(now); got != row.open {
			t.Errorf("%s %v at %s: open %t, want %t", row.zone, row.windows, row.now, got, row.open)
		}
		want := now
		if row.next != "" {
			want = at(t, row.next)
		}
		if got := h.next(now); !got.Equal(want) {
			t.Errorf("%s %v at %s: next %s, want %s", row.zone, row.windows, row.now, got.UTC(), want)
		}
	}
}

// TestNextIsTheFirstOpenMinute walks every minute of the weeks in which clocks
// change.
func TestNextIsTheFirstOpenMinute(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe"} {
		h := hoursIn(t, zone, "Sun 01:45-02:15", "Sun 02:20-02:50", "Mon-Fri 09:00-17:00", "Sat 23:30-00:30")
		for _, start := range []string{"2026-03-07T00:00:00Z", "2026-03-28T00:00:00Z", "2026-04-04T00:00:00Z", "2026-10-03T00:00:00Z", "2026-10-24T00:00:00Z", "2026-10-31T00:00:00Z"} {
			var first time.Time // the first open minute after t, found by walking back
			begin := at(t, start)
			for m := 4 * 24 * 60; m >= 0; m-- {
				now := begin.Add(time.Duration(m) * time.Minute)
				if h.open(now) {
					first = now
				}
				if got := h.next(now); !first.IsZero() && !got.Equal(first) {
					t.Fatalf("%s at %s: next %s, want %s", zone, now, got.UTC(), first)
				}
			}
		}
	}
}

func TestOpeningGoesPastFreezesAndHours(t *testing.T) {
	g := Gates{
		Hours:   hoursIn(t, "Europe/Berlin", "Mon-Fri 09:00-16:00"),
		Freezes: []Freeze{{at(t, "2026-12-18T12:00:00Z"), at(t, "2027-01-04T12:00:00Z"), "holidays"}, {at(t, "2027-01-04T10:00:00Z"), at(t, "2027-01-04T18:00:00Z"), "stocktaking"}},
	}
	if got, want := g.opening(at(t, "2026-12-18T13:00:00Z")), at(t, "2027-01-05T08:00:00Z"); !got.Equal(want) {
		t.Errorf("opens at %s, want %s", got.UTC(), want)
	}
}

func TestWindowsThatAreNone(t *testing.T) {
	for text, words := range map[string]string{
		"": "write days and times", "Mon": "write days and times", "Mo 09:00-10:00": "the days", "Mon 9-10": "is not a time of day",
		"Mon 09:00": "write 09:00-16:00", "Mon 09:00-25:00": "is not a time of day", "Mon 24:00-24:00": "is not a time of day",
		"Mon 09:00-09:00": "never open", "Mon 09:61-10:00": "is not a time of day", "Mon-Xyz 09:00-10:00": "the days",
	} {
		if _, err := ParseWindow(text); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v, want %q", text, err, words)
		}
	}
}
