package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/status"
)

// planLock is held by whoever plans; see [lockSpace].
const planLock = lockKeys + 1

// transitionsAtOnce bounds the transitions of one plan; the next takes the rest.
const transitionsAtOnce = 5000

// UnplannedAlerts reports whether something happened that was not looked at.
func (s *Store) UnplannedAlerts(ctx context.Context) (bool, error) {
	var some bool
	if err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM transitions WHERE planned_at IS NULL)`).Scan(&some); err != nil {
		return false, s.failed("looking for what people are to be told", err)
	}
	return some, nil
}

// PlanAlerts takes up what happened, decides who is told of what, and writes the
// messages into the outbox, in one transaction. Of several at a time one does
// so; the others answer that nothing was planned. Repeating it is harmless.
func (s *Store) PlanAlerts(ctx context.Context, now time.Time) (alert.Decision, error) {
	var d alert.Decision
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		d = alert.Decision{}
		var mine bool
		if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1, $2)`, lockSpace, planLock).Scan(&mine); err != nil {
			return err
		}
		if !mine {
			d.Next = now.Add(time.Second)
			return nil
		}
		if err := takeTransitions(ctx, tx, now); err != nil {
			return err
		}
		state, err := alertState(ctx, tx, now)
		if err != nil {
			return err
		}
		d = alert.Plan(state)
		return writeDecision(ctx, tx, state, d)
	})
	if err != nil {
		return alert.Decision{}, s.failed("planning alerts", err)
	}
	return d, nil
}

// takeTransitions makes alerts of transitions.
func takeTransitions(ctx context.Context, tx pgx.Tx, now time.Time) error {
	rows, err := tx.Query(ctx, `
		SELECT t.id, t.check_id, t.kind, t.slot, coalesce(t.incident_id::text, ''), coalesce(c.name, t.check_id),
			coalesce(i.opened, t.slot), coalesce(i.closed, 'epoch'), coalesce(i.fault_class, ''), coalesce(i.fault_message, ''),
			coalesce(i.locations, '{}'), coalesce(i.failed, 0), coalesce(i.flaps, 0)
		FROM transitions t LEFT JOIN incidents i ON i.id = t.incident_id LEFT JOIN checks c ON c.id = t.check_id
		WHERE t.planned_at IS NULL ORDER BY t.id LIMIT $1`, transitionsAtOnce)
	if err != nil {
		return err
	}
	var ids []int64
	batch := &pgx.Batch{}
	var t transition
	var id int64
	_, err = pgx.ForEachRow(rows, []any{
		&id, &t.checkID, &t.kind, &t.slot, &t.incident, &t.name, &t.opened, &t.closed, &t.facts.Class, &t.facts.Message,
		&t.facts.Locations, &t.facts.Failed, &t.facts.Flaps,
	}, func() error {
		ids = append(ids, id)
		return t.write(batch, now)
	})
	if err != nil || len(ids) == 0 {
		return err
	}
	batch.Queue(`UPDATE transitions SET planned_at = $2 WHERE id = ANY ($1)`, ids, now)
	return tx.SendBatch(ctx, batch).Close()
}

// transition is a row of transitions with its incident as it is now.
type transition struct {
	checkID, kind, incident, name string
	slot, opened, closed          time.Time
	facts                         alert.Facts
}

