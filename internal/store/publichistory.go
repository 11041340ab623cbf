package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
)

// PublicRole is the database role that may read the public views and nothing
// else.
const PublicRole = "probefleet_public"

// OpenPublic is [Open] for those who read public views alone: connections take
// the role [PublicRole] where the server has it and the URL's own role may, and
// the server refuses to write for them. They read histories of many checks as a
// whole, and get the memory to do so without writing to the disk.
func OpenPublic(ctx context.Context, url string) (*Store, error) {
	return open(ctx, url, func(ctx context.Context, c *pgx.Conn) error {
		if _, err := c.Exec(ctx, `SET default_transaction_read_only = on; SET work_mem = '64MB'`); err != nil {
			return err
		}
		_, err := c.Exec(ctx, `
			SELECT set_config('role', rolname, false) FROM pg_roles WHERE rolname = $1 AND `+mayTake, PublicRole)
		return err
	})
}

// uncounted are the hours from $1 on and before $2 that were not counted from
// their slots yet.
const uncounted = `ARRAY(
	SELECT h FROM generate_series($1::timestamptz, least($2, now()), interval '1 hour') AS h
	WHERE h < $2 AND NOT EXISTS (SELECT FROM public_tallied_hours WHERE start = h))`

// bucketsOf are the statements of [Store.PublicBuckets] by grain: what was
// counted from slots, what the recorder counts up of the other hours, and
// latencies, which only it knows. Of hours it is one row that tells both. Sums of
// bigint are numeric, which takes five times as long: what a check does in a day
// is an integer, and its latency exact as a float.
var bucketsOf = map[string]string{
	Hour: buckets(Hour, `
		SELECT check_id, start, passed::integer * open, degraded::integer * open, failed::integer * open, inconclusive::integer * open,
			expired::integer * open, 0, 0, 0, 0, 0, 0, 0, latency_sum_us::float8
		FROM (SELECT *, (start = ANY (`+uncounted+`))::integer AS open FROM public_rollups
			WHERE grain = 'hour' AND start >= $1 AND start < $2) AS hours`),
	Day: buckets(Day, `
		SELECT check_id, date_trunc('day', start, 'UTC'), passed::integer, degraded::integer, failed::integer, inconclusive::integer, expired::integer,
			0, 0, 0, 0, 0, 0, 0, 0
		FROM public_rollups WHERE grain = 'hour' AND start = ANY (`+uncounted+`)
		UNION ALL
		SELECT check_id, start, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, latency_sum_us::float8
		FROM public_rollups WHERE grain = 'day' AND start >= $1 AND start < $2`),
}

// buckets sums what was counted from slots and other parts.
func buckets(grain, others string) string {
	return `
		SELECT check_id, start, sum(passed), sum(degraded), sum(failed), sum(inconclusive), sum(expired),
			sum(expected), sum(m_expected), sum(m_passed), sum(m_degraded), sum(m_failed),
			sum(m_inconclusive), sum(m_expired), sum(latency_sum_us)
		FROM (
			SELECT check_id, start, passed, degraded, failed, inconclusive, expired, expected,
				m_expected, m_passed, m_degraded, m_failed, m_inconclusive, m_expired, 0::float8 AS latency_sum_us
			FROM public_tallies WHERE grain = '` + grain + `' AND start >= $1 AND start < $2
			UNION ALL` + others + `
		) AS parts GROUP BY check_id, start ORDER BY check_id, start`
}

// PublicBuckets lists the histories of all public checks from the period of
// grain ([Hour] or [Day]) that holds `from` and before another time, all
// locations together, in the order of check and start. Hours that were counted
// from their slots are taken from there, with what was due; others as the
// recorder counts them up. Periods of which nothing is known are left out.
func (s *Store) PublicBuckets(ctx context.Context, grain string, from, before time.Time) ([]status.Bucket, error) {
	if grain != Hour && grain != Day {
		return nil, fmt.Errorf("reading histories: %q is not a grain; use %q or %q", grain, Hour, Day)
	}
	from = from.UTC().Truncate(span(grain))
	rows, err := s.pool.Query(ctx, bucketsOf[grain], from, before)
	if err != nil {
		return nil, s.failed("reading histories", err)
	}
	buckets, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (status.Bucket, error) {
		var b status.Bucket
		var latency float64
		m := &b.Maintenance
		err := row.Scan(&b.CheckID, &b.Start, &b.Passed, &b.Degraded, &b.Failed, &b.Inconclusive, &b.Expired,
			&b.Expected, &b.MaintenanceExpected, &m.Passed, &m.Degraded, &m.Failed, &m.Inconclusive, &m.Expired, &latency)
		b.End = b.Start.Add(span(grain))
		b.LatencySum = time.Duration(latency) * time.Microsecond
		return b, err
	})
	if err != nil {
		return nil, s.failed("reading histories", err)
	}
	return buckets, nil
}

