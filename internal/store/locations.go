package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
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

// LocationSamples are those of the locations that need a look: where something
// was inconclusive within two minutes, and those that are unhealthy. While all
// is well this costs nothing.
func (s *Store) LocationSamples(ctx context.Context) ([]status.LocationSample, error) {
	rows, err := s.pool.Query(ctx, `
		WITH suspects AS (
			SELECT avoid_location AS location FROM retries WHERE created_at > now() - interval '2 minutes' AND NOT asked
			UNION SELECT location FROM location_health WHERE NOT healthy
		)
		SELECT p.location, (SELECT count(*) FROM checks WHERE active AND removed_at IS NULL AND p.location = ANY (locations)),
			coalesce(h.healthy, true), count(n.check_id), count(*) FILTER (WHERE n.sick),
			coalesce(sum(n.attempts), 0)::bigint, coalesce(mode() WITHIN GROUP (ORDER BY n.fault_class) FILTER (WHERE n.sick), '')
		FROM suspects p
		LEFT JOIN location_health h ON h.location = p.location
		LEFT JOIN LATERAL (
			SELECT l.check_id, l.fault_class, l.outcome = 'inconclusive' AS sick,
				CASE WHEN l.outcome = 'inconclusive' THEN (
					SELECT count(*) FROM runs r
					WHERE r.check_id = l.check_id AND r.location = l.location AND r.slot >= l.slot - make_interval(secs => c.every_ms / 1000.0)
						AND r.slot <= l.slot AND r.outcome = 'inconclusive') END AS attempts
			FROM latest l JOIN checks c ON c.id = l.check_id AND c.active AND c.removed_at IS NULL AND l.location = ANY (c.locations)
			WHERE l.location = p.location AND NOT l.conclusive
				AND l.slot > now() - make_interval(secs => (2 * c.every_ms + c.timeout_ms) / 1000.0 + 10)
			ORDER BY l.finished_at DESC LIMIT $1
		) n ON true
		GROUP BY p.location, h.healthy ORDER BY p.location`, status.LocationSampleSize)
	if err != nil {
		return nil, s.failed("looking at the locations", err)
	}
	samples, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l status.LocationSample, err error) {
		var class string
		err = row.Scan(&l.Location, &l.Checks, &l.Healthy, &l.Runs, &l.Sick, &l.Attempts, &class)
		l.Class = jobs.FaultClass(class)
		return l, err
	})
	if err != nil {
		return nil, s.failed("looking at the locations", err)
	}
	return samples, nil
}

// DeclareLocation notes what is thought of a location. It reports whether that
// is a change; however many say the same at a time, one of them is told so, and
// one event is written.
func (s *Store) DeclareLocation(ctx context.Context, location string, healthy bool, reason string) (changed bool, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			INSERT INTO location_health AS h (location, healthy, reason, since)
			SELECT $1, $2, $3, clock_timestamp()
			WHERE NOT $2 OR EXISTS (SELECT FROM location_health WHERE location = $1) -- at first all are healthy
			ON CONFLICT (location) DO UPDATE SET (healthy, reason, since) = (excluded.healthy, excluded.reason, excluded.since)
			WHERE h.healthy <> excluded.healthy`, location, healthy, reason)
		if err != nil {
			return err
		}
		if changed = tag.RowsAffected() > 0; !changed {
			return nil
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO location_events (location, healthy, reason, at) VALUES ($1, $2, $3, clock_timestamp())`, location, healthy, reason)
		return err
	})
	if err != nil {
		return false, s.failed("noting the health of location "+location, err)
	}
	return changed, nil
}

// locationEvents is the number of changes that [Store.Locations] answers of
// each location at most.
const locationEvents = 20

// Locations lists the locations that active checks name or that were declared
// unhealthy once, in order. Heartbeats run at none.
func (s *Store) Locations(ctx context.Context) ([]status.Location, error) {
	rows, err := s.pool.Query(ctx, `
		WITH named AS (
			SELECT location, count(*) AS checks FROM checks, unnest(locations) AS location
			WHERE active AND removed_at IS NULL AND kind <> 'heartbeat' GROUP BY location
		), seen AS (SELECT location, max(slot) AS slot FROM latest GROUP BY location)
		SELECT coalesce(n.location, h.location) AS name, coalesce(n.checks, 0), coalesce(h.healthy, true),
			coalesce(h.reason, ''), coalesce(h.since, 'epoch'), coalesce(seen.slot, 'epoch')
		FROM named n FULL JOIN location_health h ON h.location = n.location
		LEFT JOIN seen ON seen.location = coalesce(n.location, h.location)
		ORDER BY coalesce(n.location, h.location) COLLATE "C"`)
	if err != nil {
		return nil, s.failed("reading the locations", err)
	}
	at := map[string]int{}
	locations, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l status.Location, err error) {
		err = row.Scan(&l.Name, &l.Checks, &l.Healthy, &l.Reason, &l.Since, &l.NewestSlot)
		l.Since, l.NewestSlot = sinceEpoch(l.Since), sinceEpoch(l.NewestSlot)
		at[l.Name] = len(at)
		return l, err
	})
	if err != nil {
		return nil, s.failed("reading the locations", err)
	}
	rows, err = s.pool.Query(ctx, `
		SELECT h.location, e.at, e.healthy, e.reason
		FROM location_health h CROSS JOIN LATERAL (
			SELECT at, healthy, reason, id FROM location_events WHERE location = h.location ORDER BY at DESC, id DESC LIMIT $1) e
		ORDER BY h.location, e.at DESC, e.id DESC`, locationEvents)
	if err != nil {
		return nil, s.failed("reading the locations' past", err)
	}
	var name string
	var e status.LocationEvent
	_, err = pgx.ForEachRow(rows, []any{&name, &e.At, &e.Healthy, &e.Reason}, func() error {
		if i, ok := at[name]; ok {
			locations[i].Events = append(locations[i].Events, e)
		}
		return nil
	})
	if err != nil {
		return nil, s.failed("reading the locations' past", err)
	}
	return locations, nil
}

// sinceEpoch is t, or the zero time where it is the epoch, which stands for
// none.
func sinceEpoch(t time.Time) time.Time {
	if t.Unix() == 0 {
		return time.Time{}
	}
	return t
}
