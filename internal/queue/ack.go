package queue

import (
	"context"
	"errors"
	"time"

	"github.com/probefleet/probefleet/internal/failpoint"
)

const (
	// ackLinger is how long a delete or extension waits for company.
	ackLinger = 50 * time.Millisecond
	// ackTimeout bounds one DeleteBatch or ExtendBatch call.
	ackTimeout = 10 * time.Second
)

// settle ends the life of a delivery as its handler's answer says.
func (c *consumer) settle(l *lease, err error) {
	log := c.Logger.With("message", l.message.ID, "receives", l.message.Receives)
	panicked, isPanic := errors.AsType[*panicError](err)
	_, isWish := errors.AsType[retryAfter](err)
	outcome := "error"
	switch {
	case err == nil:
		c.meter.count(c.meter.handled, "done")
		c.remove(l)
		return
	case isPanic:
		outcome = "panic"
		log.Error("handler panicked", "err", err, "stack", string(panicked.stack))
	case l.lost:
		c.meter.count(c.meter.handled, "lost")
		log.Warn("message was lost while it was worked on", "err", err)
		return
	case c.work.Err() != nil:
		log.Warn("handler did not finish before the end of the drain; releasing its message", "cause", context.Cause(c.work), "err", err)
		c.release(l)
		return
	case isWish:
		outcome = "retry"
	}
	c.meter.count(c.meter.handled, outcome)
	delay := redoDelay(err, l.message.Receives)
	if isWish {
		log.Info("message comes back later", "err", err, "delay", delay)
	} else {
		log.Warn("message was not handled; it comes back later", "err", err, "delay", delay)
	}
	c.hide(l, delay)
}

// release makes a message visible at once. Only a drain may do that.
func (c *consumer) release(l *lease) {
	l.cancel(nil)
	c.meter.count(c.meter.handled, "released")
	c.hide(l, 0)
}

// hide sets when the message comes back. Where that does not work it comes
// back when its lease ends; where the lease has ended it is left alone, as
// somebody else may hold it.
func (c *consumer) hide(l *lease, delay time.Duration) {
	if !time.Now().Before(l.ends) {
		return
	}
	c.persist(l, "release", func() error { return c.extends.do(c.acks, Extension{l.message, delay}) })
}

// remove deletes the message, and tries again until the lease ends: work that
// is done but not deleted is the commonest source of duplicates.
func (c *consumer) remove(l *lease) {
	failpoint.Hit(failpoint.QueueDeleteBefore)
	c.persist(l, "delete", func() error { return c.deletes.do(c.acks, l.message) })
	failpoint.Hit(failpoint.QueueDeleteAfter)
}

// persist tries until the call succeeds or the lease ends, at least once.
func (c *consumer) persist(l *lease, action string, call func() error) {
	for n := 0; ; n++ {
		err := call()
		if err == nil {
			c.meter.count(c.meter.acks, action, "ok")
			return
		}
		pause := grow(ackBase, ackMax, n)
		if errors.Is(err, ErrLeaseLost) || c.acks.Err() != nil || !time.Now().Add(pause).Before(l.ends) {
			c.meter.count(c.meter.acks, action, "given_up")
			c.Logger.Warn("message could not be settled and will be delivered again", "action", action, "message", l.message.ID, "tries", n+1, "err", err)
			return
		}
		sleep(c.acks, pause)
	}
}
