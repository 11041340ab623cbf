package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/status"
)

// Maintenance is a window in which what fails does not count.
type Maintenance struct {
	ID string `json:"id"`
	PlannedMaintenance
	CreatedBy   string     `json:"created_by,omitempty"`
	CreatedAt   time.Time  `json:"created_at"`
	CancelledAt *time.Time `json:"cancelled_at,omitempty"`
	// NextFrom and NextTo are the time that lasts or comes next.
	NextFrom *time.Time `json:"next_from,omitempty"`
	NextTo   *time.Time `json:"next_to,omitempty"`
}

// PlannedMaintenance is the body of POST /api/v1/maintenance: from and to for
// once, or cron, zone and for where it recurs.
type PlannedMaintenance struct {
	Title  string     `json:"title" minLength:"1" maxLength:"200"`
	Why    string     `json:"why,omitempty" maxLength:"200"`
	Checks []string   `json:"checks,omitempty" maxItems:"1000" doc:"Ids of checks, and with them those of tags and groups."`
	Tags   []string   `json:"tags,omitempty" maxItems:"100"`
	Groups []string   `json:"groups,omitempty" maxItems:"100"`
	From   *time.Time `json:"from,omitempty"`
	To     *time.Time `json:"to,omitempty"`
	Cron   string     `json:"cron,omitempty" maxLength:"200" doc:"Local times at which it begins: minute, hour, day of the month, month, day of the week."`
	Zone   string     `json:"zone,omitempty" maxLength:"100" doc:"Name of a time zone, such as Europe/Berlin; UTC where it is absent."`
	For    string     `json:"for,omitempty" maxLength:"40" doc:"How long it lasts each time, such as 90m."`
	Public *bool      `json:"public,omitempty" doc:"Whether the status page announces it; true where it is absent."`
}

// Maintenances is the answer of GET /api/v1/maintenance.
type Maintenances struct {
	Maintenance []Maintenance `json:"maintenance" nullable:"false"`
}

func (e *endpoints) maintenance() {
	c := e.console
	register(e, operation{
		id: "list-maintenance", method: http.MethodGet, path: "/maintenance", scope: access.RunsRead, tag: "maintenance",
		summary: "List planned maintenance", description: "What lasts and what is to come; windows that check files name are with their checks.",
	}, func(ctx context.Context, in *struct {
		All bool `query:"all" doc:"Also what is over or was called off."`
	},
	) (*out[Maintenances], error) {
		found, err := c.o.Incidents.PlannedMaintenance(ctx, in.All)
		if err != nil {
			return nil, c.failed("reading the planned maintenance", err)
		}
		list := Maintenances{Maintenance: []Maintenance{}}
		for _, p := range found {
			list.Maintenance = append(list.Maintenance, newMaintenance(p, time.Now()))
		}
		return answer(list), nil
	})
	register(e, operation{
		id: "plan-maintenance", method: http.MethodPost, path: "/maintenance", scope: access.MaintenanceWrite, tag: "maintenance",
		summary: "Plan maintenance", description: "It counts from now on: what was judged before stands.", errors: []int{http.StatusUnprocessableEntity},
	}, c.planMaintenance)
	register(e, operation{
		id: "cancel-maintenance", method: http.MethodDelete, path: "/maintenance/{id}", scope: access.MaintenanceWrite, tag: "maintenance",
		summary: "Call maintenance off, from now on", errors: []int{http.StatusNotFound},
	}, c.cancelMaintenance)
}

func (c *Console) cancelMaintenance(ctx context.Context, in *incidentPath) (*struct{}, error) {
	ok, err := c.o.Incidents.CancelMaintenance(ctx, in.ID)
	if err != nil {
		return nil, c.failed("calling the maintenance off", err)
	}
	if !ok {
		return nil, newProblem(http.StatusNotFound, fmt.Sprintf("no maintenance with the id %q is planned; /api/v1/maintenance lists it", in.ID))
	}
	c.o.Logger.Info("maintenance called off", "maintenance", in.ID, "by", holder(ctx).Name)
	return nil, nil
}

func (c *Console) planMaintenance(ctx context.Context, in *struct{ Body PlannedMaintenance }) (*out[Maintenance], error) {
	b := in.Body
	if err := c.knownChecks(ctx, b.Checks); err != nil {
		return nil, err
	}
	p := status.Planned{
		Title: b.Title, Checks: b.Checks, Tags: b.Tags, Groups: b.Groups, Public: b.Public == nil || *b.Public, CreatedBy: holder(ctx).Name,
		CreatedAt: time.Now(), Maintenance: check.Maintenance{Cron: b.Cron, Zone: b.Zone, Why: b.Why},
	}
	if b.From != nil {
		p.From = b.From.UTC()
	}
	if b.To != nil {
		p.To = b.To.UTC()
	}
	if b.For != "" {
		var err error
		if p.For, err = time.ParseDuration(b.For); err != nil {
			return nil, newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("for: %q is not a duration; write one such as 90m", b.For))
		}
	}
	id, err := c.o.Incidents.PlanMaintenance(ctx, p)
	if r, ok := errors.AsType[*RefusedError](err); ok {
		return nil, newProblem(http.StatusUnprocessableEntity, r.Reason)
	}
	if err != nil {
		return nil, c.failed("planning maintenance", err)
	}
	p.ID = id
	c.o.Logger.Info("maintenance planned", "maintenance", id, "by", p.CreatedBy)
	return answer(newMaintenance(p, time.Now())), nil
}

func newMaintenance(p status.Planned, now time.Time) Maintenance {
	m := Maintenance{
		ID: p.ID, CreatedBy: p.CreatedBy, CreatedAt: p.CreatedAt.UTC(), CancelledAt: moment(p.CancelledAt),
		PlannedMaintenance: PlannedMaintenance{
			Title: p.Title, Why: p.Why, Checks: p.Checks, Tags: p.Tags, Groups: p.Groups, From: moment(p.From), To: moment(p.To),
			Cron: p.Cron, Zone: p.Zone, Public: &p.Public,
		},
	}
	if p.For > 0 {
		m.For = p.For.String()
	}
	if from, to, ok := status.NewWindow(p.Maintenance).Next(now); ok && p.CancelledAt.IsZero() {
		m.NextFrom, m.NextTo = moment(from), moment(to)
	}
	return m
}
