package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/probefleet/probefleet/internal/status"
)

// retelling is a check whose history is told anew.
type retelling struct {
	news
	book   status.Rulebook
	head   *stateHead // nil where there is none yet
	before *status.Mark
	from   status.Mark
	since  time.Time // the first slot that is needed
}

// retell tells the end of the histories of checks anew, and writes what is
// different. Checks of which no definition is known have no history.
func retell(ctx context.Context, tx pgx.Tx, loud []news, heads map[string]*stateHead) error {
	ids := make([]string, len(loud))
	for i, n := range loud {
		ids[i] = n.checkID
	}
	books, err := rulebooks(ctx, tx, ids)
	if err != nil {
		return err
	}
	var all []retelling
	ids = ids[:0]
	var since []time.Time
	for _, n := range loud {
		t := retelling{news: n, book: books[n.checkID], head: heads[n.checkID]}
		if len(t.book) == 0 {
			continue
		}
		before, after, err := marksAround(ctx, tx, n.checkID, n.oldest, t.head)
		if err != nil {
			return err
		}
		t.before = before
		t.from, t.since = t.book.Start(n.oldest, before, after)
		all = append(all, t)
		ids, since = append(ids, n.checkID), append(since, t.since)
	}
	if len(all) == 0 {
		return nil
	}
	slots, err := slotsSince(ctx, tx, ids, since)
	if err != nil {
		return err
	}
	for i := range all {
		since[i] = all[i].from.At
	}
	told, err := toldSince(ctx, tx, ids, since)
	if err != nil {
		return err
	}
	w := &historyWriter{batch: &pgx.Batch{}}
	for _, t := range all {
		if err := w.write(ctx, tx, t, status.Replay(t.book, t.from, slots[t.checkID]), told[t.checkID]); err != nil {
			return err
		}
	}
	return tx.SendBatch(ctx, w.batch).Close()
}

// toldIncident is an incident as it is stored.
type toldIncident struct {
	status.Told
	turn int
}

// toldSince are the incidents that were told of checks and were not over at a
// time, each check's own, in order.
func toldSince(ctx context.Context, tx pgx.Tx, ids []string, since []time.Time) (map[string][]toldIncident, error) {
	rows, err := tx.Query(ctx, `
		SELECT i.check_id, `+incidentColumns+`
		FROM unnest($1::text[], $2::timestamptz[]) AS n (check_id, since)
		JOIN incidents i ON i.check_id = n.check_id AND i.source = 'rules' AND i.retracted_at IS NULL
			AND (i.closed IS NULL OR i.closed >= n.since)
		ORDER BY i.check_id, i.opened`, ids, since)
	if err != nil {
		return nil, err
	}
	told := map[string][]toldIncident{}
	var id string
	var row incidentRow
	_, err = pgx.ForEachRow(rows, append([]any{&id}, row.targets()...), func() error {
		i, err := row.incident()
		told[id] = append(told[id], toldIncident{status.Told{ID: row.id, Incident: i}, row.turn})
		return err
	})
	return told, err
}

// historyWriter gathers what is to be written.
type historyWriter struct {
	batch *pgx.Batch
}

func (w *historyWriter) write(ctx context.Context, tx pgx.Tx, t retelling, h status.History, told []toldIncident) error {
	was := make([]status.Told, len(told))
	turns := make(map[string]int, len(told))
	for i, o := range told {
		was[i], turns[o.ID] = o.Told, o.turn
	}
	for _, c := range status.Reconcile(was, h.Incidents) {
		if err := w.change(ctx, tx, t, c, turns[c.ID]); err != nil {
			return err
		}
	}
	w.level(t, h)
	return w.marks(t, h)
}

// change writes what became of one incident, and where that is to be told, the
// transition.
func (w *historyWriter) change(ctx context.Context, tx pgx.Tx, t retelling, c status.Change, turn int) error {
	i := c.Incident
	by := t.book.At(i.Opened)
	if c.Kind == status.Retracted {
		w.batch.Queue(`
			UPDATE incidents SET retracted_at = now(), updated_at = now(), merged_into = $2::uuid, turn = turn + 1
			WHERE id = $1`, c.ID, none(c.Into))
		w.tell(t.checkID, c.ID, turn+1, string(c.Kind), i.Opened, "")
		return nil
	}
	firstFail, err := json.Marshal(i.FirstFail)
	if err != nil {
		return err
	}
	var lastPass *string
	if i.LastPass.ID != "" {
		b, err := json.Marshal(i.LastPass)
		if err != nil {
			return err
		}
		s := string(b)
		lastPass = &s
	}
	id, silenced := c.ID, ""
	if c.Kind == status.Opened {
		id = newUUID()
		if silenced, err = silencedBy(ctx, tx, by, i.Opened); err != nil {
			return err
		}
	} else if by.Muted {
		silenced = status.Silenced(by, i.Opened, nil)
	}
	next := turn
	if c.Kind != status.Carried {
		next++
	}
	w.batch.Queue(`
		INSERT INTO incidents AS i (id, source, check_id, checks, title, impact, opened, closed, first_slot, last_slot,
			failed, flaps, locations, fault_class, fault_message, first_fail, last_pass, turn)
		VALUES ($1, 'rules', $2, ARRAY[$2::text], '', 'outage', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (id) DO UPDATE SET (opened, closed, first_slot, last_slot, failed, flaps, locations, fault_class,
				fault_message, first_fail, last_pass, turn, updated_at) =
			(excluded.opened, excluded.closed, excluded.first_slot, excluded.last_slot, excluded.failed, excluded.flaps,
				excluded.locations, excluded.fault_class, excluded.fault_message, excluded.first_fail, excluded.last_pass,
				excluded.turn, now())`,
		id, t.checkID, i.Opened, someTime(i.Closed), i.First, i.Last, i.Failed, i.Flaps, i.Locations,
		string(i.Class), i.Message, string(firstFail), lastPass, next)
	switch {
	case c.Kind == status.Carried:
	case c.Kind == status.Closed:
		w.tell(t.checkID, id, next, string(c.Kind), i.Closed, silenced)
	case c.Kind == status.Opened && !i.Open(): // it was over before it was known
		w.tell(t.checkID, id, next, string(c.Kind), i.Opened, silenced)
		w.batch.Queue(`UPDATE incidents SET turn = turn + 1 WHERE id = $1`, id)
		w.tell(t.checkID, id, next+1, string(status.Closed), i.Closed, silenced)
	default:
		w.tell(t.checkID, id, next, string(c.Kind), i.Opened, silenced)
	}
	return nil
}

