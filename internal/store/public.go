package store

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
)

// The methods of this file whose names begin with Public read the public views
// and nothing else: public, active checks, and no detail of what was seen.

// PublicChecks lists the public checks in the order of group, name and id,
// each with its newest runs in the order of their locations. These are shared
// with later answers: they are not to be changed.
func (s *Store) PublicChecks(ctx context.Context) ([]status.Check, error) {
	return s.leveled(ctx, &s.public, `public_status`)
}

// Statuses is [Store.PublicChecks] for every active check, public or not.
func (s *Store) Statuses(ctx context.Context) ([]status.Check, error) {
	return s.leveled(ctx, &s.active, `check_status`)
}

// The statements of what is watched without regard to what is public.
const (
	revisionOfAll  = `SELECT coalesce(max(revision), 0) FROM checks`
	newestOfAll    = `SELECT changed_at, conclusive, ` + publicRunColumns + ` FROM latest WHERE changed_at > $1`
	undecidedOfAll = `SELECT now(), true, ` + publicRunColumns + ` FROM undecided WHERE until <= now()`
)

func publicSet() watchedSet[status.Check] {
	return watchedSet[status.Check]{
		revision:  `SELECT revision FROM public_revision`,
		newest:    `SELECT changed_at, conclusive, ` + publicRunColumns + ` FROM public_newest WHERE changed_at > $1`,
		undecided: `SELECT changed_at, conclusive, ` + publicRunColumns + ` FROM public_undecided`,
		list:      checksOf(`public_checks`), of: func(c *status.Check) *status.Check { return c },
	}
}

func activeSet() watchedSet[status.Check] {
	return watchedSet[status.Check]{
		revision: revisionOfAll, newest: newestOfAll, undecided: undecidedOfAll,
		list: checksOf(`checks WHERE active AND removed_at IS NULL`), of: func(c *status.Check) *status.Check { return c },
	}
}

// checksOf reads the checks of a relation.
func checksOf(relation string) func(ctx context.Context, s *Store) ([]status.Check, error) {
	return func(ctx context.Context, s *Store) ([]status.Check, error) {
		rows, err := s.pool.Query(ctx, `
			SELECT id, name, description, group_name, tags, kind, every_ms, timeout_ms, locations
			FROM `+relation+` ORDER BY group_name, name, id`)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, scanPublicCheck)
	}
}

// leveled reads a set of checks with what the stored history says of them. A
// check of which it says nothing has done nothing but pass.
func (s *Store) leveled(ctx context.Context, set *watchedSet[status.Check], ofLevels string) ([]status.Check, error) {
	const doing = "reading the checks to be shown"
	checks, err := set.read(ctx, s)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	type level struct {
		state status.State
		since time.Time
	}
	levels := map[string]level{}
	rows, err := s.pool.Query(ctx, `SELECT check_id, level, since FROM `+ofLevels)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	var id string
	var l level
	if _, err := pgx.ForEachRow(rows, []any{&id, &l.state, &l.since}, func() error { levels[id] = l; return nil }); err != nil {
		return nil, s.failed(doing, err)
	}
	for i := range checks {
		c := &checks[i]
		c.Level, c.LevelSince = status.Operational, time.Time{}
		if l, ok := levels[c.ID]; ok {
			c.Level, c.LevelSince = l.state, sinceEpoch(l.since)
		}
	}
	return checks, nil
}

func scanPublicCheck(row pgx.CollectableRow) (status.Check, error) {
	var c status.Check
	var kind string
	var every, timeout int64
	err := row.Scan(&c.ID, &c.Name, &c.Description, &c.Group, &c.Tags, &kind, &every, &timeout, &c.Locations)
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
// holds, in its order. They are thinned here, as the database would sort them
// all.
func (s *Store) latencies(ctx context.Context, ofRuns, checkID string, since time.Time) ([]status.Run, error) {
	const doing = "reading latencies"
	rows, err := s.pool.Query(ctx, `
		SELECT location, slot, attempt, outcome, latency_us FROM `+ofRuns+`
		WHERE check_id = $1 AND slot >= $2 AND outcome IN ('passed', 'degraded', 'failed')
		ORDER BY slot DESC`, checkID, since)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	var runs []status.Run
	r := status.Run{CheckID: checkID}
	var outcome string
	var latency int64
	_, err = pgx.ForEachRow(rows, []any{&r.Location, &r.Slot, &r.Attempt, &outcome, &latency}, func() error {
		run := r
		run.Outcome, run.Latency = jobs.Outcome(outcome), time.Duration(latency)*time.Microsecond
		runs = append(runs, run)
		return nil
	})
	if err != nil {
		return nil, s.failed(doing, err)
	}
	runs = thinned(runs, since, time.Now())
	slices.SortFunc(runs, func(a, b status.Run) int {
		return cmp.Or(a.Slot.Compare(b.Slot), cmp.Compare(a.Location, b.Location), cmp.Compare(a.Attempt, b.Attempt))
	})
	return runs, nil
}

// thinned leaves one run of each location in each of latencyPoints equal periods
// between two times.
func thinned(runs []status.Run, from, to time.Time) []status.Run {
	type place struct {
		location string
		period   int
	}
	span := max(time.Second, to.Sub(from)).Seconds() / latencyPoints
	at, out := make(map[place]int, len(runs)), runs[:0]
	for _, r := range runs {
		p := place{r.Location, int(math.Floor(r.Slot.Sub(from).Seconds() / span))}
		i, there := at[p]
		switch {
		case !there:
			at[p] = len(out)
			out = append(out, r)
		case speaksFor(r, out[i]):
			out[i] = r
		}
	}
	return out
}

// speaksFor reports whether a run says more of its period than another.
func speaksFor(r, other status.Run) bool {
	if failed := r.Outcome == jobs.Failed; failed != (other.Outcome == jobs.Failed) {
		return failed
	}
	return r.Latency > other.Latency
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
