package main

import (
	"context"
	"errors"
	"fmt"
)

// parts are services that run in this process, in the order in which they
// were started. They stop in the reverse order, each waiting for the one
// before: whatever data flows into stops last.
type parts struct {
	ctx     context.Context // outlives the signal; see stop
	running []*part
	// failed gets the first error of a part that ended by itself.
	failed chan error
}

type part struct {
	name string
	stop func() error
}

func newParts(ctx context.Context) *parts {
	return &parts{ctx: context.WithoutCancel(ctx), failed: make(chan error, 1)}
}

// serve runs a blocking service until stop.
func (ps *parts) serve(name string, run func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(ps.ctx)
	done := make(chan error, 1)
	go func() {
		err := run(ctx)
		if ctx.Err() == nil {
			if err == nil {
				err = errors.New("ended without being asked to")
			}
			select {
			case ps.failed <- fmt.Errorf("%s: %w", name, err):
			default:
			}
		}
		done <- err
	}()
	ps.onStop(name, func() error {
		cancel()
		return <-done
	})
}

// onStop remembers how something that was started is stopped.
func (ps *parts) onStop(name string, stop func() error) {
	ps.running = append(ps.running, &part{name, stop})
}

// stop ends everything, last started first. It tells say what it waits for.
func (ps *parts) stop(say func(string)) error {
	var errs []error
	for i := len(ps.running) - 1; i >= 0; i-- {
		p := ps.running[i]
		say(p.name)
		if err := p.stop(); err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, fmt.Errorf("stopping %s: %w", p.name, err))
		}
	}
	ps.running = nil
	return errors.Join(errs...)
}
