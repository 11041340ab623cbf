package status

import (
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// Window is a maintenance window that is ready to be asked. The zero value
// covers nothing.
type Window struct {
	// From and To bound a window that is once, and a recurring one as well
	// where they are set: it counts from From on and before To.
	From, To time.Time
	Why      string

	cron check.Cron
	zone *time.Location
	last time.Duration // of each time that it recurs; 0: it is once
}

// NewWindow reads a window of a check. What check.Validate refuses is a window
// that covers nothing.
func NewWindow(m check.Maintenance) Window {
	w := Window{From: m.From, To: m.To, Why: m.Why}
	if !m.Recurs() {
		return w
	}
	cron, err := check.ParseCron(m.Cron)
	if err != nil {
		return Window{}
	}
	zone, err := check.LoadZone(m.Zone)
	if err != nil {
		return Window{}
	}
	w.cron, w.zone, w.last = cron, zone, m.For
	return w
}

// Covers reports whether t is in the window: its beginning is, its end is not.
func (w Window) Covers(t time.Time) bool {
	if w.last == 0 {
		return !t.Before(w.From) && t.Before(w.To)
	}
	if !w.From.IsZero() && t.Before(w.From) || !w.To.IsZero() && !t.Before(w.To) {
		return false
	}
	// Some beginning lies in (t-last, t]. A day of slack on either side, as
	// local days begin at other times than ours.
	for d := date(t.In(w.zone)); ; d = d.AddDate(0, 0, -1) {
		if t.Sub(d) > w.last+48*time.Hour {
			return false
		}
		if w.cron.Day(d) && w.coversFrom(d, t) {
			return true
		}
	}
}

// coversFrom reports whether a window that begins on the local date d, midnight
// UTC of it, covers t.
func (w Window) coversFrom(d, t time.Time) bool {
	for h := 23; h >= 0; h-- {
		if w.cron.Hours&(1<<h) == 0 {
			continue
		}
		for m := 59; m >= 0; m-- {
			if w.cron.Minutes&(1<<m) == 0 {
				continue
			}
			start := localTime(d, h, m, w.zone)
			if !t.Before(start) && t.Before(start.Add(w.last)) {
				return true
			}
		}
	}
	return false
}

// date is the date of t as midnight UTC: dates are counted there, where every
// day has 24 hours.
func date(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// localTime is when the clocks of zone show hour and minute on the date d. A
// time that is skipped, as clocks go forward, is the moment at which they do;
// of one that comes twice it is the first.
func localTime(d time.Time, hour, minute int, zone *time.Location) time.Time {
	wall := d.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
	var found time.Time
	for _, near := range []time.Time{wall.Add(-24 * time.Hour), wall.Add(24 * time.Hour)} {
		_, offset := near.In(zone).Zone()
		at := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if shows(at, wall) && (found.IsZero() || at.Before(found)) {
			found = at
		}
	}
	if !found.IsZero() {
		return found
	}
	// Skipped: by the offset of before it would be after the change.
	_, offset := wall.Add(-24 * time.Hour).In(zone).Zone()
	change, _ := wall.Add(-time.Duration(offset) * time.Second).In(zone).ZoneBounds()
	return change
}

// shows reports whether a clock shows at t what one at UTC shows at wall.
func shows(t, wall time.Time) bool {
	return date(t).Equal(date(wall)) && t.Hour() == wall.Hour() && t.Minute() == wall.Minute()
}
