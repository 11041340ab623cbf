package dashboard

import (
	"net/http"
	"strings"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
)

// checkView is the page of one check.
type checkView struct {
	layout
	Mark        mark
	Name        string
	Group       string
	Description string
	Kind, Every string
	Timeout     string
	Tags        string
	Latency     string
	Last        *stamp
	Known       *known
	Reasons     []shownReason
	Histories   []shownHistory
	Locations   []shownLocation
	Chart       chart
	Runs        []shownRun
	RunsDelayed bool   // the runs are older than the page
	RunsAsOf    *stamp // nil where they could never be read
	Incidents   []incidentView
	Maintenance []maintenanceView
}

type shownReason struct {
	Text, Where string
}

// shownHistory is one period with its bars and figures.
type shownHistory struct {
	Bars          bars
	From          string
	Uptime, Scope string
	Runs          string
	Table         []barLine
}

// barLine is one bar in words.
type barLine struct {
	mark
	When, Text, Latency string
}

type shownLocation struct {
	mark
	ID, Latency string
	Last        *stamp
	Outcome     string
}

type shownRun struct {
	mark
	Slot     *stamp
	Location string
	Latency  string
	Reason   string
	Attempt  int
}

// checkPage renders the page of one check.
func (d *Dashboard) checkPage(f *frame, j judged, more detail) (*page, error) {
	m := stateMark(j.state)
	v := checkView{
		layout: d.layout(f, j.Name+": "+strings.ToLower(m.Word)+" · "+f.site.title, m.Code),
		Mark:   m, Name: j.Name, Group: j.Group, Description: j.Description,
		Kind: kindWord(j.Kind), Every: interval(j.Every), Timeout: interval(j.Timeout),
		Tags: strings.Join(j.Tags, ", "), Latency: latency(j.latency), Known: j.lastKnown(f),
		Chart: newChart(j.Check, more.points, f.now), RunsAsOf: newStamp(more.asOf, f.now), RunsDelayed: more.err != nil,
	}
	v.Check, v.JSON = j.ID, v.Base+"/api/v1/checks/"+j.ID
	v.Incidents = incidentsOf(f, j.ID)
	v.Maintenance = maintenanceOf(f, j.ID)
	if j.maintained {
		v.Mark = maintenanceMark
	}
	if j.ran {
		v.Last = newStamp(when(j.newest), f.now)
	}
	for _, r := range j.reasons {
		v.Reasons = append(v.Reasons, shownReason{r.text, strings.Join(r.locations, ", ")})
	}
	periods := []period{hourly}
	if f.long {
		periods = append(periods, daily)
	}
	for _, p := range periods {
		v.Histories = append(v.Histories, newShownHistory(f, j, p))
	}
	for _, l := range j.locations {
		v.Locations = append(v.Locations, newShownLocation(f, l))
	}
	for _, r := range more.runs {
		v.Runs = append(v.Runs, shownRun{
			mark: outcomeMark(r.Outcome), Slot: newStamp(r.Slot, f.now), Location: r.Location,
			Latency: latency(r.Latency), Reason: runReason(r), Attempt: r.Attempt,
		})
	}
	return execute(checkPage, http.StatusOK, v)
}

func runReason(r status.Run) string {
	if r.Outcome == jobs.Passed {
		return ""
	}
	return fault(r)
}

func newShownHistory(f *frame, j judged, p period) shownHistory {
	rec := newRecord(j.Check, p, f.past(p, j.ID), f.now)
	h := shownHistory{
		Bars: newBars(rec, true), From: p.name + " ago",
		Runs: count(rec.total.Conclusive(), "run"),
	}
	h.Uptime, h.Scope = f.uptime(rec)
	for i := len(rec.bars) - 1; i >= 0; i-- {
		b := rec.bars[i]
		m := stateMark(b.State())
		switch {
		case b.Idle:
			m.Word = "No run due"
		case b.Before:
			m.Word = "No run yet"
		case b.Maintained:
			m = maintenanceMark
		}
		h.Table = append(h.Table, barLine{m, moments(p, b.Start, b.End, rec.zone), tell(b, b.Counts), latency(b.Latency())})
	}
	return h
}

func newShownLocation(f *frame, l judgedLocation) shownLocation {
	s := shownLocation{mark: stateMark(l.state), ID: l.id}
	if !l.ran {
		return s
	}
	s.Last = newStamp(when(l.last), f.now)
	s.Latency = latency(l.last.Latency)
	if m := outcomeMark(l.last.Outcome); l.state == status.NotMeasured || !l.last.Outcome.Conclusive() {
		s.Outcome = "last run " + strings.ToLower(m.Word)
	}
	return s
}
