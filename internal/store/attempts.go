package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/jobs"
)

// slotKey names one slot of a check at a location.
type slotKey struct {
	checkID, location string
	slot              time.Time
}

// slotKey is the slot for which a row counts.
func (r runRow) slotKey() slotKey { return slotKey{r.result.CheckID, r.own(), r.slot} }

// attempt is what is counted of one attempt.
type attempt struct {
	number  int
	outcome jobs.Outcome
	latency time.Duration
}

// replaces reports whether a slot that is known by b is known by a from now on.
func (a attempt) replaces(b attempt) bool {
	if c, d := conclusive(a.outcome), conclusive(b.outcome); c != d {
		return c > d
	}
	return a.number > b.number
}

// countedAttempts is by which attempt each slot of fresh is counted already,
// for slots of which fresh has a later attempt than the first: those alone can
// have been stored before, as an attempt is only sent after the one before it
// was. fresh is in the table already, and left out.
func countedAttempts(ctx context.Context, tx pgx.Tx, fresh []runRow) (map[slotKey]attempt, error) {
	counted := map[slotKey]attempt{}
	var again slotColumns
	ids := make([]string, 0, len(fresh))
	for _, row := range fresh {
		ids = append(ids, row.id)
		if row.result.Attempt > 1 && row.counts() {
			again.add(row.slotKey())
		}
	}
	if len(again.slot) == 0 {
		return counted, nil
	}
	rows, err := tx.Query(ctx, `
		SELECT n.check_id, n.location, r.slot, r.attempt, r.outcome, r.latency_us
		FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS n (check_id, location, slot)
		JOIN runs r ON r.check_id = n.check_id AND r.slot = n.slot AND coalesce(r.origin, r.location) = n.location
		WHERE (r.origin IS NULL OR r.decides) AND r.id <> ALL ($4::uuid[])`, again.checkID, again.location, again.slot, ids)
	if err != nil {
		return nil, err
	}
	var k slotKey
	var a attempt
	var outcome string
	var latency int64
	_, err = pgx.ForEachRow(rows, []any{&k.checkID, &k.location, &k.slot, &a.number, &outcome, &latency}, func() error {
		a.outcome, a.latency = jobs.Outcome(outcome), time.Duration(latency)*time.Microsecond
		if have, ok := counted[k]; !ok || a.replaces(have) {
			counted[k] = a
		}
		return nil
	})
	return counted, err
}

// slotColumns are slots as a statement takes them.
type slotColumns struct {
	checkID, location []string
	slot              []time.Time
}

func (c *slotColumns) add(k slotKey) {
	c.checkID, c.location, c.slot = append(c.checkID, k.checkID), append(c.location, k.location), append(c.slot, k.slot)
}
