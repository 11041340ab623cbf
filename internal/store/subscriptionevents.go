package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/statuspage"
	"github.com/probefleet/probefleet/internal/subscription"
)

const (
	// seenFor is how long what is over is looked at, and seenAtMost how many
	// incidents are.
	seenFor    = 3 * 24 * time.Hour
	seenAtMost = 2000
	// plannedAtOnce is the number of subscribers in one transaction.
	plannedAtOnce = 1000
	// toldWithin is how old an event may be that is told.
	toldWithin = 24 * time.Hour
)

// holdSubscriptions runs f in a transaction, unless another recorder does so at
// present: what is noted and planned is by one at a time.
func (s *Store) holdSubscriptions(ctx context.Context, f func(tx pgx.Tx) error) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock(hashtext('probefleet.subscriptions'))`).Scan(&mine); err != nil || !mine {
			return err
		}
		return f(tx)
	})
}

// NoteSubscriptionEvents notes what happened on the status pages since it was
// last called, each event once, and answers how many these are. Where no page
// takes subscriptions it looks at nothing.
func (s *Store) NoteSubscriptionEvents(ctx context.Context, now time.Time) (noted int, err error) {
	const doing = "noting what happened on the status pages"
	err = s.holdSubscriptions(ctx, func(tx pgx.Tx) error {
		var some bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM public_subscription_ways)`).Scan(&some); err != nil || !some {
			return err
		}
		// Others see what they commit before the lock is ours: all of this is read
		// after that.
		var seen subscription.Seen
		if seen.Incidents, err = s.PublicIncidents(ctx, now.Add(-seenFor), now.Add(time.Hour), seenAtMost); err != nil {
			return err
		}
		plans, err := s.PublicMaintenance(ctx, now)
		if err != nil {
			return err
		}
		seen.Windows = subscription.Windows(plans, now)
		known, err := knownEvents(ctx, tx, seen)
		if err != nil {
			return err
		}
		if err := s.notSeen(ctx, tx, &seen, known); err != nil {
			return err
		}
		fresh := subscription.Notice(now, seen, known)
		for _, e := range fresh {
			if err := noteEvent(ctx, tx, e); err != nil {
				return err
			}
		}
		noted = len(fresh)
		return nil
	})
	if err != nil {
		return 0, s.failed(doing, err)
	}
	return noted, nil
}

const eventColumns = `id, key, subject, what, at, noted_at, told, urgent, checks, content`

func scanEvent(row pgx.CollectableRow) (e subscription.Event, err error) {
	var content []byte
	if err := row.Scan(&e.ID, &e.Key, &e.Subject, &e.What, &e.At, &e.Noted, &e.Told, &e.Urgent, &e.Checks, &content); err != nil {
		return e, err
	}
	return e, json.Unmarshal(content, &e.Content)
}

// knownEvents are those of all that is seen, and of what has not ended.
func knownEvents(ctx context.Context, tx pgx.Tx, seen subscription.Seen) ([]subscription.Event, error) {
	var subjects []string
	for _, r := range seen.Incidents {
		subjects = append(subjects, subscription.IncidentSubject(r.ID))
	}
	for _, w := range seen.Windows {
		subjects = append(subjects, w.Subject())
	}
	rows, err := tx.Query(ctx, `
		SELECT `+eventColumns+` FROM subscription_events
		WHERE subject = ANY ($1) OR subject IN (
			SELECT e.subject FROM (
				SELECT DISTINCT ON (subject) subject, what FROM subscription_events WHERE what <> 'updated' ORDER BY subject, id DESC) AS e
			WHERE e.what IN ('opened', 'announced', 'begun'))
		ORDER BY id`, subjects)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanEvent)
}

// notSeen completes what is seen by incidents that are known to be open: those
// that are public still, and whether the others never were.
func (s *Store) notSeen(ctx context.Context, tx pgx.Tx, seen *subscription.Seen, known []subscription.Event) error {
	last := map[string]subscription.What{}
	for _, e := range known {
		if e.What != subscription.Updated {
			last[e.Subject] = e.What
		}
	}
	for _, r := range seen.Incidents {
		delete(last, subscription.IncidentSubject(r.ID))
	}
	var ids []string
	for subject, what := range last {
		if id, ok := subscription.IncidentOf(subject); ok && what.Unfinished() {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	more, err := s.publicIncidents(ctx, `WHERE id = ANY ($1::text[]::uuid[])`, ids)
	if err != nil {
		return err
	}
	seen.Incidents = append(seen.Incidents, more...)
	rows, err := tx.Query(ctx, `
		SELECT id::text, retracted_at IS NOT NULL AND merged_into IS NULL FROM incidents WHERE id = ANY ($1::text[]::uuid[])`, ids)
	if err != nil {
		return err
	}
	seen.Gone = map[string]bool{}
	var id string
	var never bool
	_, err = pgx.ForEachRow(rows, []any{&id, &never}, func() error {
		seen.Gone[subscription.IncidentSubject(id)] = never
		return nil
	})
	return err
}

func noteEvent(ctx context.Context, tx pgx.Tx, e subscription.Event) error {
	content, err := json.Marshal(e.Content)
	if err != nil {
		return fmt.Errorf("writing event %q: %w", e.Key, err)
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO subscription_events (key, subject, what, at, noted_at, told, urgent, checks, content)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (key) DO NOTHING`,
		e.Key, e.Subject, string(e.What), e.At, e.Noted, e.Told, e.Urgent, texts(e.Checks), string(content))
	return err
}

// PlanSubscriptions puts into the outbox what subscribers are to be told by
// now, and answers how many messages these are.
func (s *Store) PlanSubscriptions(ctx context.Context, now time.Time) (planned int, err error) {
	err = s.holdSubscriptions(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT `+eventColumns+` FROM subscription_events
			WHERE noted_at > $1 AND id > (SELECT min(told_to) FROM subscriptions WHERE state = 'confirmed') ORDER BY id`, now.Add(-toldWithin))
		if err != nil {
			return err
		}
		events, err := pgx.CollectRows(rows, scanEvent)
		if err != nil || len(events) == 0 {
			return err
		}
		services, err := servicesOf(ctx, tx, events)
		if err != nil {
			return err
		}
		pages, err := readPages(ctx, tx, `SELECT slug, version, spec, key::text, updated_at, '' FROM public_pages WHERE spec ? 'subscriptions'`)
		if err != nil {
			return err
		}
		for _, p := range pages {
			if p.Newer || p.Subscriptions == nil {
				continue
			}
			n, err := planPage(ctx, tx, now, p.Page, events, services)
			if err != nil {
				return err
			}
			planned += n
		}
		return nil
	})
	if err != nil {
		return 0, s.failed("planning what subscribers are told", err)
	}
	return planned, nil
}

