package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/status"
)

// Coverage compares the schedule of an active check with what is recorded, for
// each of its locations, from since on or from the check's creation if that is
// later. It answers nothing where there is no such check. Slots are counted by
// the interval that the check has now.
func (s *Store) Coverage(ctx context.Context, checkID string, since time.Time) ([]status.Coverage, error) {
	const doing = "comparing the schedule with the results"
	var every, timeout int64
	var locations []string
	var created, now time.Time
	err := s.pool.QueryRow(ctx, `
		SELECT every_ms, timeout_ms, locations, created_at, clock_timestamp()
		FROM checks WHERE id = $1 AND active AND removed_at IS NULL`, checkID).Scan(&every, &timeout, &locations, &created, &now)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, s.failed(doing, err)
	}
	if created.After(since) {
		since = created
	}
	interval := time.Duration(every) * time.Millisecond
	until := status.Settled(interval, time.Duration(timeout)*time.Millisecond, now)
	rows, err := s.pool.Query(ctx, `
		SELECT location, count(DISTINCT slot), count(DISTINCT slot) FILTER (WHERE `+isConclusive+`)
		FROM runs WHERE check_id = $1 AND slot >= $2 AND slot < $3 AND origin IS NULL
		GROUP BY location`, checkID, since, until)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	recorded := map[string]status.Coverage{}
	var location string
	var c status.Coverage
	_, err = pgx.ForEachRow(rows, []any{&location, &c.Recorded, &c.Conclusive}, func() error {
		recorded[location] = c
		return nil
	})
	if err != nil {
		return nil, s.failed(doing, err)
	}
	all := make([]status.Coverage, len(locations))
	for i, l := range locations {
		all[i] = recorded[l]
		all[i].Location, all[i].From, all[i].To = l, since.UTC(), until.UTC()
		all[i].Expected = status.Expected(checkID, l, interval, since, until)
	}
	return all, nil
}
