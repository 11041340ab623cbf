package check

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a window means the same on machines without time zones
	"unicode/utf8"
)

// Alert says when failing slots of a check are an outage. The zero value is
// the default: the first failed slot at half of the measured locations.
type Alert struct {
	// Runs is the number of failed slots in a row after which a location
	// counts as failing, 1 to 20; 0 stands for 1.
	Runs int
	// For is how long these slots must stretch, from the first to the newest;
	// at most 24 h. 0 asks for nothing.
	For time.Duration
	// Locations is the number of locations, or Share the percentage of the
	// measured ones, that must fail. Both 0 stands for 50 %.
	Locations, Share int

	// Channels are those that are told; none leaves that to the tags of
	// channels. At most 20.
	Channels []string
	// Remind is the time between reminders while it lasts, and Reminders their
	// greatest number; 0 stands for what each channel says.
	Remind    time.Duration
	Reminders int
	// Urgent alerts pass quiet hours.
	Urgent bool
}

// IsZero reports whether nothing is said.
func (a Alert) IsZero() bool {
	return a.Runs == 0 && a.For == 0 && a.Locations == 0 && a.Share == 0 &&
		len(a.Channels) == 0 && a.Remind == 0 && a.Reminders == 0 && !a.Urgent
}

// Bounds of alert rules and maintenance windows.
const (
	MaxAlertRuns   = 20
	MaxAlertFor    = 24 * time.Hour
	MaxRemind      = 7 * 24 * time.Hour
	MaxReminders   = 1000
	MaxChannels    = 20
	MaxParents     = 20
	MaxWindows     = 50
	MaxMaintenance = 7 * 24 * time.Hour // of a window that recurs
)

// Maintenance is a window in which what fails does not count. It is either the
// one time from From on and before To, or it recurs: it begins at the local
// times of Cron in Zone and lasts For, which is elapsed time, whatever the
// clocks do meanwhile.
type Maintenance struct {
	From, To time.Time

	// Cron has five fields: minute, hour, day of the month, month, day of the
	// week; see [ParseCron].
	Cron string
	// Zone is the name of a time zone, such as Europe/Berlin; "" is UTC.
	Zone string
	For  time.Duration

	// Why is what people read; may be empty, at most 200 characters.
	Why string
}

// Recurs reports whether the window comes again and again.
func (m Maintenance) Recurs() bool { return m.Cron != "" }

// faults lists what is wrong with the window at path.
func (m Maintenance) faults(path string) []Fault {
	var fs []Fault
	add := func(field, format string, args ...any) {
		fs = append(fs, Fault{path + field, fmt.Sprintf(format, args...)})
	}
	if n := utf8.RuneCountInString(m.Why); n > 200 {
		add(".why", "has %d characters; at most 200", n)
	}
	switch once := !m.From.IsZero() || !m.To.IsZero(); {
	case once && m.Recurs():
		add("", "has both from and cron; a window is either once, `{from: …, to: …}`, or it recurs, `{cron: …, for: …}`")
	case !once && !m.Recurs():
		add("", "has no time; write `{from: …, to: …}` for once or `{cron: …, for: …}` for a window that recurs")
	case once && !m.From.Before(m.To):
		add(".to", "is not after from")
	case once && (m.Zone != "" || m.For != 0):
		add("", "has from and to, which say everything; zone and for belong to a window with cron")
	case m.Recurs():
		if _, err := ParseCron(m.Cron); err != nil {
			add(".cron", "%v", err)
		}
		if m.For < time.Minute || m.For > MaxMaintenance {
			add(".for", "%s is out of range; use 1m to %s", m.For, MaxMaintenance)
		}
		if _, err := LoadZone(m.Zone); err != nil {
			add(".zone", "%q is not a time zone; use a name such as Europe/Berlin, or leave it out for UTC", m.Zone)
		}
	}
	return fs
}

// LoadZone is the time zone of a name as [Maintenance] has it. The zone of the
// machine has no name: what a check means is the same everywhere.
func LoadZone(name string) (*time.Location, error) {
	if name == "Local" {
		return nil, fmt.Errorf("unknown time zone %q", name)
	}
	return time.LoadLocation(name)
}

