package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
)

// deadResult is a result that is kept whole because nothing else can be done.
type deadResult struct {
	reason string
	body   []byte
}

// newDeadResult keeps the message that r came in as it was, byte for byte; a
// result without one is written anew.
func newDeadResult(r jobs.Result, message, reason string) deadResult {
	if message != "" {
		return deadResult{reason, []byte(message)}
	}
	body, err := codec.EncodeResult(r)
	if err != nil { // what was decoded is not always what can be encoded
		body = fmt.Appendf(nil, "%#v", r)
	}
	return deadResult{reason, body}
}

// bury keeps dead results; one that is there already stays as it is.
func bury(ctx context.Context, tx pgx.Tx, dead []deadResult) error {
	for _, d := range dead {
		sum := sha256.Sum256(d.body)
		_, err := tx.Exec(ctx, `
			INSERT INTO dead_results (digest, reason, body) VALUES ($1, $2, $3) ON CONFLICT (digest) DO NOTHING`,
			sum[:], text(d.reason), d.body)
		if err != nil {
			return err
		}
	}
	return nil
}

// DeadResult is a result that the database refuses, as it was received.
type DeadResult struct {
	// ID is the SHA-256 of Body in hexadecimal.
	ID         string
	Reason     string
	Body       []byte
	ReceivedAt time.Time
}

// DeadResults lists at most limit dead results, the newest first, and counts
// all of them.
func (s *Store) DeadResults(ctx context.Context, limit int) (rows []DeadResult, total int, err error) {
	err = s.pool.QueryRow(ctx, `SELECT count(*) FROM dead_results`).Scan(&total)
	if err != nil {
		return nil, 0, s.failed("counting dead results", err)
	}
	if limit <= 0 {
		return nil, total, nil
	}
	rows, err = s.deadResults(ctx, `
		SELECT digest, reason, body, received_at FROM dead_results ORDER BY received_at DESC, digest LIMIT $1`, limit)
	return rows, total, err
}

// DeadResultsByID are the dead results with these ids, in no order; those that
// are not there are left out.
func (s *Store) DeadResultsByID(ctx context.Context, ids []string) ([]DeadResult, error) {
	digests, err := digestsOf(ids)
	if err != nil {
		return nil, err
	}
	return s.deadResults(ctx, `
		SELECT digest, reason, body, received_at FROM dead_results WHERE digest = ANY ($1)`, digests)
}

func (s *Store) deadResults(ctx context.Context, statement string, arg any) ([]DeadResult, error) {
	found, err := s.pool.Query(ctx, statement, arg)
	if err != nil {
		return nil, s.failed("reading dead results", err)
	}
	rows, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (DeadResult, error) {
		var d DeadResult
		var digest []byte
		err := row.Scan(&digest, &d.Reason, &d.Body, &d.ReceivedAt)
		d.ID = hex.EncodeToString(digest)
		return d, err
	})
	if err != nil {
		return nil, s.failed("reading dead results", err)
	}
	return rows, nil
}

func digestsOf(ids []string) ([][]byte, error) {
	digests := make([][]byte, len(ids))
	for i, id := range ids {
		d, err := hex.DecodeString(id)
		if err != nil || len(d) != sha256.Size {
			return nil, fmt.Errorf("%q is not the id of a dead result; they have %d hexadecimal digits", id, 2*sha256.Size)
		}
		digests[i] = d
	}
	return digests, nil
}

// DropDeadResults deletes dead results by id and says how many there were. An
// id that is not there is no error; one that is no SHA-256 is.
func (s *Store) DropDeadResults(ctx context.Context, ids []string) (int, error) {
	digests, err := digestsOf(ids)
	if err != nil {
		return 0, err
	}
	var gone int
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM dead_results WHERE digest = ANY ($1)`, digests)
		if gone = int(tag.RowsAffected()); err != nil || gone == 0 {
			return err
		}
		return audit(ctx, tx, access.Entry{Action: actDeadDrop, Note: fmt.Sprintf("%d dead results", gone)})
	})
	if err != nil {
		return 0, s.failed("deleting dead results", err)
	}
	return gone, nil
}
