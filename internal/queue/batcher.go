package queue

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// DefaultLinger is how long a [Batcher] waits for company where it is given no
// other time.
const DefaultLinger = 5 * time.Millisecond

// maxLinger bounds NewBatcher's linger: a caller waits for it.
const maxLinger = 100 * time.Millisecond

// sendTimeout bounds one SendBatch call.
const sendTimeout = 15 * time.Second

// ErrTooLarge is the cause where a message exceeds [MaxBytes].
var ErrTooLarge = errors.New("message is too large")

// Bytes is the size of the message as SQS counts it: body, and name, type and
// value of every attribute.
func (m Outgoing) Bytes() int {
	n := len(m.Body)
	for k, v := range m.Attributes {
		n += len(k) + len("String") + len(v)
	}
	return n
}

// Batcher sends the messages of concurrent callers in batches of up to
// [MaxBatch] messages and [MaxBytes] bytes, several batches at a time. It is
// safe for concurrent use and needs no closing.
type Batcher struct {
	sends coalescer[Outgoing]
}

// NewBatcher sends to s. A message waits at most linger for company, 0 to
// 100 ms; 0 means [DefaultLinger].
func NewBatcher(s Sender, linger time.Duration) *Batcher {
	if linger <= 0 {
		linger = DefaultLinger
	}
	return &Batcher{sends: coalescer[Outgoing]{
		call:    s.SendBatch,
		bytes:   Outgoing.Bytes,
		linger:  min(linger, maxLinger),
		timeout: sendTimeout,
	}}
}

// Send returns nil once the queue has accepted m. Any error means that m may
// or may not have been sent, except [ErrTooLarge]: then it was not. Where ctx
// ends first, the answer is its cause; messages of other callers in the same
// batch go on.
func (b *Batcher) Send(ctx context.Context, m Outgoing) error {
	if n := m.Bytes(); n > MaxBytes {
		return fmt.Errorf("%w: %d bytes with attributes, at most %d; shorten it or keep its large parts elsewhere", ErrTooLarge, n, MaxBytes)
	}
	return b.sends.do(ctx, m)
}
