package worker

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// pause is a time until which nothing should be received.
type pause struct {
	mu    sync.Mutex
	until time.Time
}

// hold lets the pause last for at least d from now.
func (p *pause) hold(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := time.Now().Add(d); t.After(p.until) {
		p.until = t
	}
}

// wait returns when the pause is over or ctx ends.
func (p *pause) wait(ctx context.Context) {
	for ctx.Err() == nil {
		p.mu.Lock()
		left := time.Until(p.until)
		p.mu.Unlock()
		if left <= 0 {
			return
		}
		sleep(ctx, left)
	}
}

const (
	// versionStreak is the number of jobs in a row, each of a version that
	// this build cannot read, after which a lane leaves the queue to others.
	versionStreak = 5
	// versionHold is for how long.
	versionHold = 30 * time.Second
)

// versionPause pauses a lane during a rollout that has passed it by: every look
// at a message that it cannot read uses up one of the message's deliveries.
type versionPause struct {
	pause
	n int // in a row; under pause.mu
}

// newer notes a job of an unknown version and reports whether that begins a
// pause.
func (v *versionPause) newer() bool {
	v.mu.Lock()
	v.n++
	begins := v.n >= versionStreak
	if begins {
		v.n = 0
	}
	v.mu.Unlock()
	if begins {
		v.hold(versionHold)
	}
	return begins
}

// known notes a job that could be read.
func (v *versionPause) known() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.n = 0
}

// between is a random time from lo to hi.
func between(lo, hi time.Duration) time.Duration { return lo + rand.N(hi-lo+1) }

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
