package store

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/status"
)

const (
	// readWholeEvery is how often all newest runs are read and not only those that
	// changed: what a recorder of the release before has stored, which does not
	// say when, is seen after that.
	readWholeEvery = 30 * time.Second
	// storedWithin is for how long a transaction may have been under way that
	// stored a run: what it has stored is of the time at which it began.
	storedWithin = 3 * time.Second
)

// watchedSet is a set of checks that is read again and again, with the newest
// runs of each: what did not change since the reading before is not asked for
// again.
type watchedSet[T any] struct {
	// revision asks for a number that grows with every change of a check.
	revision string
	// newest asks for runs that were stored after $1, one of each check, location
	// and whether it is conclusive; undecided for those that count as conclusive
	// where they are newer.
	newest, undecided string
	// list reads the checks, and of says which check an element is.
	list func(ctx context.Context, s *Store) ([]T, error)
	of   func(*T) *status.Check

	mu      sync.Mutex
	at      int64 // the revision of checks
	checks  []T
	index   map[string]int
	runs    []newestRuns // of each of checks
	wholeAt time.Time
	// through is when the newest of runs was stored.
	through time.Time
}

// newestRuns are those of a check in the order of their locations. Lists that
// were given away are not changed.
type newestRuns struct{ last, conclusive []status.Run }

// read answers the checks with their newest runs; the elements are the
// caller's, and what they refer to is everybody's.
func (w *watchedSet[T]) read(ctx context.Context, s *Store) ([]T, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var revision int64
	if err := s.pool.QueryRow(ctx, w.revision).Scan(&revision); err != nil {
		return nil, err
	}
	if w.checks == nil || revision != w.at {
		if err := w.readChecks(ctx, s); err != nil {
			return nil, err
		}
		w.at = revision
	}
	if err := w.readRuns(ctx, s); err != nil {
		return nil, err
	}
	all := slices.Clone(w.checks)
	for i := range all {
		c := w.of(&all[i])
		c.Last, c.Conclusive = w.runs[i].last, w.runs[i].conclusive
	}
	return all, w.each(ctx, s, w.undecided, nil, func(i int, _ time.Time, _ bool, r status.Run) {
		c := w.of(&all[i])
		at, there := slices.BinarySearchFunc(c.Conclusive, r.Location, byLocation)
		if !there || cmp.Or(r.Slot.Compare(c.Conclusive[at].Slot), cmp.Compare(r.Attempt, c.Conclusive[at].Attempt)) > 0 {
			c.Conclusive = with(slices.Clone(c.Conclusive), r)
		}
	})
}

func (w *watchedSet[T]) readChecks(ctx context.Context, s *Store) (err error) {
	if w.checks, err = w.list(ctx, s); err != nil {
		w.checks = nil
		return err
	}
	w.index = make(map[string]int, len(w.checks))
	for i := range w.checks {
		w.index[w.of(&w.checks[i]).ID] = i
	}
	w.wholeAt = time.Time{} // runs of checks that were not asked for
	return nil
}

// readRuns brings the newest runs up to date.
func (w *watchedSet[T]) readRuns(ctx context.Context, s *Store) error {
	began, through, whole := time.Now(), w.through, time.Since(w.wholeAt) >= readWholeEvery
	runs, since := w.runs, w.through.Add(-storedWithin)
	if whole {
		runs, since = make([]newestRuns, len(w.checks)), time.Time{}
	}
	touched := map[int]bool{}
	err := w.each(ctx, s, w.newest, []any{since}, func(i int, stored time.Time, conclusive bool, r status.Run) {
		if stored.After(through) {
			through = stored
		}
		if !whole && !touched[i] {
			touched[i] = true
			runs[i] = newestRuns{slices.Clone(runs[i].last), slices.Clone(runs[i].conclusive)}
		}
		list := &runs[i].last
		if conclusive {
			list = &runs[i].conclusive
		}
		*list = with(*list, r)
	})
	if err != nil {
		w.wholeAt = time.Time{} // some of it may have been read
		return err
	}
	w.runs, w.through = runs, through
	if whole {
		w.wholeAt = began
	}
	return nil
}

// each reads runs of the checks of w, and hands each on with the place of its
// check.
func (w *watchedSet[T]) each(ctx context.Context, s *Store, statement string, args []any, do func(i int, stored time.Time, conclusive bool, r status.Run)) error {
	// The plan depends on since when: one for all times would read everything.
	rows, err := s.pool.Query(ctx, statement, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
	if err != nil {
		return err
	}
	var stored time.Time
	var conclusive bool
	var run publicRun
	_, err = pgx.ForEachRow(rows, append([]any{&stored, &conclusive}, run.targets()...), func() error {
		i, ok := w.index[run.CheckID]
		if ok && slices.Contains(w.of(&w.checks[i]).Locations, run.Location) { // else it runs there no more, or was made just now
			do(i, stored, conclusive, run.run())
		}
		return nil
	})
	return err
}

func byLocation(r status.Run, location string) int { return cmp.Compare(r.Location, location) }

// with is a list with a run in the place of that of its location.
func with(list []status.Run, r status.Run) []status.Run {
	i, there := slices.BinarySearchFunc(list, r.Location, byLocation)
	if there {
		list[i] = r
		return list
	}
	return slices.Insert(list, i, r)
}
