package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
)

// Overview lists every check that was not removed, paused ones too, in the
// order of their ids, each with its newest runs. These are shared with later
// answers: they are not to be changed.
func (s *Store) Overview(ctx context.Context) ([]kept.Watched, error) {
	list, err := s.overview.read(ctx, s)
	if err != nil {
		return nil, s.failed("reading all checks with their newest runs", err)
	}
	return list, nil
}

func overviewSet() watchedSet[kept.Watched] {
	return watchedSet[kept.Watched]{
		revision: revisionOfAll, newest: newestOfAll, undecided: undecidedOfAll,
		list: listWatched, of: func(w *kept.Watched) *status.Check { return &w.Check },
	}
}

func listWatched(ctx context.Context, s *Store) ([]kept.Watched, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT id, name, description, group_name, tags, kind, every_ms, timeout_ms, locations, active, muted, owner
		FROM checks WHERE removed_at IS NULL ORDER BY id`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (w kept.Watched, err error) {
		var kind string
		var every, timeout int64
		err = row.Scan(&w.ID, &w.Name, &w.Description, &w.Group, &w.Tags, &kind, &every, &timeout, &w.Locations, &w.Active, &w.Muted, &w.Owner)
		w.Kind = check.Kind(kind)
		w.Every, w.Timeout = time.Duration(every)*time.Millisecond, time.Duration(timeout)*time.Millisecond
		return w, err
	})
}

// recentWithin is the while in which the newest runs are looked for first: those
// of most checks are in it, and it is in two partitions of thirty.
const recentWithin = 12 * time.Hour

// Recent are the newest runs of each of some checks, the newest first, at most
// n of each, without their reasons.
func (s *Store) Recent(ctx context.Context, ids []string, n int) (map[string][]status.Run, error) {
	by := make(map[string][]status.Run, len(ids))
	now := time.Now()
	for _, window := range [][2]time.Time{{now.Add(-recentWithin), now.Add(time.Hour)}, {}} {
		var few []string
		for _, id := range ids {
			if len(by[id]) < n {
				few = append(few, id)
				delete(by, id)
			}
		}
		if len(few) == 0 {
			break
		}
		runs, err := s.recent(ctx, few, n, window[0], window[1])
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			by[r.CheckID] = append(by[r.CheckID], r)
		}
	}
	return by, nil
}

// recent are the newest runs of checks from a time on and before another; zero
// times are none.
func (s *Store) recent(ctx context.Context, ids []string, n int, from, before time.Time) ([]status.Run, error) {
	args, within := []any{ids, n}, ""
	if !from.IsZero() {
		args, within = append(args, from, before), `AND slot >= $3 AND slot < $4`
	}
	return s.publicRuns(ctx, "reading the newest runs", `
		SELECT r.run_id::text, c.id, r.location, r.slot, r.attempt, r.outcome, r.fault_class, '', r.finished_at, r.latency_us
		FROM unnest($1::text[]) AS c (id) CROSS JOIN LATERAL (
			SELECT run_id, location, slot, attempt, outcome, fault_class, finished_at, latency_us
			FROM runs WHERE check_id = c.id `+within+` ORDER BY slot DESC LIMIT $2) AS r`, args...)
}

// Latencies is [Store.PublicLatencies] for every check, public or not.
func (s *Store) Latencies(ctx context.Context, checkID string, since time.Time) ([]status.Run, error) {
	return s.latencies(ctx, `runs`, checkID, since)
}

// activitySample is the number of runs of a location from which percentiles are
// taken, about: where there are more it is a sample by their ids, which are
// random. Runs are counted all the same, each.
const activitySample = 4000

// Activity is what was measured at each location within a while, in the order
// of their names.
func (s *Store) Activity(ctx context.Context, within time.Duration) ([]kept.Activity, error) {
	const doing = "reading what was measured lately"
	rows, err := s.pool.Query(ctx, `
		WITH due_runs AS (
			SELECT l AS location, least(1, $2 / sum($1 * 1000 / every_ms)) AS share
			FROM checks, unnest(locations) AS l WHERE active AND removed_at IS NULL GROUP BY l
		), done AS MATERIALIZED (
			SELECT r.location, outcome, CASE WHEN s.asked THEN extract(epoch FROM finished_at - started_at) END AS took,
				CASE WHEN s.asked THEN extract(epoch FROM (data->>'received_at')::timestamptz - (data->>'sent_at')::timestamptz) END AS waited
			FROM runs r LEFT JOIN due_runs d ON d.location = r.location
			CROSS JOIN LATERAL (SELECT coalesce(d.share, 1) > (get_byte(uuid_send(r.id), 0) * 256 + get_byte(uuid_send(r.id), 1)) / 65536.0 AS asked) AS s
			WHERE slot > now() - make_interval(secs => $1)
		), counted AS (
			SELECT location, count(*) FILTER (WHERE outcome = 'passed') AS passed, count(*) FILTER (WHERE outcome = 'degraded') AS degraded,
				count(*) FILTER (WHERE outcome = 'failed') AS failed, count(*) FILTER (WHERE outcome = 'inconclusive') AS inconclusive,
				count(*) FILTER (WHERE outcome = 'expired') AS expired,
				percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY waited) AS waited,
				percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY took) AS took
			FROM done GROUP BY location
		), due AS (
			SELECT p.location, c.id, extract(epoch FROM now() - coalesce(l.slot, c.updated_at)) - (c.every_ms + c.timeout_ms) / 1000.0 AS late
			FROM checks c CROSS JOIN unnest(c.locations) AS p (location)
			LEFT JOIN latest l ON l.check_id = c.id AND l.location = p.location AND NOT l.conclusive
			WHERE c.active AND c.removed_at IS NULL
		), latest_due AS (SELECT DISTINCT ON (location) location, id, late FROM due ORDER BY location, late DESC)
		SELECT coalesce(n.location, d.location) AS name, coalesce(passed, 0), coalesce(degraded, 0), coalesce(failed, 0),
			coalesce(inconclusive, 0), coalesce(expired, 0), waited, took, coalesce(d.late, 0)::float8, coalesce(d.id, '')
		FROM counted n FULL JOIN latest_due d ON d.location = n.location ORDER BY 1`, within.Seconds(), float64(activitySample))
	if err != nil {
		return nil, s.failed(doing, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a kept.Activity, err error) {
		var waited, took []*float64
		var late float64
		err = row.Scan(&a.Location, &a.Passed, &a.Degraded, &a.Failed, &a.Inconclusive, &a.Expired, &waited, &took, &late, &a.OverdueCheck)
		a.Wait, a.Run = percentiles(waited), percentiles(took)
		a.Overdue = max(0, inSeconds(late))
		return a, err
	})
	if err != nil {
		return nil, s.failed(doing, err)
	}
	return list, nil
}

func inSeconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// percentiles are three numbers of seconds, any of which may be absent.
func percentiles(list []*float64) (p kept.Percentiles) {
	for i, to := range []*time.Duration{&p.P50, &p.P95, &p.P99} {
		if i < len(list) && list[i] != nil {
			*to = max(0, inSeconds(*list[i]))
		}
	}
	return p
}
