package pages

import (
	"cmp"
	"context"
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
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

// allChecks are all checks as they were read at a time, and what every list
// and every reader of them wants to know: worked out once a reading.
type allChecks struct {
	list []kept.Watched
	byID map[string]int
	// ranked are the same in the order of lists: what is worst comes first, and
	// then by name.
	ranked []rankedCheck
	// kinds, groups and tags are those of any check, in order.
	kinds, groups, tags []string
	// digest changes when a state or a name does.
	digest uint64
}

// rankedCheck is a check with its state when it was read.
type rankedCheck struct {
	*kept.Watched
	state status.State
	// lower is its name as it is searched.
	lower string
}

func newAllChecks(list []kept.Watched, now time.Time) allChecks {
	a := allChecks{list: list, byID: make(map[string]int, len(list)), ranked: make([]rankedCheck, len(list))}
	kinds, groups, tags, h := map[string]bool{}, map[string]bool{}, map[string]bool{}, fnv.New64a()
	for i := range list {
		w := &list[i]
		state := stateOf(*w, now)
		a.byID[w.ID] = i
		a.ranked[i] = rankedCheck{w, state, strings.ToLower(w.Name)}
		kinds[string(w.Kind)], groups[w.Group] = true, true
		for _, t := range w.Tags {
			tags[t] = true
		}
		_, _ = io.WriteString(h, w.ID+"\x00"+w.Name+"\x00"+string(state)+strconv.FormatBool(w.Muted)+"\n") // a hash takes everything
	}
	delete(groups, "")
	rank := make(map[status.State]int, len(stateOrder))
	for i, s := range stateOrder {
		rank[s] = i
	}
	slices.SortStableFunc(a.ranked, func(x, y rankedCheck) int {
		return cmp.Or(cmp.Compare(rank[x.state], rank[y.state]), cmp.Compare(x.Name, y.Name))
	})
	a.kinds, a.groups, a.tags, a.digest = sortedKeys(kinds), sortedKeys(groups), sortedKeys(tags), h.Sum64()
	return a
}

// readBy says how all checks are read.
func (o *overview) readBy(read func(context.Context) ([]kept.Watched, error)) {
	o.every = overviewFor
	o.read = func(ctx context.Context) (allChecks, error) {
		list, err := read(ctx)
		if err != nil {
			return allChecks{}, err
		}
		return newAllChecks(list, time.Now()), nil
	}
}

// version names what is shown of all checks now.
func (o *overview) version(ctx context.Context) (string, error) {
	if _, err := o.get(ctx); err != nil {
		return "", err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return strconv.FormatInt(o.at.UnixNano(), 36), nil
}
