package queuetest

import (
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/queue"
)

// Put sends bodies past all faults.
func (q *Queue) Put(bodies ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, b := range bodies {
		q.accept(queue.Outgoing{Body: b}, now)
	}
	q.wake()
}

// SetFaults replaces the faults of a queue that is in use.
func (q *Queue) SetFaults(f Faults) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.Faults = f
}

// Len counts the messages that are visible and those that are hidden.
func (q *Queue) Len() (visible, hidden int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, s := range q.stored {
		if s.visible.After(now) {
			hidden++
		} else {
			visible++
		}
	}
	return visible, hidden
}

// Empty reports whether the queue holds no message, visible or hidden.
func (q *Queue) Empty() bool {
	visible, hidden := q.Len()
	return visible+hidden == 0
}

// NextVisible is the time until the first hidden message becomes visible, and
// false where none is hidden.
func (q *Queue) NextVisible() (time.Duration, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now, next := time.Now(), time.Duration(-1)
	for _, s := range q.stored {
		if d := s.visible.Sub(now); d > 0 && (next < 0 || d < next) {
			next = d
		}
	}
	return next, next >= 0
}

// Sent lists every message that the queue has taken in, oldest first.
func (q *Queue) Sent() []queue.Outgoing {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.sent)
}

// Dead lists the dead letters, oldest first.
func (q *Queue) Dead() []queue.Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.dead)
}

// Polls counts the calls of Receive.
func (q *Queue) Polls() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.polls
}
