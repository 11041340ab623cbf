package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/people"
)

const personColumns = `p.id, p.name, p.role, p.password IS NOT NULL, p.temporary, coalesce(p.issuer, ''), coalesce(p.subject, ''),
	p.created_by, p.created_at, p.password_at, p.last_login_at, p.disabled_at`

// person is what a row of personColumns is scanned into.
type person struct {
	people.Account
	set, login, disabled *time.Time
}

func (p *person) fields() []any {
	return []any{
		&p.ID, &p.Name, &p.Role, &p.Local, &p.Temporary, &p.Issuer, &p.Subject,
		&p.CreatedBy, &p.CreatedAt, &p.set, &p.login, &p.disabled,
	}
}

func (p *person) account() people.Account {
	p.PasswordAt, p.LastLoginAt, p.DisabledAt = orZero(p.set), orZero(p.login), orZero(p.disabled)
	return p.Account
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// AddPerson makes an account; hash is that of the password, "" for none. It
// fails with [people.ErrTaken].
func (s *Store) AddPerson(ctx context.Context, a people.Account, hash string) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO people (id, name, role, password, temporary, issuer, subject, created_by, created_at, password_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			a.ID, a.Name, a.Role, nullable(hash), a.Temporary, nullable(text(a.Issuer)), nullable(text(a.Subject)), text(a.CreatedBy), a.CreatedAt, orNull(a.PasswordAt))
		if err != nil {
			return err
		}
		return audit(ctx, tx, access.Entry{Action: actPersonAdd, Subject: a.Name, After: []string{"role"}, Note: "role " + string(a.Role)})
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23505" {
		return people.ErrTaken
	}
	if err != nil {
		return s.failed("keeping a person", err)
	}
	return nil
}

// People lists all people in the order of their names.
func (s *Store) People(ctx context.Context) ([]people.Account, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+personColumns+` FROM people p ORDER BY p.name`)
	if err != nil {
		return nil, s.failed("reading people", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (people.Account, error) {
		var p person
		err := row.Scan(p.fields()...)
		return p.account(), err
	})
	if err != nil {
		return nil, s.failed("reading people", err)
	}
	return found, nil
}

// PersonByName finds somebody, disabled ones too, and the hash of their
// password, "" where they have none.
func (s *Store) PersonByName(ctx context.Context, name string) (people.Account, string, bool, error) {
	var p person
	var hash *string
	err := s.pool.QueryRow(ctx, `SELECT `+personColumns+`, p.password FROM people p WHERE p.name = $1`, text(name)).Scan(append(p.fields(), &hash)...)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return people.Account{}, "", false, nil
	case err != nil:
		return people.Account{}, "", false, s.failed("looking for somebody", err)
	case hash == nil:
		return p.account(), "", true, nil
	}
	return p.account(), *hash, true, nil
}

// PersonBySubject finds somebody by who they are to an identity provider.
func (s *Store) PersonBySubject(ctx context.Context, issuer, subject string) (people.Account, bool, error) {
	var p person
	err := s.pool.QueryRow(ctx, `SELECT `+personColumns+` FROM people p WHERE p.issuer = $1 AND p.subject = $2`, text(issuer), text(subject)).Scan(p.fields()...)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return people.Account{}, false, nil
	case err != nil:
		return people.Account{}, false, s.failed("looking for somebody", err)
	}
	return p.account(), true, nil
}

// ChangePerson changes role and state of somebody. It fails with
// [people.ErrNobody], and with [people.ErrLastAdmin] where nobody who can see
// to people would be left.
func (s *Store) ChangePerson(ctx context.Context, id string, c people.Change) (people.Account, error) {
	var p person
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		// Two admins who demote each other must not both succeed.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('probefleet.people'))`); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, `SELECT `+personColumns+` FROM people p WHERE p.id = $1 FOR UPDATE`, id).Scan(p.fields()...)
		if errors.Is(err, pgx.ErrNoRows) {
			return people.ErrNobody
		} else if err != nil {
			return err
		}
		was := p.account()
		e := access.Entry{Action: actPersonChange, Subject: was.Name}
		if c.Role != nil && *c.Role != was.Role {
			e.Before, e.After, e.Note = append(e.Before, "role"), append(e.After, "role"), fmt.Sprintf("role %s to %s", was.Role, *c.Role)
			p.Role = *c.Role
		}
		if disabled := !was.DisabledAt.IsZero(); c.Disabled != nil && *c.Disabled != disabled {
			p.disabled = nil
			if *c.Disabled {
				now := time.Now().UTC()
				p.disabled, e.After = &now, append(e.After, "disabled")
			} else {
				e.Before = append(e.Before, "disabled")
			}
		}
		if len(e.Before)+len(e.After) == 0 {
			return nil
		}
		if err := keepAnAdmin(ctx, tx, was, p.account()); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE people SET role = $2, disabled_at = $3 WHERE id = $1`, id, p.Role, p.disabled); err != nil {
			return err
		}
		if slices.Contains(e.After, "disabled") {
			if err := endSessions(ctx, tx, id); err != nil {
				return err
			}
		}
		return audit(ctx, tx, e)
	})
	switch {
	case errors.Is(err, people.ErrNobody), errors.Is(err, people.ErrLastAdmin):
		return people.Account{}, err
	case err != nil:
		return people.Account{}, s.failed("changing a person", err)
	}
	return p.account(), nil
}

// keepAnAdmin fails where a change takes away the last one.
func keepAnAdmin(ctx context.Context, tx pgx.Tx, was, is people.Account) error {
	able := func(a people.Account) bool { return a.Role == access.Admin && a.DisabledAt.IsZero() }
	if !able(was) || able(is) {
		return nil
	}
	var others bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM people WHERE role = $2 AND disabled_at IS NULL AND id <> $1)`, was.ID, access.Admin).Scan(&others)
	if err == nil && !others {
		err = people.ErrLastAdmin
	}
	return err
}

// SetPassword gives somebody another password and ends their sessions.
func (s *Store) SetPassword(ctx context.Context, id, hash string, temporary bool) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		var name string
		err := tx.QueryRow(ctx, `
			UPDATE people SET password = $2, temporary = $3, password_at = now() WHERE id = $1 RETURNING name`, id, hash, temporary).Scan(&name)
		if errors.Is(err, pgx.ErrNoRows) {
			return people.ErrNobody
		} else if err != nil {
			return err
		}
		if err := endSessions(ctx, tx, id); err != nil {
			return err
		}
		e := access.Entry{Action: actPassword, Subject: name, Before: []string{"password"}, After: []string{"password"}}
		if temporary {
			e.Note = "reset to a temporary one"
		}
		return audit(ctx, tx, e)
	})
	if errors.Is(err, people.ErrNobody) {
		return err
	}
	if err != nil {
		return s.failed("keeping a password", err)
	}
	return nil
}

// Rehash keeps another hash of the same password, unless it was changed.
func (s *Store) Rehash(ctx context.Context, id, old, hash string) error {
	if _, err := s.pool.Exec(ctx, `UPDATE people SET password = $3 WHERE id = $1 AND password = $2`, id, old, hash); err != nil {
		return s.failed("keeping a password's hash", err)
	}
	return nil
}
