package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/failpoint"
	"github.com/probefleet/probefleet/internal/jobs"
)

// Recorded counts what became of the results of a [Store.RecordReceived]. Dead
// ones are in the table dead_results.
type Recorded = jobs.Recorded

// crossedTries is how often a transaction is tried that loses against another.
const crossedTries = 4

// RecordReceived stores results in one transaction, with what is counted from
// them. It may be repeated at any time, and must be where it answers an error,
// of which nobody can tell whether it came before or after the commit: what is
// stored already is a duplicate, and counts nowhere twice.
//
// bodies[i] is the message that results[i] was read from, and is what is kept
// of it where the database refuses it. Without bodies the results are written
// anew.
func (s *Store) RecordReceived(ctx context.Context, results []jobs.Result, bodies []string) (Recorded, error) {
	if len(bodies) != 0 && len(bodies) != len(results) {
		return Recorded{}, fmt.Errorf("storing %d results: there are %d bodies", len(results), len(bodies))
	}
	rows, dead := runRows(results, bodies)
	var rec Recorded
	var err error
	for range crossedTries {
		rec, err = s.record(ctx, rows, dead, insertRuns)
		if _, bad := refused(err); bad {
			rec, err = s.record(ctx, rows, dead, sift)
		}
		if !crossed(err) {
			break
		}
	}
	if err != nil {
		return Recorded{}, s.failed(fmt.Sprintf("storing %d results", len(results)), err)
	}
	rec.Duplicates = len(results) - rec.Stored - rec.Dead
	return rec, nil
}

// inserter stores runs and answers those that are new and those that the
// database refuses.
type inserter func(ctx context.Context, tx pgx.Tx, rows []runRow) (fresh []runRow, dead []deadResult, err error)

func (s *Store) record(ctx context.Context, rows []runRow, dead []deadResult, insert inserter) (Recorded, error) {
	var rec Recorded
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := findOrigins(ctx, tx, rows); err != nil {
			return err
		}
		fresh, refusedNow, err := insert(ctx, tx, rows)
		if err != nil {
			return err
		}
		asked, refusedAsked, err := answerTriggers(ctx, tx, rows, fresh)
		if err != nil {
			return err
		}
		all := slices.Concat(dead, refusedNow, refusedAsked)
		rec = Recorded{Stored: len(fresh) + asked, Dead: len(all)}
		if err := bury(ctx, tx, all); err != nil {
			return err
		}
		if len(fresh) > 0 {
			if err := addRollups(ctx, tx, fresh); err != nil {
				return err
			}
			if err := addRetries(ctx, tx, fresh); err != nil {
				return err
			}
			if err := setLatest(ctx, tx, fresh); err != nil {
				return err
			}
			if err := noteLate(ctx, tx, fresh, time.Now()); err != nil {
				return err
			}
			if err := s.foldStatus(ctx, tx, fresh); err != nil {
				return err
			}
		}
		failpoint.Hit(failpoint.StoreCommitBefore)
		return nil
	})
	failpoint.Hit(failpoint.StoreCommitAfter)
	return rec, err
}

// runRow is a result as the table runs holds it.
type runRow struct {
	result  jobs.Result
	body    string    // the message that it came in, or ""
	id, run string    // in the form in which the database writes them
	slot    time.Time // as the column keeps it: whole microseconds, UTC
	ended   time.Time // when it finished, or the latest time known of it
	version int
	data    string
	// origin is the location whose slot was run again here, "" where it is
	// the result's own.
	origin string
}

// runRows makes rows in the order of their keys, so that two transactions with
// results in common wait for each other in one order and never in a circle.
// Of results with one id the first counts. What cannot be a row at all is
// dead.
func runRows(results []jobs.Result, bodies []string) ([]runRow, []deadResult) {
	var dead []deadResult
	rows := make([]runRow, 0, len(results))
	for i, r := range results {
		body := ""
		if len(bodies) > 0 {
			body = bodies[i]
		}
		row, err := newRunRow(r, body)
		if err != nil {
			dead = append(dead, newDeadResult(r, body, err.Error()))
			continue
		}
		row.body = body
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b runRow) int { return cmp.Compare(a.id, b.id) })
	return slices.CompactFunc(rows, func(a, b runRow) bool {
		return a.id == b.id && a.slot.Equal(b.slot)
	}), dead
}

func newRunRow(r jobs.Result, body string) (runRow, error) {
	switch {
	case !slices.Contains(jobs.Outcomes, r.Outcome):
		return runRow{}, fmt.Errorf("the outcome %q is not known", r.Outcome)
	case r.Attempt < 1 || r.Attempt > 1<<30:
		return runRow{}, fmt.Errorf("the attempt is %d; they count from 1", r.Attempt)
	case r.Slot.IsZero():
		return runRow{}, errors.New("it has no slot")
	}
	id, err := uuid(r.JobID)
	if err != nil {
		return runRow{}, err
	}
	run, err := uuid(r.RunID)
	if err != nil {
		return runRow{}, err
	}
	// What was received is kept as it is: a newer release reads more in it.
	version, data, ok := codec.ReceivedResultData([]byte(body))
	if !ok {
		if version, data, err = codec.EncodeResultData(r); err != nil {
			return runRow{}, fmt.Errorf("it cannot be encoded: %w", err)
		}
	}
	slot := r.Slot.UTC().Truncate(time.Microsecond)
	ended := slot
	for _, t := range []time.Time{r.FinishedAt, r.StartedAt, r.ReceivedAt, r.SentAt} {
		if !t.IsZero() {
			ended = t
			break
		}
	}
	return runRow{result: r, id: id, run: run, slot: slot, ended: ended, version: version, data: string(data)}, nil
}

