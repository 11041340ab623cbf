package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/subscription"
)

// The methods of this file are what the status page does for readers who want
// to be told. It may do so by functions of the database alone, which answer no
// address. They write, and so begin transactions that may: the role that may
// call the functions may write nothing else.

// PublicWays says how one may subscribe to a page at present; none where it
// takes no subscriptions.
func (s *Store) PublicWays(ctx context.Context, page string) (subscription.Ways, error) {
	var w subscription.Ways
	err := s.pool.QueryRow(ctx, `SELECT email, webhook FROM public_subscription_ways WHERE slug = $1`, page).Scan(&w.Email, &w.Webhook)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return subscription.Ways{}, s.failed("reading how one may subscribe", err)
	}
	return w, nil
}

// PublicSubscribe hands a request over to whoever sends the confirmations. The
// answer is the same whether the address is known or not.
func (s *Store) PublicSubscribe(ctx context.Context, r subscription.Request) (subscription.Answer, error) {
	var a subscription.Answer
	err := s.writing(ctx, `SELECT public_subscribe($1, $2, $3, $4, $5, $6)`, &a,
		r.Page, string(r.Kind), text(r.Address), r.Whole, texts(r.Checks), texts(r.Groups))
	if err != nil {
		return "", s.failed("handing over a subscription", err)
	}
	return a, nil
}

// PublicSubscription is what the holder of a token is told of; false where the
// token is none of the page.
func (s *Store) PublicSubscription(ctx context.Context, page string, token [32]byte) (subscription.Held, bool, error) {
	var h subscription.Held
	err := s.pool.QueryRow(ctx, `SELECT state, kind, whole, checks, groups FROM public_subscription($1, $2)`, page, token[:]).
		Scan(&h.State, &h.Kind, &h.Whole, &h.Checks, &h.Groups)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return h, false, nil
	case err != nil:
		return h, false, s.failed("reading a subscription", err)
	}
	return h, true, nil
}

// PublicConfirm confirms the subscription of a token; false where the token is
// not good for that.
func (s *Store) PublicConfirm(ctx context.Context, page string, token [32]byte) (done bool, err error) {
	if err := s.writing(ctx, `SELECT public_confirm_subscription($1, $2)`, &done, page, token[:]); err != nil {
		return false, s.failed("confirming a subscription", err)
	}
	return done, nil
}

// PublicChange changes what the holder of a token is told of; false where the
// token is not good for that.
func (s *Store) PublicChange(ctx context.Context, page string, token [32]byte, c subscription.Choice) (done bool, err error) {
	err = s.writing(ctx, `SELECT public_change_subscription($1, $2, $3, $4, $5)`, &done, page, token[:], c.Whole, texts(c.Checks), texts(c.Groups))
	if err != nil {
		return false, s.failed("changing a subscription", err)
	}
	return done, nil
}

// PublicUnsubscribe forgets the holder of a token; false where there is none.
func (s *Store) PublicUnsubscribe(ctx context.Context, page string, token [32]byte) (done bool, err error) {
	if err := s.writing(ctx, `SELECT public_unsubscribe($1, $2)`, &done, page, token[:]); err != nil {
		return false, s.failed("ending a subscription", err)
	}
	return done, nil
}

// writing asks for one value in a transaction that may write, whatever is usual
// for the connection.
func (s *Store) writing(ctx context.Context, statement string, answer any, args ...any) error {
	return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{AccessMode: pgx.ReadWrite}, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, statement, args...).Scan(answer)
	})
}
