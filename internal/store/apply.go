package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/plan"
)

// ApplyChecks is [Store.ApplySet] for checks that belong to no set.
func (s *Store) ApplyChecks(ctx context.Context, checks []check.Check) (Applied, error) {
	return s.ApplySet(ctx, checks, ApplyOptions{})
}

// ApplySet creates, changes and deletes checks so that they are as given, all
// or none. What is the same already keeps its revision; a check that had been
// removed counts as created. Checks that are not named stay as they are. The
// error is an [*OwnedError] where checks belong to others.
func (s *Store) ApplySet(ctx context.Context, checks []check.Check, o ApplyOptions) (Applied, error) {
	ids := make([]string, len(checks))
	for i, c := range checks {
		ids[i] = c.ID
	}
	slices.Sort(ids)
	named := slices.Sorted(slices.Values(slices.Concat(ids, o.Delete)))
	for i := range len(named) - 1 {
		if named[i] == named[i+1] {
			return Applied{}, fmt.Errorf("applying checks: the id %q is there twice; give each check its own", named[i])
		}
	}
	var a Applied
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := beginChange(ctx, tx); err != nil {
			return err
		}
		known, err := ownedChecks(ctx, tx, named, o)
		if err != nil {
			return err
		}
		written, err := upsertChecks(ctx, tx, checks, o.Owner)
		if err != nil {
			return err
		}
		a = sortApplied(ids, known, written)
		if err := audit(ctx, tx, tellApplied(a, checks, written, o.Owner)...); err != nil {
			return err
		}
		if len(o.Delete) > 0 {
			a.Deleted, err = removeChecks(ctx, tx, o.Delete)
		}
		return err
	})
	var owned *OwnedError
	switch {
	case errors.As(err, &owned):
		return Applied{}, err
	case err != nil:
		return Applied{}, s.failed(fmt.Sprintf("applying %d checks", len(checks)), err)
	}
	return a, nil
}

// ownedChecks are those of ids that are there, in order. None may belong to
// others, unless it is taken over; what is deleted has to be the owner's.
func ownedChecks(ctx context.Context, tx pgx.Tx, ids []string, o ApplyOptions) ([]string, error) {
	rows, err := tx.Query(ctx, `SELECT id, owner FROM checks WHERE id = ANY ($1) AND removed_at IS NULL ORDER BY id`, ids)
	if err != nil {
		return nil, err
	}
	var known []string
	others, deleted := map[string]string{}, map[string]bool{}
	for _, id := range o.Delete {
		deleted[id] = true
	}
	var id, owner string
	_, err = pgx.ForEachRow(rows, []any{&id, &owner}, func() error {
		known = append(known, id)
		if deleted[id] && (owner != o.Owner || owner == "") || !deleted[id] && owner != "" && owner != o.Owner && !o.TakeOver {
			others[id] = owner
		}
		return nil
	})
	if err == nil && len(others) > 0 {
		err = &OwnedError{Owners: others}
	}
	return known, err
}

// sortApplied says what became of ids, given those that were known before;
// both are in order.
func sortApplied(ids, known []string, written map[string]former) Applied {
	var a Applied
	for _, id := range ids {
		_, was := slices.BinarySearch(known, id)
		_, changed := written[id]
		switch {
		case !was:
			a.Created = append(a.Created, id)
		case changed:
			a.Changed = append(a.Changed, id)
		default:
			a.Unchanged = append(a.Unchanged, id)
		}
	}
	return a
}

// checkRow is a check as the table takes it.
type checkRow struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Group       string          `json:"group_name"`
	Tags        []string        `json:"tags"`
	Kind        string          `json:"kind"`
	Every       int64           `json:"every_ms"`
	Timeout     int64           `json:"timeout_ms"`
	Locations   []string        `json:"locations"`
	Active      bool            `json:"active"`
	Muted       bool            `json:"muted"`
	Public      bool            `json:"public"`
	Version     int             `json:"spec_version"`
	Spec        json.RawMessage `json:"spec"`
}

// former is a check as it was before it was written; Version is 0 where there
// was none.
type former struct {
	Version int
	Spec    []byte
	Owner   string
}

// tellApplied is what the audit log is told of an apply.
func tellApplied(a Applied, checks []check.Check, written map[string]former, owner string) []access.Entry {
	var entries []access.Entry
	for _, id := range a.Created {
		entries = append(entries, access.Entry{Action: actCheckCreate, Subject: id})
	}
	for _, c := range checks {
		was, ok := written[c.ID]
		if !ok || was.Version == 0 {
			continue
		}
		e := access.Entry{Action: actCheckChange, Subject: c.ID}
		if owner != "" && owner != was.Owner {
			e.Before, e.After = append(e.Before, "(owner)"), append(e.After, "(owner)")
		}
		before, err := codec.DecodeCheck(was.Version, was.Spec)
		if err != nil { // a newer release wrote it
			e.Note = fmt.Sprintf("it was in version %d, which this release cannot read", was.Version)
		} else {
			for _, change := range plan.Diff(before, c) {
				if change.Before != nil {
					e.Before = append(e.Before, change.Path)
				}
				if change.After != nil {
					e.After = append(e.After, change.Path)
				}
			}
		}
		entries = append(entries, e)
	}
	return entries
}

