package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/kept"
)

// maxRevisions is the number of definitions that [Store.Revisions] answers at
// most.
const maxRevisions = 200

// Revisions lists the definitions that a check had, the newest first, at most
// 200; none where there never was such a check.
func (s *Store) Revisions(ctx context.Context, checkID string) ([]kept.Revision, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT since, changed_by, active, spec_version, spec FROM check_history
		WHERE check_id = $1 ORDER BY since DESC LIMIT $2`, checkID, maxRevisions)
	if err != nil {
		return nil, s.failed("reading the revisions of a check", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[kept.Revision])
	if err != nil {
		return nil, s.failed("reading the revisions of a check", err)
	}
	return found, nil
}

// ChangeCheck changes a check in place; its set stays the same. It answers false where there is no such check. Nobody else changes
// checks meanwhile, so that nothing is lost that an apply did.
func (s *Store) ChangeCheck(ctx context.Context, id string, change kept.Change) (found bool, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		found = false
		if err := beginChange(ctx, tx); err != nil {
			return err
		}
		var version int
		var spec []byte
		err := tx.QueryRow(ctx, `SELECT spec_version, spec FROM checks WHERE id = $1 AND removed_at IS NULL`, id).Scan(&version, &spec)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		c, err := codec.DecodeCheck(version, spec)
		if err != nil {
			return err
		}
		change(&c)
		written, err := upsertChecks(ctx, tx, []check.Check{c}, "")
		if err != nil {
			return err
		}
		return audit(ctx, tx, tellApplied(Applied{}, []check.Check{c}, written, "")...)
	})
	if err != nil {
		return found, s.failed("changing a check", err)
	}
	return found, nil
}