func (t transition) write(batch *pgx.Batch, now time.Time) error {
	facts, err := json.Marshal(t.facts)
	if err != nil {
		return err
	}
	switch t.kind {
	case "opened", "reopened":
		batch.Queue(`
			INSERT INTO alerts AS a (id, kind, subject, check_id, name, opened, noted_at, facts)
			VALUES ($1, 'outage', $1, $2, $3, $4, $5, $6)
			ON CONFLICT (id) DO UPDATE SET (turn, closed, closed_noted_at, noted_at, facts, finished, retracted) =
				(a.turn + 1, NULL, NULL, excluded.noted_at, excluded.facts, false, false)
			WHERE a.closed IS NOT NULL`,
			t.incident, t.checkID, t.name, t.opened, now, string(facts))
		// An outage tells more than that the check was degraded.
		batch.Queue(`
			UPDATE alerts SET closed = $2, closed_noted_at = $3 WHERE kind = 'degraded' AND subject = $1 AND closed IS NULL`,
			t.checkID, t.slot, now)
	case "closed", "retracted":
		batch.Queue(`
			UPDATE alerts SET closed = $2, closed_noted_at = $3, facts = $4, retracted = $5 WHERE id = $1 AND closed IS NULL`,
			t.incident, t.slot, now, string(facts), t.kind == "retracted")
	case "degraded":
		batch.Queue(`
			INSERT INTO alerts (id, kind, subject, check_id, name, opened, noted_at, facts)
			VALUES ($1, 'degraded', $2, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
			"degraded/"+t.checkID+"/"+t.slot.UTC().Format(time.RFC3339), t.checkID, t.name, t.slot, now, string(facts))
	case "recovered":
		batch.Queue(`
			UPDATE alerts SET closed = $2, closed_noted_at = $3 WHERE kind = 'degraded' AND subject = $1 AND closed IS NULL`,
			t.checkID, t.slot, now)
	}
	return nil
}

// alertState is what a plan looks at.
func alertState(ctx context.Context, tx pgx.Tx, now time.Time) (alert.State, error) {
	state := alert.State{Now: now, Sent: map[string]alert.Sent{}}
	channels, err := readChannels(ctx, tx)
	if err != nil {
		return state, err
	}
	for _, c := range channels {
		state.Channels = append(state.Channels, c.Channel)
	}
	if state.Alerts, err = unfinishedAlerts(ctx, tx, now); err != nil {
		return state, err
	}
	rows, err := tx.Query(ctx, `
		SELECT l.channel, l.alert_id, a.check_id, l.turn, l.what, l.n, l.thread, l.at
		FROM alert_log l JOIN alerts a ON a.id = l.alert_id
		WHERE NOT a.finished OR l.at > $1 AND a.check_id IN (SELECT check_id FROM alerts WHERE NOT finished)
		ORDER BY l.at, l.alert_id`, now.Add(-24*time.Hour))
	if err != nil {
		return state, err
	}
	if state.Log, err = pgx.CollectRows(rows, pgx.RowToStructByPos[alert.Told]); err != nil {
		return state, err
	}
	rows, err = tx.Query(ctx, `
		SELECT channel, bool_or(state = 'waiting'), coalesce(array_agg(created_at ORDER BY seq) FILTER (WHERE created_at > $1), '{}'),
			coalesce(sum(items) FILTER (WHERE created_at > $2), 0)::bigint
		FROM deliveries WHERE NOT test AND state <> 'withheld' AND (created_at > $1 OR state = 'waiting') GROUP BY channel`,
		now.Add(-24*time.Hour), now.Add(-alert.StormTime))
	if err != nil {
		return state, err
	}
	var name string
	var sent alert.Sent
	_, err = pgx.ForEachRow(rows, []any{&name, &sent.Busy, &sent.At, &sent.Items}, func() error {
		state.Sent[name] = alert.Sent{Busy: sent.Busy, At: slices.Clone(sent.At), Items: sent.Items}
		return nil
	})
	return state, err
}

// unfinishedAlerts are those of which somebody may have to be told, with what
// their checks say now.
func unfinishedAlerts(ctx context.Context, tx pgx.Tx, now time.Time) ([]alert.Alert, error) {
	rows, err := tx.Query(ctx, `
		SELECT id, kind, check_id, name, turn, opened, coalesce(closed, 'epoch'), noted_at, coalesce(closed_noted_at, 'epoch'),
			retracted, hushed, facts
		FROM alerts WHERE NOT finished ORDER BY noted_at, id`)
	if err != nil {
		return nil, err
	}
	var ids []string
	alerts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a alert.Alert, err error) {
		a, err = scanAlert(row)
		if a.CheckID != "" {
			ids = append(ids, a.CheckID)
		}
		return a, err
	})
	if err != nil || len(ids) == 0 {
		return alerts, err
	}
	of, err := alertChecks(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	down, err := downParents(ctx, tx, of, now)
	if err != nil {
		return nil, err
	}
	for i := range alerts {
		a := &alerts[i]
		c, known := of[a.CheckID]
		if !known {
			continue
		}
		a.Tags, a.Group = c.Tags, c.Group
		a.Rule = alert.Rule{Channels: c.Alert.Channels, Remind: c.Alert.Remind, Reminders: c.Alert.Reminders, Urgent: c.Alert.Urgent}
		a.Hush = hush(c, *a, down, now)
	}
	return alerts, nil
}

func scanAlert(row pgx.CollectableRow) (a alert.Alert, err error) {
	var facts []byte
	err = row.Scan(&a.ID, &a.Kind, &a.CheckID, &a.Name, &a.Turn, &a.Opened, &a.Closed, &a.Noted, &a.ClosedNoted, &a.Retracted, &a.Hushed, &facts)
	if err != nil {
		return a, err
	}
	a.Closed, a.ClosedNoted = sinceEpoch(a.Closed), sinceEpoch(a.ClosedNoted)
	return a, json.Unmarshal(facts, &a.Facts)
}

// alertedCheck is a check with what its windows say.
type alertedCheck struct {
	check.Check
	rules status.Rules
}

// alertChecks are the checks of ids as they are now, removed ones too.
func alertChecks(ctx context.Context, tx pgx.Tx, ids []string) (map[string]alertedCheck, error) {
	windows, err := plannedWindows(ctx, tx)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `SELECT id, spec_version, spec, active AND removed_at IS NULL, updated_at FROM checks WHERE id = ANY ($1)`, ids)
	if err != nil {
		return nil, err
	}
	of := make(map[string]alertedCheck, len(ids))
	var id string
	var version int
	var spec []byte
	var active bool
	var updated time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &version, &spec, &active, &updated}, func() error {
		c, err := codec.DecodeCheck(version, spec)
		if err != nil {
			return nil //nolint:nilerr // of a newer release: its alerts are told as those of any check
		}
		c.Active = active
		r := status.NewRules(c, updated)
		for _, w := range windows {
			if w.concerns(c) {
				r.Windows = append(r.Windows, w.Window)
			}
		}
		of[id] = alertedCheck{c, r}
		return nil
	})
	return of, err
}

// downParents are the outages of the checks on which checks depend that last, or
// ended a short while ago: what depends on them may need a moment.
func downParents(ctx context.Context, tx pgx.Tx, of map[string]alertedCheck, now time.Time) (map[string]status.ParentOutage, error) {
	var parents []string
	for _, c := range of {
		parents = append(parents, c.DependsOn...)
	}
	down := map[string]status.ParentOutage{}
	if len(parents) == 0 {
		return down, nil
	}
	rows, err := tx.Query(ctx, `
		SELECT check_id, opened, coalesce(closed, 'epoch') FROM incidents
		WHERE check_id = ANY ($1) AND source = 'rules' AND retracted_at IS NULL AND (closed IS NULL OR closed > $2)
		ORDER BY opened`, parents, now.Add(-25*time.Hour))
	if err != nil {
		return nil, err
	}
	var p status.ParentOutage
	_, err = pgx.ForEachRow(rows, []any{&p.CheckID, &p.Opened, &p.Closed}, func() error {
		p.Closed = sinceEpoch(p.Closed)
		down[p.CheckID] = p
		return nil
	})
	return down, err
}

// hush says why nobody is to be told of an alert of a check at now.
func hush(c alertedCheck, a alert.Alert, down map[string]status.ParentOutage, now time.Time) string {
	switch w, maintained := c.rules.Maintenance(now); {
	case c.Muted:
		return "muted"
	case !c.Active && a.Open():
		return "paused"
	case maintained && w.Why != "":
		return "in maintenance: " + w.Why
	case maintained:
		return "in maintenance"
	}
	for _, id := range c.DependsOn {
		p, isDown := down[id]
		if !isDown || p.Opened.After(a.Opened.Add(c.rules.Lag())) {
			continue
		}
		if p.Closed.IsZero() || now.Sub(p.Closed) < c.rules.Lag() {
			return "depends on " + id + ", which has an outage since " + p.Opened.UTC().Format(time.RFC3339)
		}
	}
	return ""
}

// writeDecision writes messages and what they tell, and notes what was found.
func writeDecision(ctx context.Context, tx pgx.Tx, state alert.State, d alert.Decision) error {
	batch := &pgx.Batch{}
	of := map[string]string{} // deliveries by channel and thread of an item
	for _, n := range d.Send {
		message, err := json.Marshal(n.Message)
		if err != nil {
			return err
		}
		id := newUUID()
		batch.Queue(`
			INSERT INTO deliveries (id, channel, key, thread, items, message, created_at, due_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)`,
			id, n.Channel, n.Key, n.Message.Thread, len(n.Message.Items), string(message), state.Now)
		for _, i := range n.Message.Items {
			of[n.Channel+"\n"+i.AlertID+"\n"+string(i.What)] = id
		}
	}
	for _, t := range d.Log {
		batch.Queue(`
			INSERT INTO alert_log (alert_id, channel, turn, what, n, thread, delivery_id, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			t.AlertID, t.Channel, t.Turn, string(t.What), t.N, t.Thread, of[t.Channel+"\n"+t.AlertID+"\n"+string(t.What)], t.At)
	}
	for _, a := range state.Alerts {
		if a.Open() && a.Hush != a.Hushed {
			batch.Queue(`UPDATE alerts SET hushed = $2 WHERE id = $1`, a.ID, a.Hush)
		}
	}
	if len(d.Finished) > 0 {
		batch.Queue(`UPDATE alerts SET finished = true WHERE id = ANY ($1)`, d.Finished)
	}
	if batch.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, batch).Close()
}
