package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/status"
)

// PlanMaintenance keeps a window and answers its id. It counts from now on:
// what was judged before stands. A [*RefusedError] says what is wrong with it.
func (s *Store) PlanMaintenance(ctx context.Context, p status.Planned) (id string, err error) {
	const doing = "planning maintenance"
	now, err := s.Now(ctx)
	if err != nil {
		return "", err
	}
	if fault := p.Fault(now); fault != "" {
		return "", &RefusedError{fault}
	}
	id = newUUID()
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO maintenance (id, title, why, checks, tags, groups, from_at, to_at, cron, zone, for_ms, public, created_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
			id, text(p.Title), text(p.Why), texts(p.Checks), texts(p.Tags), texts(p.Groups), someTime(p.From), someTime(p.To),
			text(p.Cron), text(p.Zone), p.For.Milliseconds(), p.Public, text(p.CreatedBy))
		if err != nil {
			return err
		}
		return audit(ctx, tx, access.Entry{Action: actMaintenancePlan, Subject: id})
	})
	if err != nil {
		return "", s.failed(doing, err)
	}
	return id, nil
}

// PlannedMaintenance lists the windows that people planned, the newest plan
// first: those to come and those that last, and with all also what is over or
// was called off.
func (s *Store) PlannedMaintenance(ctx context.Context, all bool) ([]status.Planned, error) {
	const doing = "reading the planned maintenance"
	rows, err := s.pool.Query(ctx, `
		SELECT id::text, title, why, checks, tags, groups, coalesce(from_at, 'epoch'), coalesce(to_at, 'epoch'), cron, zone, for_ms,
			public, created_by, created_at, coalesce(cancelled_at, 'epoch')
		FROM maintenance WHERE $1 OR cancelled_at IS NULL AND (to_at IS NULL OR to_at > now())
		ORDER BY created_at DESC, id`, all)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p status.Planned, err error) {
		var lasts int64
		err = row.Scan(&p.ID, &p.Title, &p.Why, &p.Checks, &p.Tags, &p.Groups, &p.From, &p.To, &p.Cron, &p.Zone, &lasts,
			&p.Public, &p.CreatedBy, &p.CreatedAt, &p.CancelledAt)
		p.From, p.To, p.CancelledAt = sinceEpoch(p.From), sinceEpoch(p.To), sinceEpoch(p.CancelledAt)
		p.For = time.Duration(lasts) * time.Millisecond
		return p, err
	})
	if err != nil {
		return nil, s.failed(doing, err)
	}
	return list, nil
}

// CancelMaintenance calls a window off from now on; false where there is none
// that was not called off yet.
func (s *Store) CancelMaintenance(ctx context.Context, id string) (bool, error) {
	if _, err := uuid(id); err != nil {
		return false, nil //nolint:nilerr // what is no UUID names none
	}
	var cancelled bool
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			UPDATE maintenance SET cancelled_at = now() WHERE id = $1 AND cancelled_at IS NULL RETURNING true`, id).Scan(&cancelled)
		if err != nil {
			return err
		}
		return audit(ctx, tx, access.Entry{Action: actMaintenanceCancel, Subject: id})
	})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, s.failed("calling maintenance off", err)
	}
	return cancelled, nil
}
