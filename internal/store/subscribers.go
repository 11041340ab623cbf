package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/subscription"
)

// Subscribers lists those of a page, the newest first, with their addresses:
// who shows them masks them, or is somebody who may know them. before continues
// a list after the one that was made then; the zero time begins it.
func (s *Store) Subscribers(ctx context.Context, f subscription.Filter) ([]subscription.Subscriber, error) {
	const doing = "reading the subscribers"
	rows, err := s.pool.Query(ctx, `
		SELECT id::text, page, kind, address, state, reason, whole, checks, groups, created_at,
			coalesce(confirmed_at, 'epoch'), coalesce(dropped_at, 'epoch'), coalesce(failing_since, 'epoch'), coalesce(told_at, 'epoch')
		FROM subscriptions
		WHERE page = $1 AND ($2 = '' OR state = $2 OR $2 = 'failing' AND state = 'confirmed' AND failing_since IS NOT NULL)
			AND ($3 = '' OR (created_at, id) < (SELECT created_at, id FROM subscriptions WHERE id::text = $3))
		ORDER BY created_at DESC, id DESC LIMIT $4`, f.Page, f.State, f.After, max(1, f.Limit))
	if err != nil {
		return nil, s.failed(doing, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r subscription.Subscriber, err error) {
		err = row.Scan(&r.ID, &r.Page, &r.Kind, &r.Address, &r.State, &r.Reason, &r.Whole, &r.Checks, &r.Groups, &r.Created,
			&r.ConfirmedAt, &r.DroppedAt, &r.FailingSince, &r.ToldAt)
		for _, t := range []*time.Time{&r.ConfirmedAt, &r.DroppedAt, &r.FailingSince, &r.ToldAt} {
			*t = sinceEpoch(*t)
		}
		return r, err
	})
	if err != nil {
		return nil, s.failed(doing, err)
	}
	return list, nil
}

// SubscriberCounts counts the subscribers of each page that has any.
func (s *Store) SubscriberCounts(ctx context.Context) (map[string]subscription.Counts, error) {
	const doing = "counting the subscribers"
	rows, err := s.pool.Query(ctx, `
		SELECT page, count(*) FILTER (WHERE state = 'confirmed'), count(*) FILTER (WHERE state = 'pending'),
			count(*) FILTER (WHERE state = 'confirmed' AND failing_since IS NOT NULL), count(*) FILTER (WHERE state = 'dropped')
		FROM subscriptions GROUP BY page`)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	all := map[string]subscription.Counts{}
	var page string
	var c subscription.Counts
	_, err = pgx.ForEachRow(rows, []any{&page, &c.Confirmed, &c.Pending, &c.Failing, &c.Dropped}, func() error {
		all[page] = c
		return nil
	})
	if err != nil {
		return nil, s.failed(doing, err)
	}
	return all, nil
}

// RemoveSubscriber forgets a subscriber and answers the page that it was of;
// false where there is none.
func (s *Store) RemoveSubscriber(ctx context.Context, id string) (page string, ok bool, err error) {
	if _, err := uuid(id); err != nil {
		return "", false, nil //nolint:nilerr // what is no UUID names none
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var kind string
		if err := tx.QueryRow(ctx, `DELETE FROM subscriptions WHERE id = $1 RETURNING page, kind`, id).Scan(&page, &kind); err != nil {
			return err
		}
		return audit(ctx, tx, access.Entry{Action: actSubscriberRemove, Subject: page, Note: fmt.Sprintf("%s subscription %s", kind, id)})
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", false, nil
	case err != nil:
		return "", false, s.failed("removing a subscriber", err)
	}
	return page, true, nil
}

// ExportSubscribers is all of a page's subscribers, in the order in which they
// came, and notes that somebody has them now.
func (s *Store) ExportSubscribers(ctx context.Context, page string) ([]subscription.Subscriber, error) {
	list, err := s.Subscribers(ctx, subscription.Filter{Page: page, Limit: 1 << 30})
	if err != nil {
		return nil, err
	}
	err = s.Note(ctx, access.Entry{Action: actSubscribersExport, Subject: page, Note: fmt.Sprintf("%d addresses", len(list))})
	return list, err
}

// SubscriptionDeliveries lists what the subscribers of a page were sent, the
// newest first; none of it is an address.
func (s *Store) SubscriptionDeliveries(ctx context.Context, f subscription.DeliveryFilter) ([]subscription.Sent, error) {
	const doing = "reading what subscribers were sent"
	rows, err := s.pool.Query(ctx, `
		SELECT d.id::text, coalesce(d.subscription_id::text, ''), d.page, d.kind, d.key, d.what, d.state, d.created_at, d.due_at,
			coalesce(d.settled_at, 'epoch'), d.tries, d.status, d.error, cardinality(d.events),
			coalesce((SELECT coalesce(nullif(e.content ->> 'title', ''), e.content ->> 'check', '') FROM subscription_events e WHERE e.id = d.events[1]), ''),
			coalesce((SELECT e.what FROM subscription_events e WHERE e.id = d.events[cardinality(d.events)]), '')
		FROM subscription_deliveries d
		WHERE d.page = $1 AND ($2 = '' OR d.state = $2) AND ($3::timestamptz IS NULL OR d.created_at < $3)
		ORDER BY d.created_at DESC, d.seq DESC LIMIT $4`, f.Page, f.State, someTime(f.Before), max(1, f.Limit))
	if err != nil {
		return nil, s.failed(doing, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d subscription.Sent, err error) {
		err = row.Scan(&d.ID, &d.Subscription, &d.Page, &d.Kind, &d.Key, &d.Job, &d.State, &d.Created, &d.Due, &d.Settled, &d.Tries, &d.Status, &d.Error,
			&d.Events, &d.About, &d.What)
		d.Settled = sinceEpoch(d.Settled)
		return d, err
	})
	if err != nil {
		return nil, s.failed(doing, err)
	}
	return list, nil
}
