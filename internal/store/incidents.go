package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/status"
)

// RefusedError says why something that a person asked for is not done, in words
// for that person.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

func refuse(format string, args ...any) error {
	return &RefusedError{fmt.Sprintf(format, args...)}
}

const recordedColumns = incidentColumns + `, i.source = 'rules', coalesce(i.check_id, ''), i.checks, i.title, i.impact, i.public,
	i.retracted_at IS NOT NULL, coalesce(i.merged_into::text, ''), i.postmortem, i.created_by`

func scanRecorded(row pgx.CollectableRow) (status.Recorded, error) {
	var r status.Recorded
	var in incidentRow
	err := row.Scan(append(in.targets(), &r.ByRules, &r.CheckID, &r.Checks, &r.Title, &r.Impact, &r.Public,
		&r.Retracted, &r.MergedInto, &r.Postmortem, &r.CreatedBy)...)
	if err != nil {
		return r, err
	}
	r.ID = in.id
	r.Incident, err = in.incident()
	return r, err
}

// Incidents lists incidents, the newest first, without their updates.
func (s *Store) Incidents(ctx context.Context, f IncidentFilter) ([]status.Recorded, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	// Only what is asked for stands in the statement: each form has its index.
	args := []any{limit}
	where := []string{"true"}
	add := func(condition string, v any) {
		args = append(args, v)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if f.Check != "" {
		add("i.checks @> ARRAY[$%d::text]", f.Check)
	}
	if f.Open {
		where = append(where, "i.closed IS NULL")
	}
	if !f.Since.IsZero() {
		add("(i.closed IS NULL OR i.closed >= $%d)", f.Since)
	}
	if !f.Before.IsZero() {
		add("i.opened < $%d", f.Before)
	}
	if !f.Retracted {
		where = append(where, "i.retracted_at IS NULL")
	}
	rows, err := s.pool.Query(ctx, `
		SELECT `+recordedColumns+` FROM incidents i WHERE `+strings.Join(where, " AND ")+` ORDER BY i.opened DESC, i.id LIMIT $1`, args...)
	if err != nil {
		return nil, s.failed("reading incidents", err)
	}
	list, err := pgx.CollectRows(rows, scanRecorded)
	if err != nil {
		return nil, s.failed("reading incidents", err)
	}
	return list, nil
}

// Incident is one incident with its updates and those of the incidents that
// were merged into it, the oldest first; false where there is none.
func (s *Store) Incident(ctx context.Context, id string) (status.Recorded, bool, error) {
	if _, err := uuid(id); err != nil {
		return status.Recorded{}, false, nil //nolint:nilerr // what is no UUID names none
	}
	rows, err := s.pool.Query(ctx, `SELECT `+recordedColumns+` FROM incidents i WHERE i.id = $1`, id)
	if err != nil {
		return status.Recorded{}, false, s.failed("reading an incident", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRecorded)
	if errors.Is(err, pgx.ErrNoRows) {
		return status.Recorded{}, false, nil
	}
	if err != nil {
		return status.Recorded{}, false, s.failed("reading an incident", err)
	}
	rows, err = s.pool.Query(ctx, `
		SELECT u.phase, u.body, u.public, u.author, u.at FROM incident_updates u JOIN incidents i ON i.id = u.incident_id
		WHERE i.id = $1 OR i.merged_into = $1 ORDER BY u.at, u.id`, id)
	if err != nil {
		return status.Recorded{}, false, s.failed("reading the updates of an incident", err)
	}
	r.Updates, err = pgx.CollectRows(rows, pgx.RowToStructByPos[status.Update])
	if err != nil {
		return status.Recorded{}, false, s.failed("reading the updates of an incident", err)
	}
	return r, true, nil
}

// OpenIncident writes down an incident of a person and answers its id. It is a
// [*RefusedError] where the report is not complete.
func (s *Store) OpenIncident(ctx context.Context, r status.Report) (id string, err error) {
	if fault := r.Fault(); fault != "" {
		return "", &RefusedError{fault}
	}
	id = newUUID()
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO incidents (id, source, checks, title, impact, public, opened, created_by)
			VALUES ($1, 'person', $2, $3, $4, $5, coalesce($6, now()), $7)`,
			id, texts(r.Checks), text(r.Title), string(r.Impact), r.Public, someTime(r.Opened), text(r.Author))
		if err != nil {
			return err
		}
		return audit(ctx, tx, access.Entry{Action: actIncidentOpen, Subject: id})
	})
	if err != nil {
		return "", s.failed("writing an incident", err)
	}
	return id, nil
}

// UpdateIncident adds what a person says. An update of phase resolved closes an
// incident that a person opened; that of rules goes on for as long as its slots
// fail. A [*RefusedError] says what is wrong with it.
func (s *Store) UpdateIncident(ctx context.Context, id string, u status.Update) error {
	if fault := u.Fault(); fault != "" {
		return &RefusedError{fault}
	}
	return s.onIncident(ctx, "adding to an incident", id, func(tx pgx.Tx, i lockedIncident) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO incident_updates (incident_id, phase, body, public, author) VALUES ($1, $2, $3, $4, $5)`,
			id, string(u.Phase), text(u.Body), u.Public, text(u.Author))
		if err != nil || u.Phase != status.Resolved || i.byRules {
			return err
		}
		_, err = tx.Exec(ctx, `
			UPDATE incidents SET closed = greatest(opened, clock_timestamp()), updated_at = now() WHERE id = $1 AND closed IS NULL`, id)
		return err
	})
}

