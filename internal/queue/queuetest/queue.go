// Package queuetest holds a queue in memory that behaves as a standard SQS
// queue does where it matters to a consumer: visibility, receipt handles,
// receive counts, a dead-letter queue, partial failures, duplicates. It owns
// the faults that a test asks for. It refuses to be used outside tests, and to
// speak a protocol (sqslocal does).
//
// Time is time.Now, so testing/synctest drives it.
package queuetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/queue"
)

// Queue is one queue with its dead-letter list. The zero value is an empty
// queue without one. Its exported fields are set before its first use; the
// functions among them are called one at a time and must not use the queue.
type Queue struct {
	// MaxReceives is the number of deliveries after which a message goes to
	// the dead letters instead of being delivered again; 0 is no limit.
	MaxReceives int
	// Faults, where it is set, is asked before each call and each entry.
	Faults Faults
	// OnAccept is called for each message that the queue has taken in,
	// OnDelete for each that it has really deleted.
	OnAccept func(queue.Outgoing)
	OnDelete func(queue.Message)

	mu      sync.Mutex
	stored  []*stored
	dead    []queue.Message
	sent    []queue.Outgoing
	polls   int
	serial  int
	changed chan struct{} // closed when a message may have become visible
}

var (
	_ queue.Sender   = (*Queue)(nil)
	_ queue.Receiver = (*Queue)(nil)
)

type stored struct {
	queue.Message
	visible time.Time // hidden before
	deleted bool
}

// Op is one of the operations of a queue.
type Op string

// The operations.
const (
	Send    Op = "send"
	Receive Op = "receive"
	Delete  Op = "delete"
	Extend  Op = "extend"
)

// Fault says what goes wrong. The zero Fault is: nothing.
type Fault struct {
	// Err is answered.
	Err error
	// After carries the operation out before it answers Err: the response is
	// lost, not the request.
	After bool
	// Twice leaves a received message visible, so that it is delivered again
	// at once. It has a meaning for entries of Receive only.
	Twice bool
}

// Faults decides what goes wrong; nil functions decide for nothing.
type Faults struct {
	// Call is asked once for each call. A Receive is asked when it begins,
	// and carried out without waiting where its fault is After.
	Call func(Op) Fault
	// Entry is asked for each message of a call.
	Entry func(op Op, body string) Fault
}

func (f Faults) call(op Op) Fault {
	if f.Call == nil {
		return Fault{}
	}
	return f.Call(op)
}

func (f Faults) entry(op Op, body string) Fault {
	if f.Entry == nil {
		return Fault{}
	}
	return f.Entry(op, body)
}

// SendBatch implements [queue.Sender].
func (q *Queue) SendBatch(ctx context.Context, ms []queue.Outgoing) ([]error, error) {
	total := 0
	for _, m := range ms {
		total += m.Bytes()
	}
	if total > queue.MaxBytes {
		return nil, fmt.Errorf("batch of %d bytes; at most %d", total, queue.MaxBytes)
	}
	return batch(ctx, q, Send, ms, func(m queue.Outgoing) string { return m.Body }, q.accept)
}

// accept takes a message in. q.mu is held.
func (q *Queue) accept(m queue.Outgoing, now time.Time) {
	q.serial++
	q.stored = append(q.stored, &stored{
		Message: queue.Message{
			ID: fmt.Sprintf("m%d", q.serial), Body: m.Body, Attributes: maps.Clone(m.Attributes), SentAt: now,
		},
		visible: now.Add(m.Delay),
	})
	q.sent = append(q.sent, m)
	if q.OnAccept != nil {
		q.OnAccept(m)
	}
}

// DeleteBatch implements [queue.Receiver]. As on a standard queue, a stale
// handle answers success and deletes nothing.
func (q *Queue) DeleteBatch(ctx context.Context, ms []queue.Message) ([]error, error) {
	return batch(ctx, q, Delete, ms, func(m queue.Message) string { return m.Body }, func(m queue.Message, _ time.Time) {
		s := q.held(m)
		if s == nil {
			return
		}
		s.deleted = true
		q.drop(func(x *stored) bool { return x == s })
		if q.OnDelete != nil {
			q.OnDelete(s.Message)
		}
	})
}

