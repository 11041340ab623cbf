package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/statuspage"
	"github.com/probefleet/probefleet/internal/subscription"
)

// TakeSubscriptionRequests makes subscriptions of what readers asked for, at
// most so many, and puts the messages that ask for their confirmation into the
// outbox. It answers how many requests it took up. An address is asked no more
// often than it can be asked without annoyance, whoever wishes what.
func (s *Store) TakeSubscriptionRequests(ctx context.Context, now time.Time, limit int) (taken int, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			DELETE FROM subscription_requests WHERE id IN (
				SELECT id FROM subscription_requests ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
			RETURNING id, page, kind, address, whole, checks, groups, at`, limit)
		if err != nil {
			return err
		}
		type request struct {
			id int64
			subscription.Request
		}
		list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r request, err error) {
			return r, row.Scan(&r.id, &r.Page, &r.Kind, &r.Address, &r.Whole, &r.Checks, &r.Groups, &r.At)
		})
		if err != nil {
			return err
		}
		slices.SortFunc(list, func(a, b request) int { return int(a.id - b.id) })
		for _, r := range list {
			if err := takeRequest(ctx, tx, r.Request, now); err != nil {
				return err
			}
		}
		taken = len(list)
		return nil
	})
	if err != nil {
		return 0, s.failed("taking up subscriptions", err)
	}
	return taken, nil
}

// takeRequest makes a subscription of one request. What a status page that was
// broken into may have written is looked at once more.
func takeRequest(ctx context.Context, tx pgx.Tx, r subscription.Request, now time.Time) error {
	kind, address, fault := subscription.Address(r.Address, subscription.Ways{Email: true, Webhook: true})
	if fault != "" || kind != r.Kind || r.Fault() != "" {
		return nil
	}
	pages, err := readPages(ctx, tx, `SELECT slug, version, spec, key::text, updated_at, '' FROM public_pages WHERE slug = $1`, r.Page)
	if err != nil || len(pages) == 0 || pages[0].Newer || !offers(pages[0].Page, kind) {
		return err
	}
	same := subscription.Same(kind, address)
	var asked bool
	err = tx.QueryRow(ctx, `
		SELECT (SELECT count(*) FROM subscriptions WHERE kind = $1 AND same = $2 AND asked_at > $3) >= $4
			OR $1 = 'webhook' AND (SELECT count(*) FROM subscriptions WHERE kind = 'webhook' AND asked_at > $3
				AND lower(substring(address FROM '^https://(?:[^/?#@]*@)?([^/?#:]+)')) = $5) >= $6`,
		string(kind), same, now.Add(-24*time.Hour), subscription.AskAtMost, subscription.Place(kind, address), subscription.AskHostAtMost).Scan(&asked)
	if err != nil || asked {
		return err
	}
	var id, state string
	err = tx.QueryRow(ctx, `
		INSERT INTO subscriptions AS s (id, page, kind, address, same, whole, checks, groups, created_at, asked_at, asked)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, 1)
		ON CONFLICT (page, kind, same) DO UPDATE SET asked_at = $9, asked = s.asked + 1,
			state = CASE s.state WHEN 'dropped' THEN 'pending' ELSE s.state END,
			created_at = CASE s.state WHEN 'confirmed' THEN s.created_at WHEN 'dropped' THEN $9 ELSE s.created_at END,
			reason = '', dropped_at = NULL,
			whole = CASE s.state WHEN 'confirmed' THEN s.whole ELSE excluded.whole END,
			checks = CASE s.state WHEN 'confirmed' THEN s.checks ELSE excluded.checks END,
			groups = CASE s.state WHEN 'confirmed' THEN s.groups ELSE excluded.groups END
		WHERE s.asked_at < $10 AND (s.state <> 'pending' OR s.asked < $11)
		RETURNING id::text, state`,
		newUUID(), r.Page, string(kind), text(address), text(same), r.Whole, texts(r.Checks), texts(r.Groups), now,
		now.Add(-subscription.AskEvery), subscription.AskAtMost).Scan(&id, &state)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // it was asked just now
	}
	if err != nil {
		return err
	}
	job := subscription.JobConfirm
	if state == string(subscription.Confirmed) {
		job = subscription.JobKnown
	}
	var batch pgx.Batch
	if kind == subscription.Webhook {
		batch.Queue(`INSERT INTO subscription_secrets (subscription_id, secret) VALUES ($1, $2) ON CONFLICT DO NOTHING`, id, subscription.NewSecret())
	}
	queueDelivery(&batch, id, r.Page, string(kind), job, nil, now)
	return tx.SendBatch(ctx, &batch).Close()
}

// offers reports whether a page says that one may subscribe in that way.
func offers(p statuspage.Page, k subscription.Kind) bool {
	s := p.Subscriptions
	return s != nil && (k == subscription.Email && s.Email != "" || k == subscription.Webhook && s.Webhook)
}

// ClaimSubscriptionDelivery takes the next message that is due. Nobody else
// takes it until the lease ends: then another one may, with the same key. It
// answers false where nothing is due.
func (s *Store) ClaimSubscriptionDelivery(ctx context.Context, now time.Time, lease time.Duration) (d subscription.Delivery, ok bool, err error) {
	const doing = "taking a message to a subscriber"
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var ids []int64
		var page string
		d, ok = subscription.Delivery{Lease: newUUID()}, false
		err := tx.QueryRow(ctx, `
			UPDATE subscription_deliveries d SET tries = d.tries + 1, lease = $2, lease_until = $3
			FROM subscriptions s
			WHERE s.id = d.subscription_id AND d.id = (
				SELECT w.id FROM subscription_deliveries w
				WHERE w.state = 'waiting' AND w.due_at <= $1 AND (w.lease_until IS NULL OR w.lease_until <= $1) AND w.subscription_id IS NOT NULL
				ORDER BY w.due_at, w.seq LIMIT 1 FOR UPDATE SKIP LOCKED)
			RETURNING d.id::text, s.id::text, d.page, d.kind, s.address, d.key, d.what, d.tries, d.created_at, d.events,
				coalesce(s.failing_since, 'epoch'), s.created_at + $4`,
			now, d.Lease, now.Add(lease), subscription.ConfirmWithin).
			Scan(&d.ID, &d.Subscription, &page, &d.Kind, &d.Address, &d.Key, &d.Job, &d.Try, &d.Created, &ids, &d.FailingSince, &d.ConfirmUntil)
		if err != nil {
			return err
		}
		ok, d.FailingSince = true, sinceEpoch(d.FailingSince)
		pages, err := readPages(ctx, tx, `SELECT slug, version, spec, key::text, updated_at, '' FROM public_pages WHERE slug = $1`, page)
		if err != nil {
			return err
		}
		d.Page.Slug = page
		if len(pages) > 0 && !pages[0].Newer {
			d.Page = pages[0].Page
		}
		if d.Server, err = carrierOf(ctx, tx, d.Page); err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `SELECT secret FROM subscription_secrets WHERE subscription_id = $1`, d.Subscription).Scan(&d.Secret)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT `+eventColumns+` FROM subscription_events WHERE id = ANY ($1) ORDER BY id`, ids)
		if err != nil {
			return err
		}
		if d.Events, err = pgx.CollectRows(rows, scanEvent); err != nil {
			return err
		}
		d.Services, err = servicesOf(ctx, tx, d.Events)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return d, false, nil
	}
	if err != nil {
		return d, false, s.failed(doing, err)
	}
	return d, ok, nil
}

