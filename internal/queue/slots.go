package queue

import (
	"context"
	"time"
)

// gatherLinger is how long a poller waits for further slots once it has one:
// with many slots, a call for a single message each would be ten times the
// calls.
const gatherLinger = 5 * time.Millisecond

// slots are the places for running handlers. Whoever receives holds as many as
// it asks messages for.
type slots struct {
	free  chan struct{}
	turn  chan struct{} // held by the one poller that gathers
	want  int           // slots worth waiting for
	pulse *Pulse
}

func newSlots(n int, p *Pulse) *slots {
	s := &slots{
		free:  make(chan struct{}, n),
		turn:  make(chan struct{}, 1),
		want:  min(max(n/10, 1), MaxBatch),
		pulse: p,
	}
	s.give(n)
	return s
}

// pollers is the number of concurrent receives that fill n slots quickly, at
// most as many as connections are kept idle.
func pollers(n int) int { return min(max(n/10, 1), 10) }

// take waits for a free slot and returns up to MaxBatch of them, 0 when ctx
// ends.
func (s *slots) take(ctx context.Context) int {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return 0
	}
	if !s.first(ctx) {
		return 0
	}
	linger := time.NewTimer(gatherLinger)
	defer linger.Stop()
	n := 1
	for n < MaxBatch {
		select {
		case <-s.free:
			n++
			continue
		default:
		}
		if n >= s.want {
			return n
		}
		select {
		case <-s.free:
			n++
		case <-linger.C:
			return n
		case <-ctx.Done():
			return n
		}
	}
	return n
}

func (s *slots) first(ctx context.Context) bool {
	select {
	case <-s.free:
		return true
	default:
	}
	s.pulse.full(true)
	defer s.pulse.full(false)
	select {
	case <-s.free:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *slots) give(n int) {
	for range n {
		s.free <- struct{}{}
	}
}
