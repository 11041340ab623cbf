package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/shadow"
)

// RecordShadow keeps what a candidate worker found, apart from all that counts.
// It may be repeated at any time; the first result of a build counts. A result
// that cannot be a row is an error for good: see [Recorded.Dead] for those that
// count.
func (s *Store) RecordShadow(ctx context.Context, r jobs.Result) error {
	const doing = "storing a result of a shadow run"
	row, err := newRunRow(r, "")
	if err != nil {
		return s.failed(doing, err)
	}
	class, message := row.fault()
	_, err = s.pool.Exec(ctx, `
		INSERT INTO shadow_runs (id, build, slot, check_id, location, kind, outcome, fault_class, fault_message, latency_us, finished_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (id, build) DO NOTHING`,
		row.id, text(r.Worker.Build), row.slot, text(r.CheckID), text(r.Location), string(r.Kind), string(r.Outcome), class, message, r.Timings.Total.Microseconds(), row.ended)
	if err != nil {
		return s.failed(doing, err)
	}
	return nil
}

// shadowPairs bounds how many pairs are read: the newest.
const shadowPairs = 20_000

// ShadowPairs are the jobs of slots since a time that a candidate build ran and
// of which what counts is known too, the newest first. An empty location stands
// for all.
func (s *Store) ShadowPairs(ctx context.Context, build, location string, since time.Time) ([]shadow.Pair, error) {
	const doing = "reading pairs of shadow runs"
	rows, err := s.pool.Query(ctx, `
		SELECT s.id::text, s.check_id, s.location, s.slot, r.outcome, s.outcome, r.latency_us, s.latency_us, s.fault_message
		FROM shadow_runs s JOIN runs r ON r.id = s.id AND r.slot = s.slot
		WHERE s.build = $1 AND ($2 = '' OR s.location = $2) AND s.slot >= $3
		ORDER BY s.slot DESC, s.id LIMIT $4`, build, location, since, shadowPairs)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	pairs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p shadow.Pair, err error) {
		var before, after int64
		err = row.Scan(&p.JobID, &p.CheckID, &p.Location, &p.Slot, &p.Old, &p.New, &before, &after, &p.Why)
		p.OldTook, p.NewTook = time.Duration(before)*time.Microsecond, time.Duration(after)*time.Microsecond
		return p, err
	})
	if err != nil {
		return nil, s.failed(doing, err)
	}
	return pairs, nil
}

// ShadowBuilds are the builds that candidates had in slots since a time, the
// newest first.
func (s *Store) ShadowBuilds(ctx context.Context, since time.Time) ([]string, error) {
	const doing = "reading the builds of shadow runs"
	rows, err := s.pool.Query(ctx, `
		SELECT build FROM shadow_runs WHERE slot >= $1 GROUP BY build ORDER BY max(slot) DESC, build LIMIT 50`, since)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	builds, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, s.failed(doing, err)
	}
	return builds, nil
}
