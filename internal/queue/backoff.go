package queue

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// What is waited for between attempts: the first wait and the longest.
const (
	receiveBase, receiveMax = 200 * time.Millisecond, 20 * time.Second // after a failed receive
	readyBase, readyMax     = 200 * time.Millisecond, 5 * time.Second  // after Ready's refusal
	ackBase, ackMax         = 100 * time.Millisecond, 5 * time.Second  // after a failed delete or extend
	redoBase, redoMax       = 5 * time.Second, 5 * time.Minute         // until a message whose handler had an error comes back
)

// grow doubles base n times, up to most, and takes a random half of it off:
// the answer is between d/2 and d.
func grow(base, most time.Duration, n int) time.Duration {
	d := base
	for ; n > 0 && d < most; n-- {
		d *= 2
	}
	d = min(d, most)
	return d/2 + rand.N(d/2+1)
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// retryAfter is an error with a wish.
type retryAfter struct {
	error
	delay time.Duration
}

func (r retryAfter) Unwrap() error { return r.error }

// RetryAfter wraps a handler's err with the wish that the message come back
// after d, 1 s to [MaxVisibility] less the time it was held. It marks a wait,
// not a failure: it is counted and logged as such. With a nil err it is nil.
func RetryAfter(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return retryAfter{err, d}
}

// redoDelay says when a message should come back whose handler answered err:
// as the handler wishes, else later with every delivery. Never 0, which would
// turn a lasting error into a loop that ends in the dead-letter queue at once.
func redoDelay(err error, receives int) time.Duration {
	d := grow(redoBase, redoMax, receives-1)
	if r, ok := errors.AsType[retryAfter](err); ok {
		d = r.delay
	}
	return max(time.Second, seconds(min(d, MaxVisibility/2)))
}

// seconds rounds up to whole seconds, the unit of a queue's visibility.
func seconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}
