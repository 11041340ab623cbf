package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/kept"
)

// ReplayRuns are the stored attempts of a check from a time on, the newest ones
// where there are more than limit: cut says so. What this release cannot read is
// left out. Runs elsewhere that decide no slot are none of them.
func (s *Store) ReplayRuns(ctx context.Context, checkID string, from time.Time, limit int) (attempts []kept.Attempt, cut bool, err error) {
	rows, err := s.pool.Query(ctx, `
		SELECT coalesce(origin, location), data_version, data FROM runs
		WHERE check_id = $1 AND slot >= $2 AND (origin IS NULL OR decides) ORDER BY slot DESC LIMIT $3`, checkID, from, limit+1)
	if err != nil {
		return nil, false, s.failed("reading runs to replay", err)
	}
	n := 0
	var location string
	var version int
	var data []byte
	_, err = pgx.ForEachRow(rows, []any{&location, &version, &data}, func() error {
		if n++; n > limit {
			cut = true
			return nil
		}
		r, err := codec.DecodeResultData(version, data)
		if err != nil {
			return nil //nolint:nilerr // see above
		}
		attempts = append(attempts, kept.Attempt{Location: location, Result: r})
		return nil
	})
	if err != nil {
		return nil, false, s.failed("reading runs to replay", err)
	}
	return attempts, cut, nil
}
