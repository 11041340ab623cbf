package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
)

// rowsOver is for how long objectives are counted from single slots; what is
// older is counted by the hour.
const rowsOver = 6 * time.Hour

// Promises says of each of these checks that is active and has an objective how
// it is kept at a time, in the order of their ids. The newest six hours are
// counted slot by slot, those before as far as their hours were counted.
func (s *Store) Promises(ctx context.Context, now time.Time, ids []string) ([]kept.Promise, error) {
	const doing = "counting what objectives have left"
	promised, err := s.promised(ctx, ids)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	ids = slices.Sorted(maps.Keys(promised))
	if len(ids) == 0 {
		return nil, nil
	}
	books, err := rulebooks(ctx, s.pool, ids)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	newest := now.Truncate(time.Hour).Add(-rowsOver)
	slots, err := timedSlots(ctx, s.pool, ids, newest, now)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	hours, err := hoursOf(ctx, s.pool, ids, now.Add(-check.MaxObjectiveWindow), newest)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	list := make([]kept.Promise, 0, len(ids))
	for _, id := range ids {
		c := promised[id]
		o, _ := status.ObjectiveOf(c)
		account := func(length time.Duration) status.Account {
			return accountOf(o, books[id], now, length, newest, slots[id], hours[id])
		}
		list = append(list, kept.Promise{
			CheckID: id, Name: c.Name, At: now, Objective: o, Account: account(o.Window), Rules: o.Judge(account),
		})
	}
	return list, nil
}

// promised are the active checks among ids that have an objective.
func (s *Store) promised(ctx context.Context, ids []string) (map[string]check.Check, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT spec_version, spec FROM checks
		WHERE id = ANY ($1) AND active AND removed_at IS NULL AND spec ? 'objective'`, ids)
	if err != nil {
		return nil, err
	}
	found := map[string]check.Check{}
	var version int
	var spec []byte
	_, err = pgx.ForEachRow(rows, []any{&version, &spec}, func() error {
		c, err := codec.DecodeCheck(version, spec)
		if err == nil && !c.Objective.IsZero() { // what a newer release wrote is left to it
			found[c.ID] = c
		}
		return nil
	})
	return found, err
}

// countedHour is what was counted of a check within an hour, at all locations.
type countedHour struct {
	start time.Time
	status.Tally
}

func hoursOf(ctx context.Context, q runner, ids []string, from, before time.Time) (map[string][]countedHour, error) {
	rows, err := q.Query(ctx, `
		SELECT check_id, start, sum(expected)::int, sum(passed)::int, sum(degraded)::int, sum(failed)::int, sum(inconclusive)::int, sum(expired)::int,
			sum(m_expected)::int, sum(m_passed)::int, sum(m_degraded)::int, sum(m_failed)::int, sum(m_inconclusive)::int, sum(m_expired)::int
		FROM tallies WHERE grain = 'hour' AND check_id = ANY ($1) AND start >= $2 AND start < $3
		GROUP BY check_id, start`, ids, from, before)
	if err != nil {
		return nil, err
	}
	of := map[string][]countedHour{}
	var id string
	var h countedHour
	m := &h.Maintenance
	_, err = pgx.ForEachRow(rows, []any{
		&id, &h.start, &h.Expected, &h.Passed, &h.Degraded, &h.Failed, &h.Inconclusive, &h.Expired,
		&h.MaintenanceExpected, &m.Passed, &m.Degraded, &m.Failed, &m.Inconclusive, &m.Expired,
	}, func() error {
		of[id] = append(of[id], h)
		return nil
	})
	return of, err
}

// accountOf counts a time that ends now: from single slots since newest, and
// from whole hours before.
func accountOf(o status.Objective, book status.Rulebook, now time.Time, length time.Duration, newest time.Time, slots []status.TimedSlot, hours []countedHour) status.Account {
	from := now.Add(-length)
	begin := from
	if begin.Before(newest) {
		begin = newest
	}
	var parts []status.Tally
	recent := make([]status.TimedSlot, 0, len(slots))
	for _, sl := range slots {
		if !sl.At.Before(begin) {
			recent = append(recent, sl)
		}
	}
	for _, t := range status.TallyOf(book, begin, now, recent) {
		parts = append(parts, *t)
	}
	for _, h := range hours {
		if !h.start.Before(from.Truncate(time.Hour)) {
			parts = append(parts, h.Tally)
		}
	}
	a, err := o.Policy.Count(from, now, parts)
	if err != nil {
		return status.Account{Policy: o.Policy, From: from, To: now}
	}
	return a
}

// BurningBudgets are the checks whose error budget burns too fast at a time.
// What burnt when it was last looked at, and of which nothing is known now, is
// among them: silence does not end it. Only checks that failed lately are looked
// at, as no other can burn.
func (s *Store) BurningBudgets(ctx context.Context, now time.Time) ([]alert.Condition, error) {
	const doing = "looking for error budgets that burn"
	open, err := openConditions(ctx, s.pool, alert.Budget)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	rows, err := s.pool.Query(ctx, `
		SELECT DISTINCT r.check_id FROM rollups r JOIN checks c ON c.id = r.check_id
		WHERE r.grain = 'hour' AND r.start >= $1 AND r.failed + r.degraded > 0
			AND c.active AND c.removed_at IS NULL AND c.spec ? 'objective'`, now.Add(-73*time.Hour))
	if err != nil {
		return nil, s.failed(doing, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, s.failed(doing, err)
	}
	for id := range open {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	promises, err := s.Promises(ctx, now, ids)
	if err != nil {
		return nil, err
	}
	var found []alert.Condition
	for _, p := range promises {
		rule, met, known := status.Burning(p.Rules)
		if _, was := open[p.CheckID]; !met && (known || !was) {
			continue
		}
		found = append(found, alert.Condition{
			Subject: p.CheckID, CheckID: p.CheckID, Name: p.Name, Since: now, Facts: alert.Facts{Message: burnWords(p, rule, met)},
		})
	}
	return found, nil
}

// burnWords say how fast the budget burns, and from how much that is known.
func burnWords(p kept.Promise, rule status.Burned, met bool) string {
	left := fmt.Sprintf("%.0f %% of the budget of %d days is left", 100*p.Budget(p.Account).Left, p.Window/(24*time.Hour))
	if !met {
		return "nothing was measured since, so whether it goes on is not known; " + left
	}
	return fmt.Sprintf("%.1f times the allowed pace over the last %s, measured %.0f %% of it; %s",
		rule.LongRate, strings.TrimSuffix(strings.TrimSuffix(rule.Long.String(), "0s"), "0m"), 100*rule.LongCovered, left)
}
