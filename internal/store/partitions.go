package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// EnsurePartitions makes the daily partitions of runs for every day (UTC) that
// touches [from, to). Rows of such a day that had to go to the default
// partition move over. It may run in several processes at once, and beside
// [Store.RecordReceived].
func (s *Store) EnsurePartitions(ctx context.Context, from, to time.Time) error {
	const day = 24 * time.Hour
	for d := from.UTC().Truncate(day); d.Before(to); d = d.Add(day) {
		if err := s.ensurePartition(ctx, d); err != nil {
			return s.failed("making the partition of "+d.Format(time.DateOnly), err)
		}
	}
	return nil
}

func (s *Store) ensurePartition(ctx context.Context, start time.Time) error {
	name := start.Format("runs_20060102")
	there, err := s.hasPartition(ctx, name)
	if err != nil || there {
		return err
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		// Statements that wait for a lock hold up everybody behind them: give
		// up soon, the next hour is early enough.
		if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '5s'`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `SELECT make_runs_partition($1::date)`, start.Format(time.DateOnly))
		return err
	})
}

func (s *Store) hasPartition(ctx context.Context, name string) (there bool, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
			WHERE inhparent = 'runs'::regclass AND relname = $1)`, name).Scan(&there)
	return there, err
}