// toTell is a subscriber to whom something may be told.
type toTell struct {
	id     string
	kind   string
	choice subscription.Choice
	to     int64
	last   time.Time
}

// planPage plans the messages to the subscribers of a page.
func planPage(ctx context.Context, tx pgx.Tx, now time.Time, p statuspage.Page, events []subscription.Event, services map[string]subscription.Service) (int, error) {
	newest, planned, after := events[len(events)-1].ID, 0, "00000000-0000-0000-0000-000000000000"
	for {
		rows, err := tx.Query(ctx, `
			SELECT id::text, kind, whole, checks, groups, told_to, coalesce(told_at, 'epoch') FROM subscriptions
			WHERE page = $1 AND state = 'confirmed' AND told_to < $2 AND id > $3 ORDER BY id LIMIT $4`, p.Slug, newest, after, plannedAtOnce)
		if err != nil {
			return 0, err
		}
		list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t toTell, err error) {
			return t, row.Scan(&t.id, &t.kind, &t.choice.Whole, &t.choice.Checks, &t.choice.Groups, &t.to, &t.last)
		})
		if err != nil {
			return 0, err
		}
		var batch pgx.Batch
		for _, t := range list {
			after = t.id
			var concern []subscription.Event
			for _, e := range events {
				if e.ID > t.to && e.Concerns(p, t.choice, services) {
					concern = append(concern, e)
				}
			}
			if len(concern) == 0 {
				batch.Queue(`UPDATE subscriptions SET told_to = $2 WHERE id = $1`, t.id, newest)
				continue
			}
			due := subscription.Due(now, t.last, concern)
			if len(due) == 0 {
				continue
			}
			planned++
			queueDelivery(&batch, t.id, p.Slug, t.kind, subscription.JobEvents, due, now)
			batch.Queue(`UPDATE subscriptions SET told_to = $2, told_at = $3 WHERE id = $1`, t.id, newest, now)
		}
		if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
			return 0, err
		}
		if len(list) < plannedAtOnce {
			return planned, nil
		}
	}
}

// queueDelivery puts a message into the outbox. Its key is that of what is told:
// the same events are told to one subscriber once.
func queueDelivery(batch *pgx.Batch, id, page, kind string, job subscription.Job, events []subscription.Event, now time.Time) {
	ids := make([]int64, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	batch.Queue(`
		INSERT INTO subscription_deliveries (id, subscription_id, page, kind, key, what, events, created_at, due_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (subscription_id, key) DO NOTHING`,
		newUUID(), id, page, kind, subscription.Key(id, job, events, now), string(job), ids, now)
}

// servicesOf are the public checks that some events concern.
func servicesOf(ctx context.Context, q runner, events []subscription.Event) (map[string]subscription.Service, error) {
	var ids []string
	for _, e := range events {
		ids = append(ids, e.Checks...)
	}
	slices.Sort(ids)
	rows, err := q.Query(ctx, `SELECT id, name, group_name, tags FROM public_checks WHERE id = ANY ($1)`, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	services := map[string]subscription.Service{}
	var id string
	var v subscription.Service
	_, err = pgx.ForEachRow(rows, []any{&id, &v.Name, &v.Group, &v.Tags}, func() error {
		services[id] = subscription.Service{Name: v.Name, Group: v.Group, Tags: slices.Clone(v.Tags)}
		return nil
	})
	return services, err
}

// carrierOf is what carries the mail of a page, nil where it names none that
// there is.
func carrierOf(ctx context.Context, q runner, p statuspage.Page) (*alert.Email, error) {
	if p.Subscriptions == nil || p.Subscriptions.Email == "" {
		return nil, nil
	}
	rows, err := q.Query(ctx, `SELECT spec FROM channels WHERE name = $1`, p.Subscriptions.Email)
	if err != nil {
		return nil, err
	}
	specs, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil || len(specs) == 0 {
		return nil, err
	}
	c, err := alert.Decode(specs[0])
	return c.Email, err
}
