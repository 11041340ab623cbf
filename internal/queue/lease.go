package queue

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// ErrLeaseLost is the cause where a message is no longer ours: its visibility
// ran out, or the queue says that another delivery holds it.
var ErrLeaseLost = errors.New("message is no longer held by this consumer")

// ErrMaxExtension is the cause where a message was held for as long as
// Options.MaxExtension allows.
var ErrMaxExtension = errors.New("message was held for the longest time allowed")

// lease is our hold on one message. It belongs to one goroutine.
type lease struct {
	message Message
	ctx     context.Context // the handler's
	cancel  context.CancelCauseFunc
	since   time.Time
	ends    time.Time // when the message becomes visible, by our reckoning
	limit   time.Time // no extension from here on
	lost    bool
}

func (c *consumer) newLease(m Message, now time.Time) *lease {
	l := &lease{message: m, since: now, ends: now.Add(c.Visibility), limit: now.Add(c.MaxExtension)}
	l.ctx, l.cancel = context.WithCancelCause(c.work)
	return l
}

const (
	// partFrom is the delivery from which on messages are parted: a second one
	// is common and mostly harmless.
	partFrom = 3
	// partWithin is how long a handler's start waits for that.
	partWithin = time.Second
)

// part sees to it that a message which is delivered again and again does not
// share its fate with others. Messages that were received together come back
// together when their consumer dies; where one of them kills it, the others
// would become dead letters with it. So each gets an end of visibility of its
// own, before any of their handlers can do harm.
func (c *consumer) part(l *lease) {
	if l.message.Receives < partFrom {
		return
	}
	now := time.Now()
	d := c.Visibility + seconds(rand.N(c.Visibility))
	ctx, cancel := context.WithTimeout(c.acks, partWithin)
	defer cancel()
	if err := c.extends.do(ctx, Extension{l.message, d}); err != nil {
		// The visibility of the receipt counts, or the longer one: the next
		// heartbeat will see.
		c.Logger.Debug("message keeps the visibility that it was received with", "message", l.message.ID, "err", err)
		return
	}
	l.ends = now.Add(d)
}

// hold keeps the message of l hidden until its handler is done, and returns the
// handler's error. After a drain's end it waits for a short time only.
func (c *consumer) hold(l *lease, done <-chan error) error {
	beat := time.NewTimer(min(c.Visibility/3, time.Until(l.limit)))
	defer beat.Stop()
	cancelled := c.work.Done()
	var giveUp <-chan time.Time
	for {
		select {
		case err := <-done:
			return err
		case <-cancelled:
			cancelled = nil
			grace := time.NewTimer(c.patience())
			defer grace.Stop()
			giveUp = grace.C
		case <-giveUp:
			return ErrAbandoned
		case <-beat.C:
			if next := c.beat(l); next > 0 {
				beat.Reset(next)
			}
		}
	}
}

// beat extends the lease by Visibility and returns the time until the next
// beat, 0 for none. It cancels the handler where the lease cannot be kept.
func (c *consumer) beat(l *lease) time.Duration {
	now := time.Now()
	if !now.Before(l.limit) {
		c.Logger.Warn("handler takes too long; cancelling it", "message", l.message.ID, "dur", now.Sub(l.since), "limit", c.MaxExtension)
		l.cancel(ErrMaxExtension)
		return 0
	}
	if !now.Before(l.ends) {
		c.lose(l, errors.New("its visibility ran out"))
		return 0
	}
	err := c.extends.do(c.acks, Extension{l.message, c.Visibility})
	switch {
	case err == nil:
		c.meter.count(c.meter.extends, "ok")
		l.ends = now.Add(c.Visibility)
		return max(time.Millisecond, min(c.Visibility/3, time.Until(l.limit)))
	case errors.Is(err, ErrLeaseLost):
		c.lose(l, err)
		return 0
	}
	c.meter.count(c.meter.extends, "error")
	c.Logger.Debug("heartbeat did not get through; trying again", "message", l.message.ID, "err", err)
	return max(time.Millisecond, min(c.Visibility/12, time.Until(l.ends)))
}

func (c *consumer) lose(l *lease, why error) {
	l.lost, l.ends = true, time.Now()
	c.meter.count(c.meter.extends, "lost")
	c.Logger.Warn("message is no longer ours; cancelling its handler", "message", l.message.ID, "err", why)
	l.cancel(ErrLeaseLost)
}
