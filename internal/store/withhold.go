package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/alert"
)

// withhold asks again, before a message is tried, whether somebody is to be told
// of what is in it: a check may have been muted since it was planned, a window
// may have begun, a parent failed. What nobody is to be told of is left out of d
// and of the outbox, and taken out of the log, so that the next plans decide
// anew; that something is over is left out only where the channel cannot know
// that it began. It reports whether anything is left to be sent.
func (s *Store) withhold(ctx context.Context, d *alert.Delivery, now time.Time) (send bool, err error) {
	var ids []string
	for _, i := range d.Message.Items {
		if i.CheckID != "" {
			ids = append(ids, i.AlertID)
		}
	}
	if d.Message.Test || len(ids) == 0 {
		return true, nil
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		hushed, err := hushedNow(ctx, tx, ids, now)
		rest, left := d.Message.Without(hushed, d.Try > 1)
		if send = len(rest.Items) > 0; err != nil || len(left) == 0 {
			return err
		}
		// Nobody plans meanwhile: the log says what it says in all of a plan.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1, $2)`, lockSpace, planLock); err != nil {
			return err
		}
		if err := leaveOut(ctx, tx, *d, rest, hushed[left[0].AlertID], now); err != nil {
			return err
		}
		if err := forgetTold(ctx, tx, *d, left); err != nil {
			return err
		}
		d.Message = rest
		return nil
	})
	if err != nil {
		return false, s.failed("asking whether somebody is still to be told", err)
	}
	return send, nil
}

// hushedNow says of alerts of which nobody is to be told why that is.
func hushedNow(ctx context.Context, tx pgx.Tx, ids []string, now time.Time) (map[string]string, error) {
	rows, err := tx.Query(ctx, `
		SELECT id, kind, check_id, name, turn, opened, coalesce(closed, 'epoch'), noted_at, coalesce(closed_noted_at, 'epoch'),
			retracted, hushed, facts
		FROM alerts WHERE id = ANY ($1)`, ids)
	if err != nil {
		return nil, err
	}
	alerts, err := pgx.CollectRows(rows, scanAlert)
	if err != nil {
		return nil, err
	}
	var checks []string
	for _, a := range alerts {
		checks = append(checks, a.CheckID)
	}
	of, err := alertChecks(ctx, tx, checks)
	if err != nil {
		return nil, err
	}
	down, err := downParents(ctx, tx, of, now)
	if err != nil {
		return nil, err
	}
	hushed := map[string]string{}
	for _, a := range alerts {
		if c, known := of[a.CheckID]; known {
			hushed[a.ID] = hush(c, a, down, now)
		}
	}
	return hushed, nil
}

// leaveOut keeps of a message in the outbox what is left of it. One of which
// nothing is gives its key back: what it told may be told later.
func leaveOut(ctx context.Context, tx pgx.Tx, d alert.Delivery, rest alert.Message, why string, now time.Time) error {
	if len(rest.Items) == 0 {
		_, err := tx.Exec(ctx, `
			UPDATE deliveries SET state = 'withheld', key = key || '/' || id, lease = NULL, lease_until = NULL, settled_at = $3, error = $4
			WHERE id = $1 AND lease = $2`, d.ID, d.Lease, now, text("not sent: "+why))
		return err
	}
	message, err := json.Marshal(rest)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE deliveries SET message = $3, items = $4 WHERE id = $1 AND lease = $2`, d.ID, d.Lease, string(message), len(rest.Items))
	return err
}

// forgetTold takes out of the log what was left out of a message, but for
// reminders: the next one comes when it would. Where the message was tried it
// keeps that the channel may know of the begin all the same.
func forgetTold(ctx context.Context, tx pgx.Tx, d alert.Delivery, left []alert.Item) error {
	batch := &pgx.Batch{}
	for _, i := range left {
		if i.What == alert.TellReminder && i.Kind != alert.Certificate {
			continue
		}
		if i.What == alert.TellOpened && d.Try > 1 {
			batch.Queue(`
				INSERT INTO alert_log (alert_id, channel, turn, what, n, thread, delivery_id, at)
				SELECT alert_id, channel, turn, $4, n, thread, delivery_id, at FROM alert_log WHERE delivery_id = $1 AND alert_id = $2 AND what = $3
				ON CONFLICT DO NOTHING`, d.ID, i.AlertID, string(i.What), string(alert.TellWithheld))
		}
		batch.Queue(`DELETE FROM alert_log WHERE delivery_id = $1 AND alert_id = $2 AND what = $3 AND n = $4`, d.ID, i.AlertID, string(i.What), i.N)
	}
	if batch.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, batch).Close()
}
