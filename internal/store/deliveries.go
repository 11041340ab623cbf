package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/alert"
)

// ClaimDelivery takes the next message that is due for whoever asks, until the
// lease ends: then another one may take it, with the same key. Messages of a
// channel are taken in their order, and tests of channels at once. What nobody
// is to be told of any more is left out; see [Store.withhold]. It answers false
// where nothing is due.
func (s *Store) ClaimDelivery(ctx context.Context, now time.Time, lease time.Duration) (alert.Delivery, bool, error) {
	for {
		d, found, err := s.claimDelivery(ctx, now, lease)
		if err != nil || !found {
			return d, false, err
		}
		send, err := s.withhold(ctx, &d, now)
		if err != nil || send {
			return d, send, err
		}
	}
}

func (s *Store) claimDelivery(ctx context.Context, now time.Time, lease time.Duration) (alert.Delivery, bool, error) {
	const doing = "taking a message to be sent"
	d := alert.Delivery{Lease: newUUID()}
	var message, spec []byte
	var thread string
	err := s.pool.QueryRow(ctx, `
		UPDATE deliveries d SET tries = d.tries + 1, lease = $2, lease_until = $3
		FROM channels c
		WHERE c.name = d.channel AND d.id = (
			SELECT w.id FROM deliveries w
			WHERE w.state = 'waiting' AND w.due_at <= $1 AND (w.lease_until IS NULL OR w.lease_until <= $1)
				AND EXISTS (SELECT FROM channels n WHERE n.name = w.channel)
				AND (w.test OR NOT EXISTS (
					SELECT FROM deliveries o WHERE o.channel = w.channel AND o.state = 'waiting' AND NOT o.test AND o.seq < w.seq))
			ORDER BY w.seq LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING d.id::text, d.tries, d.message, d.created_at, d.thread, c.spec`,
		now, d.Lease, now.Add(lease)).Scan(&d.ID, &d.Try, &message, &d.Created, &thread, &spec)
	if errors.Is(err, pgx.ErrNoRows) {
		return d, false, nil
	}
	if err != nil {
		return d, false, s.failed(doing, err)
	}
	if err := json.Unmarshal(message, &d.Message); err != nil {
		return d, false, fmt.Errorf("%s: %w", doing, err)
	}
	if d.Channel, err = alert.Decode(spec); err != nil {
		return d, false, fmt.Errorf("%s: %w", doing, err)
	}
	err = s.pool.QueryRow(ctx, `
		SELECT receipt FROM deliveries WHERE channel = $1 AND thread = $2 AND receipt <> '' ORDER BY seq LIMIT 1`,
		d.Channel.Name, thread).Scan(&d.Root)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return d, false, s.failed(doing, err)
	}
	return d, true, nil
}

// SettleDelivery notes what became of a try, and answers what is done next. One
// whose lease somebody else holds by now is noted, and changes nothing.
func (s *Store) SettleDelivery(ctx context.Context, d alert.Delivery, o alert.Outcome) (alert.Fate, error) {
	fate, next := d.Settle(o)
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE deliveries SET state = $3, due_at = coalesce($4, due_at), lease = NULL, lease_until = NULL,
				settled_at = CASE $3 WHEN 'waiting' THEN NULL ELSE $5::timestamptz END, status = $6, error = $7, receipt = $8
			WHERE id = $1 AND lease = $2`,
			d.ID, d.Lease, string(fate), someTime(next), o.At, o.Status, text(o.Error), text(o.Receipt))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO delivery_tries (delivery_id, try, at, took_us, status, error)
			SELECT id, $2, $3, $4, $5, $6 FROM deliveries WHERE id = $1 ON CONFLICT DO NOTHING`,
			d.ID, d.Try, o.At, o.Took.Microseconds(), o.Status, text(o.Error))
		return err
	})
	if err != nil {
		return fate, s.failed("noting what became of a message", err)
	}
	return fate, nil
}

