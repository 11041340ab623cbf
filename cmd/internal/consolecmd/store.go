package consolecmd

import (
	"context"
	"errors"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/store"
)

// stored is the store in the words of the console.
type stored struct{ *store.Store }

func (d stored) ApplySet(ctx context.Context, cs []check.Check, o console.ApplyOptions) (console.Applied, error) {
	a, err := d.Store.ApplySet(ctx, cs, store.ApplyOptions(o))
	if owned, ok := errors.AsType[*store.OwnedError](err); ok {
		return console.Applied{}, &console.OwnedError{Owners: owned.Owners}
	}
	return console.Applied(a), err
}

func (d stored) Catalogue(ctx context.Context, f console.CheckFilter) ([]console.StoredCheck, int64, error) {
	found, revision, err := d.Store.Catalogue(ctx, store.CheckFilter(f))
	checks := make([]console.StoredCheck, len(found))
	for i, c := range found {
		checks[i] = console.StoredCheck(c)
	}
	return checks, revision, err
}

func (d stored) Runs(ctx context.Context, f console.RunFilter) ([]console.StoredRun, error) {
	found, err := d.Store.Runs(ctx, store.RunFilter(f))
	runs := make([]console.StoredRun, len(found))
	for i, r := range found {
		runs[i] = console.StoredRun(r)
	}
	return runs, err
}

func (d stored) Run(ctx context.Context, id string) (console.StoredRun, bool, error) {
	r, ok, err := d.Store.Run(ctx, id)
	return console.StoredRun(r), ok, err
}

func (d stored) PingsOf(ctx context.Context, checkID string, limit int) ([]console.Ping, error) {
	found, err := d.Store.Pings(ctx, checkID, limit)
	pings := make([]console.Ping, len(found))
	for i, p := range found {
		pings[i] = console.Ping(p)
	}
	return pings, err
}

func (d stored) AddTriggers(ctx context.Context, r console.TriggerRequest) error {
	return d.Store.AddTriggers(ctx, store.TriggerRequest(r))
}

func (d stored) Triggered(ctx context.Context, id string) ([]console.TriggeredRun, error) {
	found, err := d.Store.Triggered(ctx, id)
	runs := make([]console.TriggeredRun, len(found))
	for i, r := range found {
		runs[i] = console.TriggeredRun{
			RequestID: r.RequestID, RequestedBy: r.RequestedBy, RequestedAt: r.RequestedAt, ExpiresAt: r.ExpiresAt,
			Fate: r.Fate, Run: console.StoredRun(r.StoredRun),
		}
	}
	return runs, err
}
