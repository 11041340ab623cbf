package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/numeral"
)

// lockChecks holds the advisory lock under which revisions are taken, until
// the transaction ends.
const lockChecks = `SELECT pg_advisory_xact_lock(hashtext('probefleet.checks'))`

// UnreadableError lists checks that this release cannot read, by id: they were
// written by a newer one.
type UnreadableError struct{ Checks map[string]error }

func (e *UnreadableError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s cannot be read by this release", numeral.Of(len(e.Checks), "check"))
	for _, id := range slices.Sorted(maps.Keys(e.Checks)) {
		fmt.Fprintf(&b, "; %q: %v", id, e.Checks[id])
	}
	return b.String()
}

// ActiveChecks lists the checks that are scheduled, in the order of their ids,
// and a revision that is at most as new as they are. With an
// [*UnreadableError] the list holds all the others.
func (s *Store) ActiveChecks(ctx context.Context) ([]check.Check, int64, error) {
	revision, err := s.ChecksRevision(ctx)
	if err != nil {
		return nil, 0, err
	}
	rows, err := s.pool.Query(ctx, `
		SELECT id, spec_version, spec FROM checks WHERE active AND removed_at IS NULL ORDER BY id`)
	if err != nil {
		return nil, 0, s.failed("reading the checks", err)
	}
	var checks []check.Check
	unreadable := map[string]error{}
	var id string
	var version int
	var spec []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &version, &spec}, func() error {
		c, err := codec.DecodeCheck(version, spec)
		if err != nil {
			unreadable[id] = err
			return nil //nolint:nilerr // it is reported with all others
		}
		checks = append(checks, c)
		return nil
	})
	if err != nil {
		return nil, 0, s.failed("reading the checks", err)
	}
	if len(unreadable) > 0 {
		return checks, revision, &UnreadableError{unreadable}
	}
	return checks, revision, nil
}

// ChecksRevision grows with every change to any check.
func (s *Store) ChecksRevision(ctx context.Context) (int64, error) {
	var revision int64
	err := s.pool.QueryRow(ctx, `SELECT coalesce(max(revision), 0) FROM checks`).Scan(&revision)
	if err != nil {
		return 0, s.failed("reading the checks' revision", err)
	}
	return revision, nil
}

// beginChange makes others wait who change checks, until the transaction ends,
// and says for the revisions who changes them: the actor of the context.
func beginChange(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, lockChecks); err != nil {
		return err
	}
	by := access.ActorOf(ctx)
	if by.Kind == access.ActorSystem {
		by.Name = ""
	}
	_, err := tx.Exec(ctx, `SELECT set_config('probefleet.changed_by', $1, true)`, text(by.Name))
	return err
}

// RemoveChecks takes checks away; their history stays. It answers which of
// them were there.
func (s *Store) RemoveChecks(ctx context.Context, ids []string) ([]string, error) {
	var removed []string
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := beginChange(ctx, tx); err != nil {
			return err
		}
		var err error
		removed, err = removeChecks(ctx, tx, ids)
		return err
	})
	if err != nil {
		return nil, s.failed("removing checks", err)
	}
	return removed, nil
}

// removeChecks needs lockChecks.
func removeChecks(ctx context.Context, tx pgx.Tx, ids []string) ([]string, error) {
	rows, err := tx.Query(ctx, `
		WITH next AS MATERIALIZED (SELECT nextval('checks_revision') AS revision)
		UPDATE checks SET removed_at = now(), updated_at = now(), revision = next.revision
		FROM next WHERE id = ANY ($1) AND removed_at IS NULL
		RETURNING id`, ids)
	if err != nil {
		return nil, err
	}
	removed, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	slices.Sort(removed)
	entries := make([]access.Entry, len(removed))
	for i, id := range removed {
		entries[i] = access.Entry{Action: actCheckDelete, Subject: id}
	}
	return removed, audit(ctx, tx, entries...)
}

// text is s as a text column takes it; codec treats the same text in the same
// way.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// texts is a list as an array column takes it, never null.
func texts(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = text(s)
	}
	return out
}
