package queue

import (
	"fmt"
	"sync"
	"time"
)

// Pulse tells whether a [Consume] loop still polls: a poll that silently
// stopped looks like an empty queue. The zero value is ready for use in
// [Options]; one Pulse serves one loop.
type Pulse struct {
	mu        sync.Mutex
	queue     string
	patience  time.Duration // how long all slots may be busy
	alive     time.Time     // start, last good poll, or when a slot came free
	polls     bool          // some poll was good
	fullSince time.Time     // since when every slot is busy, else zero
	err       error         // of the last poll, nil where it was good
}

// Check returns nil where the loop started or polled with success within
// maxAge, or where all its slots are at work. The error says what holds it up;
// before the first good poll any failed one is an error at once. As one long
// poll lasts up to [MaxWait], a minute is a good maxAge.
func (p *Pulse) Check(maxAge time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	switch {
	case p.queue == "":
		return fmt.Errorf("not receiving yet")
	case !p.fullSince.IsZero() && now.Sub(p.fullSince) <= p.patience:
		return nil
	case !p.fullSince.IsZero():
		return fmt.Errorf("queue %s: all slots have been busy for %s", p.queue, now.Sub(p.fullSince).Round(time.Second))
	case !p.polls && p.err != nil:
		return fmt.Errorf("queue %s: no receive has succeeded yet: %w", p.queue, p.err)
	case now.Sub(p.alive) <= maxAge:
		return nil
	case p.err != nil:
		return fmt.Errorf("queue %s: no receive succeeded for %s: %w", p.queue, now.Sub(p.alive).Round(time.Second), p.err)
	}
	return fmt.Errorf("queue %s: no receive succeeded for %s", p.queue, now.Sub(p.alive).Round(time.Second))
}

func (p *Pulse) start(queue string, patience time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue, p.patience, p.alive = queue, patience, time.Now()
}

// polled notes the end of a poll.
func (p *Pulse) polled(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err = err; err == nil {
		p.alive, p.polls = time.Now(), true
	}
}

// full notes that every slot is busy, or that one came free again.
func (p *Pulse) full(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if yes {
		p.fullSince = time.Now()
	} else {
		p.fullSince, p.alive = time.Time{}, time.Now()
	}
}
