// Package subscribe tells the readers of status pages who asked for it: it has
// what they asked for confirmed, notes what happens on the pages, and sends it
// until it has arrived or has to be given up. It owns the rounds and the shape
// of letters. It refuses to say who is told of what (subscription), to keep
// anything (store), and to log an address.
package subscribe

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/subscription"
)

// book keeps subscriptions, and what subscribers were told.
type book interface {
	Now(ctx context.Context) (time.Time, error)
	TakeSubscriptionRequests(ctx context.Context, now time.Time, limit int) (int, error)
	// NoteSubscriptionEvents and PlanSubscriptions do nothing while another
	// process does the same.
	NoteSubscriptionEvents(ctx context.Context, now time.Time) (int, error)
	PlanSubscriptions(ctx context.Context, now time.Time) (int, error)
	// ClaimSubscriptionDelivery takes the next message that is due, for as long
	// as the lease lasts; false where there is none.
	ClaimSubscriptionDelivery(ctx context.Context, now time.Time, lease time.Duration) (subscription.Delivery, bool, error)
	GiveSubscriptionToken(ctx context.Context, subscriptionID string, hash [32]byte, now, expires time.Time) (bool, error)
	SettleSubscriptionDelivery(ctx context.Context, d subscription.Delivery, token [32]byte, o subscription.Outcome) (subscription.Fate, error)
	PruneSubscriptions(ctx context.Context, now time.Time) error
	CountSubscriptions(ctx context.Context) (waiting int, states map[subscription.State]int, err error)
}

// carrier brings messages to where they go, once.
type carrier interface {
	Mail(ctx context.Context, server alert.Email, l subscription.Letter) subscription.Outcome
	Post(ctx context.Context, p subscription.Post) subscription.Outcome
}

// Options of a Teller. Book and Carrier must be set.
type Options struct {
	Book    book
	Carrier carrier
	Logger  *slog.Logger
	// Metrics is where metrics are registered; nowhere where nil.
	Metrics prometheus.Registerer
}

const (
	// roundEvery is the time between two looks at what readers asked for and at
	// what happened.
	roundEvery   = 2 * time.Second
	roundTimeout = 30 * time.Second
	takenAtOnce  = 200
	// senders is the number of messages under way.
	senders = 8
	// sendTimeout bounds one try, sendLease how long nobody else tries.
	sendTimeout, sendLease = 90 * time.Second, 4 * time.Minute
	countEvery             = 30 * time.Second
	pruneEvery             = time.Hour
)

// Teller tells subscribers. Several may run on one database.
type Teller struct {
	o       Options
	log     *slog.Logger
	metrics metrics
}

// New makes a Teller.
func New(o Options) *Teller {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Teller{o: o, log: o.Logger, metrics: newMetrics(o.Metrics)}
}

// Run tells subscribers until ctx ends; messages under way are finished. It
// answers nil: what does not work is logged and tried again.
func (t *Teller) Run(ctx context.Context) error {
	kick := make(chan struct{}, 1)
	var parts sync.WaitGroup
	parts.Go(func() { t.rounds(ctx, kick) })
	for range senders {
		parts.Go(func() { t.send(ctx, kick) })
	}
	parts.Wait()
	return nil
}

// rounds looks again and again, and has a sender look after it.
func (t *Teller) rounds(ctx context.Context, kick chan<- struct{}) {
	var count, prune time.Time
	tick := time.NewTicker(roundEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := t.round(ctx, &count, &prune); err != nil && ctx.Err() == nil {
			t.log.Warn("looking after subscriptions; trying again", "err", err)
		}
		wake(kick)
	}
}

