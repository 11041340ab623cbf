package pages

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/prose"
	"github.com/probefleet/probefleet/internal/status"
)

var incidentNewPage = formPage("incidentnew")

// idForm is that of the ids of incidents and maintenance.
var idForm = regexp.MustCompile(`^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`)

const (
	maxPostmortem = 200_000
	// maxOthers bounds the incidents that one can be merged into.
	maxOthers = 50
	// localTime is how a browser writes a time without a zone.
	localTime = "2006-01-02T15:04"
)

// addIncidentForms adds what people do with incidents and maintenance.
func (p *pages) addIncidentForms() {
	if !p.Console.HasIncidents() {
		return
	}
	f := p.Frame
	f.Page("GET /incidents/new", access.IncidentsWrite, p.newIncident)
	f.Page("POST /incidents", access.IncidentsWrite, p.changing(p.openIncident))
	f.Page("POST /incidents/{id}/updates", access.IncidentsWrite, p.changing(p.updateIncident))
	f.Page("POST /incidents/{id}/describe", access.IncidentsWrite, p.changing(p.describeIncident))
	f.Page("POST /incidents/{id}/postmortem", access.IncidentsWrite, p.changing(p.learn))
	f.Page("POST /incidents/{id}/merge", access.IncidentsWrite, p.changing(p.mergeIncident))
	f.Page("GET /maintenance", access.RunsRead, p.maintenance)
	f.Page("POST /maintenance", access.MaintenanceWrite, p.changing(p.planMaintenance))
	f.Page("POST /maintenance/{id}/cancel", access.MaintenanceWrite, p.changing(p.cancelMaintenance))
}

// wrong is why a form was not taken, for the page that shows it again; else the
// error is one that no other text mends.
func wrong(err error) (string, error) {
	var p *console.Problem
	if !errors.As(err, &p) || p.Status != http.StatusUnprocessableEntity {
		return "", err
	}
	if len(p.Faults) == 0 {
		return p.Detail, nil
	}
	said := make([]string, len(p.Faults))
	for i, fault := range p.Faults {
		said[i] = plainly(fault)
	}
	return strings.Join(said, "; "), nil
}

// within is where in the body of a request a fault is.
var within = regexp.MustCompile(`^body[][.a-z0-9_]*: `)

// plainly is a fault of the API as a person reads it: without where it is in the
// body of a request, and without the address that lists what there is.
func plainly(fault string) string {
	fault, _, _ = strings.Cut(within.ReplaceAllString(fault, ""), "; /api/")
	return fault
}

