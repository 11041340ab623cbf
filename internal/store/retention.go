package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// MinRunsKept is the shortest time for which raw results are kept: whatever may
// still change what is thought of a check is there; see [FoldReach].
const MinRunsKept = FoldReach + 48*time.Hour

// DropRuns forgets raw results of days (UTC) that ended before a time, a whole
// partition at once, and what they alone were needed for. By then their hours
// were counted long ago, see [Store.Tally]. It answers the days that it dropped. before must be at least [MinRunsKept] ago.
func (s *Store) DropRuns(ctx context.Context, before time.Time) ([]string, error) {
	const doing = "forgetting old results"
	now, err := s.Now(ctx)
	if err != nil {
		return nil, err
	}
	if now.Sub(before) < MinRunsKept {
		return nil, fmt.Errorf("%s: those before %s are asked for; keep them for at least %s", doing, before.Format(time.RFC3339), MinRunsKept)
	}
	rows, err := s.pool.Query(ctx, `
		SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
		WHERE inhparent = 'runs'::regclass AND relname ~ '^runs_[0-9]{8}$' ORDER BY relname`)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, s.failed(doing, err)
	}
	var dropped []string
	for _, name := range names {
		day, err := time.Parse("runs_20060102", name)
		if err != nil || day.Add(24*time.Hour).After(before) {
			continue
		}
		if err := s.dropPartition(ctx, day); err != nil {
			return dropped, s.failed(doing+" of "+day.Format(time.DateOnly), err)
		}
		dropped = append(dropped, day.Format(time.DateOnly))
	}
	for _, statement := range []string{
		`DELETE FROM runs_default WHERE slot < $1`,
		`DELETE FROM tally_again WHERE start < $1`,
		`DELETE FROM tallied_hours WHERE start < $1`,
		`DELETE FROM shadow_runs WHERE slot < $1`,
		// The newest mark that is not later than all that may come stays.
		`DELETE FROM status_marks m WHERE at < $1 AND EXISTS (
			SELECT FROM status_marks n WHERE n.check_id = m.check_id AND n.at > m.at AND n.at <= $1)`,
	} {
		if _, err := s.pool.Exec(ctx, statement, before); err != nil {
			return dropped, s.failed(doing, err)
		}
	}
	return dropped, nil
}

// dropPartition drops one day's results. It waits for others five seconds at
// most, as those behind it wait too.
func (s *Store) dropPartition(ctx context.Context, day time.Time) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '5s'`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `SELECT drop_runs_partition($1::date)`, day.Format(time.DateOnly))
		return err
	})
}
