package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/jobs"
)

// StoredRun is one attempt as it is kept: what is searched, and the whole
// result in codec's shape where that was asked for.
type StoredRun struct {
	ID, RunID, CheckID, Location string
	Slot                         time.Time
	Attempt                      int
	Kind                         string
	Outcome                      jobs.Outcome
	FaultClass                   jobs.FaultClass
	FaultMessage                 string
	// StartedAt is the zero time where it was not started.
	StartedAt, FinishedAt time.Time
	Latency               time.Duration
	Worker                string
	DataVersion           int
	Data                  []byte
}

// RunFilter chooses runs; what is empty does not matter.
type RunFilter struct {
	Check, Location string
	Outcomes        []jobs.Outcome
	// Since and Until bound the slots; Until is not among them.
	Since, Until time.Time
	// Before continues a list after the run with that slot and id.
	Before   time.Time
	BeforeID string
	Limit    int
}

// Runs lists attempts, the newest slot first, without their data.
func (s *Store) Runs(ctx context.Context, f RunFilter) ([]StoredRun, error) {
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
	rows, err := s.pool.Query(ctx, `
		SELECT `+storedRunColumns+`, NULL::jsonb FROM runs WHERE `+strings.Join(where, " AND ")+
		fmt.Sprintf(` ORDER BY slot DESC, id DESC LIMIT $%d`, len(args)), args...)
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
			fault_message, started_at, finished_at, latency_us, worker, data_version, data
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

// storedRunColumns are the columns behind storedRunScan, but for the data.
const storedRunColumns = `id::text, run_id::text, check_id, location, slot, attempt, kind, outcome, fault_class,
	fault_message, started_at, finished_at, latency_us, worker, data_version`

// storedRunScan reads a row of storedRunColumns and the data.
type storedRunScan struct {
	StoredRun
	started, finished *time.Time
	latency           int64
}

func (r *storedRunScan) targets() []any {
	return []any{
		&r.ID, &r.RunID, &r.CheckID, &r.Location, &r.Slot, &r.Attempt, &r.Kind, &r.Outcome, &r.FaultClass,
		&r.FaultMessage, &r.started, &r.finished, &r.latency, &r.Worker, &r.DataVersion, &r.Data,
	}
}

func (r *storedRunScan) run() StoredRun {
	run := r.StoredRun
	run.Latency = time.Duration(r.latency) * time.Microsecond
	if r.started != nil {
		run.StartedAt = *r.started
	}
	if r.finished != nil {
		run.FinishedAt = *r.finished
	}
	return run
}

func scanStoredRun(row pgx.CollectableRow) (StoredRun, error) {
	var r storedRunScan
	err := row.Scan(r.targets()...)
	return r.run(), err
}
