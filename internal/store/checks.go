package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
)

// Applied lists the ids of the checks of an [Store.ApplyChecks] by what became
// of them, each list in order.
type Applied struct {
	Created, Changed, Unchanged []string
}

// lockChecks holds the advisory lock under which revisions are taken, until
// the transaction ends.
const lockChecks = `SELECT pg_advisory_xact_lock(hashtext('probefleet.checks'))`

// ApplyChecks creates and changes checks so that they are as given, all or
// none. What is the same already keeps its revision; a check that had been
// removed counts as created. Checks that are not named stay as they are.
func (s *Store) ApplyChecks(ctx context.Context, checks []check.Check) (Applied, error) {
	ids := make([]string, len(checks))
	for i, c := range checks {
		ids[i] = c.ID
	}
	slices.Sort(ids)
	for i := range len(ids) - 1 {
		if ids[i] == ids[i+1] {
			return Applied{}, fmt.Errorf("applying checks: the id %q is there twice; give each check its own", ids[i])
		}
	}
	var a Applied
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockChecks); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT id FROM checks WHERE id = ANY ($1) AND removed_at IS NULL ORDER BY id`, ids)
		if err != nil {
			return err
		}
		known, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		written, err := upsertChecks(ctx, tx, checks)
		if err != nil {
			return err
		}
		a = sortApplied(ids, known, written)
		return nil
	})
	if err != nil {
		return Applied{}, s.failed(fmt.Sprintf("applying %d checks", len(checks)), err)
	}
	return a, nil
}

// sortApplied says what became of ids, given those that were known before;
// both are in order.
func sortApplied(ids, known []string, written map[string]bool) Applied {
	var a Applied
	for _, id := range ids {
		_, was := slices.BinarySearch(known, id)
		switch {
		case !was:
			a.Created = append(a.Created, id)
		case written[id]:
			a.Changed = append(a.Changed, id)
		default:
			a.Unchanged = append(a.Unchanged, id)
		}
	}
	return a
}

// upsertChecks writes the checks that differ from what is there, with one new
// revision, and names them.
func upsertChecks(ctx context.Context, tx pgx.Tx, checks []check.Check) (written map[string]bool, err error) {
	var revision int64
	if err := tx.QueryRow(ctx, `SELECT nextval('checks_revision')`).Scan(&revision); err != nil {
		return nil, err
	}
	written = map[string]bool{}
	batch := &pgx.Batch{}
	for _, c := range checks {
		version, spec, err := codec.EncodeCheck(c)
		if err != nil {
			return nil, fmt.Errorf("check %q: %w", c.ID, err)
		}
		// The stored shape is compared, not its bytes: jsonb keeps neither
		// order nor space.
		batch.Queue(`
			INSERT INTO checks AS c (id, name, description, group_name, tags, kind, every_ms, timeout_ms,
				locations, active, muted, public, spec_version, spec, revision)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
			ON CONFLICT (id) DO UPDATE SET (name, description, group_name, tags, kind, every_ms, timeout_ms,
				locations, active, muted, public, spec_version, spec, revision, updated_at, removed_at) =
				(excluded.name, excluded.description, excluded.group_name, excluded.tags, excluded.kind,
				excluded.every_ms, excluded.timeout_ms, excluded.locations, excluded.active, excluded.muted,
				excluded.public, excluded.spec_version, excluded.spec, excluded.revision, now(), NULL)
			WHERE c.removed_at IS NOT NULL
				OR (c.spec_version, c.spec) IS DISTINCT FROM (excluded.spec_version, excluded.spec)`,
			c.ID, text(c.Name), text(c.Description), text(c.Group), texts(c.Tags), string(c.Kind()),
			c.Every.Milliseconds(), c.Timeout.Milliseconds(), texts(c.Locations),
			c.Active, c.Muted, c.Public, version, string(spec), revision).
			Exec(func(tag pgconn.CommandTag) error {
				written[c.ID] = tag.RowsAffected() > 0
				return nil
			})
	}
	return written, tx.SendBatch(ctx, batch).Close()
}

// UnreadableError lists checks that this release cannot read, by id: they were
// written by a newer one.
type UnreadableError struct{ Checks map[string]error }

func (e *UnreadableError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d checks cannot be read by this release", len(e.Checks))
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

// RemoveChecks takes checks away; their history stays. It answers which of
// them were there.
func (s *Store) RemoveChecks(ctx context.Context, ids []string) ([]string, error) {
	var removed []string
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockChecks); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			WITH next AS MATERIALIZED (SELECT nextval('checks_revision') AS revision)
			UPDATE checks SET removed_at = now(), updated_at = now(), revision = next.revision
			FROM next WHERE id = ANY ($1) AND removed_at IS NULL
			RETURNING id`, ids)
		if err != nil {
			return err
		}
		removed, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return nil, s.failed("removing checks", err)
	}
	slices.Sort(removed)
	return removed, nil
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
