package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/numeral"
	"github.com/probefleet/probefleet/internal/schedule"
)

// AddTriggers writes down what the scheduler is to send, all or nothing.
func (s *Store) AddTriggers(ctx context.Context, r TriggerRequest) error {
	batch := &pgx.Batch{}
	for _, t := range r.Runs {
		batch.Queue(`
			INSERT INTO triggers (attempt_id, id, run_id, check_id, location, slot, shard, requested_by, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			t.AttemptID, r.ID, jobs.RunID(t.CheckID, t.Location, t.Slot), t.CheckID, t.Location, t.Slot,
			schedule.Shard(t.CheckID), text(r.RequestedBy), t.ExpiresAt)
	}
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		return audit(ctx, tx, access.Entry{Action: actTrigger, Subject: r.ID, Note: numeral.Of(len(r.Runs), "run") + ", the first of " + r.Runs[0].CheckID})
	})
	if err != nil {
		return s.failed("writing down what is to be run", err)
	}
	return nil
}

// triggerLimit is the number of triggers that one [Store.DueTriggers] answers.
const triggerLimit = 1000

// DueTriggers lists what of the shards was asked for and not settled, the
// oldest first, at most 1000.
func (s *Store) DueTriggers(ctx context.Context, shards []int) ([]jobs.Trigger, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT attempt_id::text, check_id, location, slot, expires_at, fate
		FROM triggers WHERE shard = ANY ($1) AND settled_at IS NULL
		ORDER BY requested_at LIMIT $2`, shards, triggerLimit)
	if err != nil {
		return nil, s.failed("reading what is to be run at once", err)
	}
	due, err := pgx.CollectRows(rows, pgx.RowToStructByPos[jobs.Trigger])
	if err != nil {
		return nil, s.failed("reading what is to be run at once", err)
	}
	return due, nil
}

// SettleTriggers notes the fate of triggers.
func (s *Store) SettleTriggers(ctx context.Context, triggers []jobs.Trigger) error {
	ids, fates := make([]string, len(triggers)), make([]string, len(triggers))
	for i, t := range triggers {
		ids[i], fates[i] = t.AttemptID, string(t.Fate)
	}
	_, err := s.pool.Exec(ctx, `
		UPDATE triggers t SET fate = n.fate, settled_at = clock_timestamp()
		FROM unnest($1::text[], $2::text[]) AS n (id, fate)
		WHERE t.attempt_id = n.id::uuid AND t.settled_at IS NULL`, ids, fates)
	if err != nil {
		return s.failed("noting what was sent at once", err)
	}
	return nil
}

// Triggered lists the runs of a request in the order of check and location;
// none where there is no such request.
func (s *Store) Triggered(ctx context.Context, id string) ([]TriggeredRun, error) {
	if _, err := uuid(id); err != nil {
		return nil, nil //nolint:nilerr // what is no UUID names no request
	}
	// A recorder of the release before knows of no triggers, and puts the
	// result among the others.
	rows, err := s.pool.Query(ctx, `
		SELECT t.id::text, t.requested_by, t.requested_at, t.expires_at, t.fate,
			t.attempt_id::text, t.run_id::text, t.check_id, t.location, t.slot, 1, coalesce(t.kind, r.kind, ''),
			coalesce(t.outcome, r.outcome, ''), coalesce(t.fault_class, r.fault_class, ''), coalesce(t.fault_message, r.fault_message, ''),
			coalesce(t.started_at, r.started_at), coalesce(t.finished_at, r.finished_at), r.stored_at, '',
			coalesce(t.latency_us, r.latency_us, 0), coalesce(t.worker, r.worker, ''),
			coalesce(t.data_version, r.data_version, 0), coalesce(t.data, r.data)
		FROM triggers t LEFT JOIN runs r ON r.id = t.attempt_id AND r.slot = t.slot
		WHERE t.id = $1 ORDER BY t.check_id, t.location`, id)
	if err != nil {
		return nil, s.failed("reading what was asked for", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (TriggeredRun, error) {
		var t TriggeredRun
		var run storedRunScan
		err := row.Scan(append([]any{&t.RequestID, &t.RequestedBy, &t.RequestedAt, &t.ExpiresAt, &t.Fate}, run.targets()...)...)
		t.Run = run.run()
		return t, err
	})
	if err != nil {
		return nil, s.failed("reading what was asked for", err)
	}
	return found, nil
}

// answerTriggers looks among the rows that are not fresh for those that were
// asked for, and gives them their result; what has one already keeps it. All
// others of these rows are duplicates, or refused. It counts what is new.
func answerTriggers(ctx context.Context, tx pgx.Tx, rows, fresh []runRow) (answered int, dead []deadResult, err error) {
	if len(fresh) == len(rows) {
		return 0, nil, nil
	}
	stored := make(map[string]bool, len(fresh))
	for _, row := range fresh {
		stored[row.id] = true
	}
	missing := map[string]runRow{}
	var ids []string
	for _, row := range rows {
		if !stored[row.id] {
			missing[row.id] = row
			ids = append(ids, row.id)
		}
	}
	found, err := tx.Query(ctx, `SELECT attempt_id::text FROM triggers WHERE attempt_id = ANY ($1::uuid[]) AND outcome IS NULL FOR UPDATE`, ids)
	if err != nil {
		return 0, nil, err
	}
	asked, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return 0, nil, err
	}
	for _, id := range asked {
		err := pgx.BeginFunc(ctx, tx, func(sp pgx.Tx) error { return answerTrigger(ctx, sp, missing[id]) })
		switch pg, bad := refused(err); {
		case err == nil:
			answered++
		case bad:
			dead = append(dead, newDeadResult(missing[id].result, missing[id].body, reason(pg)))
		default:
			return 0, nil, err
		}
	}
	return answered, dead, nil
}

func answerTrigger(ctx context.Context, tx pgx.Tx, row runRow) error {
	class, message := row.fault()
	r := row.result
	_, err := tx.Exec(ctx, `
		UPDATE triggers SET (kind, outcome, fault_class, fault_message, started_at, finished_at, latency_us, worker, data_version, data) =
			($2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		WHERE attempt_id = $1`,
		row.id, string(r.Kind), string(r.Outcome), class, message, orNull(r.StartedAt), row.ended,
		r.Timings.Total.Microseconds(), text(r.Worker.ID), row.version, row.data)
	return err
}

// PruneTriggers forgets what was asked for before a time.
func (s *Store) PruneTriggers(ctx context.Context, before time.Time) error {
	if _, err := s.pool.Exec(ctx, `DELETE FROM triggers WHERE requested_at < $1`, before); err != nil {
		return s.failed("forgetting what was run at once", err)
	}
	return nil
}
