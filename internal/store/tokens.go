package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
)

const tokenColumns = `id, name, scopes, source, created_by, created_at, expires_at, last_used_at, revoked_at` //nolint:gosec // names of columns

func scanToken(row pgx.CollectableRow) (access.Token, error) {
	var t access.Token
	var expires, used, revoked *time.Time
	err := row.Scan(&t.ID, &t.Name, &t.Scopes, &t.Source, &t.CreatedBy, &t.CreatedAt, &expires, &used, &revoked)
	for _, f := range []struct {
		from *time.Time
		to   *time.Time
	}{{expires, &t.ExpiresAt}, {used, &t.LastUsedAt}, {revoked, &t.RevokedAt}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	return t, err
}

// CreateToken keeps a token that is known by its hash from now on.
func (s *Store) CreateToken(ctx context.Context, t access.Token, hash [32]byte) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO api_tokens (id, name, hash, scopes, source, created_by, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			t.ID, text(t.Name), hash[:], scopes(t.Scopes), t.Source, text(t.CreatedBy), t.CreatedAt, orNull(t.ExpiresAt))
		if err != nil {
			return err
		}
		return audit(ctx, tx, access.Entry{Action: actTokenMake, Subject: t.ID, Note: t.Name + ": " + access.Join(t.Scopes)})
	})
	if err != nil {
		return s.failed("keeping a token", err)
	}
	return nil
}

// scopes is a list as an array column takes it, never null.
func scopes(list []access.Scope) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

// orNull is t, or null where it is the zero time.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// TokenByHash finds a token, expired and revoked ones too; false where there
// is none.
func (s *Store) TokenByHash(ctx context.Context, hash [32]byte) (access.Token, bool, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+tokenColumns+` FROM api_tokens WHERE hash = $1`, hash[:])
	if err != nil {
		return access.Token{}, false, s.failed("looking for a token", err)
	}
	found, err := pgx.CollectRows(rows, scanToken)
	if err != nil {
		return access.Token{}, false, s.failed("looking for a token", err)
	}
	if len(found) == 0 {
		return access.Token{}, false, nil
	}
	return found[0], true, nil
}

// TouchToken notes that a token is used, at most once a minute.
func (s *Store) TouchToken(ctx context.Context, id string) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE api_tokens SET last_used_at = now()
		WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`, id)
	if err != nil {
		return s.failed("noting that a token is used", err)
	}
	return nil
}

// Tokens lists all tokens, the newest first.
func (s *Store) Tokens(ctx context.Context) ([]access.Token, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+tokenColumns+` FROM api_tokens ORDER BY created_at DESC, id`)
	if err != nil {
		return nil, s.failed("reading the tokens", err)
	}
	found, err := pgx.CollectRows(rows, scanToken)
	if err != nil {
		return nil, s.failed("reading the tokens", err)
	}
	return found, nil
}

// RevokeToken makes a token void, and answers false where there is none with
// that id. One that is void already stays as it is.
func (s *Store) RevokeToken(ctx context.Context, id string) (bool, error) {
	found := true
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		var name string
		err := tx.QueryRow(ctx, `UPDATE api_tokens SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING name`, id).Scan(&name)
		if errors.Is(err, pgx.ErrNoRows) {
			found = false
			return nil
		} else if err != nil {
			return err
		}
		return audit(ctx, tx, access.Entry{Action: actTokenRevoke, Subject: id, Note: name})
	})
	if err != nil {
		return false, s.failed("revoking a token", err)
	}
	return found, nil
}

// KeepEnvironmentToken makes t the only valid token of the environment: those
// of before are revoked. One that is known already stays as it is, revoked
// where it was revoked, and has the scopes of t.
func (s *Store) KeepEnvironmentToken(ctx context.Context, t access.Token, hash [32]byte) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			INSERT INTO api_tokens AS t (id, name, hash, scopes, source, created_by)
			VALUES ($1, $2, $3, $4, 'environment', '') ON CONFLICT (hash) DO UPDATE SET scopes = excluded.scopes
			WHERE t.source = 'environment' AND t.scopes <> excluded.scopes`,
			t.ID, text(t.Name), hash[:], scopes(t.Scopes))
		if err != nil {
			return err
		}
		if tag.RowsAffected() > 0 {
			if err := audit(ctx, tx, access.Entry{Action: actTokenMake, Subject: t.ID, Note: "of the environment"}); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `
			UPDATE api_tokens SET revoked_at = now()
			WHERE source = 'environment' AND hash <> $1 AND revoked_at IS NULL`, hash[:])
		return err
	})
	if err != nil {
		return s.failed("keeping the environment's token", err)
	}
	return nil
}
