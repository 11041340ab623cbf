package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/status"
)

const (
	// tallyDelay is how long after its end an hour is counted: by then all but
	// stragglers are stored.
	tallyDelay = 30 * time.Minute
	// tallyChunk is the number of checks that are counted in one transaction.
	tallyChunk = 500
	// tallyBack is how far back hours are counted that were not yet, such as
	// after an upgrade.
	tallyBack = 48 * time.Hour
)

// noteLate notes the checks of results that came after their hour was counted,
// or shortly before: it is counted again.
func noteLate(ctx context.Context, tx pgx.Tx, fresh []runRow, now time.Time) error {
	limit := now.Add(-tallyDelay + 5*time.Minute)
	late := map[rollupKey]bool{} // as keys of hours: in one order, so that nobody waits in a circle
	for _, row := range fresh {
		start := row.slot.Truncate(time.Hour)
		if row.origin == "" && start.Add(time.Hour).Before(limit) {
			late[rollupKey{start: start, checkID: row.result.CheckID}] = true
		}
	}
	if len(late) == 0 {
		return nil
	}
	var starts []time.Time
	var ids []string
	for _, k := range slices.SortedFunc(maps.Keys(late), rollupKey.compare) {
		starts, ids = append(starts, k.start), append(ids, k.checkID)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO tally_again (start, check_id) SELECT * FROM unnest($1::timestamptz[], $2::text[]) ON CONFLICT DO NOTHING`, starts, ids)
	return err
}

// Tally counts the hours that are over and were not counted yet, and those of
// which something came later, with their days. Several may do so at a time: one
// works, and the others find nothing to do.
func (s *Store) Tally(ctx context.Context) error {
	const doing = "counting the slots of past hours"
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	last := now.Add(-tallyDelay).Truncate(time.Hour).Add(-time.Hour)
	rows, err := s.pool.Query(ctx, `
		SELECT h FROM generate_series($1::timestamptz, $2::timestamptz, interval '1 hour') AS h
		WHERE h >= (SELECT date_trunc('hour', min(since)) FROM check_history)
			AND NOT EXISTS (SELECT FROM tallied_hours WHERE start = h) ORDER BY h`,
		now.Add(-tallyBack).Truncate(time.Hour), last)
	if err != nil {
		return s.failed(doing, err)
	}
	hours, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil {
		return s.failed(doing, err)
	}
	for _, h := range hours {
		if err := s.tallyHour(ctx, h); err != nil {
			return s.failed(doing, err)
		}
	}
	if err := s.tallyLate(ctx); err != nil {
		return s.failed(doing, err)
	}
	return nil
}

// tallyHour counts an hour of every check that there was in it.
func (s *Store) tallyHour(ctx context.Context, hour time.Time) error {
	rows, err := s.pool.Query(ctx, `
		SELECT DISTINCT check_id FROM check_history WHERE since < $1 ORDER BY check_id`, hour.Add(time.Hour))
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(ids, tallyChunk) {
		err := s.inTx(ctx, func(tx pgx.Tx) error {
			if err := lockTallies(ctx, tx); err != nil {
				return err
			}
			return tally(ctx, tx, hour, chunk)
		})
		if err != nil {
			return err
		}
	}
	_, err = s.pool.Exec(ctx, `INSERT INTO tallied_hours (start) VALUES ($1) ON CONFLICT DO NOTHING`, hour)
	return err
}

// lockTallies makes others wait who count.
func lockTallies(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('probefleet.tallies'))`)
	return err
}

