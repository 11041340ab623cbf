package recorder

import (
	"context"
	"time"

	"github.com/probefleet/probefleet/internal/alert"
)

// conditionBook knows what is wrong besides what the slots of checks tell.
type conditionBook interface {
	SickConditions(ctx context.Context) ([]alert.Condition, error)
	LastMeasured(ctx context.Context) ([]alert.Measured, error)
	EndingCertificates(ctx context.Context, now time.Time) ([]alert.Condition, error)
	// BurningBudgets are the checks that use up what their objectives allow too
	// fast.
	BurningBudgets(ctx context.Context, now time.Time) ([]alert.Condition, error)
	// KeepConditions makes these the open alerts of the kind.
	KeepConditions(ctx context.Context, kind alert.Kind, now time.Time, conditions []alert.Condition) error
	// DueDeadMen are the switches to be called now, each by one of several
	// recorders: results are being stored.
	DueDeadMen(ctx context.Context, now time.Time) ([]alert.Channel, error)
	Now(ctx context.Context) (time.Time, error)
}

// deadLetters counts dead letters by queue.
type deadLetters interface {
	Depths(ctx context.Context) (map[string]int, error)
}

const (
	conditionsEvery   = 15 * time.Second
	certificatesEvery = time.Hour
	deadEvery         = time.Minute
	budgetsEvery      = time.Minute
	deadMenEvery      = 5 * time.Second
	// coverageFrom is how long after its start a recorder says nothing of what
	// is not measured: an installation that was stopped is measured anew first.
	coverageFrom = 5 * time.Minute
)

// watchConditions looks for what is wrong until ctx ends.
func (r *Recorder) watchConditions(ctx context.Context) {
	begun := time.Now()
	var certificates, dead, budgets time.Time
	for sleep(ctx, conditionsEvery); ctx.Err() == nil; sleep(ctx, conditionsEvery) {
		if r.breaker.state() != nil {
			continue // the database is away
		}
		now := time.Now()
		r.look(ctx, alert.Location, func(ctx context.Context, _ time.Time) ([]alert.Condition, error) {
			return r.o.Conditions.SickConditions(ctx)
		})
		if now.Sub(begun) > coverageFrom {
			r.look(ctx, alert.Coverage, func(ctx context.Context, now time.Time) ([]alert.Condition, error) {
				checks, err := r.o.Conditions.LastMeasured(ctx)
				return alert.Uncovered(now, checks), err
			})
		}
		if !now.Before(certificates) {
			certificates = now.Add(certificatesEvery)
			r.look(ctx, alert.Certificate, r.o.Conditions.EndingCertificates)
		}
		if !now.Before(budgets) {
			budgets = now.Add(budgetsEvery)
			r.look(ctx, alert.Budget, r.o.Conditions.BurningBudgets)
		}
		if r.o.DeadLetters != nil && !now.Before(dead) {
			dead = now.Add(deadEvery)
			r.look(ctx, alert.DeadLetters, func(ctx context.Context, now time.Time) ([]alert.Condition, error) {
				depths, err := r.o.DeadLetters.Depths(ctx)
				return alert.Dead(now, depths, nil), err
			})
		}
	}
}

// look finds the conditions of a kind and keeps them.
func (r *Recorder) look(ctx context.Context, kind alert.Kind, find func(context.Context, time.Time) ([]alert.Condition, error)) {
	ctx, cancel := context.WithTimeout(ctx, alertTimeout)
	defer cancel()
	now, err := r.o.Conditions.Now(ctx)
	var found []alert.Condition
	if err == nil {
		found, err = find(ctx, now)
	}
	if err == nil {
		err = r.o.Conditions.KeepConditions(ctx, kind, now, found)
	}
	if err != nil && ctx.Err() == nil {
		r.o.Logger.Warn("looking for what is wrong", "kind", string(kind), "err", err)
	}
}

// callDeadMen calls dead-man's switches until ctx ends. The calls stop by
// themselves when nothing is stored any more, or this stops.
func (r *Recorder) callDeadMen(ctx context.Context) {
	for sleep(ctx, deadMenEvery); ctx.Err() == nil; sleep(ctx, deadMenEvery) {
		if r.breaker.state() != nil {
			continue
		}
		if err := r.callDue(ctx); err != nil && ctx.Err() == nil {
			r.o.Logger.Warn("looking at dead-man's switches", "err", err)
		}
	}
}

func (r *Recorder) callDue(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, alertTimeout)
	defer cancel()
	now, err := r.o.Conditions.Now(ctx)
	if err != nil {
		return err
	}
	due, err := r.o.Conditions.DueDeadMen(ctx, now)
	if err != nil {
		return err
	}
	for _, c := range due {
		if o := r.o.Notifier.Send(ctx, alert.Delivery{Channel: c}); o.Error != "" {
			r.o.Metrics.deliveries.WithLabelValues("dead_man_failed").Inc()
			r.o.Logger.Warn("a dead-man's switch could not be called; it is called again", "channel", c.Name, "err", o.Error)
		}
	}
	return nil
}
