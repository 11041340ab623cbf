package console

import (
	"context"
	"time"
)

// What follows is what the API does with incidents and maintenance, for the
// console's pages; see doors.go.

// HasIncidents reports whether the console knows of incidents by hand.
func (c *Console) HasIncidents() bool { return c.o.Incidents != nil }

// OpenIncident writes an incident down.
func (c *Console) OpenIncident(ctx context.Context, n NewIncident) (Incident, error) {
	return plain(c.openIncident(ctx, &struct{ Body NewIncident }{n}))
}

// UpdateIncident says how an incident goes on.
func (c *Console) UpdateIncident(ctx context.Context, id string, u NewUpdate) (Incident, error) {
	return plain(c.updateIncident(ctx, &incidentUpdateInput{ID: id, Body: u}))
}

// DescribeIncident changes title, publicity or post-mortem of an incident.
func (c *Console) DescribeIncident(ctx context.Context, id string, change IncidentChange) (Incident, error) {
	return plain(c.describeIncident(ctx, &struct {
		ID   string `path:"id" format:"uuid"`
		Body IncidentChange
	}{id, change}))
}

// MergeIncident makes an incident a part of another one, which is the answer.
func (c *Console) MergeIncident(ctx context.Context, id, into string) (Incident, error) {
	return plain(c.mergeIncident(ctx, &incidentMergeInput{ID: id, Body: IncidentMerge{into}}))
}

// PlannedMaintenance lists what lasts and what is to come, and with all what is
// over or was called off.
func (c *Console) PlannedMaintenance(ctx context.Context, all bool) ([]Maintenance, error) {
	found, err := c.o.Incidents.PlannedMaintenance(ctx, all)
	if err != nil {
		return nil, c.failed("reading the planned maintenance", err)
	}
	var list []Maintenance
	for _, p := range found {
		list = append(list, newMaintenance(p, time.Now()))
	}
	return list, nil
}

// PlanMaintenance plans a window.
func (c *Console) PlanMaintenance(ctx context.Context, p PlannedMaintenance) (Maintenance, error) {
	return plain(c.planMaintenance(ctx, &struct{ Body PlannedMaintenance }{p}))
}

// CancelMaintenance calls a window off, from now on.
func (c *Console) CancelMaintenance(ctx context.Context, id string) error {
	_, err := c.cancelMaintenance(ctx, &incidentPath{id})
	return err
}
