package recorder_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/recorder"
)

// past is a history in memory.
type past struct {
	mu      sync.Mutex
	tallied int
	dropped []time.Duration // how old the days were that were asked for
	err     error
}

func (p *past) Tally(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tallied++
	return p.err
}

func (p *past) DropRuns(_ context.Context, before time.Time) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropped = append(p.dropped, time.Since(before).Round(time.Hour))
	return nil, p.err
}

func (p *past) Now(context.Context) (time.Time, error) { return time.Now(), nil }

func (p *past) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// Hours are counted every ten minutes, old days dropped once a day, and an
// error of either ends neither.
func TestThePastIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &past{}
		ctx, cancel := context.WithCancel(t.Context())
		b := &bench{ledger: ledger{stored: map[string]int{}}}
		o := recorder.Options{Store: &b.ledger, History: p, Queue: "results", Receiver: &b.queue}
		done := make(chan error, 1)
		go func() { done <- recorder.New(o).Run(ctx) }()
		time.Sleep(72*time.Hour + time.Minute)
		p.mu.Lock()
		if p.tallied < 72*6-1 || p.tallied > 72*6+1 || len(p.dropped) != 3 || p.dropped[0] != recorder.DefaultRunsKept {
			t.Errorf("counted %d times, dropped %v", p.tallied, p.dropped)
		}
		tallied := p.tallied
		p.mu.Unlock()
		p.fail(errors.New("no"))
		time.Sleep(24 * time.Hour)
		p.mu.Lock()
		if p.tallied < tallied+24*6-1 || len(p.dropped) < 3+20 {
			t.Errorf("with errors: counted %d times, dropped %d", p.tallied-tallied, len(p.dropped))
		}
		p.mu.Unlock()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
