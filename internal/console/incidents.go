package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/status"
)

// incidents is where outages and what people say of them are kept. What it
// does not do for a reason that a person can mend is a *[RefusedError].
type incidents interface {
	Incidents(ctx context.Context, f IncidentFilter) ([]status.Recorded, error)
	Incident(ctx context.Context, id string) (status.Recorded, bool, error)
	OpenIncident(ctx context.Context, r status.Report) (id string, err error)
	UpdateIncident(ctx context.Context, id string, u status.Update) error
	DescribeIncident(ctx context.Context, id, title string, public bool, postmortem string) error
	MergeIncident(ctx context.Context, id, into string) error
	PlanMaintenance(ctx context.Context, p status.Planned) (id string, err error)
	PlannedMaintenance(ctx context.Context, all bool) ([]status.Planned, error)
	CancelMaintenance(ctx context.Context, id string) (bool, error)
}

// RefusedError says why something is not done, in words for whoever asked.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// IncidentFilter chooses incidents; what is empty does not matter.
type IncidentFilter struct {
	Check string
	Open  bool
	// Since leaves out what was over before, Before what began then or later.
	Since, Before time.Time
	// Retracted asks for those as well that never were, or were merged.
	Retracted bool
	Limit     int
}

// Incident is an outage that the rules found, or what people wrote down.
type Incident struct {
	ID     string `json:"id"`
	Source string `json:"source" enum:"rules,person"`
	// Check is that of an outage of the rules.
	Check  string        `json:"check,omitempty"`
	Checks []string      `json:"checks" nullable:"false" doc:"All that it is about; none stands for everything."`
	Title  string        `json:"title" doc:"Empty where the check's name says it all."`
	Impact status.Impact `json:"impact" enum:"outage,degraded,maintenance,none"`
	Public bool          `json:"public"`
	Opened time.Time     `json:"opened"`
	Closed *time.Time    `json:"closed,omitempty" doc:"Absent while it lasts."`
	// FirstSlot and LastSlot failed first and last, at Locations.
	FirstSlot  *time.Time `json:"first_slot,omitempty"`
	LastSlot   *time.Time `json:"last_slot,omitempty"`
	Failed     int        `json:"failed" doc:"Failed slots, over all locations."`
	Locations  []string   `json:"locations" nullable:"false"`
	FaultClass string     `json:"fault_class,omitempty"`
	Reason     string     `json:"reason,omitempty" doc:"What failed first."`
	FirstFail  string     `json:"first_fail,omitempty" doc:"Id of the attempt that failed first; GET /api/v1/runs/ID shows it."`
	LastPass   string     `json:"last_pass,omitempty" doc:"Id of the attempt before it at the same location."`
	Retracted  bool       `json:"retracted,omitempty" doc:"Later results showed that it never was, or it was merged."`
	MergedInto string     `json:"merged_into,omitempty"`
	Postmortem string     `json:"postmortem,omitempty" doc:"Markdown."`
	CreatedBy  string     `json:"created_by,omitempty"`
	// Updates are absent in lists.
	Updates []IncidentUpdate `json:"updates,omitempty"`
}

// IncidentUpdate is what people said of an incident at a time.
type IncidentUpdate struct {
	Phase  status.Phase `json:"phase" enum:"investigating,identified,monitoring,resolved"`
	Body   string       `json:"body" doc:"Markdown."`
	Public bool         `json:"public"`
	Author string       `json:"author"`
	At     time.Time    `json:"at"`
}

// Incidents is the answer of GET /api/v1/incidents.
type Incidents struct {
	Incidents []Incident `json:"incidents" nullable:"false"`
}

// NewIncident is the body of POST /api/v1/incidents.
type NewIncident struct {
	Title  string        `json:"title" minLength:"1" maxLength:"200"`
	Impact status.Impact `json:"impact,omitempty" enum:"outage,degraded,maintenance,none" default:"outage"`
	Checks []string      `json:"checks,omitempty" maxItems:"1000" doc:"None stands for everything."`
	Public bool          `json:"public,omitempty" doc:"Whether the status page shows it."`
	Opened *time.Time    `json:"opened,omitempty" doc:"When it began; now where it is absent."`
	// Phase and Body are a first update, where Body is not empty.
	Phase status.Phase `json:"phase,omitempty" enum:"investigating,identified,monitoring,resolved" default:"investigating"`
	Body  string       `json:"body,omitempty" maxLength:"10000" doc:"A first update, in Markdown."`
}

// NewUpdate is the body of POST /api/v1/incidents/ID/updates.
type NewUpdate struct {
	Phase  status.Phase `json:"phase" enum:"investigating,identified,monitoring,resolved" doc:"resolved closes what a person opened; an outage of the rules ends by its slots alone."`
	Body   string       `json:"body" minLength:"1" maxLength:"10000" doc:"Markdown."`
	Public *bool        `json:"public,omitempty" doc:"Whether the status page shows it, where it shows the incident; true where it is absent."`
}

