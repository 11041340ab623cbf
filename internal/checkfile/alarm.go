package checkfile

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	yaml "go.yaml.in/yaml/v4"
)

// alert reads when failing is an outage:
//
//	alert: {after: {runs: 2, for: 5m}, locations: 50%, channels: [ops], remind: 30m, reminders: 3, urgent: true}
func (o *object) alert(into *check.Alert) {
	o.read("alert", func(n *yaml.Node, path string) bool {
		a, ok := o.d.object(n, path, path, []string{"after", "locations", "channels", "remind", "reminders", "urgent"})
		if !ok {
			return false
		}
		*into = check.Alert{}
		a.read("after", func(n *yaml.Node, path string) bool {
			after, ok := a.d.object(n, path, path, []string{"runs", "for"})
			if ok {
				after.positive("runs", &into.Runs)
				after.duration("for", &into.For)
			}
			return ok
		})
		a.read("locations", func(n *yaml.Node, path string) bool { return a.d.quorum(n, path, into) })
		a.texts("channels", &into.Channels)
		a.duration("remind", &into.Remind)
		a.positive("reminders", &into.Reminders)
		a.flag("urgent", &into.Urgent)
		return true
	})
}

// positive is number for what has no meaning below 1.
func (o *object) positive(name string, into *int) {
	o.number(name, into)
	if o.has(name) && o.d.at[o.path+name] != nil && *into < 1 {
		o.d.fault(o.value(name), "%s%s is %d; write 1 or more", o.path, name, *into)
		o.place(name, nil, false)
	}
}

var percentage = regexp.MustCompile(`^([0-9]{1,3})\s*%$`)

// quorum reads a number of locations, or a percentage of them.
func (d *decoder) quorum(n *yaml.Node, path string, into *check.Alert) bool {
	s, ok := d.expanded(n, path)
	if !ok {
		return false
	}
	number, share := s, percentage.FindStringSubmatch(s)
	if share != nil {
		number = share[1]
	}
	v, err := strconv.Atoi(number)
	switch {
	case err != nil:
		d.fault(n, "%s: %q is neither a number of locations nor a share of them; write 2 or 50%%", path, s)
		return false
	case v < 1:
		d.fault(n, "%s: %s of the locations fail at all times; write 1 or more", path, s)
		return false
	case share != nil:
		into.Share = v
	default:
		into.Locations = v
	}
	return true
}

// maintenance reads the windows in which failing does not count:
//
//	maintenance:
//	  - {from: "2026-05-01T22:00:00+02:00", to: "2026-05-02T02:00:00+02:00", why: new disks}
//	  - {cron: "30 2 * * sun", zone: Europe/Berlin, for: 90m}
func (o *object) maintenance(into *[]check.Maintenance) {
	items, ok := o.list("maintenance")
	if !ok {
		return
	}
	if len(items) > check.MaxWindows {
		o.d.fault(o.value("maintenance"), "maintenance has %d windows; at most %d", len(items), check.MaxWindows)
		return
	}
	*into = make([]check.Maintenance, 0, len(items))
	for i, n := range items {
		path := fmt.Sprintf("%smaintenance[%d]", o.path, i)
		w, ok := o.d.object(n, path, "a maintenance window", []string{"from", "to", "cron", "zone", "for", "why"})
		o.d.at[path] = n
		if !ok {
			o.d.at[path] = nil
			*into = append(*into, check.Maintenance{}) // it keeps its number
			continue
		}
		var m check.Maintenance
		w.moment("from", &m.From)
		w.moment("to", &m.To)
		w.text("cron", &m.Cron)
		w.text("zone", &m.Zone)
		w.duration("for", &m.For)
		w.text("why", &m.Why)
		if once := w.has("from") || w.has("to"); once {
			for _, name := range []string{"from", "to"} {
				if !w.has(name) {
					o.d.fault(n, "%s has no %s; a window that is once has both from and to", path, name)
					o.d.at[path] = nil
				}
				if w.has(name) && o.d.at[w.path+name] == nil {
					o.d.at[path] = nil // that was said
				}
			}
		}
		*into = append(*into, m)
	}
}

// moment reads a time with its offset from UTC.
func (o *object) moment(name string, into *time.Time) {
	o.read(name, func(n *yaml.Node, path string) bool {
		s, ok := o.d.expanded(n, path)
		if !ok {
			return false
		}
		at, err := time.Parse(time.RFC3339, strings.Replace(s, " ", "T", 1))
		if err != nil {
			o.d.fault(n, "%s: %q is not a time; write date, time and the offset from UTC, such as \"2026-05-01T22:00:00+02:00\", or Z for UTC", path, s)
			return false
		}
		*into = at.UTC()
		return true
	})
}

// circles reports checks that depend on each other in a circle.
func (l *loader) circles() {
	if circle := check.Circle(l.checks); circle != nil {
		at := l.ids[circle[0]]
		l.fault(at.File, at.Line, at.Column, "%s", check.CircleWords(circle))
	}
}
