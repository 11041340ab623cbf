package pages

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/prose"
	"github.com/probefleet/probefleet/internal/status"
)

var (
	incidentsPage = templateOf("incidents")
	incidentPage  = formPage("incident")
)

const incidentsPerPage = 50

type incidentRow struct {
	status.Recorded
	Mark   web.Mark
	Name   string
	Opened *web.Stamp
	Closed *web.Stamp
	Lasted string
}

// newIncidentRow shows an incident; names are those of the checks by id, and
// may be nil.
func newIncidentRow(i status.Recorded, name func(id string) string, now time.Time) incidentRow {
	row := incidentRow{Recorded: i, Mark: web.Mark{Code: "x", Word: "Open"}, Opened: web.NewStamp(i.Opened, now), Closed: web.NewStamp(i.Closed, now)}
	until := now
	if !i.Closed.IsZero() {
		row.Mark, until = web.Mark{Code: "o", Word: "Over"}, i.Closed
	}
	if i.Retracted {
		row.Mark = web.Mark{Code: "n", Word: "Taken back"}
	}
	row.Lasted = web.Span(until.Sub(i.Opened))
	row.Name = firstOf(i.Title, i.CheckID)
	if i.Title == "" && name != nil {
		row.Name = name(i.CheckID)
	}
	return row
}

func (p *pages) name(ctx context.Context) func(string) string {
	all, err := p.all.get(ctx)
	return func(id string) string {
		if i, ok := all.byID[id]; err == nil && ok {
			return all.list[i].Name
		}
		return id
	}
}

func (p *pages) incidents(ctx context.Context, q url.Values) (web.Page, error) {
	now := time.Now()
	f := kept.IncidentFilter{Limit: incidentsPerPage + 1, Open: q.Get("state") == "open"}
	if before, err := time.Parse(time.RFC3339Nano, q.Get("before")); err == nil {
		f.Before = before
	}
	found, err := p.Records.Incidents(ctx, f)
	if err != nil {
		return web.Page{}, err
	}
	v := struct {
		Rows  []incidentRow
		Open  bool
		Older string
		// ByHand says that people can write incidents down.
		ByHand bool
	}{Open: f.Open, ByHand: p.Console.HasIncidents()}
	if len(found) > incidentsPerPage {
		found = found[:incidentsPerPage]
		v.Older = "/incidents?before=" + found[len(found)-1].Opened.UTC().Format(time.RFC3339Nano)
		if f.Open {
			v.Older += "&state=open"
		}
	}
	name := p.name(ctx)
	for _, i := range found {
		v.Rows = append(v.Rows, newIncidentRow(i, name, now))
	}
	return web.Page{Title: "Incidents", Section: "incidentlist", Live: "incidents", Body: v}, nil
}

// side is one of two runs that are compared.
type side struct {
	Heading string
	Gone    bool // it is not kept any more
	None    bool // there never was one
	attempt
}

func (p *pages) incident(w http.ResponseWriter, r *http.Request) error {
	return p.showIncident(w, r, incidentDraft{})
}