// upsertChecks writes the checks that differ from what is there, with one new
// revision, and answers what these were before. It is one statement, however
// many checks there are, and touches none that stays as it is.
func upsertChecks(ctx context.Context, tx pgx.Tx, checks []check.Check, owner string) (written map[string]former, err error) {
	table := make([]checkRow, len(checks))
	for i, c := range checks {
		version, spec, err := codec.EncodeCheck(c)
		if err != nil {
			return nil, fmt.Errorf("check %q: %w", c.ID, err)
		}
		table[i] = checkRow{
			c.ID, text(c.Name), text(c.Description), text(c.Group), texts(c.Tags), string(c.Kind()),
			c.Every.Milliseconds(), c.Timeout.Milliseconds(), texts(c.Locations), c.Active, c.Muted, c.Public, version, spec,
		}
	}
	data, err := json.Marshal(table)
	if err != nil {
		return nil, err
	}
	// The stored shape is compared, not its bytes: jsonb keeps neither order
	// nor space.
	rows, err := tx.Query(ctx, `
		WITH next AS MATERIALIZED (SELECT nextval('checks_revision') AS revision), written AS (
		INSERT INTO checks AS c (id, name, description, group_name, tags, kind, every_ms, timeout_ms,
			locations, active, muted, public, spec_version, spec, revision, owner)
		SELECT n.id, n.name, n.description, n.group_name, n.tags, n.kind, n.every_ms, n.timeout_ms,
			n.locations, n.active, n.muted, n.public, n.spec_version, n.spec, next.revision, $2
		FROM next, jsonb_to_recordset($1::jsonb) AS n (id text, name text, description text, group_name text, tags text[],
			kind text, every_ms bigint, timeout_ms bigint, locations text[], active boolean, muted boolean,
			public boolean, spec_version integer, spec jsonb)
		LEFT JOIN checks AS o ON o.id = n.id
		WHERE o.id IS NULL OR o.removed_at IS NOT NULL
			OR (o.spec_version, o.spec, o.owner) IS DISTINCT FROM (n.spec_version, n.spec, CASE $2 WHEN '' THEN o.owner ELSE $2 END)
		ON CONFLICT (id) DO UPDATE SET (name, description, group_name, tags, kind, every_ms, timeout_ms,
			locations, active, muted, public, spec_version, spec, revision, owner, updated_at, removed_at) =
			(excluded.name, excluded.description, excluded.group_name, excluded.tags, excluded.kind,
			excluded.every_ms, excluded.timeout_ms, excluded.locations, excluded.active, excluded.muted,
			excluded.public, excluded.spec_version, excluded.spec, excluded.revision,
			CASE WHEN excluded.owner = '' AND c.removed_at IS NULL THEN c.owner ELSE excluded.owner END, now(), NULL)
		RETURNING c.id)
		-- the same statement still sees the rows as they were
		SELECT w.id, coalesce(o.spec_version, 0), o.spec, coalesce(o.owner, '')
		FROM written w LEFT JOIN checks o ON o.id = w.id AND o.removed_at IS NULL`, string(data), owner)
	if err != nil {
		return nil, err
	}
	written = make(map[string]former)
	var id string
	var was former
	_, err = pgx.ForEachRow(rows, []any{&id, &was.Version, &was.Spec, &was.Owner}, func() error {
		written[id] = was
		was.Spec = nil // the next row must not write into it
		return nil
	})
	return written, err
}

// Catalogue lists the checks of a filter in the order of their ids, paused
// ones too, and a revision that is at most as new as they are.
func (s *Store) Catalogue(ctx context.Context, f CheckFilter) ([]StoredCheck, int64, error) {
	revision, err := s.ChecksRevision(ctx)
	if err != nil {
		return nil, 0, err
	}
	where := []string{"removed_at IS NULL"}
	var args []any
	add := func(condition string, v any) {
		args = append(args, v)
		where = append(where, strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(args))))
	}
	for _, c := range []struct{ condition, value string }{
		{"kind = ?", f.Kind}, {"group_name = ?", f.Group}, {"? = ANY (tags)", f.Tag},
		{"? = ANY (locations)", f.Location}, {"owner = ?", f.Owner}, {"id > ?", f.After},
		{"(position(lower(?) in id) > 0 OR position(lower(?) in lower(name)) > 0)", f.Text},
	} {
		if c.value != "" {
			add(c.condition, c.value)
		}
	}
	if f.IDs != nil {
		add("id = ANY (?)", f.IDs)
	}
	if f.Active != nil {
		add("active = ?", *f.Active)
	}
	statement := `SELECT id, owner, spec_version, spec, revision FROM checks WHERE ` + strings.Join(where, " AND ") + ` ORDER BY id`
	if f.Limit > 0 {
		args = append(args, f.Limit)
		statement += fmt.Sprintf(" LIMIT $%d", len(args))
	}
	rows, err := s.pool.Query(ctx, statement, args...)
	if err != nil {
		return nil, 0, s.failed("reading the checks", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[StoredCheck])
	if err != nil {
		return nil, 0, s.failed("reading the checks", err)
	}
	return found, revision, nil
}
