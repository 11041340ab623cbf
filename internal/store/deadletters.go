package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/jobs"
)

// NoteDeadLetter keeps why a message became a dead letter; a later note of the
// same message replaces it. It may be repeated. Notes are kept for 15 days,
// one more than a message.
func (s *Store) NoteDeadLetter(ctx context.Context, d jobs.DeadLetter) error {
	if d.At.IsZero() {
		d.At = time.Now()
	}
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO dead_letters AS l (queue, message_id, reason, error, worker, given_up)
			VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (message_id, queue) DO UPDATE SET
				reason = excluded.reason, error = excluded.error, worker = excluded.worker,
				given_up = excluded.given_up, noted_at = now()
			WHERE excluded.given_up >= l.given_up`,
			text(d.Queue), text(d.MessageID), text(string(d.Reason)), text(d.Error), text(d.Worker), d.At)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			DELETE FROM dead_letters WHERE (message_id, queue) IN (
				SELECT message_id, queue FROM dead_letters WHERE noted_at < now() - interval '15 days'
				LIMIT 1000 FOR UPDATE SKIP LOCKED)`)
		return err
	})
	if err != nil {
		return s.failed("noting a dead letter", err)
	}
	return nil
}

// DeadLetterNotes are the notes of the messages of a queue that have these
// ids, in no order.
func (s *Store) DeadLetterNotes(ctx context.Context, queue string, ids []string) ([]jobs.DeadLetter, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := s.pool.Query(ctx, `
		SELECT queue, message_id, reason, error, worker, given_up FROM dead_letters
		WHERE queue = $1 AND message_id = ANY ($2)`, queue, ids)
	if err != nil {
		return nil, s.failed("reading notes of dead letters", err)
	}
	notes, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (d jobs.DeadLetter, err error) {
		err = row.Scan(&d.Queue, &d.MessageID, &d.Reason, &d.Error, &d.Worker, &d.At)
		return d, err
	})
	if err != nil {
		return nil, s.failed("reading notes of dead letters", err)
	}
	return notes, nil
}
