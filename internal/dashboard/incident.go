package dashboard

import (
	"fmt"
	"hash/fnv"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/prose"
	"github.com/probefleet/probefleet/internal/status"
)

const (
	// maxPast bounds the incidents at the foot of the first page, and those on
	// the page of a check.
	maxPast = 8
	// stillCurrent is how long what people wrote down stays at the head of the
	// first page after it was resolved.
	stillCurrent = time.Hour
	pastFor      = 7 * 24 * time.Hour
)

// incidentView is an incident as it is shown.
type incidentView struct {
	mark
	ID, Title string
	Href      string
	Lasts     bool
	Phase     string // of the newest update; "" where there is none
	Opened    *stamp
	Closed    *stamp
	Span      string // how long it lasted, or lasts so far
	Services  []service
	Reason    string
	Locations string
	// Updates are the newest first.
	Updates    []updateView
	Postmortem template.HTML
	ByRules    bool
}

// service is a check as it is named beside an incident.
type service struct{ ID, Name, Href string }

type updateView struct {
	Phase string
	At    *stamp
	Body  template.HTML
}

func impactMark(r status.Recorded) mark {
	switch r.Impact {
	case status.ImpactOutage:
		return mark{"x", "Outage"}
	case status.ImpactDegraded:
		return mark{"d", "Degraded"}
	case status.ImpactMaintenance:
		return maintenanceMark
	}
	return mark{"n", "Notice"}
}

// titleOf is what an incident is called.
func titleOf(f *frame, r status.Recorded) string {
	if r.Title != "" {
		return r.Title
	}
	name := r.CheckID
	if j, ok := f.check(r.CheckID); ok {
		name = j.Name
	}
	if r.Open() {
		return shorten(name, 80) + " has an outage"
	}
	return shorten(name, 80) + " had an outage"
}

func newIncidentView(f *frame, r status.Recorded) incidentView {
	v := incidentView{
		mark: impactMark(r), ID: r.ID, Title: titleOf(f, r), Lasts: r.Open(), ByRules: r.ByRules,
		Opened: newStamp(r.Opened, f.now), Closed: newStamp(r.Closed, f.now),
		Reason: shorten(r.Message, 300), Locations: enumerate(r.Locations),
	}
	end := r.Closed
	if r.Open() {
		end = f.now
	}
	v.Span = span(max(0, end.Sub(r.Opened)))
	v.Href = f.site.base + "/incidents/" + r.ID + f.with()
	for _, id := range r.Checks {
		if j, ok := f.check(id); ok {
			v.Services = append(v.Services, service{id, j.Name, f.site.base + "/checks/" + id + f.with()})
		}
	}
	for _, u := range slices.Backward(r.Updates) {
		v.Updates = append(v.Updates, updateView{phaseWord(u.Phase), newStamp(u.At, f.now), prose.HTML(u.Body)})
	}
	if len(v.Updates) > 0 {
		v.Phase = v.Updates[0].Phase
	}
	if strings.TrimSpace(r.Postmortem) != "" {
		v.Postmortem = prose.HTML(r.Postmortem)
	}
	return v
}

func phaseWord(p status.Phase) string {
	if p == "" {
		return ""
	}
	return strings.ToUpper(string(p[:1])) + string(p[1:])
}

// frontIncidents are those of the first page: what people have to say of what
// goes on, and what was over lately.
func frontIncidents(f *frame) (current, past []incidentView) {
	for _, r := range f.snap.incidents {
		byPeople := !r.ByRules || r.Title != "" || len(r.Updates) > 0
		switch {
		case byPeople && (r.Open() || f.now.Sub(r.Closed) < stillCurrent):
			current = append(current, newIncidentView(f, r))
		case !r.Open() && f.now.Sub(r.Closed) < pastFor && len(past) < maxPast:
			past = append(past, newIncidentView(f, r))
		}
	}
	return current, past
}

