package chaos

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/probefleet/probefleet/internal/queue"
)

// errKilled is what a killed process would hear, if it heard anything.
var errKilled = errors.New("the process was killed")

// life is one life of a simulated process. Once it is killed, nothing that its
// goroutines still do reaches a queue or the database: from outside it looks
// like SIGKILL.
type life struct {
	dead atomic.Bool
	ctx  context.Context
	stop context.CancelFunc
}

func newLife(ctx context.Context) *life {
	l := &life{}
	l.ctx, l.stop = context.WithCancel(ctx)
	return l
}

func (l *life) kill() {
	l.dead.Store(true)
	l.stop()
}

func (l *life) fault(string) (error, bool) {
	if l.dead.Load() {
		return errKilled, false
	}
	return nil, false
}

// sender is a queue as this life reaches it.
type sender struct {
	*life
	to queue.Sender
}

func (s sender) SendBatch(ctx context.Context, ms []queue.Outgoing) ([]error, error) {
	if s.dead.Load() {
		return nil, errKilled
	}
	errs, err := s.to.SendBatch(ctx, ms)
	if s.dead.Load() {
		return nil, errKilled
	}
	return errs, err
}

// receiver is a queue as this life reaches it. A poll ends with the life.
type receiver struct {
	*life
	from queue.Receiver
}

func (r receiver) Receive(ctx context.Context, most int, wait, visibility time.Duration) ([]queue.Message, error) {
	if r.dead.Load() {
		return nil, errKilled
	}
	return r.from.Receive(ctx, most, wait, visibility)
}

func (r receiver) DeleteBatch(ctx context.Context, ms []queue.Message) ([]error, error) {
	if r.dead.Load() {
		return nil, errKilled
	}
	return r.from.DeleteBatch(ctx, ms)
}

func (r receiver) ExtendBatch(ctx context.Context, es []queue.Extension) ([]error, error) {
	if r.dead.Load() {
		return nil, errKilled
	}
	return r.from.ExtendBatch(ctx, es)
}

// discard is the log of simulated processes.
var discard = slog.New(slog.DiscardHandler)
