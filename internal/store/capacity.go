package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/capacity"
	"github.com/probefleet/probefleet/internal/jobs"
)

// servedKept is how long it is kept what workers were busy with.
const servedKept = 2 * time.Hour

// AddWork adds what a recorder has seen workers do to what it saw before, and
// forgets what is old.
func (s *Store) AddWork(ctx context.Context, recorder string, work map[capacity.Place]capacity.Work) error {
	batch := &pgx.Batch{}
	places := slices.SortedFunc(maps.Keys(work), comparePlaces) // in one order, so that nobody waits in a circle
	for _, p := range places {
		w := work[p]
		batch.Queue(`
			INSERT INTO service_times AS t (minute, location, class, recorder, runs, again, busy_us, waited_us)
			VALUES (date_trunc('minute', clock_timestamp()), $1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (minute, location, class, recorder) DO UPDATE SET (runs, again, busy_us, waited_us) =
				(t.runs + excluded.runs, t.again + excluded.again, t.busy_us + excluded.busy_us, greatest(t.waited_us, excluded.waited_us))`,
			text(p.Location), string(p.Class), text(recorder), w.Runs, w.Again, w.Busy.Microseconds(), w.Waited.Microseconds())
	}
	batch.Queue(`DELETE FROM service_times WHERE minute < clock_timestamp() - make_interval(secs => $1)`, servedKept.Seconds())
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return s.failed("adding what workers were busy with", err)
	}
	return nil
}

func comparePlaces(a, b capacity.Place) int {
	return slices.Compare([]string{a.Location, string(a.Class)}, []string{b.Location, string(b.Class)})
}

// Served is what workers were busy with, place by place, as it was stored by the
// minute.
func (s *Store) Served(ctx context.Context) ([]capacity.Served, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT statement_timestamp(), location, class, minute,
			sum(runs)::bigint, sum(again)::bigint, sum(busy_us)::bigint, max(waited_us), count(*)
		FROM service_times WHERE minute > statement_timestamp() - make_interval(secs => $1)
		GROUP BY location, class, minute ORDER BY location, class, minute`, capacity.Lately.Seconds())
	if err != nil {
		return nil, s.failed("reading what workers were busy with", err)
	}
	var now time.Time
	minutes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m capacity.Minute, err error) {
		var class string
		var busy, waited int64
		err = row.Scan(&now, &m.Location, &class, &m.Begin, &m.Runs, &m.Again, &busy, &waited, &m.Received)
		m.Class = jobs.Class(class)
		m.Busy, m.Waited = time.Duration(busy)*time.Microsecond, time.Duration(waited)*time.Microsecond
		return m, err
	})
	if err != nil {
		return nil, s.failed("reading what workers were busy with", err)
	}
	return capacity.Sum(minutes, now), nil
}

// Wanted is how many workers were said to be wanted last, place by place.
func (s *Store) Wanted(ctx context.Context) ([]capacity.Wanted, error) {
	rows, err := s.pool.Query(ctx, `SELECT location, class, workers, decided_at FROM wanted_workers ORDER BY location, class`)
	if err != nil {
		return nil, s.failed("reading how many workers are wanted", err)
	}
	wanted, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (w capacity.Wanted, err error) {
		var class string
		err = row.Scan(&w.Location, &class, &w.Workers, &w.At)
		w.Class = jobs.Class(class)
		return w, err
	})
	if err != nil {
		return nil, s.failed("reading how many workers are wanted", err)
	}
	return wanted, nil
}

// KeepWanted keeps what is said to be wanted, and forgets every place of which
// nothing is said any more.
func (s *Store) KeepWanted(ctx context.Context, wanted []capacity.Wanted) error {
	var locations, classes []string
	batch := &pgx.Batch{}
	for _, w := range wanted {
		locations, classes = append(locations, text(w.Location)), append(classes, string(w.Class))
		batch.Queue(`
			INSERT INTO wanted_workers (location, class, workers, decided_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (location, class) DO UPDATE SET (workers, decided_at) = (excluded.workers, excluded.decided_at)`,
			text(w.Location), string(w.Class), w.Workers, w.At)
	}
	batch.Queue(`
		DELETE FROM wanted_workers w WHERE NOT EXISTS (
			SELECT FROM unnest($1::text[], $2::text[]) AS k (location, class) WHERE (k.location, k.class) = (w.location, w.class))`, locations, classes)
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return s.failed("keeping how many workers are wanted", err)
	}
	return nil
}
