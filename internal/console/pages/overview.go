package pages

import (
	"context"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/kept"
)

// overviewFor is how long what was read of all checks is shown: however many
// look, the database is asked this often.
const overviewFor = 2 * time.Second

// overview is what was last read of all checks.
type overview struct {
	read func(context.Context) ([]kept.Watched, error)
	mu   sync.Mutex
	at   time.Time
	list []kept.Watched
	byID map[string]int
}

// get reads all checks, or answers what was read a moment ago. While somebody
// reads, others wait for it.
func (o *overview) get(ctx context.Context) ([]kept.Watched, map[string]int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.list != nil && time.Since(o.at) < overviewFor {
		return o.list, o.byID, nil
	}
	began := time.Now()
	list, err := o.read(ctx)
	if err != nil {
		return nil, nil, err
	}
	o.list, o.at, o.byID = list, began, make(map[string]int, len(list))
	if o.list == nil {
		o.list = []kept.Watched{}
	}
	for i, w := range list {
		o.byID[w.ID] = i
	}
	return o.list, o.byID, nil
}

// activityFor is how long what was measured lately is shown: it is counted from
// every run of ten minutes.
const activityFor = 4 * time.Second

// recently is what was last read of what was measured.
type recently struct {
	mu   sync.Mutex
	at   time.Time
	list []kept.Activity
}

// get reads it, or answers what was read a moment ago; others wait meanwhile.
func (c *recently) get(ctx context.Context, read func(context.Context, time.Duration) ([]kept.Activity, error)) ([]kept.Activity, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.list != nil && time.Since(c.at) < activityFor {
		return c.list, nil
	}
	began := time.Now()
	list, err := read(ctx, activityWithin)
	if err != nil {
		return nil, err
	}
	c.list, c.at = list, began
	return list, nil
}

// forget has the next reader read anew: something was changed here.
func (o *overview) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = nil
}