// ExtendBatch implements [queue.Receiver]. A stale handle answers success and
// changes nothing.
func (q *Queue) ExtendBatch(ctx context.Context, es []queue.Extension) ([]error, error) {
	return batch(ctx, q, Extend, es, func(e queue.Extension) string { return e.Message.Body }, func(e queue.Extension, now time.Time) {
		if s := q.held(e.Message); s != nil {
			s.visible = now.Add(e.Visibility)
		}
	})
}

// batch does one call entry by entry, with its faults.
func batch[T any](ctx context.Context, q *Queue, op Op, items []T, body func(T) string, do func(T, time.Time)) ([]error, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(items) == 0 || len(items) > queue.MaxBatch {
		return nil, fmt.Errorf("%s of %d entries; use 1 to %d", op, len(items), queue.MaxBatch)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	call := q.Faults.call(op)
	if call.Err != nil && !call.After {
		return nil, call.Err
	}
	errs, now := make([]error, len(items)), time.Now()
	for i, item := range items {
		f := q.Faults.entry(op, body(item))
		if errs[i] = f.Err; f.Err == nil || f.After {
			do(item, now)
		}
	}
	q.wake()
	if call.Err != nil {
		return nil, call.Err
	}
	return errs, nil
}

// Receive implements [queue.Receiver]. A call that is cancelled takes nothing.
func (q *Queue) Receive(ctx context.Context, most int, wait, visibility time.Duration) ([]queue.Message, error) {
	if most < 1 || most > queue.MaxBatch || wait < 0 || wait > queue.MaxWait || visibility <= 0 {
		return nil, fmt.Errorf("receive of %d messages, wait %s, visibility %s is out of range", most, wait, visibility)
	}
	q.mu.Lock()
	q.polls++
	fault := q.Faults.call(Receive)
	q.mu.Unlock()
	if fault.Err != nil && !fault.After {
		return nil, fault.Err
	}
	if fault.After {
		wait = 0
	}
	deadline := time.Now().Add(wait)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ms, next, changed := q.take(most, visibility)
		now := time.Now()
		if len(ms) > 0 || !now.Before(deadline) {
			if fault.Err != nil {
				return nil, fault.Err
			}
			return ms, nil
		}
		if next.IsZero() || next.After(deadline) {
			next = deadline
		}
		t := time.NewTimer(next.Sub(now))
		select {
		case <-ctx.Done():
		case <-changed:
		case <-t.C:
		}
		t.Stop()
	}
}

// take delivers what is visible. Where that is nothing, it says when the next
// message becomes visible and which channel tells of a change before that.
func (q *Queue) take(most int, visibility time.Duration) (ms []queue.Message, next time.Time, changed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, s := range q.stored {
		if len(ms) == most {
			break
		}
		if s.visible.After(now) {
			if next.IsZero() || s.visible.Before(next) {
				next = s.visible
			}
			continue
		}
		if q.MaxReceives > 0 && s.Receives >= q.MaxReceives {
			s.deleted = true
			q.dead = append(q.dead, s.Message)
			continue
		}
		q.serial++
		s.Receives++
		s.Handle = fmt.Sprintf("h%d", q.serial)
		s.ReceivedAt = now
		if q.Faults.entry(Receive, s.Body).Twice {
			q.wake()
		} else {
			s.visible = now.Add(visibility)
		}
		m := s.Message
		m.Attributes = maps.Clone(m.Attributes)
		ms = append(ms, m)
	}
	q.drop(func(s *stored) bool { return s.deleted })
	if q.changed == nil {
		q.changed = make(chan struct{})
	}
	return ms, next, q.changed
}

// held is the stored message that m's handle still stands for, or nil.
func (q *Queue) held(m queue.Message) *stored {
	for _, s := range q.stored {
		if s.ID == m.ID && s.Handle == m.Handle {
			return s
		}
	}
	return nil
}

func (q *Queue) drop(gone func(*stored) bool) {
	kept := q.stored[:0]
	for _, s := range q.stored {
		if !gone(s) {
			kept = append(kept, s)
		}
	}
	clear(q.stored[len(kept):])
	q.stored = kept
}

func (q *Queue) wake() {
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}

// ErrInjected is a fault's error for tests that need no other.
var ErrInjected = errors.New("injected fault")
