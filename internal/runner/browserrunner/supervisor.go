package browserrunner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"

	"github.com/probefleet/probefleet/internal/child"
	"github.com/probefleet/probefleet/internal/egress/socks"
)

var errClosed = errors.New("the browser runner is closed")

// unusableError says why this worker has no browser; trying again does not
// help, a person has to act.
type unusableError struct{ reason string }

func (e *unusableError) Error() string { return e.reason }

// supervisor keeps one browser warm: started when it is first needed, started
// again after it died, replaced after a number of runs.
type supervisor struct {
	path    string
	dir     string
	account child.Account
	control socks.Control
	// unguarded browsers dial by themselves; for tests of the guard alone.
	unguarded bool
	// wire is between a browser and its conn, where it is not nil.
	wire    func(chromedp.Transport) chromedp.Transport
	recycle int
	memory  int64
	film    bool
	log     *slog.Logger
	metrics *Metrics

	mu       sync.Mutex
	closed   bool
	current  *chromium // the one that new runs get; nil where none is up
	all      map[*chromium]struct{}
	starting *start // nil where none is being started
	product  string
	// refused is why the last start did not succeed, at tried; nil where it did.
	refused error
	tried   time.Time

	// work counts starts, watches and users of browsers; it grows only while
	// mu is held and closed is not set, or while it is not zero.
	work sync.WaitGroup
}

// start is one start of a browser that several runs may wait for.
type start struct {
	done chan struct{}
	err  error
}

// acquire is the browser for one run; release it after. It starts one where
// none is up. Errors: *unusableError, errClosed, the cause of ctx's end, or
// why the browser did not start.
func (s *supervisor) acquire(ctx context.Context) (*chromium, error) {
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return nil, errClosed
		}
		if b := s.current; b != nil && b.conn.alive() {
			b.users++
			b.runs++
			s.work.Add(1)
			if b.runs >= s.recycle {
				s.retireLocked(b)
			}
			s.mu.Unlock()
			return b, nil
		}
		st := s.startLocked(ctx)
		s.mu.Unlock()
		select {
		case <-st.done:
			if st.err != nil {
				return nil, st.err
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// startAgain is how long check does not try again what did not start.
const startAgain = 15 * time.Second

// check is nil where the browser that is up answers. Where none is up it has
// one started and waits for it. It counts as no run.
func (s *supervisor) check(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	if b := s.current; b != nil && b.conn.alive() {
		s.mu.Unlock()
		if _, err := call(ctx, b.root(), browser.GetVersion, cdp.Empty{}); err != nil {
			return fmt.Errorf("the browser does not answer: %w", err)
		}
		return nil
	}
	if err := s.refused; err != nil && s.starting == nil && time.Since(s.tried) < startAgain {
		s.mu.Unlock()
		return err
	}
	st := s.startLocked(ctx)
	s.mu.Unlock()
	select {
	case <-st.done:
		return st.err
	case <-ctx.Done():
		return fmt.Errorf("the browser is being started: %w", context.Cause(ctx))
	}
}

// startLocked is the start that is under way, a new one where there is none.
func (s *supervisor) startLocked(ctx context.Context) *start {
	if s.starting == nil {
		s.starting = &start{done: make(chan struct{})}
		s.work.Add(1)
		// The start serves other runs too, so it outlives this one.
		go s.start(context.WithoutCancel(ctx), s.starting)
	}
	return s.starting
}

func (s *supervisor) start(ctx context.Context, st *start) {
	defer s.work.Done()
	b, err := s.launch(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starting = nil
	st.err = err
	s.refused, s.tried = err, time.Now()
	defer close(st.done)
	if err != nil {
		s.log.Error("browser did not start", "err", err)
		return
	}
	s.metrics.starts.Inc()
	s.product = b.product
	s.all[b] = struct{}{}
	s.current = b
	if s.closed {
		s.retireLocked(b)
		st.err = errClosed
	}
	s.log.Info("browser started", "browser", b.product, "pid", b.proc.pid)
	s.work.Add(1)
	go s.watch(ctx, b)
}

func (s *supervisor) launch(ctx context.Context) (*chromium, error) {
	if os.Geteuid() == 0 && (s.account.Name == "" || s.account.UID == 0) {
		return nil, &unusableError{"a browser is never run as root: name an unprivileged account for it (`useradd --system --create-home " + child.DefaultAccount + "`), or run the worker as an ordinary user"}
	}
	if s.dir == "" {
		return nil, &unusableError{"there is no folder for the browser's profile: give this worker a state folder, or set HOME"}
	}
	path, err := Find(s.path)
	if err != nil {
		return nil, &unusableError{err.Error()}
	}
	return s.launchAt(ctx, path)
}

// watch waits for the end of b, however it comes, and clears up after it.
func (s *supervisor) watch(ctx context.Context, b *chromium) {
	defer s.work.Done()
	watching, unwatch := context.WithCancel(ctx)
	s.work.Go(func() { s.watchMemory(watching, b) })
	defer unwatch()
	var err error
	select {
	case <-b.stop:
		err = b.shut(ctx, closeGrace)
	case <-b.conn.lost:
		s.metrics.crashes.WithLabelValues("browser").Inc()
		err = b.shut(ctx, 0)
		s.log.Error("browser died", "browser", b.product, "pid", b.proc.pid, "cause", b.proc.err, "said", b.proc.output.last())
	}
	if err != nil {
		s.log.Warn("browser's profile not removed", "path", b.profile.path, "err", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, b)
	if s.current == b {
		s.current = nil
	}
}

// release gives b back after a run.
func (s *supervisor) release(b *chromium) {
	defer s.work.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	b.users--
	s.stopIdleLocked(b)
}

// retire lets b finish the runs that it has, and gives it no more.
func (s *supervisor) retire(b *chromium) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retireLocked(b)
}

func (s *supervisor) retireLocked(b *chromium) {
	b.retired = true
	if s.current == b {
		s.current = nil
	}
	s.stopIdleLocked(b)
}

func (s *supervisor) stopIdleLocked(b *chromium) {
	if (b.retired && b.users == 0 || s.closed) && !b.stopping {
		b.stopping = true
		close(b.stop)
	}
}

// close ends every browser and waits until nothing of them is left and nobody
// uses them.
func (s *supervisor) close() {
	s.mu.Lock()
	s.closed = true
	for b := range s.all {
		s.retireLocked(b)
	}
	s.mu.Unlock()
	s.work.Wait()
}

func (s *supervisor) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *supervisor) version() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.product
}
