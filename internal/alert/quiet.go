package alert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// Quiet are hours in which a channel is left in peace: local times of a zone,
// from one and before the other, over midnight where the first is the later.
type Quiet struct {
	From string `json:"from"` // 22:00
	To   string `json:"to"`   // 07:00
	// Zone is the name of a time zone; "" is UTC.
	Zone string `json:"zone,omitempty"`
	// Days are those on which the hours begin: mon, tue, wed, thu, fri, sat,
	// sun; every day where none is named.
	Days []string `json:"days,omitempty"`
	// Do is hold (default), which keeps back what is not urgent until the end,
	// or lower, which sends it at low priority.
	Do string `json:"do,omitempty"`
}

// What is done in quiet hours.
const (
	QuietHold  = "hold"
	QuietLower = "lower"
)

// Weekdays are the names of days, as time.Weekday counts them.
var Weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ends is when the quiet hours end that cover t, and false where none do.
func (q *Quiet) ends(t time.Time) (time.Time, bool) {
	if q == nil {
		return time.Time{}, false
	}
	zone, err := check.LoadZone(q.Zone)
	from, fromOK := clock(q.From)
	to, toOK := clock(q.To)
	if err != nil || !fromOK || !toOK {
		return time.Time{}, false
	}
	local := t.In(zone)
	for back := range 2 { // those that began today, and yesterday
		y, m, d := local.AddDate(0, 0, -back).Date()
		begin := time.Date(y, m, d, from/60, from%60, 0, 0, zone)
		endDay := d
		if to <= from {
			endDay++
		}
		end := time.Date(y, m, endDay, to/60, to%60, 0, 0, zone)
		day := Weekdays[time.Date(y, m, d, 12, 0, 0, 0, time.UTC).Weekday()]
		if (len(q.Days) == 0 || slices.Contains(q.Days, day)) && !t.Before(begin) && t.Before(end) {
			return end, true
		}
	}
	return time.Time{}, false
}

// clock reads HH:MM as minutes of the day.
func clock(s string) (int, bool) {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, false
	}
	return t.Hour()*60 + t.Minute(), true
}

func (q *Quiet) faults(add func(field, format string, args ...any)) {
	if q == nil {
		return
	}
	for field, at := range map[string]string{"quiet.from": q.From, "quiet.to": q.To} {
		if _, ok := clock(at); !ok {
			add(field, "%q is not a time of day; write 22:00", at)
		}
	}
	if q.From == q.To {
		add("quiet", "begins and ends at %s; leave the channel out where nobody is to be told", q.From)
	}
	if _, err := check.LoadZone(q.Zone); err != nil {
		add("quiet.zone", "%q is not a time zone; use a name such as Europe/Berlin, or leave it out for UTC", q.Zone)
	}
	for i, d := range q.Days {
		if !slices.Contains(Weekdays, d) {
			add(fmt.Sprintf("quiet.days[%d]", i), "%q is not a day; use %s", d, strings.Join(Weekdays, ", "))
		}
	}
	if q.Do != "" && q.Do != QuietHold && q.Do != QuietLower {
		add("quiet.do", "%q is neither %s nor %s", q.Do, QuietHold, QuietLower)
	}
}
