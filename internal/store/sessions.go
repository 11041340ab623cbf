package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/people"
)

const sessionColumns = `s.id, s.person_id, s.device, s.network, s.address, s.agent, s.created_at, s.seen_at, s.ends_at, s.ended_at`

// session is what a row of sessionColumns is scanned into.
type session struct {
	people.Session
	device []byte
	ended  *time.Time
}

func (s *session) fields() []any {
	return []any{&s.ID, &s.PersonID, &s.device, &s.Network, &s.Address, &s.Agent, &s.CreatedAt, &s.SeenAt, &s.EndsAt, &s.ended}
}

func (s *session) whole() people.Session {
	copy(s.Device[:], s.device)
	s.EndedAt = orZero(s.ended)
	return s.Session
}

// OpenSession keeps a session, and ends the one whose digest is replaced.
func (s *Store) OpenSession(ctx context.Context, n people.Session, digest, replaced [32]byte, how string) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE sessions SET ended_at = now() WHERE hash = $1 AND ended_at IS NULL`, replaced[:]); err != nil {
			return err
		}
		var name string
		err := tx.QueryRow(ctx, `UPDATE people SET last_login_at = $2 WHERE id = $1 AND disabled_at IS NULL RETURNING name`, n.PersonID, n.CreatedAt).Scan(&name)
		if errors.Is(err, pgx.ErrNoRows) {
			return people.ErrNobody
		} else if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO sessions (id, hash, person_id, device, network, address, agent, created_at, seen_at, ends_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)`,
			n.ID, digest[:], n.PersonID, n.Device[:], n.Network, n.Address, text(n.Agent), n.CreatedAt, n.EndsAt)
		if err != nil {
			return err
		}
		return audit(ctx, tx, access.Entry{Action: actLogin, Subject: name, Note: "by " + how})
	})
	if err != nil {
		return s.failed("keeping a session", err)
	}
	return nil
}

// SessionByDigest finds a session and whose it is, those that are over too.
func (s *Store) SessionByDigest(ctx context.Context, digest [32]byte) (people.Session, people.Account, bool, error) {
	var one session
	var p person
	err := s.pool.QueryRow(ctx, `
		SELECT `+sessionColumns+`, `+personColumns+` FROM sessions s JOIN people p ON p.id = s.person_id WHERE s.hash = $1`, digest[:]).
		Scan(append(one.fields(), p.fields()...)...)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return people.Session{}, people.Account{}, false, nil
	case err != nil:
		return people.Session{}, people.Account{}, false, s.failed("looking for a session", err)
	}
	return one.whole(), p.account(), true, nil
}

// TouchSession notes that a session is used.
func (s *Store) TouchSession(ctx context.Context, id string) error {
	if _, err := s.pool.Exec(ctx, `UPDATE sessions SET seen_at = now() WHERE id = $1`, id); err != nil {
		return s.failed("noting that a session is used", err)
	}
	return nil
}

// Sessions lists those of a person that nobody has ended, the newest first.
func (s *Store) Sessions(ctx context.Context, personID string) ([]people.Session, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT `+sessionColumns+` FROM sessions s
		WHERE person_id = $1 AND ended_at IS NULL AND ends_at > now() ORDER BY created_at DESC, id LIMIT 1000`, personID)
	if err != nil {
		return nil, s.failed("reading sessions", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (people.Session, error) {
		var one session
		err := row.Scan(one.fields()...)
		return one.whole(), err
	})
	if err != nil {
		return nil, s.failed("reading sessions", err)
	}
	return found, nil
}

// EndSession ends a session of a person, and answers false where there is none
// with that id that is not over.
func (s *Store) EndSession(ctx context.Context, personID, id string) (bool, error) {
	found := true
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		var name string
		err := tx.QueryRow(ctx, `
			UPDATE sessions s SET ended_at = now() FROM people p
			WHERE s.id = $1 AND s.person_id = $2 AND p.id = s.person_id AND s.ended_at IS NULL RETURNING p.name`, id, personID).Scan(&name)
		if errors.Is(err, pgx.ErrNoRows) {
			found = false
			return nil
		} else if err != nil {
			return err
		}
		return audit(ctx, tx, access.Entry{Action: actSessionEnd, Subject: name, Note: "session " + id})
	})
	if err != nil {
		return false, s.failed("ending a session", err)
	}
	return found, nil
}

func endSessions(ctx context.Context, tx pgx.Tx, personID string) error {
	_, err := tx.Exec(ctx, `UPDATE sessions SET ended_at = now() WHERE person_id = $1 AND ended_at IS NULL`, personID)
	return err
}

// Trusted reports whether a person has logged in from this browser before, and
// from this network.
func (s *Store) Trusted(ctx context.Context, personID string, device [32]byte, network string) (here, near bool, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT coalesce(bool_or(device = $2), false), coalesce(bool_or(network = $3), false)
		FROM sessions WHERE person_id = $1`, personID, device[:], network).Scan(&here, &near)
	if err != nil {
		return false, false, s.failed("looking for sessions of before", err)
	}
	return here, near, nil
}

// NoteLogin writes down a log-in that was refused, and why.
func (s *Store) NoteLogin(ctx context.Context, name, why string) error {
	return s.Note(ctx, access.Entry{Action: actLogin, Subject: name, Note: why, Result: access.Refused})
}

// PruneSessions deletes sessions that ended before a time, and log-ins that did
// not come back from the identity provider.
func (s *Store) PruneSessions(ctx context.Context, before time.Time) error {
	batch := &pgx.Batch{}
	batch.Queue(`DELETE FROM sessions WHERE coalesce(ended_at, ends_at) < $1`, before)
	batch.Queue(`DELETE FROM login_flows WHERE expires_at < now()`)
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return s.failed("deleting old sessions", err)
	}
	return nil
}

// KeepFlow keeps a log-in that goes to the identity provider.
func (s *Store) KeepFlow(ctx context.Context, state [32]byte, f people.Flow) error {
	_, err := s.pool.Exec(ctx, `
		INSERT INTO login_flows (state, browser, nonce, verifier, next, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		state[:], f.Browser[:], f.Nonce, f.Verifier, f.Next, f.ExpiresAt)
	if err != nil {
		return s.failed("keeping a log-in", err)
	}
	return nil
}

// TakeFlow answers a log-in that comes back, once.
func (s *Store) TakeFlow(ctx context.Context, state [32]byte) (people.Flow, bool, error) {
	var f people.Flow
	var browser []byte
	err := s.pool.QueryRow(ctx, `
		DELETE FROM login_flows WHERE state = $1 RETURNING browser, nonce, verifier, next, expires_at`, state[:]).
		Scan(&browser, &f.Nonce, &f.Verifier, &f.Next, &f.ExpiresAt)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return people.Flow{}, false, nil
	case err != nil:
		return people.Flow{}, false, s.failed("looking for a log-in", err)
	}
	copy(f.Browser[:], browser)
	return f, true, nil
}
