package dashboard

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/status"
)

const (
	// archiveFresh is how long what was read of the past is served.
	archiveFresh = 30 * time.Second
	// archiveKept bounds what is kept of it, archiveReads how many read at once:
	// readers may ask for anything.
	archiveKept  = 64
	archiveReads = 4
	// maxOfMonth bounds the incidents on the page of a month.
	maxOfMonth = 500
)

// archive reads incidents that are not in the snapshot any more.
type archive struct {
	store store
	turns chan struct{}
	mu    sync.Mutex
	kept  map[string]archived
}

type archived struct {
	at   time.Time
	list []status.Recorded
}

func newArchive(s store) *archive {
	return &archive{store: s, turns: make(chan struct{}, archiveReads), kept: make(map[string]archived)}
}

// month lists the incidents of a month that begins at a time.
func (a *archive) month(ctx context.Context, from, before, now time.Time) ([]status.Recorded, error) {
	return a.get(ctx, from.Format(time.RFC3339), now, func(ctx context.Context) ([]status.Recorded, error) {
		return a.store.PublicIncidents(ctx, from, before, maxOfMonth)
	})
}

// incident is one incident, none where there is no such public one.
func (a *archive) incident(ctx context.Context, id string, now time.Time) ([]status.Recorded, error) {
	return a.get(ctx, id, now, func(ctx context.Context) ([]status.Recorded, error) {
		r, ok, err := a.store.PublicIncident(ctx, id)
		if err != nil || !ok {
			return nil, err
		}
		return []status.Recorded{r}, nil
	})
}

// get is what a key names, at most archiveFresh old where the store answers,
// else the last known; an error where nothing is known.
func (a *archive) get(ctx context.Context, key string, now time.Time, read func(context.Context) ([]status.Recorded, error)) ([]status.Recorded, error) {
	a.mu.Lock()
	was, known := a.kept[key]
	a.mu.Unlock()
	if known && now.Sub(was.at) < archiveFresh {
		return was.list, nil
	}
	budget, cancel := context.WithTimeout(ctx, detailBudget)
	defer cancel()
	select {
	case a.turns <- struct{}{}:
		defer func() { <-a.turns }()
	case <-budget.Done():
		return was.list, orNothing(known, budget.Err())
	}
	list, err := read(budget)
	if err != nil {
		return was.list, orNothing(known, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.kept) >= archiveKept {
		clear(a.kept)
	}
	a.kept[key] = archived{now, list}
	return list, nil
}

func orNothing(known bool, err error) error {
	if known {
		return nil
	}
	return fmt.Errorf("reading incidents: %w", err)
}
