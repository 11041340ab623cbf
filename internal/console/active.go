package console

import (
	"context"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/probefleet/probefleet/internal/check"
)

// activeTimeout bounds a reading of all checks: nobody may be left who waits.
const activeTimeout = 15 * time.Second

// active keeps the checks that are scheduled until their revision changes: to
// decode ten thousand takes half a second of a core, to ask for the revision a
// tenth of a millisecond.
type active struct {
	reading  singleflight.Group
	mu       sync.Mutex
	checks   []check.Check
	revision int64 // 0 where nothing is kept
}

// activeChecks are those of [store], which those who ask share: they are not to
// be changed.
func (c *Console) activeChecks(ctx context.Context) ([]check.Check, int64, error) {
	revision, err := c.o.Store.ChecksRevision(ctx)
	if err != nil {
		return nil, 0, err
	}
	if checks, ok := c.active.at(revision); ok {
		return checks, revision, nil
	}
	type found struct {
		checks   []check.Check
		revision int64
	}
	all, err, _ := c.active.reading.Do(strconv.FormatInt(revision, 10), func() (any, error) {
		// Others may wait for the same reading, whoever goes away.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), activeTimeout)
		defer cancel()
		checks, revision, err := c.o.Store.ActiveChecks(ctx)
		if err == nil {
			c.active.keep(checks, revision)
		}
		return found{checks, revision}, err
	})
	f := all.(found)
	return f.checks, f.revision, err
}

func (a *active) at(revision int64) ([]check.Check, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.checks, revision != 0 && revision == a.revision
}

// keep keeps what was read at a revision, unless something newer is known.
func (a *active) keep(checks []check.Check, revision int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if revision > a.revision {
		a.checks, a.revision = checks, revision
	}
}
