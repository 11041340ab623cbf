package pages

import (
	"context"
	"strconv"
	"time"

	"github.com/probefleet/probefleet/internal/kept"
)

const (
	// overviewFor is how long what was read of all checks is shown: however many
	// look, the database is asked this often at most.
	overviewFor = 2 * time.Second
	// activityFor is the same of what was measured lately: it is counted from
	// every run of ten minutes.
	activityFor = 4 * time.Second
)

// overview is what was last read of all checks.
type overview struct{ reading[allChecks] }

// allChecks are all checks, and where each stands among them.
type allChecks struct {
	list []kept.Watched
	byID map[string]int
}

// readBy says how all checks are read.
func (o *overview) readBy(read func(context.Context) ([]kept.Watched, error)) {
	o.every = overviewFor
	o.read = func(ctx context.Context) (a allChecks, err error) {
		if a.list, err = read(ctx); err != nil {
			return a, err
		}
		a.byID = make(map[string]int, len(a.list))
		for i, w := range a.list {
			a.byID[w.ID] = i
		}
		return a, nil
	}
}

// version names what is shown of all checks now.
func (o *overview) version(ctx context.Context) (string, error) {
	if _, err := o.reading.get(ctx); err != nil {
		return "", err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return strconv.FormatInt(o.at.UnixNano(), 36), nil
}

// get reads all checks, or answers what was read a moment ago.
func (o *overview) get(ctx context.Context) ([]kept.Watched, map[string]int, error) {
	a, err := o.reading.get(ctx)
	return a.list, a.byID, err
}
