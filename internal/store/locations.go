package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// SickLocations lists the locations that are declared unhealthy, in order.
func (s *Store) SickLocations(ctx context.Context) ([]string, error) {
	rows, err := s.pool.Query(ctx, `SELECT location FROM location_health WHERE NOT healthy ORDER BY location`)
	if err != nil {
		return nil, s.failed("reading which locations are unhealthy", err)
	}
	sick, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, s.failed("reading which locations are unhealthy", err)
	}
	return sick, nil
}
