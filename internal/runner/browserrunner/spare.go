package browserrunner

import (
	"context"
	"errors"
	"time"
)

// errSlowSpare is the cause of the end of a spare that took too long to make.
var errSlowSpare = errors.New("the browser took too long to open a page")

// spare is a page that is made ahead of the run that will use it, in a context
// of its own that nobody has used: making one takes a third of a short run. It
// is begun when a run's steps have ended, so that it takes nothing of their
// time. A browser has one at most, and a busy one has none: there the run
// beside uses the processor meanwhile, and a page made ahead would only take
// more of it.
type spare struct {
	width, height int64
	// done is closed once tab and err are known.
	done chan struct{}
	tab  *tab
	err  error
}

// take is a page for one run: the spare one where it fits, else a new one.
// Errors as of openTab.
func (b *chromium) take(ctx context.Context, width, height int64) (*tab, error) {
	b.mu.Lock()
	s := b.spare
	if s != nil && (s.width != width || s.height != height) {
		s = nil
	}
	if s != nil {
		b.spare = nil
	}
	b.mu.Unlock()
	if s == nil {
		return openTab(ctx, b, width, height)
	}
	select {
	case <-s.done:
	case <-b.conn.lost:
		return nil, errLost
	case <-ctx.Done():
		b.keep(s)
		return nil, context.Cause(ctx)
	}
	if s.err != nil {
		return openTab(ctx, b, width, height)
	}
	if !s.tab.adopt(ctx) {
		s.tab.discard(ctx) // it ended while nobody used it
		return openTab(ctx, b, width, height)
	}
	return s.tab, nil
}

// keep puts a spare back that was not used.
func (b *chromium) keep(s *spare) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spare == nil {
		b.spare = s
	}
}

// prepare makes the spare page of b, beside the run that calls it, where it has
// none and that run is alone in it.
func (s *supervisor) prepare(ctx context.Context, b *chromium, width, height int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || b.retired || b.users > 1 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spare != nil {
		return
	}
	sp := &spare{width: width, height: height, done: make(chan struct{})}
	b.spare = sp
	s.work.Go(func() { s.fill(context.WithoutCancel(ctx), b, sp) })
}

// fill makes the page of a spare. A browser that cannot is replaced. ctx is the
// page's until a run adopts it.
func (s *supervisor) fill(ctx context.Context, b *chromium, sp *spare) {
	defer close(sp.done)
	ctx, cancel := context.WithCancelCause(ctx)
	slow := time.AfterFunc(openTimeout, func() { cancel(errSlowSpare) })
	sp.tab, sp.err = openTab(ctx, b, sp.width, sp.height)
	slow.Stop()
	if sp.err == nil {
		return
	}
	b.mu.Lock()
	if b.spare == sp {
		b.spare = nil
	}
	b.mu.Unlock()
	if b.conn.alive() {
		s.log.Warn("no page made ahead; the browser will be replaced", "err", sp.err)
		s.retire(b)
	}
}
