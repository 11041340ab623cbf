package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
)

// FoldReach is how far back a result may be and still change what is thought
// of its check: longer than a queue keeps messages. Raw results are kept longer
// than that.
const FoldReach = 15 * 24 * time.Hour

// errNotQuiet says that checks which were thought to be quiet are not: the
// transaction has the wrong locks, and is done again with others.
var errNotQuiet = errors.New("a check is not quiet any more")

// news is what a batch brings of one check.
type news struct {
	checkID string
	oldest  time.Time // slot
	// passed says that there is nothing but passed slots, and attempts that
	// say nothing.
	passed bool
}

// newsOf are the checks of which fresh has something that may matter to their
// state, in the order of their ids. A first attempt that says nothing about the
// target does not, and neither does a run elsewhere that decides nothing.
func newsOf(fresh []runRow, reach time.Time) []news {
	of := map[string]*news{}
	for _, row := range fresh {
		r := row.result
		if !row.counts() || !r.Outcome.Conclusive() && r.Attempt == 1 || row.slot.Before(reach) {
			continue
		}
		n := of[r.CheckID]
		if n == nil {
			n = &news{checkID: r.CheckID, oldest: row.slot, passed: true}
			of[r.CheckID] = n
		}
		if row.slot.Before(n.oldest) {
			n.oldest = row.slot
		}
		n.passed = n.passed && r.Outcome == jobs.Passed
	}
	list := make([]news, 0, len(of))
	for _, id := range slices.Sorted(maps.Keys(of)) {
		list = append(list, *of[id])
	}
	return list
}

// foldStatus brings the state and the incidents of the checks of fresh up to
// date. Where a check is quiet, and what is new has passed, nothing is to be
// done and nothing is written. Else the end of its history is told anew from
// the rows of runs, so that no order of results matters.
//
// Of one check either one transaction tells the history at a time, or several
// store what passes: see [Store.lockStates].
func (s *Store) foldStatus(ctx context.Context, tx pgx.Tx, fresh []runRow) error {
	list := newsOf(fresh, time.Now().Add(-FoldReach))
	if len(list) == 0 {
		return nil
	}
	told, err := s.lockStates(ctx, tx, list)
	if err != nil {
		return err
	}
	heads, err := stateHeads(ctx, tx, list)
	if err != nil {
		return err
	}
	var loud []news
	for _, n := range list {
		head := heads[n.checkID]
		quiet := n.passed && (head == nil || head.Quiet && !n.oldest.Before(head.At))
		if quiet {
			s.loud.Delete(n.checkID)
			continue
		}
		if !told[n.checkID] {
			s.loud.Store(n.checkID, true)
			err = errNotQuiet
		}
		loud = append(loud, n)
	}
	if err != nil || len(loud) == 0 {
		return err
	}
	return retell(ctx, tx, loud, heads)
}

const (
	// lockSpace keeps the locks below apart from others of the database.
	lockSpace = 0x70f1ee7
	// lockKeys bounds the number of locks that a transaction holds.
	lockKeys = 1024
)

// lockStates takes a lock a check until the transaction ends: one of its own
// where its history is told anew, and one with others where something passed.
// The latter keeps a check quiet: whoever tells its history sees every result
// of those who did not. It answers which checks may be told anew. Locks are
// taken in one order, after every other of the transaction.
func (s *Store) lockStates(ctx context.Context, tx pgx.Tx, list []news) (told map[string]bool, err error) {
	told = make(map[string]bool, len(list))
	alone := map[int32]bool{}
	for _, n := range list {
		_, loud := s.loud.Load(n.checkID)
		told[n.checkID] = loud || !n.passed
		k := lockKey(n.checkID)
		alone[k] = alone[k] || told[n.checkID]
	}
	keys := slices.Sorted(maps.Keys(alone))
	modes := make([]bool, len(keys))
	for i, k := range keys {
		modes[i] = alone[k]
	}
	_, err = tx.Exec(ctx, `
		SELECT CASE WHEN alone THEN pg_advisory_xact_lock($1, key) ELSE pg_advisory_xact_lock_shared($1, key) END
		FROM unnest($2::integer[], $3::boolean[]) AS n (key, alone)`, lockSpace, keys, modes)
	return told, err
}

func lockKey(checkID string) int32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(checkID)) // never fails
	return int32(h.Sum32() % lockKeys)
}

