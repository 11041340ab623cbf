package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
)

// findOrigins sets the origin of rows that answer a retry which was sent to
// another location than its slot's.
func findOrigins(ctx context.Context, tx pgx.Tx, rows []runRow) error {
	var again slotColumns // of the place where it ran
	var attempts []int32
	at := map[retryKey]int{}
	for i, row := range rows {
		if row.result.Attempt > 1 {
			k := slotKey{row.result.CheckID, row.result.Location, row.slot}
			again.add(k)
			attempts = append(attempts, int32(row.result.Attempt))
			at[retryKey{k, row.result.Attempt}] = i
		}
	}
	if len(attempts) == 0 {
		return nil
	}
	found, err := tx.Query(ctx, `
		SELECT r.check_id, r.sent_to, r.slot, r.attempt, r.location, r.asked
		FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::integer[]) AS n (check_id, sent_to, slot, attempt)
		JOIN retries r ON r.check_id = n.check_id AND r.sent_to = n.sent_to AND r.slot = n.slot AND r.attempt = n.attempt
		WHERE r.location <> r.sent_to`, again.checkID, again.location, again.slot, attempts)
	if err != nil {
		return err
	}
	var k retryKey
	var origin string
	var asked bool
	_, err = pgx.ForEachRow(found, []any{&k.checkID, &k.location, &k.slot, &k.attempt, &origin, &asked}, func() error {
		rows[at[k]].origin, rows[at[k]].decides = origin, asked
		return nil
	})
	return err
}

// retryKey names an attempt by where it runs.
type retryKey struct {
	slotKey
	attempt int
}

// addRetries writes the attempts that rows call for. It is part of the
// transaction that stores those, so neither is there without the other.
func addRetries(ctx context.Context, tx pgx.Tx, fresh []runRow, decided map[string]next) error {
	batch := &pgx.Batch{}
	for _, row := range fresh {
		r := row.result
		again, more := decided[row.id]
		if !more {
			continue
		}
		class, _ := row.fault()
		avoid := ""
		if again.Elsewhere {
			avoid = r.Location
		}
		batch.Queue(`
			INSERT INTO retries (check_id, location, slot, attempt, shard, due_at, reason, avoid_location, avoid_worker, asked)
			VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6), $7, $8, $9, $10)
			ON CONFLICT (check_id, location, slot, attempt) DO NOTHING`,
			r.CheckID, row.own(), row.slot, r.Attempt+1, schedule.Shard(r.CheckID), again.After.Seconds(),
			string(r.Outcome)+": "+class, avoid, text(r.Worker.ID), again.Asked)
	}
	if batch.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, batch).Close()
}

// retryLimit is the number of retries that one [Store.DueRetries] answers.
const retryLimit = 1000

// DueRetries lists the attempts of the shards that are due and not settled, the
// oldest first, at most 1000.
func (s *Store) DueRetries(ctx context.Context, shards []int) ([]jobs.Retry, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT check_id, location, slot, attempt, avoid_location, coalesce(sent_to, ''), asked, due_at
		FROM retries WHERE shard = ANY ($1) AND settled_at IS NULL AND due_at <= clock_timestamp()
		ORDER BY due_at LIMIT $2`, shards, retryLimit)
	if err != nil {
		return nil, s.failed("reading what is to be run again", err)
	}
	due, err := pgx.CollectRows(rows, pgx.RowToStructByPos[jobs.Retry])
	if err != nil {
		return nil, s.failed("reading what is to be run again", err)
	}
	return due, nil
}

// AssignRetries notes where attempts will be made, before they are sent: by it
// a result is known to stand for another location's slot. What was assigned
// already stays.
func (s *Store) AssignRetries(ctx context.Context, retries []jobs.Retry) error {
	c, attempts := retryColumns(retries)
	to := make([]string, len(retries))
	for i, r := range retries {
		to[i] = r.SentTo
	}
	_, err := s.pool.Exec(ctx, `
		UPDATE retries r SET sent_to = n.sent_to
		FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::integer[], $5::text[]) AS n (check_id, location, slot, attempt, sent_to)
		WHERE r.check_id = n.check_id AND r.location = n.location AND r.slot = n.slot AND r.attempt = n.attempt
			AND r.sent_to IS NULL`, c.checkID, c.location, c.slot, attempts, to)
	if err != nil {
		return s.failed("noting where checks are run again", err)
	}
	return nil
}

// SettleRetries notes that nothing is left to be done for them.
func (s *Store) SettleRetries(ctx context.Context, retries []jobs.Retry) error {
	c, attempts := retryColumns(retries)
	_, err := s.pool.Exec(ctx, `
		UPDATE retries r SET settled_at = clock_timestamp()
		FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::integer[]) AS n (check_id, location, slot, attempt)
		WHERE r.check_id = n.check_id AND r.location = n.location AND r.slot = n.slot AND r.attempt = n.attempt`,
		c.checkID, c.location, c.slot, attempts)
	if err != nil {
		return s.failed("noting what was sent again", err)
	}
	return nil
}

func retryColumns(retries []jobs.Retry) (c slotColumns, attempts []int32) {
	for _, r := range retries {
		c.add(slotKey{r.CheckID, r.Location, r.Slot})
		attempts = append(attempts, int32(r.Attempt))
	}
	return c, attempts
}

// PruneRetries forgets retries that were written before a time, sent or not:
// by then no result of theirs is under way.
func (s *Store) PruneRetries(ctx context.Context, before time.Time) error {
	if _, err := s.pool.Exec(ctx, `DELETE FROM retries WHERE created_at < $1`, before); err != nil {
		return s.failed("forgetting old retries", err)
	}
	// What is still the newest that is known of a location stays.
	_, err := s.pool.Exec(ctx, `
		DELETE FROM undecided u USING latest l
		WHERE u.until < $1 AND l.check_id = u.check_id AND l.location = u.location AND l.conclusive AND l.slot > u.slot`, before)
	if err != nil {
		return s.failed("forgetting slots that were undecided", err)
	}
	return nil
}
