package status

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/probefleet/probefleet/internal/check"
)

// Planned is maintenance that people plan by hand, beside what the checks
// themselves say.
type Planned struct {
	ID    string
	Title string
	// Maintenance is when it is, and what people read of it.
	check.Maintenance
	// Checks are concerned, and those of the Tags and of the Groups.
	Checks, Tags, Groups []string
	// Public says that the status page announces it.
	Public    bool
	CreatedBy string
	CreatedAt time.Time
	// CancelledAt is the zero time where it was not called off.
	CancelledAt time.Time
}

// Fault says what is wrong with the plan at now, "" where nothing is.
func (p Planned) Fault(now time.Time) string {
	switch {
	case strings.TrimSpace(p.Title) == "":
		return "the title is empty; say in a few words what is done"
	case utf8.RuneCountInString(p.Title) > MaxTitle:
		return fmt.Sprintf("the title has more than %d characters; put the details into why", MaxTitle)
	case len(p.Checks)+len(p.Tags)+len(p.Groups) == 0:
		return "it concerns no check; name checks, tags or groups"
	case !p.To.IsZero() && !p.To.After(now):
		return "it is over already; what was judged stands, so plan what is to come"
	}
	if f := p.Maintenance.Fault(); f != "" {
		return "the window: " + f
	}
	return ""
}

// Concerns reports whether a check with this id, group and tags is concerned.
func (p Planned) Concerns(id, group string, tags []string) bool {
	return slices.Contains(p.Checks, id) || group != "" && slices.Contains(p.Groups, group) ||
		slices.ContainsFunc(tags, func(t string) bool { return slices.Contains(p.Tags, t) })
}

// nextWithin bounds how far ahead the next time of a window is looked for: a
// leap day comes within eight years.
const nextWithin = 8*366 + 2

// Next is the time of the window that lasts at t or is the first to begin
// after, and false where there is none to come.
func (w Window) Next(t time.Time) (from, to time.Time, ok bool) {
	if w.last == 0 {
		return w.From, w.To, w.From.Before(w.To) && t.Before(w.To)
	}
	if !w.To.IsZero() && !t.Before(w.To) {
		return from, to, false
	}
	if t.Before(w.From) {
		t = w.From
	}
	// A day of slack, as local days begin at other times than ours.
	day := date(t.Add(-w.last).In(w.zone)).AddDate(0, 0, -1)
	for range nextWithin + int(w.last/(24*time.Hour)) {
		if w.cron.Day(day) {
			if from, ok = w.firstOf(day, t); ok {
				break
			}
		}
		day = day.AddDate(0, 0, 1)
	}
	if !ok || !w.To.IsZero() && !from.Before(w.To) {
		return time.Time{}, time.Time{}, false
	}
	to = from.Add(w.last)
	if from.Before(w.From) {
		from = w.From
	}
	if !w.To.IsZero() && w.To.Before(to) {
		to = w.To
	}
	return from, to, true
}

// firstOf is the first beginning on the local date d whose time is not over at
// t.
func (w Window) firstOf(d, t time.Time) (time.Time, bool) {
	for h := range 24 {
		if w.cron.Hours&(1<<h) == 0 {
			continue
		}
		for m := range 60 {
			if w.cron.Minutes&(1<<m) == 0 {
				continue
			}
			if start := localTime(d, h, m, w.zone); t.Before(start.Add(w.last)) {
				return start, true
			}
		}
	}
	return time.Time{}, false
}

// Recurs reports whether the window comes again and again.
func (w Window) Recurs() bool { return w.last > 0 }
