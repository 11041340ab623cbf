package recorder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// holdBase and holdMax bound the pause before a batch is tried again; it
	// doubles with each failure in a row.
	holdBase, holdMax = 250 * time.Millisecond, 30 * time.Second
	// probeTimeout bounds one question to the database.
	probeTimeout = 5 * time.Second
)

// breaker says whether results may be received. It opens when a batch cannot
// be stored, and closes when that batch is stored at last or, where nobody
// holds one any more, when the database says that it is ready. It starts open:
// nothing is received before the database has answered once.
type breaker struct {
	ask     func(ctx context.Context) error // the database, whether it is ready
	log     *slog.Logger
	metrics *Metrics

	mu      sync.Mutex
	why     error     // nil while closed
	since   time.Time // when it opened
	trial   bool      // a batch in hand decides
	probing bool      // a poller is asking
}

// errUnasked is why a new breaker is open.
var errUnasked = errors.New("the database has not answered yet")

func newBreaker(ask func(context.Context) error, log *slog.Logger, m *Metrics) *breaker {
	m.breakerOpen.Set(1)
	return &breaker{ask: ask, log: log, metrics: m, why: errUnasked, since: time.Now()}
}

// state is nil while results are received, else the reason why not.
func (b *breaker) state() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.why
}

// open stops the receiving because of err; whoever calls it holds a batch that
// decides, until close or abandon.
func (b *breaker) open(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.why == nil {
		b.since = time.Now()
		b.log.Error("results cannot be stored; receiving stops until they can", "err", err)
	}
	b.why = fmt.Errorf("results cannot be stored: %w", err)
	b.trial = true
	b.metrics.breakerOpen.Set(1)
}

// abandon says that no batch is held any more; the next poller asks the
// database instead.
func (b *breaker) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trial = false
}

// close lets results be received.
func (b *breaker) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trial = false
	if b.why == nil {
		return
	}
	if !errors.Is(b.why, errUnasked) {
		b.log.Info("results can be stored again; receiving", "dur", time.Since(b.since))
	}
	b.why = nil
	b.metrics.breakerOpen.Set(0)
}

// check is asked before each receive. While the breaker is open and nobody
// holds a batch, one poller at a time asks the database; the others, who pause
// longer each time, are refused.
func (b *breaker) check(ctx context.Context) error {
	if why, mine := b.turn(); !mine {
		return why
	}
	err := b.probe(ctx)
	b.mu.Lock()
	b.probing = false
	b.mu.Unlock()
	if err != nil {
		return err
	}
	b.close()
	return nil
}

// turn says why nothing may be received now, or that the caller is the one to
// ask the database.
func (b *breaker) turn() (why error, mine bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.why == nil || b.trial || b.probing {
		return b.why, false
	}
	b.probing = true
	return nil, true
}

// probe asks the database once.
func (b *breaker) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	err := b.ask(ctx)
	if err != nil {
		err = fmt.Errorf("results cannot be stored: %w", err)
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.why != nil {
			b.why = err
		}
	}
	return err
}

// hold is the pause after so many failures in a row: a random time between
// half and the whole of what doubles.
func hold(failures int) time.Duration {
	d := min(holdBase<<min(failures, 10), holdMax)
	return d/2 + rand.N(d/2+1)
}