// words are what is separated by commas.
func words(text string) []string {
	var out []string
	for _, w := range strings.Split(text, ",") {
		if w = strings.TrimSpace(w); w != "" && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// spoken is an update as it is shown.
type spoken struct {
	Phase  status.Phase
	At     *web.Stamp
	Author string
	Public bool
	Body   template.HTML
}

func saidOf(i status.Recorded, now time.Time) []spoken {
	var out []spoken
	for _, u := range slices.Backward(i.Updates) {
		out = append(out, spoken{u.Phase, web.NewStamp(u.At, now), u.Author, u.Public, prose.HTML(u.Body)})
	}
	return out
}

// incidentDraft is what somebody has written about an incident and was not
// taken.
type incidentDraft struct {
	Wrong      string
	Phase      status.Phase
	Body       string
	Private    bool
	Describing bool
	Learning   bool
	Postmortem string
}

// Phases are those to choose from.
func (incidentDraft) Phases() []status.Phase { return status.Phases }

// others are the incidents of late, for one to become a part of.
func (p *pages) others(r *http.Request, id string, now time.Time) ([]incidentRow, error) {
	found, err := p.Records.Incidents(r.Context(), kept.IncidentFilter{Limit: maxOthers})
	if err != nil {
		return nil, err
	}
	name := p.name(r.Context())
	var out []incidentRow
	for _, i := range found {
		if i.ID != id && !i.Retracted && i.MergedInto == "" {
			out = append(out, newIncidentRow(i, name, now))
		}
	}
	return out, nil
}

// newIncidentView is the form of a new incident.
type newIncidentView struct {
	Wrong, Title, Checks, Text, Opened string
	Impact                             status.Impact
	Public                             bool
	Known                              []string
}

// Impacts are those to choose from.
func (newIncidentView) Impacts() []status.Impact { return status.Impacts }

// knownIDs are the ids of the checks, for forms; none where they cannot be read.
func (p *pages) knownIDs(r *http.Request) (ids, tags, groups []string) {
	all, err := p.all.get(r.Context())
	if err != nil || len(all.list) > maxOffered {
		return nil, nil, nil
	}
	for _, w := range all.list {
		ids = append(ids, w.ID)
		tags = append(tags, w.Tags...)
		if w.Group != "" {
			groups = append(groups, w.Group)
		}
	}
	for _, list := range []*[]string{&ids, &tags, &groups} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return ids, tags, groups
}

// maxOffered bounds what a page offers to choose from.
const maxOffered = 500

func (p *pages) newIncident(w http.ResponseWriter, r *http.Request) error {
	return p.showNewIncident(w, r, newIncidentView{Impact: status.ImpactOutage, Public: true, Checks: r.URL.Query().Get("check")})
}

func (p *pages) showNewIncident(w http.ResponseWriter, r *http.Request, v newIncidentView) error {
	v.Known, _, _ = p.knownIDs(r)
	return incidentNewPage(w, r, p.Frame, web.Page{Title: "Write an incident down", Section: "incidentlist", Body: v}, v.Wrong != "")
}

func (p *pages) openIncident(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	f := r.PostForm
	v := newIncidentView{
		Title: f.Get("title"), Checks: f.Get("checks"), Text: f.Get("body"), Opened: f.Get("opened"),
		Impact: status.Impact(f.Get("impact")), Public: f.Get("public") != "",
	}
	n := console.NewIncident{
		Title: v.Title, Impact: v.Impact, Checks: words(v.Checks), Public: v.Public, Phase: status.Investigating, Body: v.Text,
	}
	if v.Opened != "" {
		at, err := time.ParseInLocation(localTime, v.Opened, time.UTC)
		if err != nil {
			v.Wrong = fmt.Sprintf("%q is no time; write it as %s.", v.Opened, localTime)
			return p.showNewIncident(w, r, v)
		}
		n.Opened = &at
	}
	i, err := p.Console.OpenIncident(r.Context(), n)
	if err != nil {
		if v.Wrong, err = wrong(err); err != nil {
			return err
		}
		return p.showNewIncident(w, r, v)
	}
	p.Frame.Redirect(w, r, href("incidents", i.ID), web.Flash{Text: "The incident is open."})
	return nil
}

// incidentID is the id of the incident that a form is about.
func incidentID(r *http.Request) (string, error) {
	id := r.PathValue("id")
	if !idForm.MatchString(id) {
		return "", missing("There is no such incident.")
	}
	return id, r.ParseForm()
}

// changedIncident answers the form of an incident.
func (p *pages) changedIncident(w http.ResponseWriter, r *http.Request, id string, err error, draft incidentDraft, done string) error {
	if err != nil {
		if draft.Wrong, err = wrong(err); err != nil {
			return err
		}
		return p.showIncident(w, r, draft)
	}
	p.Frame.Redirect(w, r, href("incidents", id), web.Flash{Text: done})
	return nil
}

func (p *pages) updateIncident(w http.ResponseWriter, r *http.Request) error {
	id, err := incidentID(r)
	if err != nil {
		return err
	}
	public := r.PostForm.Get("public") != ""
	d := incidentDraft{Phase: status.Phase(r.PostForm.Get("phase")), Body: r.PostForm.Get("body"), Private: !public}
	_, err = p.Console.UpdateIncident(r.Context(), id, console.NewUpdate{Phase: d.Phase, Body: d.Body, Public: &public})
	return p.changedIncident(w, r, id, err, d, "The update is added.")
}

func (p *pages) describeIncident(w http.ResponseWriter, r *http.Request) error {
	id, err := incidentID(r)
	if err != nil {
		return err
	}
	title, public := r.PostForm.Get("title"), r.PostForm.Get("public") != ""
	_, err = p.Console.DescribeIncident(r.Context(), id, console.IncidentChange{Title: &title, Public: &public})
	return p.changedIncident(w, r, id, err, incidentDraft{Describing: true}, "The incident is changed.")
}

func (p *pages) learn(w http.ResponseWriter, r *http.Request) error {
	id, err := incidentID(r)
	if err != nil {
		return err
	}
	// Browsers send the ends of lines as mail does.
	text := strings.ReplaceAll(r.PostForm.Get("postmortem"), "\r\n", "\n")
	d := incidentDraft{Learning: true, Postmortem: text}
	if utf8.RuneCountInString(text) > maxPostmortem {
		d.Wrong = fmt.Sprintf("the post-mortem has more than %d characters.", maxPostmortem)
		return p.showIncident(w, r, d)
	}
	_, err = p.Console.DescribeIncident(r.Context(), id, console.IncidentChange{Postmortem: &text})
	return p.changedIncident(w, r, id, err, d, "The post-mortem is kept.")
}

func (p *pages) mergeIncident(w http.ResponseWriter, r *http.Request) error {
	id, err := incidentID(r)
	if err != nil {
		return err
	}
	into := r.PostForm.Get("into")
	if !idForm.MatchString(into) {
		return p.showIncident(w, r, incidentDraft{Wrong: "choose the incident that it becomes a part of."})
	}
	_, err = p.Console.MergeIncident(r.Context(), id, into)
	if err != nil {
		return p.changedIncident(w, r, id, err, incidentDraft{}, "")
	}
	p.Frame.Redirect(w, r, href("incidents", into), web.Flash{Text: "They are one incident now."})
	return nil
}
