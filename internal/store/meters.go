package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/kept"
)

// Meters are what was counted of some checks in whole hours from a time on and
// before another, by location, with the certificates that their newest
// conclusive runs saw, in the order of check and location.
func (s *Store) Meters(ctx context.Context, ids []string, from, before time.Time) ([]kept.Meter, error) {
	rows, err := s.pool.Query(ctx, `
		WITH counted AS (
			SELECT check_id, location, sum(expected)::int AS expected, sum(passed)::int AS passed, sum(degraded)::int AS degraded,
				sum(failed)::int AS failed, sum(inconclusive)::int AS inconclusive, sum(expired)::int AS expired,
				sum(m_expected)::int AS m_expected, sum(m_passed)::int AS m_passed, sum(m_degraded)::int AS m_degraded,
				sum(m_failed)::int AS m_failed, sum(m_inconclusive)::int AS m_inconclusive, sum(m_expired)::int AS m_expired
			FROM tallies WHERE grain = 'hour' AND check_id = ANY ($1) AND start >= $2 AND start < $3
			GROUP BY check_id, location
		), seen AS (
			SELECT l.check_id, l.location, (r.data #>> '{evidence,response,tls,not_after}')::timestamptz AS ends
			FROM latest l JOIN runs r ON r.check_id = l.check_id AND r.location = l.location AND r.slot = l.slot AND r.attempt = l.attempt
			WHERE l.check_id = ANY ($1) AND l.conclusive AND r.data #>> '{evidence,response,tls,not_after}' IS NOT NULL
		)
		SELECT check_id, location, coalesce(expected, 0), coalesce(passed, 0), coalesce(degraded, 0), coalesce(failed, 0),
			coalesce(inconclusive, 0), coalesce(expired, 0), coalesce(m_expected, 0), coalesce(m_passed, 0), coalesce(m_degraded, 0),
			coalesce(m_failed, 0), coalesce(m_inconclusive, 0), coalesce(m_expired, 0), coalesce(ends, 'epoch')
		FROM counted FULL JOIN seen USING (check_id, location) ORDER BY check_id, location`, ids, from, before)
	if err != nil {
		return nil, s.failed("reading what was counted of checks", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m kept.Meter, err error) {
		t := &m.Tally
		err = row.Scan(&m.CheckID, &m.Location, &t.Expected, &t.Passed, &t.Degraded, &t.Failed, &t.Inconclusive, &t.Expired,
			&t.MaintenanceExpected, &t.Maintenance.Passed, &t.Maintenance.Degraded, &t.Maintenance.Failed,
			&t.Maintenance.Inconclusive, &t.Maintenance.Expired, &m.CertificateEnds)
		m.CertificateEnds = sinceEpoch(m.CertificateEnds)
		return m, err
	})
	if err != nil {
		return nil, s.failed("reading what was counted of checks", err)
	}
	return list, nil
}
