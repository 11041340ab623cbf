package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
)

// The methods of this file whose names begin with Public read the public views
// and nothing else: public, active checks, and no detail of what was seen.

// PublicChecks lists the public checks in the order of group, name and id,
// each with its newest runs in the order of their locations.
func (s *Store) PublicChecks(ctx context.Context) ([]status.Check, error) {
	return s.statuses(ctx, `public_checks`, `public_latest`, `public_status`)
}

// Statuses is [Store.PublicChecks] for every active check, public or not.
func (s *Store) Statuses(ctx context.Context) ([]status.Check, error) {
	return s.statuses(ctx, `(SELECT * FROM checks WHERE active AND removed_at IS NULL) AS active_checks`,
		`(SELECT l.* FROM latest_known l JOIN checks c ON c.id = l.check_id AND l.location = ANY (c.locations)) AS active_latest`, `check_status`)
}

// statuses reads checks, their newest runs and what the stored history says of
// them from three relations. A check of which it says nothing has done nothing
// but pass.
func (s *Store) statuses(ctx context.Context, ofChecks, ofRuns, ofLevels string) ([]status.Check, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT id, name, description, group_name, tags, kind, every_ms, timeout_ms, locations,
			coalesce(l.level, 'operational'), coalesce(l.since, 'epoch')
		FROM `+ofChecks+` LEFT JOIN `+ofLevels+` l ON l.check_id = id ORDER BY group_name, name, id`)
	if err != nil {
		return nil, s.failed("reading the checks to be shown", err)
	}
	checks, err := pgx.CollectRows(rows, scanPublicCheck)
	if err != nil {
		return nil, s.failed("reading the checks to be shown", err)
	}
	at := make(map[string]int, len(checks))
	for i, c := range checks {
		at[c.ID] = i
	}
	rows, err = s.pool.Query(ctx, `
		SELECT conclusive, `+publicRunColumns+` FROM `+ofRuns+` ORDER BY check_id, location`)
	if err != nil {
		return nil, s.failed("reading the newest runs", err)
	}
	var conclusive bool
	var run publicRun
	_, err = pgx.ForEachRow(rows, append([]any{&conclusive}, run.targets()...), func() error {
		i, ok := at[run.CheckID]
		switch {
		case !ok: // it became public just now
		case conclusive:
			checks[i].Conclusive = append(checks[i].Conclusive, run.run())
		default:
			checks[i].Last = append(checks[i].Last, run.run())
		}
		return nil
	})
	if err != nil {
		return nil, s.failed("reading the newest runs", err)
	}
	return checks, nil
}

func scanPublicCheck(row pgx.CollectableRow) (status.Check, error) {
	var c status.Check
	var kind string
	var every, timeout int64
	err := row.Scan(&c.ID, &c.Name, &c.Description, &c.Group, &c.Tags, &kind, &every, &timeout, &c.Locations, &c.Level, &c.LevelSince)
	c.LevelSince = sinceEpoch(c.LevelSince)
	c.Kind = check.Kind(kind)
	c.Every, c.Timeout = time.Duration(every)*time.Millisecond, time.Duration(timeout)*time.Millisecond
	return c, err
}

// PublicRuns lists the newest runs of a public check, newest first, at most
// limit; none where the check is not public.
func (s *Store) PublicRuns(ctx context.Context, checkID string, limit int) ([]status.Run, error) {
	return s.publicRuns(ctx, "reading runs", `
		SELECT `+publicRunColumns+` FROM public_runs WHERE check_id = $1
		ORDER BY slot DESC, attempt DESC, location LIMIT $2`, checkID, max(limit, 0))
}

// latencyPoints is the number of runs per location that [Store.PublicLatencies]
// answers at most: more than a chart has pixels.
const latencyPoints = 1440

// PublicLatencies lists the conclusive runs of a public check since a time,
// oldest first: when and where each was, how it ended and how long it took,
// nothing else. Where there are more than 1440 of a location, one of each of
// as many equal periods stands for its neighbours: a failed one where there is
// any, else the slowest.
func (s *Store) PublicLatencies(ctx context.Context, checkID string, since time.Time) ([]status.Run, error) {
	return s.latencies(ctx, `public_runs`, checkID, since)
}

// latencies reads the runs of a relation: what the index of a check's runs
// holds.
func (s *Store) latencies(ctx context.Context, ofRuns, checkID string, since time.Time) ([]status.Run, error) {
	const doing = "reading latencies"
	rows, err := s.pool.Query(ctx, `
		SELECT location, slot, attempt, outcome, latency_us FROM (
			SELECT DISTINCT ON (location, period) *
			FROM (
				SELECT location, slot, attempt, outcome, latency_us,
					floor(extract(epoch FROM slot - $2)::float8 * $3 / greatest(1, extract(epoch FROM now() - $2)::float8)) AS period
				FROM `+ofRuns+`
				WHERE check_id = $1 AND slot >= $2 AND outcome IN ('passed', 'degraded', 'failed')
			) AS placed
			ORDER BY location, period, outcome = 'failed' DESC, latency_us DESC
		) AS chosen ORDER BY slot, location, attempt`, checkID, since, latencyPoints)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	var runs []status.Run
	var r status.Run
	var outcome string
	var latency int64
	_, err = pgx.ForEachRow(rows, []any{&r.Location, &r.Slot, &r.Attempt, &outcome, &latency}, func() error {
		run := r
		run.CheckID, run.Outcome, run.Latency = checkID, jobs.Outcome(outcome), time.Duration(latency)*time.Microsecond
		runs = append(runs, run)
		return nil
	})
	if err != nil {
		return nil, s.failed(doing, err)
	}
	return runs, nil
}

// publicRunColumns are the columns behind [publicRun.targets].
const publicRunColumns = `run_id::text, check_id, location, slot, attempt, outcome, fault_class, fault_message, finished_at, latency_us`

// publicRun reads a row of publicRunColumns.
type publicRun struct {
	status.Run
	outcome, class string
	latency        int64
}

func (r *publicRun) targets() []any {
	return []any{&r.RunID, &r.CheckID, &r.Location, &r.Slot, &r.Attempt, &r.outcome, &r.class, &r.FaultMessage, &r.FinishedAt, &r.latency}
}

func (r *publicRun) run() status.Run {
	run := r.Run
	run.Outcome, run.FaultClass = jobs.Outcome(r.outcome), jobs.FaultClass(r.class)
	run.Latency = time.Duration(r.latency) * time.Microsecond
	return run
}

func (s *Store) publicRuns(ctx context.Context, doing, statement string, args ...any) ([]status.Run, error) {
	rows, err := s.pool.Query(ctx, statement, args...)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	runs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (status.Run, error) {
		var r publicRun
		err := row.Scan(r.targets()...)
		return r.run(), err
	})
	if err != nil {
		return nil, s.failed(doing, err)
	}
	return runs, nil
}
