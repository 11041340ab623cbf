package queue

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// flights is the number of batches that one coalescer has under way at a
// time. It stays below the ten idle connections that an HTTP transport keeps
// by default for one host.
const flights = 8

// busyLinger is what linger is multiplied by while another batch is under way.
const busyLinger = 4

// coalescer turns single operations of many goroutines into calls with up to
// MaxBatch entries and MaxBytes bytes. A batch leaves when it is full or when
// its oldest entry has waited for linger; while another batch is under way a
// little longer, as more entries are coming then and a call costs much the same
// whatever is in it. It has no goroutine while nothing waits.
type coalescer[T any] struct {
	// call does one batch; its answer is that of Sender.SendBatch.
	call func(ctx context.Context, items []T) ([]error, error)
	// bytes is what an entry counts towards MaxBytes; nil counts nothing.
	bytes func(T) int
	// linger is the longest wait for company, timeout the longest call.
	linger, timeout time.Duration

	mu      sync.Mutex
	waiting []*entry[T] // oldest first
	flying  int         // batches under way
	armed   bool        // a timer will call wake
}

type entry[T any] struct {
	ctx   context.Context
	item  T
	bytes int
	since time.Time
	done  chan error // capacity 1
}

// do returns the answer to the entry of this item. When ctx ends first, do
// returns its cause: an entry that was still waiting is not carried out, the
// outcome of one that was under way stays unknown. The entries of others are
// not affected.
func (c *coalescer[T]) do(ctx context.Context, item T) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	e := &entry[T]{ctx: ctx, item: item, since: time.Now(), done: make(chan error, 1)}
	if c.bytes != nil {
		e.bytes = c.bytes(item)
	}
	c.mu.Lock()
	c.waiting = append(c.waiting, e)
	c.wake()
	c.mu.Unlock()
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// wake sends off what is due and arms the timer for the rest. c.mu is held.
func (c *coalescer[T]) wake() {
	for c.flying < flights && len(c.waiting) > 0 {
		n, full := c.fits()
		linger := c.linger
		if c.flying > 0 {
			linger *= busyLinger
		}
		rest := linger - time.Since(c.waiting[0].since)
		if !full && rest > 0 {
			c.arm(rest)
			return
		}
		batch := c.waiting[:n:n]
		c.waiting = c.waiting[n:]
		c.flying++
		go c.fly(batch)
	}
}

func (c *coalescer[T]) arm(d time.Duration) {
	if c.armed {
		return
	}
	c.armed = true
	time.AfterFunc(d, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.armed = false
		c.wake()
	})
}

// fits counts the waiting entries that go into one batch, at least one, and
// reports whether no further entry would go in.
func (c *coalescer[T]) fits() (n int, full bool) {
	bytes := 0
	for _, e := range c.waiting {
		bytes += e.bytes
		if n > 0 && bytes > MaxBytes {
			return n, true
		}
		if n++; n == MaxBatch {
			return n, true
		}
	}
	return n, bytes >= MaxBytes
}

// fly carries out one batch and tells every entry its own answer.
func (c *coalescer[T]) fly(batch []*entry[T]) {
	live, items := batch[:0], make([]T, 0, len(batch))
	for _, e := range batch {
		if e.ctx.Err() == nil {
			live, items = append(live, e), append(items, e.item)
		}
	}
	if len(live) > 0 {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(live[0].ctx), c.timeout)
		errs, err := c.call(ctx, items)
		cancel()
		if err == nil && len(errs) != len(live) {
			err = fmt.Errorf("queue answered %d of %d entries", len(errs), len(live))
		}
		for i, e := range live {
			if err != nil {
				e.done <- err
			} else {
				e.done <- errs[i]
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flying--
	c.wake()
}
