package dashboard

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/status"
)

// incidentPageView is the page of one incident.
type incidentPageView struct {
	layout
	Incident incidentView
}

func (d *Dashboard) serveIncident(w http.ResponseWriter, r *http.Request) {
	f := d.frameFor(w, r)
	if f == nil {
		return
	}
	id := strings.ToLower(r.PathValue("id"))
	var found []status.Recorded
	if i := slices.IndexFunc(f.snap.incidents, func(i status.Recorded) bool { return i.ID == id }); i >= 0 {
		found = f.snap.incidents[i : i+1]
	} else if len(id) == 36 {
		var err error
		if found, err = d.archive.incident(r.Context(), id, d.now()); err != nil {
			d.serveAway(w, r)
			return
		}
		found = f.recorded(found)
	}
	if len(found) == 0 {
		d.serveMessage(w, r, http.StatusNotFound, "There is no such incident here", "It may have been taken back, or it is not public.")
		return
	}
	d.serve(w, r, func() (*page, error) {
		return f.page("incident "+id, func() (*page, error) { return d.incidentPage(f, found[0]) })
	})
}

func (d *Dashboard) incidentPage(f *frame, r status.Recorded) (*page, error) {
	v := incidentPageView{Incident: newIncidentView(f, r)}
	code := v.Incident.Code
	if !v.Incident.Lasts {
		code = "o"
	}
	v.layout = d.layout(f, v.Incident.Title+" · "+f.site.title, code)
	v.Path, v.JSON = v.Base+"/incidents/"+r.ID, v.Base+"/api/v1/incidents"
	return execute(incidentPage, http.StatusOK, v)
}

// monthView is the page of a month.
type monthView struct {
	layout
	Name           string
	Earlier, Later string // months, "" where there is nothing
	Days           []monthDay
}

type monthDay struct {
	Name      string
	Incidents []incidentView
}

const monthForm = "2006-01"

// firstMonth is the earliest that is offered.
var firstMonth = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func (d *Dashboard) serveMonth(w http.ResponseWriter, r *http.Request) {
	f := d.frameFor(w, r)
	if f == nil {
		return
	}
	zone := f.now.Location()
	y, m, _ := f.now.Date()
	current := time.Date(y, m, 1, 0, 0, 0, 0, zone)
	from := current
	if name := r.PathValue("month"); name != "" {
		var err error
		if from, err = time.ParseInLocation(monthForm, name, zone); err != nil || from.Before(firstMonth.AddDate(0, 0, -1)) || from.After(current) {
			d.serveMessage(w, r, http.StatusNotFound, "There is no such month", "History has addresses such as /history/"+current.Format(monthForm)+".")
			return
		}
	}
	before := from.AddDate(0, 1, 0)
	list, err := d.archive.month(r.Context(), from, before, d.now())
	if err != nil {
		if !before.After(f.snap.asOf.Add(-incidentsFor)) {
			d.serveAway(w, r)
			return
		}
		list = f.snap.incidents // as far as memory goes
	}
	list = f.recorded(list)
	d.serve(w, r, func() (*page, error) {
		return f.page("month "+from.Format(monthForm), func() (*page, error) { return d.monthPage(f, list, from, before, current) })
	})
}

func (d *Dashboard) monthPage(f *frame, list []status.Recorded, from, before, current time.Time) (*page, error) {
	v := monthView{layout: d.layout(f, "Incidents in "+from.Format("January 2006")+" · "+f.site.title, "o"), Name: from.Format("January 2006")}
	v.Dated = true
	v.Path, v.JSON = v.Base+"/history/"+from.Format(monthForm), v.Base+"/api/v1/incidents"
	if from.After(firstMonth) {
		v.Earlier = from.AddDate(0, -1, 0).Format(monthForm)
	}
	if from.Before(current) {
		v.Later = before.Format(monthForm)
	}
	v.Days = days(f, list, from, before)
	return execute(monthPage, http.StatusOK, v)
}

// days lays incidents out under the days on which they began, the newest
// first; what began earlier stands under the first day.
func days(f *frame, list []status.Recorded, from, before time.Time) []monthDay {
	var out []monthDay
	for _, r := range list {
		if !r.Opened.Before(before) || !r.Closed.IsZero() && r.Closed.Before(from) {
			continue
		}
		at := r.Opened.In(from.Location())
		name := at.Format("Monday, 2 January")
		if at.Before(from) {
			name = "Since before"
		}
		if n := len(out); n == 0 || out[n-1].Name != name {
			out = append(out, monthDay{Name: name})
		}
		day := &out[len(out)-1]
		day.Incidents = append(day.Incidents, newIncidentView(f, r))
	}
	return out
}

// serveAway answers where what is asked for is not in memory and the store is
// away.
func (d *Dashboard) serveAway(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "5")
	d.serveMessage(w, r, http.StatusServiceUnavailable, "This cannot be read at the moment",
		fmt.Sprintf("It is older than what is kept in memory (%s), and the database does not answer. The page tries again by itself every few seconds.", span(incidentsFor)))
}