// DescribeIncident sets the title of an incident, whether the public sees it,
// and what was learnt from it, in Markdown.
func (s *Store) DescribeIncident(ctx context.Context, id, title string, public bool, postmortem string) error {
	switch {
	case utf8.RuneCountInString(title) > status.MaxTitle:
		return refuse("the title has more than %d characters; shorten it", status.MaxTitle)
	case utf8.RuneCountInString(postmortem) > status.MaxPostmortem:
		return refuse("the post-mortem has more than %d characters; shorten it, or link to a longer one", status.MaxPostmortem)
	}
	return s.onIncident(ctx, "describing an incident", id, func(tx pgx.Tx, i lockedIncident) error {
		if strings.TrimSpace(title) == "" && !i.byRules {
			return refuse("the title is empty; say in a few words what is wrong")
		}
		_, err := tx.Exec(ctx, `
			UPDATE incidents SET title = $2, public = $3, postmortem = $4, updated_at = now() WHERE id = $1`,
			id, text(title), public, text(postmortem))
		return err
	})
}

// MergeIncident makes an incident that a person opened a part of another one,
// which from then on is about the checks of both, since the earlier beginning
// of the two where a person opened both. Outages that the rules found stay what
// they are; they are merged by opening one incident over their checks.
func (s *Store) MergeIncident(ctx context.Context, id, into string) error {
	const doing = "merging incidents"
	if id == into {
		return refuse("an incident cannot be merged into itself; name another one")
	}
	first, second := min(id, into), max(id, into) // in one order, whoever merges what
	return s.onIncident(ctx, doing, first, func(tx pgx.Tx, a lockedIncident) error {
		b, err := lockIncident(ctx, tx, second)
		if err != nil {
			return err
		}
		part, whole := a, b
		if first != id {
			part, whole = b, a
		}
		if part.byRules {
			return refuse("incident %s was found by the rules and stays what it is; merge the other one into it", id)
		}
		_, err = tx.Exec(ctx, `
			UPDATE incidents w SET updated_at = now(),
				checks = ARRAY(SELECT DISTINCT unnest(w.checks || p.checks) ORDER BY 1),
				opened = CASE WHEN $3 THEN w.opened ELSE least(w.opened, p.opened) END
			FROM incidents p WHERE w.id = $2 AND p.id = $1`, id, into, whole.byRules)
		if err != nil {
			return err
		}
		// What was merged into the part before is in the whole now.
		_, err = tx.Exec(ctx, `
			UPDATE incidents SET merged_into = $2, retracted_at = coalesce(retracted_at, now()), updated_at = now()
			WHERE id = $1 OR merged_into = $1`, id, into)
		return err
	})
}

// lockedIncident is an incident that nobody else changes meanwhile.
type lockedIncident struct{ byRules bool }

// onIncident runs f in a transaction that holds the incident.
func (s *Store) onIncident(ctx context.Context, doing, id string, f func(tx pgx.Tx, i lockedIncident) error) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		i, err := lockIncident(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := f(tx, i); err != nil {
			return err
		}
		return audit(ctx, tx, access.Entry{Action: actIncidentChange, Subject: id, Note: doing})
	})
	if _, refusal := errors.AsType[*RefusedError](err); err == nil || refusal {
		return err
	}
	return s.failed(doing, err)
}

func lockIncident(ctx context.Context, tx pgx.Tx, id string) (i lockedIncident, err error) {
	if _, err := uuid(id); err != nil {
		return i, refuse("%q is not the id of an incident", id)
	}
	var retracted bool
	err = tx.QueryRow(ctx, `SELECT source = 'rules', retracted_at IS NOT NULL FROM incidents WHERE id = $1 FOR UPDATE`, id).Scan(&i.byRules, &retracted)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return i, refuse("there is no incident %s", id)
	case err == nil && retracted:
		return i, refuse("incident %s was merged into another one or never was; change that one", id)
	}
	return i, err
}