func (t *Teller) round(ctx context.Context, count, prune *time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	now, err := t.o.Book.Now(ctx)
	if err != nil {
		return err
	}
	if err := t.Round(ctx, now); err != nil {
		return err
	}
	if !now.Before(*prune) {
		*prune = now.Add(pruneEvery)
		if err := t.o.Book.PruneSubscriptions(ctx, now); err != nil {
			return err
		}
	}
	if now.Before(*count) {
		return nil
	}
	*count = now.Add(countEvery)
	waiting, states, err := t.o.Book.CountSubscriptions(ctx)
	if err != nil {
		return err
	}
	t.metrics.waiting.Set(float64(waiting))
	for state, n := range states {
		t.metrics.subscriptions.WithLabelValues(string(state)).Set(float64(n))
	}
	return nil
}

// Round takes up what readers asked for, notes what happened and plans who is
// told of it.
func (t *Teller) Round(ctx context.Context, now time.Time) error {
	taken, err := t.o.Book.TakeSubscriptionRequests(ctx, now, takenAtOnce)
	if err != nil {
		return err
	}
	if taken > 0 {
		t.log.Info("subscriptions were asked for", "number", taken)
	}
	if _, err := t.o.Book.NoteSubscriptionEvents(ctx, now); err != nil {
		return err
	}
	planned, err := t.o.Book.PlanSubscriptions(ctx, now)
	if planned > 0 {
		t.log.Info("subscribers are told", "messages", planned)
	}
	return err
}

// wake wakes a sender that is free, if there is one.
func wake(kick chan<- struct{}) {
	select {
	case kick <- struct{}{}:
	default:
	}
}

// send sends messages, one at a time, until ctx ends. While nothing is due one
// sender looks; who finds something wakes another.
func (t *Teller) send(ctx context.Context, kick chan struct{}) {
	for ctx.Err() == nil {
		select {
		case <-kick:
		case <-ctx.Done():
			return
		}
		now, err := t.o.Book.Now(ctx)
		sent := false
		if err == nil {
			sent, err = t.sendOnce(ctx, now, kick)
		}
		if err != nil && ctx.Err() == nil {
			t.log.Warn("sending to subscribers; trying again", "err", err)
		}
		if sent && err == nil {
			wake(kick)
		}
	}
}

// SendOnce sends one message, where one is due. What is under way when ctx ends
// is finished.
func (t *Teller) SendOnce(ctx context.Context, now time.Time) (sent bool, err error) {
	return t.sendOnce(ctx, now, make(chan struct{}, 1))
}

func (t *Teller) sendOnce(ctx context.Context, now time.Time, kick chan<- struct{}) (sent bool, err error) {
	d, ok, err := t.o.Book.ClaimSubscriptionDelivery(ctx, now, sendLease)
	if err != nil || !ok {
		return false, err
	}
	wake(kick)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	token := subscription.NewToken()
	o, err := t.try(ctx, now, d, token)
	if err != nil {
		return true, err
	}
	o.At = now.Add(o.Took) // by the clock that decides
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), roundTimeout)
	defer cancel()
	fate, err := t.o.Book.SettleSubscriptionDelivery(settle, d, token.Hash, o)
	if err != nil {
		return true, err
	}
	t.metrics.deliveries.WithLabelValues(string(d.Kind), string(fate.State)).Inc()
	t.note(d, o, fate)
	return true, nil
}

// note says in the log what became of a message: whose it is stands there by the
// id of the subscription.
func (t *Teller) note(d subscription.Delivery, o subscription.Outcome, f subscription.Fate) {
	log := t.log.With("page", d.Page.Slug, "subscription", d.Subscription, "kind", d.Kind, "delivery", d.ID, "key", d.Key, "try", d.Try)
	switch {
	case f.Drop != "":
		log.Warn("a subscriber is dropped", "reason", f.Drop)
	case f.State == alert.Done:
		log.Debug("subscriber told", "dur", o.Took)
	case f.State == alert.GivenUp:
		log.Warn("a subscriber was not told; the message is given up", "err", o.Error)
	case f.State == alert.Waiting:
		log.Info("a subscriber was not told yet; it is tried again", "err", o.Error, "at", f.Next)
	}
}