// silencedBy says why nobody is to be told of an outage; see [status.Silenced].
func silencedBy(ctx context.Context, tx pgx.Tx, by status.Rules, opened time.Time) (string, error) {
	var parents []status.ParentOutage
	if len(by.DependsOn) > 0 {
		rows, err := tx.Query(ctx, `
			SELECT check_id, opened, coalesce(closed, 'epoch') FROM incidents
			WHERE check_id = ANY ($1) AND source = 'rules' AND retracted_at IS NULL AND opened < $2
				AND (closed IS NULL OR closed > $2)
			ORDER BY opened, check_id`, by.DependsOn, opened)
		if err != nil {
			return "", err
		}
		parents, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p status.ParentOutage, err error) {
			err = row.Scan(&p.CheckID, &p.Opened, &p.Closed)
			p.Closed = sinceEpoch(p.Closed)
			return p, err
		})
		if err != nil {
			return "", err
		}
	}
	return status.Silenced(by, opened, parents), nil
}

// tell writes a transition of an incident, once: its key is the incident and
// the turn that it has taken.
func (w *historyWriter) tell(checkID, id string, turn int, kind string, slot time.Time, silenced string) {
	w.batch.Queue(`
		INSERT INTO transitions (check_id, incident_id, kind, slot, silenced, dedup_key)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (dedup_key) DO NOTHING`,
		checkID, id, kind, slot, silenced, fmt.Sprintf("%s/%d", id, turn))
}

// level tells that a check degraded, or that it is well again. Outages tell of
// themselves.
func (w *historyWriter) level(t retelling, h status.History) {
	was := status.Operational
	if t.head != nil {
		was = t.head.level
	}
	kind := ""
	switch now := h.Now.Level; {
	case now == status.DegradedState && was == status.Operational:
		kind = "degraded"
	case now == status.Operational && was == status.DegradedState:
		kind = "recovered"
	default:
		return
	}
	silenced := status.Silenced(t.book.At(h.Now.Since), h.Now.Since, nil)
	w.batch.Queue(`
		INSERT INTO transitions (check_id, kind, slot, silenced, dedup_key)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (dedup_key) DO NOTHING`,
		t.checkID, kind, h.Now.Since, silenced, fmt.Sprintf("%s/%s/%s", t.checkID, kind, h.Now.Since.UTC().Format(time.RFC3339Nano)))
}

// marks keeps the marks of a history in the place of those that it tells anew.
func (w *historyWriter) marks(t retelling, h status.History) error {
	if head := t.head; head != nil && t.before == &head.Mark {
		if head.Quiet { // nothing but passed slots came after it: that stays known
			if err := w.mark(t.checkID, head.Mark); err != nil {
				return err
			}
		}
	} else if head != nil {
		after := time.Time{}
		if t.before != nil {
			after = t.before.At
		}
		w.batch.Queue(`DELETE FROM status_marks WHERE check_id = $1 AND at > $2`, t.checkID, after)
	}
	last := len(h.Marks) - 1
	for _, m := range h.Marks[:last] {
		if err := w.mark(t.checkID, m); err != nil {
			return err
		}
	}
	head, now := h.Marks[last], h.Now
	state, err := json.Marshal(head.Fold)
	if err != nil {
		return err
	}
	level, since, newest := now.Level, now.Since, now.Newest
	if level == "" {
		level, since, newest = status.Operational, head.At, head.At
	}
	w.batch.Queue(`
		INSERT INTO check_status AS s (check_id, level, since, newest, mark_at, quiet, state_version, state)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (check_id) DO UPDATE SET (level, since, newest, mark_at, quiet, state_version, state, updated_at) =
			(excluded.level, excluded.since, excluded.newest, excluded.mark_at, excluded.quiet, excluded.state_version, excluded.state, now())`,
		t.checkID, string(level), since, newest, head.At, head.Quiet, status.FoldVersion, string(state))
	return nil
}

func (w *historyWriter) mark(checkID string, m status.Mark) error {
	state, err := json.Marshal(m.Fold)
	if err != nil {
		return err
	}
	w.batch.Queue(`
		INSERT INTO status_marks (check_id, at, quiet, state_version, state) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (check_id, at) DO UPDATE SET (quiet, state_version, state) = (excluded.quiet, excluded.state_version, excluded.state)`,
		checkID, m.At, m.Quiet, status.FoldVersion, string(state))
	return nil
}

// newUUID is a random one, version 4.
func newUUID() string {
	u := pgtype.UUID{Valid: true}
	_, _ = rand.Read(u.Bytes[:]) // never fails
	u.Bytes[6] = u.Bytes[6]&0x0f | 0x40
	u.Bytes[8] = u.Bytes[8]&0x3f | 0x80
	return u.String()
}

// none is null for "".
func none(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// someTime is null for the zero time.
func someTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