// incidentsOf are the last incidents of a check.
func incidentsOf(f *frame, id string) []incidentView {
	var out []incidentView
	for _, r := range f.snap.incidents {
		if (slices.Contains(r.Checks, id) || len(r.Checks) == 0) && len(out) < maxPast {
			out = append(out, newIncidentView(f, r))
		}
	}
	return out
}

// window is a time of maintenance that lasts or comes next.
type window struct {
	plan     status.Planned
	from, to time.Time
}

// announceWithin is how far ahead maintenance is announced.
const announceWithin = 14 * 24 * time.Hour

// windowsOf are the times that last at now or begin within announceWithin, the
// next of each plan, in order.
func windowsOf(plans []status.Planned, now time.Time) []window {
	var out []window
	for _, p := range plans {
		from, to, ok := status.NewWindow(p.Maintenance).Next(now)
		if ok && from.Sub(now) < announceWithin {
			out = append(out, window{p, from, to})
		}
	}
	slices.SortStableFunc(out, func(a, b window) int { return a.from.Compare(b.from) })
	return out
}

// lastingFor are the checks in maintenance at now.
func lastingFor(ws []window, now time.Time) map[string]bool {
	out := map[string]bool{}
	for _, w := range ws {
		if w.from.After(now) {
			continue
		}
		for _, id := range w.plan.Checks {
			out[id] = true
		}
	}
	return out
}

// maintenanceView is a window as it is shown.
type maintenanceView struct {
	Title, Why string
	Lasts      bool
	From, To   *stamp
	Span       string
	Again      bool
	Services   []service
}

func newMaintenanceView(f *frame, w window) maintenanceView {
	v := maintenanceView{
		Title: w.plan.Title, Why: w.plan.Why, Lasts: !w.from.After(f.now), From: newStamp(w.from, f.now), To: newStamp(w.to, f.now),
		Span: span(w.to.Sub(w.from)), Again: w.plan.Recurs(),
	}
	for _, id := range w.plan.Checks {
		if j, ok := f.check(id); ok {
			v.Services = append(v.Services, service{id, j.Name, f.site.base + "/checks/" + id + f.with()})
		}
	}
	switch {
	case v.Title != "":
	case v.Why != "":
		v.Title, v.Why = v.Why, ""
	default:
		v.Title = "Maintenance"
	}
	return v
}

// maxAnnounced bounds the windows on the first page.
const maxAnnounced = 6

// announced are the windows of the first page: those that checks of this page
// are concerned by, and of those that come again only the ones that last or
// come within a day.
func announced(f *frame) []maintenanceView {
	var out []maintenanceView
	for _, w := range f.windows {
		if w.plan.Recurs() && w.from.Sub(f.now) > 24*time.Hour {
			continue
		}
		if v := newMaintenanceView(f, w); len(v.Services) > 0 && len(out) < maxAnnounced {
			out = append(out, v)
		}
	}
	return out
}

func maintenanceOf(f *frame, id string) []maintenanceView {
	var out []maintenanceView
	for _, w := range f.windows {
		if slices.Contains(w.plan.Checks, id) && len(out) < maxAnnounced {
			out = append(out, newMaintenanceView(f, w))
		}
	}
	return out
}

// digestTold changes where anything does that is shown of incidents and
// maintenance.
func digestTold(f *frame) string {
	h := fnv.New64a()
	for _, r := range f.snap.incidents {
		fmt.Fprintln(h, r.ID, r.Title, r.Impact, r.Opened.Unix(), r.Closed.Unix(), r.Checks, r.Message, r.Locations, len(r.Updates), r.Postmortem)
		for _, u := range r.Updates {
			fmt.Fprintln(h, u.Phase, u.At.UnixNano(), u.Body)
		}
	}
	for _, w := range f.windows {
		fmt.Fprintln(h, w.plan.ID, w.plan.Title, w.plan.Why, w.plan.Checks, w.from.Unix(), w.to.Unix(), w.from.After(f.now))
	}
	return strconv.FormatUint(h.Sum64(), 36)
}