// tallyLate counts again what something came of later.
func (s *Store) tallyLate(ctx context.Context) error {
	for {
		err := s.inTx(ctx, func(tx pgx.Tx) error {
			if err := lockTallies(ctx, tx); err != nil {
				return err
			}
			var hour time.Time
			err := tx.QueryRow(ctx, `
				SELECT start FROM tally_again WHERE start IN (SELECT start FROM tallied_hours) ORDER BY start LIMIT 1`).Scan(&hour)
			if err != nil {
				return err
			}
			rows, err := tx.Query(ctx, `
				DELETE FROM tally_again WHERE (start, check_id) IN (
					SELECT start, check_id FROM tally_again WHERE start = $1 ORDER BY check_id LIMIT $2)
				RETURNING check_id`, hour, tallyChunk)
			if err != nil {
				return err
			}
			ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return err
			}
			return tally(ctx, tx, hour, ids)
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// tally counts an hour of some checks, and with it their day. What was counted
// of it before is forgotten.
func tally(ctx context.Context, tx pgx.Tx, hour time.Time, ids []string) error {
	books, err := rulebooks(ctx, tx, ids)
	if err != nil {
		return err
	}
	slots, err := timedSlots(ctx, tx, ids, hour, hour.Add(time.Hour))
	if err != nil {
		return err
	}
	var hours []status.Period
	for _, id := range ids {
		if len(books[id]) == 0 {
			continue
		}
		for l, t := range status.TallyOf(books[id], hour, hour.Add(time.Hour), slots[id]) {
			hours = append(hours, status.Period{CheckID: id, Location: l, Start: hour, Tally: *t})
		}
	}
	if err := replaceTallies(ctx, tx, Hour, hour, ids, hours); err != nil {
		return err
	}
	day := hour.Truncate(24 * time.Hour)
	parts, err := periods(ctx, tx, Hour, ids, day, day.Add(24*time.Hour))
	if err != nil {
		return err
	}
	type place struct{ checkID, location string }
	at := map[place]int{}
	var days []status.Period
	for _, p := range parts {
		k := place{p.CheckID, p.Location}
		i, known := at[k]
		if !known {
			i = len(days)
			at[k] = i
			days = append(days, status.Period{CheckID: p.CheckID, Location: p.Location, Start: day})
		}
		days[i].Merge(p.Tally)
	}
	return replaceTallies(ctx, tx, Day, day, ids, days)
}

// timedSlots are the slots of checks from a time on and before another, each
// check's own.
func timedSlots(ctx context.Context, q runner, ids []string, from, before time.Time) (map[string][]status.TimedSlot, error) {
	rows, err := q.Query(ctx, `
		SELECT check_id, location, slot, attempt, outcome, latency_us FROM runs
		WHERE check_id = ANY ($1) AND slot >= $2 AND slot < $3 AND origin IS NULL`, ids, from, before)
	if err != nil {
		return nil, err
	}
	type known struct {
		by      status.Attempt
		latency time.Duration
	}
	by := map[slotKey]known{}
	var k slotKey
	var a status.Attempt
	var latency int64
	_, err = pgx.ForEachRow(rows, []any{&k.checkID, &k.location, &k.slot, &a.Number, &a.Outcome, &latency}, func() error {
		if have, ok := by[k]; !ok || a.Beats(have.by) {
			by[k] = known{a, time.Duration(latency) * time.Microsecond}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slots := map[string][]status.TimedSlot{}
	for k, v := range by {
		slots[k.checkID] = append(slots[k.checkID], status.TimedSlot{Slot: status.Slot{Location: k.location, At: k.slot, By: v.by}, Latency: v.latency})
	}
	return slots, nil
}

// tallyColumns are the columns of tallies, in order.
var tallyColumns = []string{
	"grain", "start", "check_id", "location", "expected", "passed", "degraded", "failed", "inconclusive", "expired",
	"m_expected", "m_passed", "m_degraded", "m_failed", "m_inconclusive", "m_expired", "latency",
}

// replaceTallies writes the tallies of checks for one period in the place of
// those that are there.
func replaceTallies(ctx context.Context, tx pgx.Tx, grain string, start time.Time, ids []string, list []status.Period) error {
	_, err := tx.Exec(ctx, `DELETE FROM tallies WHERE grain = $1 AND start = $2 AND check_id = ANY ($3)`, grain, start, ids)
	if err != nil {
		return err
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"tallies"}, tallyColumns, pgx.CopyFromSlice(len(list), func(i int) ([]any, error) {
		p := list[i]
		latency, err := p.Latency.MarshalBinary()
		m := p.Maintenance
		return []any{
			grain, start, p.CheckID, p.Location, p.Expected, p.Passed, p.Degraded, p.Failed, p.Inconclusive, p.Counts.Expired,
			p.MaintenanceExpected, m.Passed, m.Degraded, m.Failed, m.Inconclusive, m.Expired, latency,
		}, err
	}))
	return err
}

// Periods are the tallies of checks from a time on and before another, in the
// order of check, start and location: the rows that uptime is counted from, see
// [status.NewExport].
func (s *Store) Periods(ctx context.Context, grain string, checkIDs []string, from, before time.Time) ([]status.Period, error) {
	list, err := periods(ctx, s.pool, grain, checkIDs, from, before)
	if err != nil {
		return nil, s.failed("reading the slots of past hours", err)
	}
	return list, nil
}

func periods(ctx context.Context, q runner, grain string, ids []string, from, before time.Time) ([]status.Period, error) {
	rows, err := q.Query(ctx, `
		SELECT start, check_id, location, expected, passed, degraded, failed, inconclusive, expired,
			m_expected, m_passed, m_degraded, m_failed, m_inconclusive, m_expired, latency
		FROM tallies WHERE grain = $1 AND check_id = ANY ($2) AND start >= $3 AND start < $4
		ORDER BY check_id, start, location`, grain, ids, from, before)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p status.Period, err error) {
		var latency []byte
		m := &p.Maintenance
		err = row.Scan(&p.Start, &p.CheckID, &p.Location, &p.Expected, &p.Passed, &p.Degraded, &p.Failed, &p.Inconclusive, &p.Counts.Expired,
			&p.MaintenanceExpected, &m.Passed, &m.Degraded, &m.Failed, &m.Inconclusive, &m.Expired, &latency)
		if err != nil {
			return p, err
		}
		p.End = p.Start.Add(span(grain))
		return p, p.Latency.UnmarshalBinary(latency)
	})
}
