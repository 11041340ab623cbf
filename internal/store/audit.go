package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
)

// What is written down in the audit log.
const (
	actPersonAdd         = "person.add"
	actPersonChange      = "person.change"
	actPassword          = "person.password"
	actLogin             = "person.log-in"
	actSessionEnd        = "session.end"
	actTokenMake         = "token.make"
	actTokenRevoke       = "token.revoke"
	actCheckCreate       = "check.create"
	actCheckChange       = "check.change"
	actCheckDelete       = "check.delete"
	actTrigger           = "runs.trigger"
	actAddress           = "heartbeat.address"
	actChannelMake       = "channel.make"
	actChannelChange     = "channel.change"
	actChannelRemove     = "channel.remove"
	actChannelTest       = "channel.test"
	actPin               = "fleet.pin"
	actDeadDrop          = "dead-letters.drop"
	actIncidentOpen      = "incident.open"
	actIncidentChange    = "incident.change"
	actMaintenancePlan   = "maintenance.plan"
	actMaintenanceCancel = "maintenance.cancel"
	actPageMake          = "page.make"
	actPageChange        = "page.change"
	actPageRemove        = "page.remove"
	actSubscriberRemove  = "page.subscriber-remove"
	actSubscribersExport = "page.subscribers-export"
)

// maxNamed bounds the names of properties in one entry.
const maxNamed = 100

// audit writes entries down in the transaction of what they tell, as done by
// the actor of the context.
func audit(ctx context.Context, tx pgx.Tx, entries ...access.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	by := access.ActorOf(ctx)
	rows := make([][]any, len(entries))
	for i, e := range entries {
		if e.Result == "" {
			e.Result = access.Done
		}
		rows[i] = []any{
			string(by.Kind), by.ID, text(by.Name), e.Action, text(e.Subject), named(e.Before), named(e.After), text(e.Note), by.Address, e.Result,
		}
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"audit"},
		[]string{"actor_kind", "actor_id", "actor", "action", "subject", "before", "after", "note", "address", "result"}, pgx.CopyFromRows(rows))
	if err != nil {
		return fmt.Errorf("writing it down in the audit log: %w", err)
	}
	return nil
}

func named(properties []string) []string {
	if len(properties) > maxNamed {
		properties = append(properties[:maxNamed:maxNamed], fmt.Sprintf("and %d more", len(properties)-maxNamed))
	}
	return texts(properties)
}

// Note writes down what was done outside of the database, such as to a queue,
// by the actor of the context.
func (s *Store) Note(ctx context.Context, entries ...access.Entry) error {
	if err := s.inTx(ctx, func(tx pgx.Tx) error { return audit(ctx, tx, entries...) }); err != nil {
		return s.failed("noting what was done", err)
	}
	return nil
}

// Audit lists entries of the audit log, the newest first.
func (s *Store) Audit(ctx context.Context, f access.EntryFilter) ([]access.Entry, error) {
	where, args := []string{"true"}, []any{}
	add := func(condition string, v any) {
		args = append(args, v)
		where = append(where, fmt.Sprintf("%s $%d", condition, len(args)))
	}
	for _, c := range []struct{ column, value string }{{"actor =", f.Actor}, {"subject =", f.Subject}, {"result =", f.Result}} {
		if c.value != "" {
			add(c.column, c.value)
		}
	}
	if f.Action != "" { // check is check.change too
		add("(action || '.') ^@", f.Action+".")
	}
	if !f.Since.IsZero() {
		add("at >=", f.Since)
	}
	if !f.Until.IsZero() {
		add("at <", f.Until)
	}
	if f.Before > 0 {
		add("id <", f.Before)
	}
	args = append(args, f.Limit)
	rows, err := s.pool.Query(ctx, `
		SELECT id, at, actor_kind, actor_id, actor, action, subject, before, after, note, address, result
		FROM audit WHERE `+strings.Join(where, " AND ")+fmt.Sprintf(` ORDER BY id DESC LIMIT $%d`, len(args)), args...)
	if err != nil {
		return nil, s.failed("reading the audit log", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[access.Entry])
	if err != nil {
		return nil, s.failed("reading the audit log", err)
	}
	return found, nil
}

// PruneAudit deletes entries from before a time, and of those only such that
// are older than 90 days.
func (s *Store) PruneAudit(ctx context.Context, before time.Time) (int64, error) {
	var gone int64
	if err := s.pool.QueryRow(ctx, `SELECT prune_audit($1)`, before).Scan(&gone); err != nil {
		return 0, s.failed("deleting old entries of the audit log", err)
	}
	return gone, nil
}
