package dashboard

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/status"
)

const (
	// maxRuns is the number of runs on a check's page.
	maxRuns = 50
	// detailFresh is how long a check's runs are served without asking again.
	detailFresh = 4 * time.Second
	// detailRetry is the same where the store did not answer: asking it may
	// keep readers waiting.
	detailRetry = 15 * time.Second
	// detailBudget bounds the reading of a check's runs, while readers wait.
	detailBudget = 3 * time.Second
	// detailKept is how long the runs of a check that nobody reads are kept.
	detailKept = 10 * time.Minute
	// chartSpan is the longest stretch of a latency chart.
	chartSpan = 24 * time.Hour
)

// detail is what a check's page shows beyond the snapshot.
type detail struct {
	runs []status.Run
	// points are the runs of the chart, oldest first.
	points []status.Run
	asOf   time.Time // zero where the runs could never be read
	err    error     // of the newest attempt to read
}

// details keeps the runs of the checks that are being read. It holds public
// checks of the snapshot only, so that asking for made-up ids costs nothing.
type details struct {
	store store
	mu    sync.Mutex
	byID  map[string]*detailEntry
}

type detailEntry struct {
	mu      sync.Mutex // held while reading, so that a crowd reads once
	triedAt time.Time
	digest  string // of the check when its runs were read
	detail  detail
}

func newDetails(s store) *details {
	return &details{store: s, byID: make(map[string]*detailEntry)}
}

// get is the detail of a check, at most detailFresh old and as new as the
// frame where the store answers, else the last known one with the store's
// error.
func (d *details) get(ctx context.Context, f *frame, c status.Check, now time.Time) detail {
	d.mu.Lock()
	e := d.byID[c.ID]
	if e == nil {
		e = &detailEntry{}
		d.byID[c.ID] = e
	}
	d.mu.Unlock()

	e.mu.Lock()
	defer e.mu.Unlock()
	age := now.Sub(e.triedAt)
	switch {
	case e.triedAt.IsZero():
	case e.detail.err != nil && age < detailRetry:
		return e.detail
	case e.detail.err == nil && age < detailFresh && e.digest == f.digests[c.ID]:
		return e.detail
	}
	// Another reader may be waiting for this answer: a reader who leaves must
	// not spoil it.
	budget, cancel := context.WithTimeout(context.WithoutCancel(ctx), detailBudget)
	defer cancel()
	fresh, err := loadDetail(budget, d.store, c, now)
	e.triedAt, e.digest, e.detail.err = now, f.digests[c.ID], err
	if err == nil {
		e.detail = fresh
	}
	return e.detail
}

func loadDetail(ctx context.Context, s store, c status.Check, now time.Time) (detail, error) {
	runs, err := s.PublicRuns(ctx, c.ID, maxRuns)
	if err != nil {
		return detail{}, fmt.Errorf("reading runs of check %q: %w", c.ID, err)
	}
	points, err := s.PublicLatencies(ctx, c.ID, now.Add(-chartSpan))
	if err != nil {
		return detail{}, fmt.Errorf("reading latencies of check %q: %w", c.ID, err)
	}
	return detail{runs: runs, points: points, asOf: now}, nil
}

// prune forgets checks that are gone or that nobody has read for a while.
func (d *details) prune(f *frame) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, e := range d.byID {
		if !e.mu.TryLock() {
			continue // being read
		}
		_, public := f.byID[id]
		if !public || f.now.Sub(e.triedAt) > detailKept {
			delete(d.byID, id)
		}
		e.mu.Unlock()
	}
}
