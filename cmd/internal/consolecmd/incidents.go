package consolecmd

import (
	"context"
	"errors"

	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/statuspage"
	"github.com/probefleet/probefleet/internal/store"
)

// refusal is an error of the store in the words of the console.
func refusal(err error) error {
	if r, ok := errors.AsType[*store.RefusedError](err); ok {
		return &console.RefusedError{Reason: r.Reason}
	}
	return err
}

func (d stored) Incidents(ctx context.Context, f console.IncidentFilter) ([]status.Recorded, error) {
	return d.Store.Incidents(ctx, store.IncidentFilter(f))
}

func (d stored) OpenIncident(ctx context.Context, r status.Report) (string, error) {
	id, err := d.Store.OpenIncident(ctx, r)
	return id, refusal(err)
}

func (d stored) UpdateIncident(ctx context.Context, id string, u status.Update) error {
	return refusal(d.Store.UpdateIncident(ctx, id, u))
}

func (d stored) DescribeIncident(ctx context.Context, id, title string, public bool, postmortem string) error {
	return refusal(d.Store.DescribeIncident(ctx, id, title, public, postmortem))
}

func (d stored) MergeIncident(ctx context.Context, id, into string) error {
	return refusal(d.Store.MergeIncident(ctx, id, into))
}

func (d stored) ApplyPages(ctx context.Context, pages []statuspage.Page, owner string, takeOver bool) (statuspage.Applied, error) {
	a, err := d.Store.ApplyPages(ctx, pages, owner, takeOver)
	return a, refusal(err)
}

func (d stored) PlanMaintenance(ctx context.Context, p status.Planned) (string, error) {
	id, err := d.Store.PlanMaintenance(ctx, p)
	return id, refusal(err)
}