// alarmFaults lists what is wrong with the alert rules, the parents and the
// maintenance windows of c.
func (c Check) alarmFaults() []Fault {
	var fs []Fault
	add := func(path, format string, args ...any) {
		fs = append(fs, Fault{path, fmt.Sprintf(format, args...)})
	}
	a := c.Alert
	if a.Runs < 0 || a.Runs > MaxAlertRuns {
		add("alert.after.runs", "%d is out of range; use 1 to %d", a.Runs, MaxAlertRuns)
	}
	if a.For < 0 || a.For > MaxAlertFor {
		add("alert.after.for", "%s is out of range; use 0s to %s", a.For, MaxAlertFor)
	}
	switch {
	case a.Locations != 0 && a.Share != 0:
		add("alert.locations", "has a number and a percentage; write one of them")
	case a.Locations < 0 || a.Share < 0 || a.Share > 100:
		add("alert.locations", "is out of range; write a number of locations, or 1%% to 100%%")
	case a.Locations > len(c.Locations):
		add("alert.locations", "asks for %d locations, and the check has %d; so many can never fail", a.Locations, len(c.Locations))
	}
	fs = append(fs, a.toldFaults()...)
	if n := len(c.DependsOn); n > MaxParents {
		add("depends_on", "has %d checks; at most %d", n, MaxParents)
	}
	for i, id := range c.DependsOn {
		path := fmt.Sprintf("depends_on[%d]", i)
		switch {
		case id == c.ID:
			add(path, "is the check itself; name one that it needs")
		case !ValidID(id):
			add(path, "%q is not the id of a check; use 1 to 63 of a-z, 0-9, '-' and '_'", id)
		case slices.Contains(c.DependsOn[:i], id):
			add(path, "%q is named twice", id)
		}
	}
	if n := len(c.Maintenance); n > MaxWindows {
		add("maintenance", "has %d windows; at most %d", n, MaxWindows)
	}
	for i, m := range c.Maintenance {
		fs = append(fs, m.faults(fmt.Sprintf("maintenance[%d]", i))...)
	}
	return append(fs, c.objectiveFaults()...)
}

// toldFaults lists what is wrong with who is told, and how often.
func (a Alert) toldFaults() []Fault {
	var fs []Fault
	add := func(path, format string, args ...any) {
		fs = append(fs, Fault{path, fmt.Sprintf(format, args...)})
	}
	if n := len(a.Channels); n > MaxChannels {
		add("alert.channels", "has %d channels; at most %d", n, MaxChannels)
	}
	for i, name := range a.Channels {
		path := fmt.Sprintf("alert.channels[%d]", i)
		switch {
		case !ValidID(name):
			add(path, "%q is not the name of a channel; use 1 to 63 of a-z, 0-9, '-' and '_'", name)
		case slices.Contains(a.Channels[:i], name):
			add(path, "%q is named twice", name)
		}
	}
	if a.Remind != 0 && (a.Remind < time.Minute || a.Remind > MaxRemind) {
		add("alert.remind", "%s is out of range; use 1m to %s", a.Remind, MaxRemind)
	}
	if a.Reminders < 0 || a.Reminders > MaxReminders {
		add("alert.reminders", "%d is out of range; use 1 to %d, or leave it out for any number", a.Reminders, MaxReminders)
	}
	return fs
}

// alarmTexts are the texts of c that alarmFaults does not look into.
func (c Check) alarmTexts() []text {
	var ts []text
	for i, m := range c.Maintenance {
		ts = append(ts, text{fmt.Sprintf("maintenance[%d].why", i), m.Why})
	}
	return ts
}

// Circle is a circle of checks that depend on each other, in order and without
// the first named again; nil where there is none. A check that is not among
// checks ends the search there. In a circle everyone's silence would have
// another one's for its reason.
func Circle(checks []Check) []string {
	parents := make(map[string][]string, len(checks))
	ids := make([]string, 0, len(checks))
	for _, c := range checks {
		parents[c.ID] = c.DependsOn
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	done := map[string]bool{}
	var way []string
	var visit func(id string) []string
	visit = func(id string) []string {
		if i := slices.Index(way, id); i >= 0 {
			return slices.Clone(way[i:])
		}
		if done[id] {
			return nil
		}
		way = append(way, id)
		for _, p := range parents[id] {
			if circle := visit(p); circle != nil {
				return circle
			}
		}
		way = way[:len(way)-1]
		done[id] = true
		return nil
	}
	for _, id := range ids {
		if circle := visit(id); circle != nil {
			return circle
		}
	}
	return nil
}

// CircleWords tells people of a [Circle].
func CircleWords(circle []string) string {
	return fmt.Sprintf("checks depend on each other in a circle: %s → %s; take one of these depends_on away",
		strings.Join(circle, " → "), circle[0])
}