// uuid is s in the form in which the database writes a UUID.
func uuid(s string) (string, error) {
	var u pgtype.UUID
	if err := u.Scan(s); err != nil || !u.Valid {
		return "", fmt.Errorf("%q is not a UUID", s)
	}
	return u.String(), nil
}

// maxFaultMessage is the length up to which a reason is kept in its column;
// data keeps it whole.
const maxFaultMessage = 1000

// fault is the class and the message of the result's fault.
func (r runRow) fault() (class, message string) {
	if r.result.Fault == nil {
		return "", ""
	}
	message = text(r.result.Fault.Message)
	if runes := []rune(message); len(runes) > maxFaultMessage {
		message = string(runes[:maxFaultMessage-1]) + "…"
	}
	return text(string(r.result.Fault.Class)), message
}

// insertRuns stores rows with one statement.
func insertRuns(ctx context.Context, tx pgx.Tx, rows []runRow) ([]runRow, []deadResult, error) {
	if len(rows) == 0 {
		return nil, nil, nil
	}
	n := len(rows)
	id, run, checkID, location, kind := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	outcome, class, message, worker, data := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	attempt, version, latency := make([]int32, n), make([]int32, n), make([]int64, n)
	slot, finished, started := make([]time.Time, n), make([]time.Time, n), make([]*time.Time, n)
	origin := make([]*string, n)
	for i, row := range rows {
		r := row.result
		id[i], run[i], checkID[i], location[i], kind[i] = row.id, row.run, r.CheckID, r.Location, string(r.Kind)
		outcome[i], worker[i], data[i] = string(r.Outcome), text(r.Worker.ID), row.data
		class[i], message[i] = row.fault()
		attempt[i], version[i], latency[i] = int32(r.Attempt), int32(row.version), r.Timings.Total.Microseconds()
		slot[i], finished[i] = row.slot, row.ended
		if !r.StartedAt.IsZero() {
			started[i] = &rows[i].result.StartedAt
		}
		if row.origin != "" {
			origin[i] = &rows[i].origin
		}
	}
	found, err := tx.Query(ctx, `
		INSERT INTO runs (id, run_id, check_id, location, slot, attempt, kind, outcome, fault_class,
			fault_message, started_at, finished_at, latency_us, worker, data_version, data, origin)
		SELECT id::uuid, run_id::uuid, check_id, location, slot, attempt, kind, outcome, fault_class,
			fault_message, started_at, finished_at, latency_us, worker, data_version, data::jsonb, origin
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::integer[],
			$7::text[], $8::text[], $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[],
			$13::bigint[], $14::text[], $15::integer[], $16::text[], $17::text[])
			AS r (id, run_id, check_id, location, slot, attempt, kind, outcome, fault_class,
			fault_message, started_at, finished_at, latency_us, worker, data_version, data, origin)
		WHERE NOT EXISTS (SELECT FROM triggers t WHERE t.attempt_id = r.id::uuid)
		ON CONFLICT (id, slot) DO NOTHING
		RETURNING id::text`,
		id, run, checkID, location, slot, attempt, kind, outcome, class,
		message, started, finished, latency, worker, version, data, origin)
	if err != nil {
		return nil, nil, err
	}
	ids, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return nil, nil, err
	}
	if len(ids) == n {
		return rows, nil, nil
	}
	stored := make(map[string]bool, len(ids))
	for _, id := range ids {
		stored[id] = true
	}
	fresh := make([]runRow, 0, len(ids))
	for _, row := range rows {
		if stored[row.id] {
			fresh = append(fresh, row)
		}
	}
	return fresh, nil, nil
}

// sift is insertRuns for rows of which the database refuses some: it halves
// them, each half under a savepoint, until those that are refused stand alone.
func sift(ctx context.Context, tx pgx.Tx, rows []runRow) ([]runRow, []deadResult, error) {
	var fresh []runRow
	err := pgx.BeginFunc(ctx, tx, func(sp pgx.Tx) (err error) {
		fresh, _, err = insertRuns(ctx, sp, rows)
		return err
	})
	pg, bad := refused(err)
	switch {
	case err == nil:
		return fresh, nil, nil
	case !bad:
		return nil, nil, err
	case len(rows) == 1:
		return nil, []deadResult{newDeadResult(rows[0].result, rows[0].body, reason(pg))}, nil
	}
	fresh, dead, err := sift(ctx, tx, rows[:len(rows)/2])
	if err != nil {
		return nil, nil, err
	}
	more, moreDead, err := sift(ctx, tx, rows[len(rows)/2:])
	return append(fresh, more...), append(dead, moreDead...), err
}

// reason is what the database says of a value it refuses.
func reason(pg *pgconn.PgError) string {
	r := fmt.Sprintf("%s (SQLSTATE %s)", pg.Message, pg.Code)
	if pg.Detail != "" {
		r += ": " + pg.Detail
	}
	return text(r)
}