// PublicCounted is the stretch of hours that were counted from their slots,
// from the first to the end of the last; zero times where there is none.
func (s *Store) PublicCounted(ctx context.Context) (from, to time.Time, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT coalesce(min(start), 'epoch'), coalesce(max(start) + interval '1 hour', 'epoch') FROM public_tallied_hours`).Scan(&from, &to)
	if err != nil {
		return from, to, s.failed("asking which hours were counted", err)
	}
	return sinceEpoch(from), sinceEpoch(to), nil
}

// PublicOutages lists the outages that the rules found of public checks and
// that were not over at a time, in the order of check and beginning.
func (s *Store) PublicOutages(ctx context.Context, since time.Time) ([]status.Outages, error) {
	const doing = "reading outages"
	rows, err := s.pool.Query(ctx, `
		SELECT check_id, opened, coalesce(closed, 'epoch') FROM public_incidents
		WHERE source = 'rules' AND (closed IS NULL OR closed >= $1) ORDER BY check_id, opened`, since)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	var all []status.Outages
	var id string
	var o status.Span
	_, err = pgx.ForEachRow(rows, []any{&id, &o.From, &o.To}, func() error {
		o.To = sinceEpoch(o.To)
		if n := len(all); n == 0 || all[n-1].CheckID != id {
			all = append(all, status.Outages{CheckID: id})
		}
		last := &all[len(all)-1]
		last.Spans = append(last.Spans, o)
		return nil
	})
	if err != nil {
		return nil, s.failed(doing, err)
	}
	return all, nil
}

const publicIncidentColumns = `id::text, source = 'rules', check_id, checks, title, impact, opened, coalesce(closed, 'epoch'),
	failed, flaps, locations, fault_class, fault_message, postmortem`

func scanPublicIncident(row pgx.CollectableRow) (r status.Recorded, err error) {
	var class string
	err = row.Scan(&r.ID, &r.ByRules, &r.CheckID, &r.Checks, &r.Title, &r.Impact, &r.Opened, &r.Closed,
		&r.Failed, &r.Flaps, &r.Locations, &class, &r.Message, &r.Postmortem)
	r.Class, r.Closed, r.Public = jobs.FaultClass(class), sinceEpoch(r.Closed), true
	return r, err
}

// PublicIncidents lists the incidents that the public may see and that were
// open at some time from one on and before another, the newest first, with
// their public updates, the oldest first; at most limit.
func (s *Store) PublicIncidents(ctx context.Context, from, before time.Time, limit int) ([]status.Recorded, error) {
	return s.publicIncidents(ctx, `
		WHERE (closed IS NULL OR closed >= $1) AND opened < $2 ORDER BY opened DESC, id LIMIT $3`, from, before, max(limit, 0))
}

// PublicIncident is one incident that the public may see; false where there is
// none.
func (s *Store) PublicIncident(ctx context.Context, id string) (status.Recorded, bool, error) {
	if _, err := uuid(id); err != nil {
		return status.Recorded{}, false, nil //nolint:nilerr // what is no UUID names none
	}
	list, err := s.publicIncidents(ctx, `WHERE id = $1`, id)
	if err != nil || len(list) == 0 {
		return status.Recorded{}, false, err
	}
	return list[0], true, nil
}

func (s *Store) publicIncidents(ctx context.Context, which string, args ...any) ([]status.Recorded, error) {
	const doing = "reading public incidents"
	rows, err := s.pool.Query(ctx, `SELECT `+publicIncidentColumns+` FROM public_incidents `+which, args...)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	list, err := pgx.CollectRows(rows, scanPublicIncident)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	ids, at := make([]string, len(list)), make(map[string]int, len(list))
	for i, r := range list {
		ids[i], at[r.ID] = r.ID, i
	}
	rows, err = s.pool.Query(ctx, `
		SELECT incident_id::text, phase, body, at FROM public_incident_updates
		WHERE incident_id = ANY ($1::text[]::uuid[]) ORDER BY at, id`, ids)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	var id string
	u := status.Update{Public: true}
	_, err = pgx.ForEachRow(rows, []any{&id, &u.Phase, &u.Body, &u.At}, func() error {
		i := at[id]
		list[i].Updates = append(list[i].Updates, u)
		return nil
	})
	if err != nil {
		return nil, s.failed(doing, err)
	}
	return list, nil
}

// PublicMaintenance lists the windows of which the public may know, those of
// the checks themselves too, without those that were over at a time.
func (s *Store) PublicMaintenance(ctx context.Context, since time.Time) ([]status.Planned, error) {
	const doing = "reading public maintenance"
	rows, err := s.pool.Query(ctx, `
		SELECT id, title, why, checks, coalesce(from_at, 'epoch'), coalesce(to_at, 'epoch'), cron, zone, for_ms, created_at
		FROM public_maintenance WHERE (to_at IS NULL OR to_at > $1) AND checks <> '{}' ORDER BY id`, since)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p status.Planned, err error) {
		var lasts int64
		p.Public = true
		p.Maintenance = check.Maintenance{}
		err = row.Scan(&p.ID, &p.Title, &p.Why, &p.Checks, &p.From, &p.To, &p.Cron, &p.Zone, &lasts, &p.CreatedAt)
		p.From, p.To = sinceEpoch(p.From), sinceEpoch(p.To)
		p.For = time.Duration(lasts) * time.Millisecond
		return p, err
	})
	if err != nil {
		return nil, s.failed(doing, err)
	}
	return list, nil
}
