package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/jobs"
)

// The grains of rollups.
const (
	Hour = "hour"
	Day  = "day"
)

// span is the length of a grain's periods; they begin at multiples of it since
// midnight UTC.
func span(grain string) time.Duration {
	if grain == Day {
		return 24 * time.Hour
	}
	return time.Hour
}

// rollupKey names one row of rollups.
type rollupKey struct {
	grain             string
	start             time.Time
	checkID, location string
}

func (k rollupKey) compare(o rollupKey) int {
	return cmp.Or(cmp.Compare(k.grain, o.grain), k.start.Compare(o.start),
		cmp.Compare(k.checkID, o.checkID), cmp.Compare(k.location, o.location))
}

// rollup is what is added to a row of rollups.
type rollup struct {
	outcomes                             map[jobs.Outcome]int64
	latencyCount, latencySum, latencyMax int64
}

// add counts an attempt, or with sign -1 takes back that it was counted; the
// highest latency stays.
func (r *rollup) add(a attempt, sign int64) {
	r.outcomes[a.outcome] += sign
	if a.outcome == jobs.Passed || a.outcome == jobs.Degraded {
		us := a.latency.Microseconds()
		r.latencyCount += sign
		r.latencySum += sign * us
		r.latencyMax = max(r.latencyMax, us)
	}
}

// addRollups counts the slots of runs that are new, each once: by its newest
// conclusive attempt, else its newest. An attempt after the first takes the
// place of what was counted before. Runs at another location than the slot's
// count nowhere, unless the check asks for them: then for the slot. Rows are touched in the order of their keys, so that no two
// transactions wait for each other in a circle.
func addRollups(ctx context.Context, tx pgx.Tx, fresh []runRow) error {
	before, err := countedAttempts(ctx, tx, fresh)
	if err != nil {
		return err
	}
	sums := map[rollupKey]*rollup{}
	for _, row := range fresh {
		if !row.counts() {
			continue
		}
		now := attempt{row.result.Attempt, row.result.Outcome, row.result.Timings.Total}
		was, counted := before[row.slotKey()]
		if counted && !now.replaces(was) {
			continue
		}
		before[row.slotKey()] = now
		for _, grain := range []string{Hour, Day} {
			k := rollupKey{grain, row.slot.Truncate(span(grain)), row.result.CheckID, row.own()}
			if sums[k] == nil {
				sums[k] = &rollup{outcomes: map[jobs.Outcome]int64{}}
			}
			if counted {
				sums[k].add(was, -1)
			}
			sums[k].add(now, 1)
		}
	}
	keys := make([]rollupKey, 0, len(sums))
	for k := range sums {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, rollupKey.compare)

	n := len(keys)
	grain, start, checkID, location := make([]string, n), make([]time.Time, n), make([]string, n), make([]string, n)
	passed, degraded, failed, inconclusive, expired := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	count, sum, highest := make([]int64, n), make([]int64, n), make([]int64, n)
	for i, k := range keys {
		r := sums[k]
		grain[i], start[i], checkID[i], location[i] = k.grain, k.start, k.checkID, k.location
		passed[i], degraded[i], failed[i] = r.outcomes[jobs.Passed], r.outcomes[jobs.Degraded], r.outcomes[jobs.Failed]
		inconclusive[i], expired[i] = r.outcomes[jobs.Inconclusive], r.outcomes[jobs.Expired]
		count[i], sum[i], highest[i] = r.latencyCount, r.latencySum, r.latencyMax
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO rollups AS r (grain, start, check_id, location, passed, degraded, failed, inconclusive,
			expired, latency_count, latency_sum_us, latency_max_us)
		SELECT grain, start, check_id, location, passed, degraded, failed, inconclusive,
			expired, latency_count, latency_sum_us, latency_max_us
		FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
			$7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[])
			AS n (grain, start, check_id, location, passed, degraded, failed, inconclusive,
			expired, latency_count, latency_sum_us, latency_max_us)
		ON CONFLICT (grain, start, check_id, location) DO UPDATE SET
			passed = r.passed + excluded.passed,
			degraded = r.degraded + excluded.degraded,
			failed = r.failed + excluded.failed,
			inconclusive = r.inconclusive + excluded.inconclusive,
			expired = r.expired + excluded.expired,
			latency_count = r.latency_count + excluded.latency_count,
			latency_sum_us = r.latency_sum_us + excluded.latency_sum_us,
			latency_max_us = greatest(r.latency_max_us, excluded.latency_max_us)`,
		grain, start, checkID, location, passed, degraded, failed, inconclusive,
		expired, count, sum, highest)
	return err
}