// IncidentChange is the body of PATCH /api/v1/incidents/ID; what is absent
// stays.
type IncidentChange struct {
	Title      *string `json:"title,omitempty" maxLength:"200"`
	Public     *bool   `json:"public,omitempty"`
	Postmortem *string `json:"postmortem,omitempty" maxLength:"200000" doc:"Markdown; empty takes it away."`
}

// IncidentMerge is the body of POST /api/v1/incidents/ID/merge.
type IncidentMerge struct {
	Into string `json:"into" format:"uuid" doc:"The incident that it becomes a part of."`
}

type incidentPath struct {
	ID string `path:"id" format:"uuid"`
}

func (e *endpoints) incidents() {
	c := e.console
	mends := []int{http.StatusNotFound, http.StatusUnprocessableEntity}
	register(e, operation{
		id: "list-incidents", method: http.MethodGet, path: "/incidents", scope: access.RunsRead, tag: "incidents",
		summary: "List incidents", description: "Outages that the rules found and what people wrote down, the newest first, without updates.",
		errors: []int{http.StatusUnprocessableEntity},
	}, c.listIncidents)
	register(e, operation{
		id: "get-incident", method: http.MethodGet, path: "/incidents/{id}", scope: access.RunsRead, tag: "incidents",
		summary: "Show an incident with its updates", errors: mends,
	}, func(ctx context.Context, in *incidentPath) (*out[Incident], error) { return c.showIncident(ctx, in.ID) })
	register(e, operation{
		id: "open-incident", method: http.MethodPost, path: "/incidents", scope: access.IncidentsWrite, tag: "incidents",
		summary: "Write an incident down", errors: mends,
	}, c.openIncident)
	register(e, operation{
		id: "update-incident", method: http.MethodPost, path: "/incidents/{id}/updates", scope: access.IncidentsWrite, tag: "incidents",
		summary: "Say how it goes on", errors: mends,
	}, c.updateIncident)
	register(e, operation{
		id: "describe-incident", method: http.MethodPatch, path: "/incidents/{id}", scope: access.IncidentsWrite, tag: "incidents",
		summary: "Change title, publicity or post-mortem", errors: mends,
	}, c.describeIncident)
	register(e, operation{
		id: "merge-incident", method: http.MethodPost, path: "/incidents/{id}/merge", scope: access.IncidentsWrite, tag: "incidents",
		summary:     "Make an incident a part of another one",
		description: "What a person opened can be merged into any other incident, which from then on is about the checks of both and has the updates of both. The answer is that one.",
		errors:      mends,
	}, c.mergeIncident)
}

type incidentUpdateInput struct {
	ID   string `path:"id" format:"uuid"`
	Body NewUpdate
}

func (c *Console) updateIncident(ctx context.Context, in *incidentUpdateInput) (*out[Incident], error) {
	u := status.Update{Phase: in.Body.Phase, Body: in.Body.Body, Public: in.Body.Public == nil || *in.Body.Public, Author: holder(ctx).Name}
	return c.changed(ctx, in.ID, c.o.Incidents.UpdateIncident(ctx, in.ID, u))
}

type incidentMergeInput struct {
	ID   string `path:"id" format:"uuid"`
	Body IncidentMerge
}

func (c *Console) mergeIncident(ctx context.Context, in *incidentMergeInput) (*out[Incident], error) {
	return c.changed(ctx, in.Body.Into, c.o.Incidents.MergeIncident(ctx, in.ID, in.Body.Into))
}

