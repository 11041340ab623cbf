package store

import (
	"context"
	"fmt"
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
		if err := s.ensurePartition(ctx, d, d.Add(day)); err != nil {
			return s.failed("making the partition of "+d.Format(time.DateOnly), err)
		}
	}
	return nil
}

func (s *Store) ensurePartition(ctx context.Context, start, end time.Time) error {
	name := start.Format("runs_20060102")
	there, err := s.hasPartition(ctx, s.pool, name)
	if err != nil || there {
		return err
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		// Statements that wait for a lock hold up everybody behind them: give
		// up soon, the next hour is early enough.
		if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '5s'`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('probefleet.partitions'))`); err != nil {
			return err
		}
		if there, err := s.hasPartition(ctx, tx, name); err != nil || there {
			return err
		}
		// Nobody inserts between the move and the attachment.
		bounds := []any{start, end}
		for _, step := range []struct {
			statement string
			args      []any
		}{
			{`LOCK TABLE runs IN SHARE ROW EXCLUSIVE MODE`, nil},
			{`CREATE TABLE ` + name + ` (LIKE runs INCLUDING ALL)`, nil},
			{`WITH moved AS (DELETE FROM runs_default WHERE slot >= $1 AND slot < $2 RETURNING ` + runColumns + `)
				INSERT INTO ` + name + ` (` + runColumns + `) SELECT ` + runColumns + ` FROM moved`, bounds},
			{fmt.Sprintf(`ALTER TABLE runs ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')`,
				name, start.Format(time.RFC3339), end.Format(time.RFC3339)), nil},
		} {
			if _, err := tx.Exec(ctx, step.statement, step.args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// runColumns lists every column of runs.
const runColumns = `id, run_id, check_id, location, slot, attempt, kind, outcome, fault_class, fault_message,
	started_at, finished_at, stored_at, latency_us, worker, data_version, data, origin`

// querier is a pool or a transaction.
type querier interface {
	QueryRow(ctx context.Context, statement string, args ...any) pgx.Row
}

func (s *Store) hasPartition(ctx context.Context, q querier, name string) (there bool, err error) {
	// Not to_regclass: inside a transaction it may not see what others did.
	err = q.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
			WHERE inhparent = 'runs'::regclass AND relname = $1)`, name).Scan(&there)
	return there, err
}
