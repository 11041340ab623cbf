package sqslocal

import (
	"context"
	"time"
)

// waiter is a long poll that found nothing. Its channel is closed to wake it.
type waiter struct{ wake chan struct{} }

// receive hands out up to max messages, waiting up to wait for the first. It
// takes nothing once ctx or the server (done) has ended.
func (q *queue) receive(ctx context.Context, done <-chan struct{}, max int, wait, visibility time.Duration) ([]delivery, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	over := time.NewTimer(wait)
	defer over.Stop()
	for last, first := wait <= 0, true; ; first = false {
		if ctx.Err() != nil {
			q.settle() // what woke this poll is for another
			return nil, ctx.Err()
		}
		if q.deleted() {
			return nil, queueDoesNotExist(q.name)
		}
		out, dead, exhausted := q.take(q.now(), max, visibility)
		full := q.flying >= q.maxInFlight
		q.settle()
		if len(exhausted) > 0 {
			q.mu.Unlock()
			q.bury(dead, exhausted)
			q.mu.Lock()
		}
		switch {
		case len(out) > 0:
			return out, nil
		case last && full && wait <= 0:
			return nil, overLimit("The queue %q has %d messages in flight, the most it may have; delete some or let them become visible.", q.name, q.maxInFlight)
		case last:
			return nil, nil
		case len(exhausted) > 0 && q.ready.n > 0:
			continue // arrived while they were being buried
		}
		last = q.sleep(ctx, done, over, first)
	}
}

// sleep waits, unlocked, for something to have changed, and reports whether
// the poll should end. A poll that was woken in vain keeps its place in front.
func (q *queue) sleep(ctx context.Context, done <-chan struct{}, over *time.Timer, first bool) (end bool) {
	w := &waiter{make(chan struct{})}
	place := q.waiters.PushBack(w)
	if !first {
		q.waiters.MoveToFront(place)
	}
	q.arm()
	q.mu.Unlock()
	select {
	case <-w.wake:
	case <-q.gone:
	case <-ctx.Done():
	case <-done:
		end = true
	case <-over.C:
		end = true
	}
	q.mu.Lock()
	q.waiters.Remove(place) // does nothing where settle did it
	return end
}

// settle is called after every change, before unlocking: it wakes one poll if
// there is something for it, and sets the timer. That poll calls settle in
// turn, so the rest wake one after another for as long as messages last.
func (q *queue) settle() {
	if front := q.waiters.Front(); front != nil && q.ready.n > 0 && q.flying < q.maxInFlight {
		close(q.waiters.Remove(front).(*waiter).wake)
	}
	q.arm()
}

// arm sets the timer for the next message to become visible, if a poll waits
// for it.
func (q *queue) arm() {
	if q.waiters.Len() == 0 || len(q.hidden) == 0 {
		return
	}
	at := q.hidden[0].visibleAt
	if !q.timerAt.IsZero() && !at.Before(q.timerAt) {
		return // it rings before, and is set again then
	}
	// A clock that differs from the timers' would otherwise ring without end.
	in := max(at.Sub(q.now()), time.Millisecond)
	q.timerAt = at
	if q.timer == nil {
		q.timer = time.AfterFunc(in, q.ring)
		return
	}
	q.timer.Reset(in)
}

// ring is what the timer does.
func (q *queue) ring() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.timerAt = time.Time{}
	q.refresh(q.now())
	q.settle()
}

// end marks the queue as deleted, drops its messages and wakes its polls.
func (q *queue) end() {
	q.purge()
	q.mu.Lock()
	defer q.mu.Unlock()
	close(q.gone)
	if q.timer != nil {
		q.timer.Stop()
	}
}