// stateHeads are the marks from which the histories of checks go on. A mark in
// a form that this release does not know is answered as one of nothing known,
// which is never quiet.
func stateHeads(ctx context.Context, tx pgx.Tx, list []news) (map[string]*stateHead, error) {
	ids := make([]string, len(list))
	for i, n := range list {
		ids[i] = n.checkID
	}
	rows, err := tx.Query(ctx, `
		SELECT check_id, level, since, mark_at, quiet, state_version, state FROM check_status WHERE check_id = ANY ($1)`, ids)
	if err != nil {
		return nil, err
	}
	heads := make(map[string]*stateHead, len(ids))
	var id string
	var h stateHead
	var version int
	var state []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &h.level, &h.since, &h.At, &h.Quiet, &version, &state}, func() (err error) {
		head := h
		head.Fold, err = readFold(version, state)
		heads[id] = &head
		return err
	})
	return heads, err
}

// stateHead is a row of check_status.
type stateHead struct {
	status.Mark
	level status.State
	since time.Time
}

// readFold reads the state of a mark. One of another release is that of
// nothing known: what it knew is in the slots.
func readFold(version int, state []byte) (*status.Fold, error) {
	f := &status.Fold{}
	if version != status.FoldVersion {
		return f, nil
	}
	return f, json.Unmarshal(state, f)
}

// marksAround are the marks next to a time: the newest that is not later, and
// the oldest that is; nil where there is none. The head is one of them.
func marksAround(ctx context.Context, tx pgx.Tx, checkID string, at time.Time, head *stateHead) (before, after *status.Mark, err error) {
	if head != nil && !head.At.After(at) {
		return &head.Mark, nil, nil
	}
	if head != nil {
		after = &head.Mark
	}
	rows, err := tx.Query(ctx, `
		(SELECT at, quiet, state_version, state FROM status_marks WHERE check_id = $1 AND at <= $2 ORDER BY at DESC LIMIT 1)
		UNION ALL
		(SELECT at, quiet, state_version, state FROM status_marks WHERE check_id = $1 AND at > $2 ORDER BY at LIMIT 1)`, checkID, at)
	if err != nil {
		return nil, nil, err
	}
	marks, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m status.Mark, err error) {
		var version int
		var state []byte
		if err := row.Scan(&m.At, &m.Quiet, &version, &state); err != nil {
			return m, err
		}
		m.Fold, err = readFold(version, state)
		return m, err
	})
	for i := range marks {
		m := &marks[i]
		switch {
		case !m.At.After(at):
			before = m
		case after == nil || m.At.Before(after.At):
			after = m
		}
	}
	return before, after, err
}

// slotsSince are the slots of checks from a time on, each check's own. Runs
// for another location's slot are none of them, unless they decide it. While a
// retry of a slot is waited for the slot is pending.
//
// The statement is planned for these checks each time. A plan for any checks,
// which the database would keep after a few times, was made while runs was
// small: it reads all of it, more and more as it grows.
func slotsSince(ctx context.Context, q runner, ids []string, since []time.Time) (map[string][]status.Slot, error) {
	rows, err := q.Query(ctx, `
		SELECT n.check_id, coalesce(r.origin, r.location), r.slot, r.id::text, r.attempt, r.outcome, r.fault_class, r.fault_message,
			u.attempt IS NOT NULL
		FROM unnest($1::text[], $2::timestamptz[]) AS n (check_id, since)
		JOIN runs r ON r.check_id = n.check_id AND r.slot >= n.since
		LEFT JOIN undecided u ON u.check_id = r.check_id AND u.location = coalesce(r.origin, r.location) AND u.slot = r.slot
			AND u.attempt <= r.attempt AND u.until > clock_timestamp()
		WHERE r.origin IS NULL OR r.decides`, pgx.QueryExecModeCacheDescribe, ids, since)
	if err != nil {
		return nil, err
	}
	attempts := map[slotKey][]status.Attempt{}
	var k slotKey
	var a status.Attempt
	_, err = pgx.ForEachRow(rows, []any{&k.checkID, &k.location, &k.slot, &a.ID, &a.Number, &a.Outcome, &a.Class, &a.Message, &a.Pending}, func() error {
		attempts[k] = append(attempts[k], a)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slots := make(map[string][]status.Slot, len(ids))
	for k, as := range attempts {
		slots[k.checkID] = append(slots[k.checkID], status.SlotOf(k.location, k.slot, as))
	}
	for _, list := range slots {
		slices.SortFunc(list, func(a, b status.Slot) int {
			return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Location, b.Location))
		})
	}
	return slots, nil
}
