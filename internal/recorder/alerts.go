package recorder

import (
	"context"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/alert"
)

// alertBook keeps what people are to be told, and what they were.
type alertBook interface {
	// UnplannedAlerts reports whether something happened that no plan has seen.
	UnplannedAlerts(ctx context.Context) (bool, error)
	// PlanAlerts decides who is told of what and puts it into the outbox. Of
	// several recorders one does so at a time.
	PlanAlerts(ctx context.Context, now time.Time) (alert.Decision, error)
	// ClaimDelivery takes the next message that is due, for as long as the lease
	// lasts; false where there is none.
	ClaimDelivery(ctx context.Context, now time.Time, lease time.Duration) (alert.Delivery, bool, error)
	SettleDelivery(ctx context.Context, d alert.Delivery, o alert.Outcome) (alert.Fate, error)
	// CountDeliveries counts what waits, and what was given up, by channel.
	CountDeliveries(ctx context.Context, now time.Time) (waiting, givenUp map[string]int, err error)
	PruneAlerts(ctx context.Context, now time.Time) error
	Now(ctx context.Context) (time.Time, error)
}

// notifier hands messages to channels.
type notifier interface {
	Send(ctx context.Context, d alert.Delivery) alert.Outcome
}

const (
	// planEvery is how often it is asked whether something happened, planAnyway
	// how often a plan is made although nothing did.
	planEvery, planAnyway = time.Second, 15 * time.Second
	alertTimeout          = 30 * time.Second
	// sendTimeout bounds one try, sendLease how long nobody else tries.
	sendTimeout, sendLease = time.Minute, 3 * time.Minute
	// senders is the number of messages under way, each of another channel.
	senders     = 8
	countEvery  = 30 * time.Second
	forgetEvery = 24 * time.Hour
)

// tellPeople plans and sends alerts until ctx ends; messages under way are
// finished.
func (r *Recorder) tellPeople(ctx context.Context) {
	kick := make(chan struct{}, 1)
	var parts sync.WaitGroup
	parts.Go(func() { r.planAlerts(ctx, kick) })
	for range senders {
		parts.Go(func() { r.sendAlerts(ctx, kick) })
	}
	parts.Wait()
}

// planAlerts decides again and again who is told of what.
func (r *Recorder) planAlerts(ctx context.Context, kick chan<- struct{}) {
	var next, count, forget time.Time
	for sleep(ctx, planEvery); ctx.Err() == nil; sleep(ctx, planEvery) {
		if r.breaker.state() != nil {
			continue // the database is away
		}
		now := time.Now()
		due, err := r.planOnce(ctx, !now.Before(next))
		switch {
		case err != nil && ctx.Err() == nil:
			r.o.Logger.Warn("planning alerts; trying again", "err", err)
		case err == nil && !due.IsZero():
			next = due
		}
		wake(kick)
		if !now.Before(count) {
			count = now.Add(countEvery)
			r.countDeliveries(ctx)
		}
		if !now.Before(forget) {
			forget = now.Add(forgetEvery)
			if err := r.o.Alerts.PruneAlerts(ctx, now); err != nil && ctx.Err() == nil {
				r.o.Logger.Warn("forgetting old alerts", "err", err)
			}
		}
	}
}

// planOnce makes a plan where something happened, or where it is time to. It
// answers when it is time again, by our clock; the zero time where it did not
// plan.
func (r *Recorder) planOnce(ctx context.Context, anyway bool) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, alertTimeout)
	defer cancel()
	if !anyway {
		if some, err := r.o.Alerts.UnplannedAlerts(ctx); err != nil || !some {
			return time.Time{}, err
		}
	}
	now, err := r.o.Alerts.Now(ctx)
	if err != nil {
		return time.Time{}, err
	}
	d, err := r.o.Alerts.PlanAlerts(ctx, now)
	if err != nil {
		return time.Time{}, err
	}
	for _, n := range d.Send {
		r.o.Metrics.planned.WithLabelValues(n.Channel).Inc()
		r.o.Logger.Info("people are told", "channel", n.Channel, "title", n.Message.Title, "key", n.Key)
	}
	wait := planAnyway
	if !d.Next.IsZero() {
		wait = min(wait, max(0, d.Next.Sub(now)))
	}
	return time.Now().Add(wait), nil
}

func (r *Recorder) countDeliveries(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, alertTimeout)
	defer cancel()
	now, err := r.o.Alerts.Now(ctx)
	if err != nil {
		return
	}
	waiting, givenUp, err := r.o.Alerts.CountDeliveries(ctx, now)
	if err != nil {
		return
	}
	r.o.Metrics.waiting.Reset()
	r.o.Metrics.lost.Reset()
	for name, n := range waiting {
		r.o.Metrics.waiting.WithLabelValues(name).Set(float64(n))
	}
	for name, n := range givenUp {
		r.o.Metrics.lost.WithLabelValues(name).Set(float64(n))
	}
}

// wake wakes a sender that is free, if there is one.
func wake(kick chan<- struct{}) {
	select {
	case kick <- struct{}{}:
	default:
	}
}

// sendAlerts sends messages, one at a time, until ctx ends. While nothing is due
// one sender looks; who finds something wakes another.
func (r *Recorder) sendAlerts(ctx context.Context, kick chan struct{}) {
	for ctx.Err() == nil {
		select {
		case <-kick:
		case <-ctx.Done():
			return
		}
		sent, err := r.sendOnce(ctx, kick)
		if err != nil && ctx.Err() == nil {
			r.o.Logger.Warn("sending alerts; trying again", "err", err)
		}
		if sent && err == nil {
			wake(kick)
		}
	}
}

// sendOnce sends one message, where one is due. What is under way when ctx ends
// is finished.
func (r *Recorder) sendOnce(ctx context.Context, kick chan<- struct{}) (sent bool, err error) {
	if r.breaker.state() != nil {
		return false, nil
	}
	now, err := r.o.Alerts.Now(ctx)
	if err != nil {
		return false, err
	}
	d, ok, err := r.o.Alerts.ClaimDelivery(ctx, now, sendLease)
	if err != nil || !ok {
		return false, err
	}
	wake(kick)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	o := r.o.Notifier.Send(ctx, d)
	o.At = now.Add(o.Took) // by the clock that decides
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), alertTimeout)
	defer cancel()
	fate, err := r.o.Alerts.SettleDelivery(ctx, d, o)
	if err != nil {
		return true, err
	}
	r.o.Metrics.deliveries.WithLabelValues(string(fate)).Inc()
	log := r.o.Logger.With("channel", d.Channel.Name, "delivery", d.ID, "key", d.Message.Key, "try", d.Try)
	switch fate {
	case alert.Done:
		log.Info("message sent", "dur", o.Took)
	case alert.GivenUp:
		log.Error("message given up: people were not told; mend the channel and try it by `probefleet channel test`", "title", d.Message.Title, "err", o.Error)
	default:
		log.Warn("message not sent; it is tried again", "err", o.Error)
	}
	return true, nil
}