// TestChannel puts a test message for a channel into the outbox and answers the
// id of its delivery; "" where there is no such channel.
func (s *Store) TestChannel(ctx context.Context, name string) (id string, err error) {
	id = newUUID()
	now, err := s.Now(ctx)
	if err != nil {
		return "", err
	}
	message, err := json.Marshal(alert.TestMessage(name, id, now))
	if err != nil {
		return "", fmt.Errorf("writing a test message: %w", err)
	}
	there := false
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			INSERT INTO deliveries (id, channel, key, thread, items, test, message, created_at, due_at)
			SELECT $1::uuid, name, $5, 'test/' || $5, 1, true, $3, $4, $4 FROM channels WHERE name = $2`, id, name, string(message), now, id)
		if there = err == nil && tag.RowsAffected() > 0; !there {
			return err
		}
		return audit(ctx, tx, access.Entry{Action: actChannelTest, Subject: name})
	})
	if err != nil {
		return "", s.failed("asking for a test message", err)
	}
	if !there {
		return "", nil
	}
	return id, nil
}

// StoredDelivery is a message with what became of it.
type StoredDelivery struct {
	ID, Channel, Key, Thread string
	Test                     bool
	State                    alert.Fate
	Created, Due, Settled    time.Time
	Tries                    int
	Status                   int
	Error                    string
	Message                  alert.Message
	// Log has the tries that came to an end; of one delivery only.
	Log []StoredTry
}

// StoredTry is one try of a delivery.
type StoredTry struct {
	Try    int
	At     time.Time
	Took   time.Duration
	Status int
	Error  string
}

// DeliveryFilter chooses deliveries; what is empty does not matter.
type DeliveryFilter struct {
	Channel, AlertID string
	State            alert.Fate
	Before           time.Time
	Limit            int
}

const deliveryColumns = `d.id::text, d.channel, d.key, d.thread, d.test, d.state, d.created_at, d.due_at, coalesce(d.settled_at, 'epoch'),
	d.tries, d.status, d.error, d.message`

func scanDelivery(row pgx.CollectableRow) (d StoredDelivery, err error) {
	var message []byte
	err = row.Scan(&d.ID, &d.Channel, &d.Key, &d.Thread, &d.Test, &d.State, &d.Created, &d.Due, &d.Settled, &d.Tries, &d.Status, &d.Error, &message)
	if err != nil {
		return d, err
	}
	d.Settled = sinceEpoch(d.Settled)
	return d, json.Unmarshal(message, &d.Message)
}

// Deliveries lists messages, the newest first.
func (s *Store) Deliveries(ctx context.Context, f DeliveryFilter) ([]StoredDelivery, error) {
	const doing = "reading the deliveries"
	var where []string
	var args []any
	add := func(condition string, v any) {
		args = append(args, v)
		where = append(where, strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(args))))
	}
	if f.Channel != "" {
		add("d.channel = ?", f.Channel)
	}
	if f.State != "" {
		add("d.state = ?", string(f.State))
	}
	if f.AlertID != "" {
		add("d.id IN (SELECT delivery_id FROM alert_log WHERE alert_id = ?)", f.AlertID)
	}
	if !f.Before.IsZero() {
		add("d.created_at < ?", f.Before)
	}
	where = append(where, "true")
	args = append(args, max(1, f.Limit))
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`SELECT %s FROM deliveries d WHERE %s ORDER BY d.created_at DESC, d.seq DESC LIMIT $%d`,
		deliveryColumns, strings.Join(where, " AND "), len(args)), args...)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	found, err := pgx.CollectRows(rows, scanDelivery)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	return found, nil
}

// Delivery is one message with its tries, and false where there is none.
func (s *Store) Delivery(ctx context.Context, id string) (StoredDelivery, bool, error) {
	const doing = "reading a delivery"
	if _, err := uuid(id); err != nil {
		return StoredDelivery{}, false, nil //nolint:nilerr // what is no UUID names none
	}
	rows, err := s.pool.Query(ctx, `SELECT `+deliveryColumns+` FROM deliveries d WHERE d.id = $1`, id)
	if err != nil {
		return StoredDelivery{}, false, s.failed(doing, err)
	}
	d, err := pgx.CollectExactlyOneRow(rows, scanDelivery)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return d, false, nil
	case err != nil:
		return d, false, s.failed(doing, err)
	}
	rows, err = s.pool.Query(ctx, `
		SELECT try, at, took_us * interval '1 microsecond', status, error FROM delivery_tries WHERE delivery_id = $1 ORDER BY at, try`, id)
	if err == nil {
		d.Log, err = pgx.CollectRows(rows, pgx.RowToStructByPos[StoredTry])
	}
	if err != nil {
		return d, false, s.failed(doing, err)
	}
	return d, true, nil
}

// AlertFilter chooses alerts; what is empty does not matter.
type AlertFilter struct {
	Kind    alert.Kind
	CheckID string
	Open    bool
	Before  time.Time
	Limit   int
}

// Alerts lists alerts, the newest first.
func (s *Store) Alerts(ctx context.Context, f AlertFilter) ([]alert.Alert, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT id, kind, check_id, name, turn, opened, coalesce(closed, 'epoch'), noted_at, coalesce(closed_noted_at, 'epoch'),
			retracted, hushed, facts
		FROM alerts
		WHERE ($1 = '' OR kind = $1) AND ($2 = '' OR check_id = $2) AND (NOT $3 OR closed IS NULL) AND noted_at < coalesce($4::timestamptz, 'infinity')
		ORDER BY noted_at DESC, id LIMIT $5`, string(f.Kind), f.CheckID, f.Open, someTime(f.Before), max(1, f.Limit))
	if err != nil {
		return nil, s.failed("reading the alerts", err)
	}
	found, err := pgx.CollectRows(rows, scanAlert)
	if err != nil {
		return nil, s.failed("reading the alerts", err)
	}
	return found, nil
}

// alertsKept is how long alerts that are over, and their messages, are kept.
const alertsKept = 90 * 24 * time.Hour

// PruneAlerts forgets old alerts and messages.
func (s *Store) PruneAlerts(ctx context.Context, now time.Time) error {
	before := now.Add(-alertsKept)
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM alerts WHERE finished AND closed < $1 AND noted_at < $1`, before); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			DELETE FROM deliveries d WHERE created_at < $1 AND state <> 'waiting'
				AND NOT EXISTS (SELECT FROM alert_log l WHERE l.delivery_id = d.id)`, before)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM transitions WHERE planned_at < $1`, before)
		return err
	})
	if err != nil {
		return s.failed("forgetting old alerts", err)
	}
	return nil
}

// CountDeliveries counts the messages that wait and those given up within a
// day, by channel.
func (s *Store) CountDeliveries(ctx context.Context, now time.Time) (waiting, givenUp map[string]int, err error) {
	rows, err := s.pool.Query(ctx, `
		SELECT channel, count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'given_up' AND settled_at > $1)
		FROM deliveries WHERE state = 'waiting' OR state = 'given_up' AND created_at > $2 GROUP BY channel`,
		now.Add(-24*time.Hour), now.Add(-8*24*time.Hour))
	if err != nil {
		return nil, nil, s.failed("counting the deliveries", err)
	}
	waiting, givenUp = map[string]int{}, map[string]int{}
	var name string
	var w, g int
	_, err = pgx.ForEachRow(rows, []any{&name, &w, &g}, func() error {
		waiting[name], givenUp[name] = w, g
		return nil
	})
	if err != nil {
		return nil, nil, s.failed("counting the deliveries", err)
	}
	return waiting, givenUp, nil
}