type incidentsInput struct {
	Check     string `query:"check" doc:"Only those that are about this check."`
	Open      bool   `query:"open" doc:"Only those that last."`
	Since     string `query:"since" doc:"Only those that were not over at this time, as 2026-03-14T12:00:00Z or as a duration before now, such as 24h; at most 31 days where it is a duration."`
	Retracted bool   `query:"retracted" doc:"Also those that never were or were merged."`
	Limit     int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

func (c *Console) listIncidents(ctx context.Context, in *incidentsInput) (*out[Incidents], error) {
	f := IncidentFilter{Check: in.Check, Open: in.Open, Retracted: in.Retracted, Limit: in.Limit}
	if in.Since != "" {
		var err error
		if f.Since, err = parseMoment("since", in.Since, time.Now(), 0); err != nil {
			return nil, newProblem(http.StatusUnprocessableEntity, err.Error())
		}
	}
	found, err := c.o.Incidents.Incidents(ctx, f)
	if err != nil {
		return nil, c.failed("reading the incidents", err)
	}
	list := Incidents{Incidents: []Incident{}}
	for _, r := range found {
		list.Incidents = append(list.Incidents, newIncident(r))
	}
	return answer(list), nil
}

func (c *Console) showIncident(ctx context.Context, id string) (*out[Incident], error) {
	r, ok, err := c.o.Incidents.Incident(ctx, id)
	if err != nil {
		return nil, c.failed("reading the incident", err)
	}
	if !ok {
		return nil, newProblem(http.StatusNotFound, fmt.Sprintf("there is no incident %q; /api/v1/incidents lists them", id))
	}
	return answer(newIncident(r)), nil
}

// changed answers an incident after a change, or why there was none.
func (c *Console) changed(ctx context.Context, id string, err error) (*out[Incident], error) {
	if r, ok := errors.AsType[*RefusedError](err); ok {
		return nil, newProblem(http.StatusUnprocessableEntity, r.Reason)
	}
	if err != nil {
		return nil, c.failed("changing the incident", err)
	}
	c.o.Logger.Info("incident changed", "incident", id, "by", holder(ctx).Name)
	return c.showIncident(ctx, id)
}

func (c *Console) openIncident(ctx context.Context, in *struct{ Body NewIncident }) (*out[Incident], error) {
	b, by := in.Body, holder(ctx).Name
	if err := c.knownChecks(ctx, b.Checks); err != nil {
		return nil, err
	}
	r := status.Report{Title: b.Title, Impact: b.Impact, Checks: b.Checks, Public: b.Public, Author: by}
	if b.Opened != nil {
		if r.Opened = *b.Opened; r.Opened.After(time.Now()) {
			return nil, newProblem(http.StatusUnprocessableEntity, "it begins in the future; plan maintenance for what is to come")
		}
	}
	u := status.Update{Phase: b.Phase, Body: b.Body, Public: true, Author: by}
	if strings.TrimSpace(b.Body) != "" {
		if fault := u.Fault(); fault != "" {
			return nil, newProblem(http.StatusUnprocessableEntity, "the first update: "+fault)
		}
	}
	id, err := c.o.Incidents.OpenIncident(ctx, r)
	if err == nil && strings.TrimSpace(b.Body) != "" {
		err = c.o.Incidents.UpdateIncident(ctx, id, u)
	}
	return c.changed(ctx, id, err)
}

func (c *Console) describeIncident(ctx context.Context, in *struct {
	ID   string `path:"id" format:"uuid"`
	Body IncidentChange
},
) (*out[Incident], error) {
	was, err := c.showIncident(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	title, public, postmortem := was.Body.Title, was.Body.Public, was.Body.Postmortem
	if in.Body.Title != nil {
		title = *in.Body.Title
	}
	if in.Body.Public != nil {
		public = *in.Body.Public
	}
	if in.Body.Postmortem != nil {
		postmortem = *in.Body.Postmortem
	}
	return c.changed(ctx, in.ID, c.o.Incidents.DescribeIncident(ctx, in.ID, title, public, postmortem))
}

// knownChecks is a problem where some id is not that of an active check.
func (c *Console) knownChecks(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	checks, _, err := c.activeChecks(ctx)
	if err != nil {
		return c.failed("reading the checks", err)
	}
	var faults []string
	for i, id := range ids {
		if !slices.ContainsFunc(checks, func(k check.Check) bool { return k.ID == id }) {
			faults = append(faults, fmt.Sprintf("body.checks[%d]: there is no active check %q; /api/v1/checks lists them", i, id))
		}
	}
	if len(faults) > 0 {
		return newProblem(http.StatusUnprocessableEntity, "nothing was written: mend what is listed under faults", faults...)
	}
	return nil
}

func newIncident(r status.Recorded) Incident {
	i := Incident{
		ID: r.ID, Source: "person", Check: r.CheckID, Checks: r.Checks, Title: r.Title, Impact: r.Impact, Public: r.Public,
		Opened: r.Opened.UTC(), Closed: moment(r.Closed), FirstSlot: moment(r.First), LastSlot: moment(r.Last), Failed: r.Failed,
		Locations: append([]string{}, r.Locations...), FaultClass: string(r.Class), Reason: r.Message,
		FirstFail: r.FirstFail.ID, LastPass: r.LastPass.ID, Retracted: r.Retracted, MergedInto: r.MergedInto,
		Postmortem: r.Postmortem, CreatedBy: r.CreatedBy,
	}
	if r.ByRules {
		i.Source = "rules"
	}
	for _, u := range r.Updates {
		i.Updates = append(i.Updates, IncidentUpdate{u.Phase, u.Body, u.Public, u.Author, u.At.UTC()})
	}
	return i
}
