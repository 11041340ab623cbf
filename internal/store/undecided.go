package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
)

// delivery is what an attempt may take beyond its wait and its timeout until
// its result is stored: then the slot is decided without it.
const delivery = 30 * time.Second

// next is the attempt that a row calls for.
type next struct {
	schedule.Attempt
	// patience is how long the slot may stay undecided, where it is asked for.
	patience time.Duration
}

// decide finds the rows of fresh whose slots are tried again; see
// [schedule.Again]. What a check asks for is read as it is now.
func decide(ctx context.Context, tx pgx.Tx, fresh []runRow) (map[string]next, error) {
	var ids []string
	var open []runRow
	for _, row := range fresh {
		switch {
		case row.result.Kind.Jobless(): // nobody could be sent to look again
		case row.result.Outcome == jobs.Failed && row.counts():
			ids = append(ids, row.result.CheckID)
			open = append(open, row)
		case row.result.Outcome == jobs.Inconclusive:
			open = append(open, row)
		}
	}
	if len(open) == 0 {
		return nil, nil
	}
	policies, err := retryPolicies(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	before, err := triedBefore(ctx, tx, open)
	if err != nil {
		return nil, err
	}
	decided := map[string]next{}
	for _, row := range open {
		r := row.result
		p := policies[r.CheckID]
		class, _ := row.fault()
		tried := append(before[row.id], schedule.Tried{JobID: r.JobID, Outcome: r.Outcome, Class: jobs.FaultClass(class), Ended: row.ended})
		if a, again := schedule.Again(p.retry, tried); again {
			decided[row.id] = next{a, a.After + p.timeout + delivery}
		}
	}
	return decided, nil
}

type retryPolicy struct {
	retry   check.Retry
	timeout time.Duration
}

// retryPolicies are those of the active checks among ids that have one.
func retryPolicies(ctx context.Context, tx pgx.Tx, ids []string) (map[string]retryPolicy, error) {
	policies := map[string]retryPolicy{}
	if len(ids) == 0 {
		return policies, nil
	}
	rows, err := tx.Query(ctx, `
		SELECT spec_version, spec FROM checks
		WHERE id = ANY ($1) AND active AND removed_at IS NULL AND spec ? 'retries'`, ids)
	if err != nil {
		return nil, err
	}
	var version int
	var spec []byte
	_, err = pgx.ForEachRow(rows, []any{&version, &spec}, func() error {
		// What this release cannot read it does not send either.
		if c, err := codec.DecodeCheck(version, spec); err == nil {
			policies[c.ID] = retryPolicy{c.Retry, c.Timeout}
		}
		return nil
	})
	return policies, err
}

// triedBefore are the attempts that the slots of later ones have had before, in
// order, by the id of the row.
func triedBefore(ctx context.Context, tx pgx.Tx, rows []runRow) (map[string][]schedule.Tried, error) {
	var c slotColumns
	var ids []string
	var attempts []int32
	for _, row := range rows {
		if row.result.Attempt > 1 {
			c.add(slotKey{row.result.CheckID, row.own(), row.slot})
			ids, attempts = append(ids, row.id), append(attempts, int32(row.result.Attempt))
		}
	}
	before := map[string][]schedule.Tried{}
	if len(ids) == 0 {
		return before, nil
	}
	found, err := tx.Query(ctx, `
		SELECT n.id, r.id::text, r.outcome, r.fault_class, r.finished_at
		FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::integer[]) AS n (check_id, location, slot, id, attempt)
		JOIN runs r ON r.check_id = n.check_id AND r.slot = n.slot AND r.attempt < n.attempt
			AND coalesce(r.origin, r.location) = n.location
		ORDER BY r.attempt`, c.checkID, c.location, c.slot, ids, attempts)
	if err != nil {
		return nil, err
	}
	var id, outcome, class string
	var t schedule.Tried
	_, err = pgx.ForEachRow(found, []any{&id, &t.JobID, &outcome, &class, &t.Ended}, func() error {
		t.Outcome, t.Class = jobs.Outcome(outcome), jobs.FaultClass(class)
		before[id] = append(before[id], t)
		return nil
	})
	return before, err
}

// setUndecided notes the slots that failed and are tried again, and settles
// those of which a later attempt has come: at once by what failed where that
// attempt says nothing.
func setUndecided(ctx context.Context, tx pgx.Tx, fresh []runRow, decided map[string]next) error {
	batch := &pgx.Batch{}
	for _, row := range fresh {
		r := row.result
		again, more := decided[row.id]
		switch {
		case r.Outcome == jobs.Failed && more && again.Asked:
			class, message := row.fault()
			batch.Queue(`
				INSERT INTO undecided AS u (check_id, location, slot, run_id, attempt, outcome, fault_class, fault_message, finished_at, latency_us, until)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp() + make_interval(secs => $11))
				ON CONFLICT (check_id, location, slot) DO UPDATE SET
					(run_id, attempt, outcome, fault_class, fault_message, finished_at, latency_us, until) =
					(excluded.run_id, excluded.attempt, excluded.outcome, excluded.fault_class, excluded.fault_message,
					excluded.finished_at, excluded.latency_us, excluded.until)
				WHERE u.attempt < excluded.attempt`,
				r.CheckID, row.own(), row.slot, row.run, r.Attempt, string(r.Outcome), class, message, row.ended,
				r.Timings.Total.Microseconds(), again.patience.Seconds())
		case r.Attempt == 1:
		case r.Outcome.Conclusive() && row.counts():
			batch.Queue(`DELETE FROM undecided WHERE check_id = $1 AND location = $2 AND slot = $3 AND attempt < $4`,
				r.CheckID, row.own(), row.slot, r.Attempt)
		case more && again.Asked:
			batch.Queue(`
				UPDATE undecided SET until = greatest(until, clock_timestamp() + make_interval(secs => $5))
				WHERE check_id = $1 AND location = $2 AND slot = $3 AND attempt < $4`,
				r.CheckID, row.own(), row.slot, r.Attempt, again.patience.Seconds())
		default:
			batch.Queue(`
				UPDATE undecided SET until = least(until, clock_timestamp())
				WHERE check_id = $1 AND location = $2 AND slot = $3 AND attempt < $4`,
				r.CheckID, row.own(), row.slot, r.Attempt)
		}
	}
	if batch.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, batch).Close()
}

// own is the location whose slot a row is an attempt of.
func (r runRow) own() string {
	if r.origin != "" {
		return r.origin
	}
	return r.result.Location
}

// counts reports whether a row counts for the slot of its own location.
func (r runRow) counts() bool { return r.origin == "" || r.decides }