// GiveSubscriptionToken keeps the digest of a token that is about to be sent to
// a subscriber; the zero time has it last as long as the subscription. It is
// false where that is not there any more.
func (s *Store) GiveSubscriptionToken(ctx context.Context, subscriptionID string, hash [32]byte, now, expires time.Time) (bool, error) {
	tag, err := s.pool.Exec(ctx, `
		INSERT INTO subscription_tokens (hash, subscription_id, created_at, expires_at)
		SELECT $1, id, $3, $4 FROM subscriptions WHERE id = $2 FOR KEY SHARE`, hash[:], subscriptionID, now, someTime(expires))
	if err != nil {
		return false, s.failed("keeping the link of a message", err)
	}
	return tag.RowsAffected() > 0, nil
}

// SettleSubscriptionDelivery notes what became of a try, and answers what is
// done next. One whose lease somebody else holds by now changes nothing. The
// token of a message that was refused goes with it.
func (s *Store) SettleSubscriptionDelivery(ctx context.Context, d subscription.Delivery, token [32]byte, o subscription.Outcome) (subscription.Fate, error) {
	fate := d.Settle(o)
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE subscription_deliveries SET state = $3, due_at = coalesce($4, due_at), lease = NULL, lease_until = NULL,
				settled_at = CASE $3 WHEN 'waiting' THEN NULL ELSE $5::timestamptz END, status = $6, error = $7
			WHERE id = $1 AND lease = $2`,
			d.ID, d.Lease, string(fate.State), someTime(fate.Next), o.At, o.Status, text(o.Error))
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if o.Void || o.Error != "" && o.Status != 0 { // it did not arrive for sure
			if _, err := tx.Exec(ctx, `DELETE FROM subscription_tokens WHERE hash = $1`, token[:]); err != nil {
				return err
			}
		}
		if fate.Drop != "" {
			_, err := tx.Exec(ctx, `
				UPDATE subscriptions SET state = 'dropped', reason = $2, dropped_at = $3, failing_since = $4 WHERE id = $1`,
				d.Subscription, text(fate.Drop), o.At, someTime(fate.Failing))
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `
				UPDATE subscription_deliveries SET state = 'void', settled_at = $2 WHERE subscription_id = $1 AND state = 'waiting'`, d.Subscription, o.At)
			return err
		}
		_, err = tx.Exec(ctx, `
			UPDATE subscriptions SET failing_since = $2 WHERE id = $1 AND failing_since IS DISTINCT FROM $2`, d.Subscription, someTime(fate.Failing))
		return err
	})
	if err != nil {
		return fate, s.failed("noting what became of a message to a subscriber", err)
	}
	return fate, nil
}

// PruneSubscriptions forgets what is not needed any more: addresses that nobody
// confirmed in time or that were dropped long ago, old messages and events.
func (s *Store) PruneSubscriptions(ctx context.Context, now time.Time) error {
	var batch pgx.Batch
	batch.Queue(`DELETE FROM subscriptions WHERE state = 'pending' AND created_at < $1`, now.Add(-subscription.ConfirmWithin))
	batch.Queue(`DELETE FROM subscriptions WHERE state = 'dropped' AND dropped_at < $1`, now.Add(-subscription.DroppedKept))
	batch.Queue(`DELETE FROM subscription_tokens WHERE expires_at < $1`, now)
	batch.Queue(`UPDATE subscription_deliveries SET state = 'void', settled_at = $1 WHERE state = 'waiting' AND subscription_id IS NULL`, now)
	batch.Queue(`DELETE FROM subscription_deliveries WHERE created_at < $1 AND state <> 'waiting'`, now.Add(-subscription.Kept))
	// What has not ended is known for as long as it lasts.
	batch.Queue(`
		DELETE FROM subscription_events e WHERE noted_at < $1 AND EXISTS (
			SELECT FROM (SELECT what FROM subscription_events l WHERE l.subject = e.subject AND l.what <> 'updated' ORDER BY id DESC LIMIT 1) AS l
			WHERE l.what NOT IN ('opened', 'announced', 'begun'))`, now.Add(-subscription.Kept))
	if err := s.pool.SendBatch(ctx, &batch).Close(); err != nil {
		return s.failed("forgetting old subscriptions", err)
	}
	return nil
}

// CountSubscriptions counts the messages to subscribers that wait, and the
// subscriptions by their states.
func (s *Store) CountSubscriptions(ctx context.Context) (waiting int, states map[subscription.State]int, err error) {
	const doing = "counting the subscriptions"
	if err := s.pool.QueryRow(ctx, `SELECT count(*) FROM subscription_deliveries WHERE state = 'waiting'`).Scan(&waiting); err != nil {
		return 0, nil, s.failed(doing, err)
	}
	rows, err := s.pool.Query(ctx, `SELECT state, count(*) FROM subscriptions GROUP BY state`)
	if err != nil {
		return 0, nil, s.failed(doing, err)
	}
	states = map[subscription.State]int{subscription.Pending: 0, subscription.Confirmed: 0, subscription.Dropped: 0}
	var state string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&state, &n}, func() error {
		states[subscription.State(state)] = n
		return nil
	})
	if err != nil {
		return 0, nil, s.failed(doing, err)
	}
	return waiting, states, nil
}
