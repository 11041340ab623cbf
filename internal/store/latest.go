package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/jobs"
)

// latestKey names one row of latest.
type latestKey struct {
	checkID, location string
	conclusive        bool
}

func (k latestKey) compare(o latestKey) int {
	rank := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(k.checkID, o.checkID), cmp.Compare(k.location, o.location),
		cmp.Compare(rank(k.conclusive), rank(o.conclusive)))
}

// newer orders runs of one check and location by slot, then by whether they
// are conclusive, then by attempt: what a slot is known by is its newest
// conclusive attempt, else its newest.
func (r runRow) newer(o runRow) bool {
	return cmp.Or(r.slot.Compare(o.slot), cmp.Compare(conclusive(r.result.Outcome), conclusive(o.result.Outcome)),
		cmp.Compare(r.result.Attempt, o.result.Attempt)) > 0
}

// conclusive is 1 where the outcome says something about the target, else 0.
func conclusive(o jobs.Outcome) int {
	if o.Conclusive() {
		return 1
	}
	return 0
}

// isConclusive is the same as a condition over a row's outcome.
const isConclusive = `outcome IN ('passed', 'degraded', 'failed')`

// setLatest keeps the newest runs in view; an older run never replaces a newer
// one, in whatever order they come. An attempt that decides the slot of another
// location is that location's.
func setLatest(ctx context.Context, tx pgx.Tx, fresh []runRow, decided map[string]next) error {
	newest := map[latestKey]runRow{}
	put := func(row runRow, conclusive bool) {
		location := row.result.Location
		if row.decides {
			location = row.origin
		}
		k := latestKey{row.result.CheckID, location, conclusive}
		if have, ok := newest[k]; !ok || row.newer(have) {
			newest[k] = row
		}
	}
	for _, row := range fresh {
		put(row, false)
		// While a slot is undecided what was known before it stays.
		if row.result.Outcome.Conclusive() && !decided[row.id].Asked {
			put(row, true)
		}
	}
	keys := make([]latestKey, 0, len(newest))
	for k := range newest {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, latestKey.compare)

	n := len(keys)
	checkID, location, conclusive, run := make([]string, n), make([]string, n), make([]bool, n), make([]string, n)
	slot, finished, attempt, latency := make([]time.Time, n), make([]time.Time, n), make([]int32, n), make([]int64, n)
	outcome, class, message := make([]string, n), make([]string, n), make([]string, n)
	for i, k := range keys {
		row := newest[k]
		checkID[i], location[i], conclusive[i], run[i] = k.checkID, k.location, k.conclusive, row.run
		slot[i], finished[i], attempt[i] = row.slot, row.ended, int32(row.result.Attempt)
		latency[i], outcome[i] = row.result.Timings.Total.Microseconds(), string(row.result.Outcome)
		class[i], message[i] = row.fault()
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO latest AS l (check_id, location, conclusive, run_id, slot, attempt, outcome,
			fault_class, fault_message, finished_at, latency_us, changed_at)
		SELECT check_id, location, conclusive, run_id::uuid, slot, attempt, outcome,
			fault_class, fault_message, finished_at, latency_us, now()
		FROM unnest($1::text[], $2::text[], $3::boolean[], $4::text[], $5::timestamptz[], $6::integer[],
			$7::text[], $8::text[], $9::text[], $10::timestamptz[], $11::bigint[])
			AS n (check_id, location, conclusive, run_id, slot, attempt, outcome,
			fault_class, fault_message, finished_at, latency_us)
		ON CONFLICT (check_id, location, conclusive) DO UPDATE SET
			(run_id, slot, attempt, outcome, fault_class, fault_message, finished_at, latency_us, changed_at) =
			(excluded.run_id, excluded.slot, excluded.attempt, excluded.outcome, excluded.fault_class,
			excluded.fault_message, excluded.finished_at, excluded.latency_us, excluded.changed_at)
		WHERE (excluded.slot, excluded.`+isConclusive+`, excluded.attempt) > (l.slot, l.`+isConclusive+`, l.attempt)`,
		checkID, location, conclusive, run, slot, attempt, outcome,
		class, message, finished, latency)
	return err
}