// showIncident shows an incident, with what somebody has written and was not
// taken.
func (p *pages) showIncident(w http.ResponseWriter, r *http.Request, draft incidentDraft) error {
	if !idForm.MatchString(r.PathValue("id")) {
		return missing("There is no such incident.")
	}
	i, ok, err := p.Records.Incident(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if !ok {
		return missing("There is no such incident.")
	}
	now := time.Now()
	v := struct {
		incidentRow
		Reason      reason
		First, Last *web.Stamp
		Sides       []side
		Timings     []comparison
		Names       map[string]string
		Said        []spoken
		Learnt      template.HTML
		Draft       incidentDraft
		// ByHand says that people can add to it, Others are those that it can be
		// merged into.
		ByHand bool
		Others []incidentRow
	}{ByHand: p.Console.HasIncidents(), Draft: draft, Said: saidOf(i, now), Learnt: prose.HTML(i.Postmortem), incidentRow: newIncidentRow(i, p.name(r.Context()), now), First: web.NewStamp(i.First, now), Last: web.NewStamp(i.Last, now), Names: map[string]string{}}
	name := p.name(r.Context())
	for _, id := range i.Checks {
		v.Names[id] = name(id)
	}
	for _, s := range []struct {
		heading string
		ref     status.RunRef
	}{{"Last run that passed", i.LastPass}, {"First run that failed", i.FirstFail}} {
		if s.ref.ID == "" {
			if s.ref == i.LastPass && i.FirstFail.ID != "" {
				v.Sides = append(v.Sides, side{Heading: s.heading, Gone: true, None: true})
			}
			continue
		}
		run, found, err := p.Records.Run(r.Context(), s.ref.ID)
		if err != nil {
			return err
		}
		one := side{Heading: s.heading, Gone: !found}
		if found {
			ch, known := p.definitionAt(r, run.CheckID, run.Slot)
			one.attempt = newAttempt(run, ch, known, now)
		} else {
			one.At = web.NewStamp(s.ref.Slot, now)
		}
		v.Sides = append(v.Sides, one)
	}
	if n := len(v.Sides); n > 0 && !v.Sides[n-1].Gone && v.Sides[n-1].Failed {
		v.Reason = explain(v.Sides[n-1].Result)
	}
	if v.Reason.Sentence == "" && i.Message != "" {
		v.Reason.Sentence = upperFirst(i.Message) + "."
	}
	if len(v.Sides) == 2 && !v.Sides[0].Gone && !v.Sides[1].Gone {
		v.Timings = compare(v.Sides[0].attempt, v.Sides[1].attempt)
	}
	if v.Draft.Phase == "" && len(v.Said) > 0 {
		v.Draft.Phase = v.Said[0].Phase
	}
	if v.ByHand && !i.ByRules && web.ViewerOf(r.Context()).May(access.IncidentsWrite) {
		if v.Others, err = p.others(r, i.ID, now); err != nil {
			return err
		}
	}
	return incidentPage(w, r, p.Frame, web.Page{Title: v.Name + ": incident", Section: "incidentlist", Live: "incident:" + i.ID, Body: v}, draft.Wrong != "")
}

// comparison is one figure of two runs.
type comparison struct {
	Name          string
	Before, After string
	Differs       bool
}

// compare lists what is to be set beside each other of two runs, timings and
// headers; what is the same in both is said once.
func compare(a, b attempt) []comparison {
	var out []comparison
	add := func(name, before, after string) {
		if before != "" || after != "" {
			out = append(out, comparison{name, firstOf(before, "–"), firstOf(after, "–"), before != after})
		}
	}
	ta, tb := a.Timings, b.Timings
	for _, t := range []struct {
		name          string
		before, after time.Duration
	}{{"DNS", ta.DNS, tb.DNS}, {"Connect", ta.Connect, tb.Connect}, {"TLS", ta.TLS, tb.TLS}, {"First byte", ta.FirstByte, tb.FirstByte}, {"Download", ta.Download, tb.Download}, {"Total", ta.Total, tb.Total}} {
		if t.before > 0 || t.after > 0 {
			out = append(out, comparison{t.name, firstOf(web.Latency(t.before), "–"), firstOf(web.Latency(t.after), "–"), t.after > 2*t.before})
		}
	}
	ra, rb := a.Evidence.Response, b.Evidence.Response
	if ra != nil && rb != nil {
		add("Status", statusWords(ra.Status), statusWords(rb.Status))
		add("From", ra.RemoteAddr, rb.RemoteAddr)
		names := map[string]bool{}
		for n := range ra.Headers {
			names[n] = true
		}
		for n := range rb.Headers {
			names[n] = true
		}
		delete(names, "date")
		for _, n := range sortedKeys(names) {
			add(n, ra.Headers[n], rb.Headers[n])
		}
	}
	if pa, pb := a.Evidence.Page, b.Evidence.Page; pa != nil && pb != nil {
		add("Page", pa.URL, pb.URL)
		add("Title", pa.Title, pb.Title)
	}
	if va, vb := a.Evidence.Visit, b.Evidence.Visit; va != nil && vb != nil {
		add("Requests", fmt.Sprintf("%d, %d failed", va.Requests, va.Failed), fmt.Sprintf("%d, %d failed", vb.Requests, vb.Failed))
	}
	add("Steps done", done(a), done(b))
	add("Console", messages(a), messages(b))
	add("Worker", a.Run.Worker, b.Run.Worker)
	add("Build", a.Result.Worker.Build, b.Result.Worker.Build)
	return out
}

func done(a attempt) string {
	n := 0
	for _, s := range a.Result.Steps {
		if s.OK {
			n++
		}
	}
	if len(a.Steps) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d", n, len(a.Steps))
}

func messages(a attempt) string {
	if a.Evidence.Visit == nil {
		return ""
	}
	return web.Count(len(a.Evidence.Console), "message")
}
