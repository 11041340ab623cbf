package deployer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/probefleet/probefleet/internal/driver"
	"github.com/probefleet/probefleet/internal/promotion"
)

// flight is a deploy that this process carries out.
type flight struct {
	begin  promotion.Entry
	cancel context.CancelCauseFunc
	done   chan struct{}
}

// errSuperseded ends a flight whose place another one has taken.
var errSuperseded = errors.New("another deploy has taken its place")

// leave stops our flight in a stage, and waits for its end, where the ledger
// says that another deploy, or none, is under way there.
func (d *Deployer) leave(stage string, under *promotion.Entry) {
	f := d.flights[stage]
	if f == nil || under != nil && under.ID == f.begin.ID {
		return
	}
	f.cancel(errSuperseded)
	<-f.done
	delete(d.flights, stage)
}

// start carries a deploy out in a goroutine of its own, unless it is under way
// already.
func (d *Deployer) start(ctx context.Context, begin promotion.Entry) {
	if d.flights[begin.Stage] != nil {
		return
	}
	// A call of a driver outlives ctx: the end of ctx means to begin nothing
	// new, not to leave a stage in the middle of a step. It ends with its time.
	flying, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	f := &flight{begin: begin, cancel: cancel, done: make(chan struct{})}
	d.flights[begin.Stage] = f
	d.wg.Go(func() {
		defer close(f.done)
		defer cancel(nil)
		d.fly(ctx, flying, begin)
	})
}

// fly carries a deploy out and writes its end. It writes none where it was
// superseded, nor where we are to stop: whoever runs next goes on.
func (d *Deployer) fly(stop, ctx context.Context, begin promotion.Entry) {
	ctx, cancel := context.WithTimeoutCause(ctx, begin.Until.Sub(d.o.Now()), fmt.Errorf("it was not ready by %s", begin.Until.Format(time.RFC3339)))
	defer cancel()
	err := d.deploy(stop, ctx, begin)
	if errors.Is(context.Cause(ctx), errSuperseded) || errors.Is(err, errStopped) {
		return
	}
	end := promotion.Entry{
		Kind: promotion.EntryEnd, Stage: begin.Stage, Commit: begin.Commit, Begun: begin.ID,
		Actor: "deployer " + d.o.Holder, Outcome: promotion.Done, Rollback: begin.Rollback,
	}
	if err != nil {
		end.Outcome, end.Reason = promotion.Failed, err.Error()
		if cause := context.Cause(ctx); cause != nil {
			end.Reason = cause.Error()
		}
	}
	d.land(stop, end)
}

// errStopped ends a flight that is to be continued by whoever runs next.
var errStopped = errors.New("stopped")

// deploy has the driver act, and waits until the release is ready.
func (d *Deployer) deploy(stop, ctx context.Context, begin promotion.Entry) error {
	r := driver.Release{Service: d.o.Service.Name, Stage: begin.Stage, Commit: begin.Commit}
	if d.o.Image != nil {
		image, err := d.o.Image(ctx, begin.Commit)
		if err != nil {
			return fmt.Errorf("which image belongs to %s: %w", promotion.Short(begin.Commit), err)
		}
		r.Image = image
	}
	stage := d.o.Stages[begin.Stage]
	act := stage.Deploy
	if begin.Rollback {
		act = stage.Rollback
	}
	if err := act(ctx, r); err != nil {
		return err
	}
	for {
		p, err := stage.Ready(ctx, r)
		switch {
		case err != nil && ctx.Err() == nil:
			d.o.Logger.Warn("cannot tell whether it is ready", "service", r.Service, "stage", r.Stage, "commit", promotion.Short(r.Commit), "err", err)
		case p.State == driver.Ready && err == nil:
			return nil
		case p.State == driver.Failed && err == nil:
			return errors.New(p.Detail)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-stop.Done():
			return errStopped
		case <-time.After(d.o.Poll):
		}
	}
}

// land writes the end of a deploy into the ledger; it tries until that
// succeeds, another deploy has taken its place, or we are to stop.
func (d *Deployer) land(stop context.Context, end promotion.Entry) {
	for {
		end.At = d.o.Now().UTC()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(stop), time.Minute)
		err := d.append(ctx, end, func(entries []promotion.Entry) bool {
			f := promotion.HistoryOf(entries, end.Stage, end.At).Flight
			return f != nil && f.ID == end.Begun
		})
		cancel()
		if err == nil {
			d.o.Logger.Info("deploy ended", "service", d.o.Service.Name, "stage", end.Stage, "commit", promotion.Short(end.Commit), "rollback", end.Rollback, "outcome", end.Outcome, "reason", end.Reason)
			if d.ended != nil {
				d.ended(end.Stage, end.Rollback, end.Outcome)
			}
			return
		}
		d.o.Logger.Error("the end of a deploy cannot be written", "service", d.o.Service.Name, "stage", end.Stage, "err", err)
		select {
		case <-stop.Done():
			return
		case <-time.After(d.o.Poll):
		}
	}
}
