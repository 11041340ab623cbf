package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Runs lists attempts, the newest slot first, without their data.
func (s *Store) Runs(ctx context.Context, f RunFilter) ([]StoredRun, error) {
	end := f.Until
	if f.BeforeID != "" && f.Before.Before(end) {
		end = f.Before.Add(time.Microsecond)
	}
	if newest := f; f.Since.Before(end.Add(-recentWithin)) {
		newest.Since = end.Add(-recentWithin)
		if runs, err := s.runsWithin(ctx, newest); err != nil || len(runs) == f.Limit {
			return runs, err
		}
	}
	return s.runsWithin(ctx, f)
}

// runsWithin is Runs in one reading, whose cost grows with the days from
// f.Since on.
func (s *Store) runsWithin(ctx context.Context, f RunFilter) ([]StoredRun, error) {
	where := []string{"slot >= $1", "slot < $2"}
	args := []any{f.Since, f.Until}
	add := func(condition string, values ...any) {
		places := make([]any, len(values))
		for i, v := range values {
			args = append(args, v)
			places[i] = fmt.Sprintf("$%d", len(args))
		}
		where = append(where, fmt.Sprintf(condition, places...))
	}
	if f.Check != "" {
		add("check_id = %s", f.Check)
	}
	if f.Location != "" {
		add("location = %s", f.Location)
	}
	if len(f.Outcomes) > 0 {
		names := make([]string, len(f.Outcomes))
		for i, o := range f.Outcomes {
			names[i] = string(o)
		}
		add("outcome = ANY (%s)", names)
	}
	if f.BeforeID != "" {
		add("(slot, id) < (%s, %s::uuid)", f.Before, f.BeforeID)
	}
	args = append(args, f.Limit)
	// A plan for all checks would take the rows of each for few, and sort them.
	rows, err := s.pool.Query(ctx, `
		SELECT `+storedRunColumns+`, NULL::jsonb FROM runs WHERE `+strings.Join(where, " AND ")+
		fmt.Sprintf(` ORDER BY slot DESC, id DESC LIMIT $%d`, len(args)), append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
	if err != nil {
		return nil, s.failed("reading runs", err)
	}
	runs, err := pgx.CollectRows(rows, scanStoredRun)
	if err != nil {
		return nil, s.failed("reading runs", err)
	}
	return runs, nil
}

// Run is the attempt with that id, with its data; false where there is none.
func (s *Store) Run(ctx context.Context, id string) (StoredRun, bool, error) {
	if _, err := uuid(id); err != nil {
		return StoredRun{}, false, nil //nolint:nilerr // what is no UUID names no run
	}
	rows, err := s.pool.Query(ctx, `
		SELECT `+storedRunColumns+`, data FROM runs WHERE id = $1
		UNION ALL
		SELECT attempt_id::text, run_id::text, check_id, location, slot, 1, kind, outcome, fault_class,
			fault_message, started_at, finished_at, NULL, '', latency_us, worker, data_version, data
		FROM triggers WHERE attempt_id = $1 AND outcome IS NOT NULL`, id)
	if err != nil {
		return StoredRun{}, false, s.failed("reading a run", err)
	}
	runs, err := pgx.CollectRows(rows, scanStoredRun)
	if err != nil {
		return StoredRun{}, false, s.failed("reading a run", err)
	}
	if len(runs) == 0 {
		return StoredRun{}, false, nil
	}
	return runs[0], true, nil
}

// Attempts are those of one slot, with their data, in order.
func (s *Store) Attempts(ctx context.Context, checkID string, slot time.Time, runID string) ([]StoredRun, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT `+storedRunColumns+`, data FROM runs WHERE check_id = $1 AND slot = $2 AND run_id = $3
		ORDER BY attempt, stored_at LIMIT 20`, checkID, slot, runID)
	if err != nil {
		return nil, s.failed("reading the attempts of a slot", err)
	}
	runs, err := pgx.CollectRows(rows, scanStoredRun)
	if err != nil {
		return nil, s.failed("reading the attempts of a slot", err)
	}
	return runs, nil
}

// storedRunColumns are the columns behind storedRunScan, but for the data.
const storedRunColumns = `id::text, run_id::text, check_id, location, slot, attempt, kind, outcome, fault_class,
	fault_message, started_at, finished_at, stored_at, coalesce(origin, ''), latency_us, worker, data_version`

// storedRunScan reads a row of storedRunColumns and the data.
type storedRunScan struct {
	StoredRun
	started, finished, stored *time.Time
	latency                   int64
}

func (r *storedRunScan) targets() []any {
	return []any{
		&r.ID, &r.RunID, &r.CheckID, &r.Location, &r.Slot, &r.Attempt, &r.Kind, &r.Outcome, &r.FaultClass,
		&r.FaultMessage, &r.started, &r.finished, &r.stored, &r.Origin, &r.latency, &r.Worker, &r.DataVersion, &r.Data,
	}
}

func (r *storedRunScan) run() StoredRun {
	run := r.StoredRun
	run.Latency = time.Duration(r.latency) * time.Microsecond
	for from, to := range map[*time.Time]*time.Time{r.started: &run.StartedAt, r.finished: &run.FinishedAt, r.stored: &run.StoredAt} {
		if from != nil {
			*to = *from
		}
	}
	return run
}

func scanStoredRun(row pgx.CollectableRow) (StoredRun, error) {
	var r storedRunScan
	err := row.Scan(r.targets()...)
	return r.run(), err
}
