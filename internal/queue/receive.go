package queue

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/internal/failpoint"
)

// receive makes one call and says how long to pause before the next one.
func (c *consumer) receive(ctx context.Context, n int, failures *int) ([]Message, time.Duration) {
	if c.Ready != nil {
		if err := c.Ready(ctx); err != nil {
			return nil, c.missed(ctx, failures, "not receiving for now", err, c.meter.notReady, readyBase, readyMax)
		}
		if ctx.Err() != nil {
			return nil, 0
		}
	}
	call, cancel := context.WithTimeout(ctx, c.Wait+receiveGrace)
	defer cancel()
	failpoint.Hit(failpoint.QueueReceiveBefore)
	ms, err := c.receiver.Receive(call, n, c.Wait, c.Visibility)
	failpoint.Hit(failpoint.QueueReceiveAfter)
	if err != nil {
		return nil, c.missed(ctx, failures, "receiving does not work; trying again", err, c.meter.receiveErrors, receiveBase, receiveMax)
	}
	*failures = 0
	c.Pulse.polled(nil)
	c.meter.polled()
	if missed, since, ended := c.silence.end(); ended {
		c.Logger.Info("receiving again", "missed", missed, "dur", time.Since(since))
	}
	return ms, 0
}

// missed counts a receive that was not made or did not succeed, logs the first
// of a streak, and returns the pause before the next try.
func (c *consumer) missed(ctx context.Context, failures *int, what string, err error, v *prometheus.CounterVec, base, most time.Duration) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	c.meter.count(v)
	c.Pulse.polled(err)
	if c.silence.add(time.Now()) {
		c.Logger.Error(what, "err", err)
	}
	pause := grow(base, most, *failures)
	*failures++
	return pause
}

// streak is a run of failures of all pollers together.
type streak struct {
	mu    sync.Mutex
	n     int
	since time.Time
}

// add reports whether this failure is the first of its streak.
func (s *streak) add(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n++; s.n == 1 {
		s.since = now
	}
	return s.n == 1
}

// end ends the streak, if there is one.
func (s *streak) end() (n int, since time.Time, was bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, since = s.n, s.since
	s.n = 0
	return n, since, n > 0
}
