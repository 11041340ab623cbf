package sqslocal

import (
	"container/heap"
	"container/list"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"
)

// content is the part of a message that does not change while it is in a
// queue, and may be read without the queue's lock.
type content struct {
	id, body, bodyMD5 string
	attributes        map[string]attribute
	attributesMD5     string // of all attributes, "" without any
	group, trace      string // MessageGroupId, AWSTraceHeader
	source            string // ARN of the queue it was a dead letter of, or ""
	sent              time.Time
}

type state uint8

const (
	ready    state = iota // in queue.ready
	delayed               // in queue.hidden, never received
	inFlight              // in queue.hidden, received
)

// message is a message in a queue; the queue's lock guards it.
type message struct {
	*content
	seq           uint64
	state         state
	receives      int
	firstReceived time.Time
	lastReceived  time.Time
	visibleAt     time.Time // while hidden

	prev, next *message // while ready
	index      int      // in hidden
}

// delivery is one receipt of a message.
type delivery struct {
	*content
	handle        string
	receives      int
	firstReceived time.Time
}

// queue is one standard queue. One mutex guards all of it. No other lock of
// the package but Server.mu is taken while it is held, and it is never taken
// while Server.mu is.
type queue struct {
	name     string
	instance uint64 // tells a queue from an earlier one of the same name
	created  time.Time
	now      func() time.Time
	lookup   func(name string) *queue

	mu       sync.Mutex
	set      settings
	modified time.Time
	tags     map[string]string
	gone     chan struct{} // closed when the queue is deleted

	seq      uint64
	messages map[uint64]*message // by seq
	ready    line
	hidden   agenda
	flying   int // messages in flight
	// sweepAt is when to look for messages past their retention: when the
	// first one is, give or take the second between two sweeps.
	sweepAt     time.Time
	maxInFlight int

	waiters list.List // of *waiter: long polls, the longest waiting in front
	timer   *time.Timer
	timerAt time.Time // zero where the timer is not running
}

func newQueue(name string, set settings, s *Server) *queue {
	now := s.now()
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return &queue{
		name:        name,
		instance:    binary.BigEndian.Uint64(b[:]),
		created:     now,
		now:         s.now,
		lookup:      s.queue,
		set:         set,
		modified:    now,
		gone:        make(chan struct{}),
		messages:    map[uint64]*message{},
		maxInFlight: s.maxInFlight,
	}
}

// put adds messages, hidden until their visibleAt where that is to come. It
// reports false where the queue was deleted.
func (q *queue) put(ms ...*message) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted() {
		return false
	}
	now := q.now()
	for _, m := range ms {
		q.seq++
		m.seq = q.seq
		q.messages[m.seq] = m
		if end := m.sent.Add(q.set.retentionTime()); len(q.messages) == 1 || end.Before(q.sweepAt) {
			q.sweepAt = end
		}
		if m.visibleAt.After(now) {
			m.state = delayed
			heap.Push(&q.hidden, m)
			continue
		}
		m.state = ready
		q.ready.push(m)
	}
	q.settle()
	return true
}

// take hands out up to max messages and hides them for visibility. Messages
// that were received too often leave for the dead-letter queue instead:
// deliver them to dead after unlocking.
func (q *queue) take(now time.Time, max int, visibility time.Duration) (out []delivery, dead *queue, exhausted []*message) {
	q.refresh(now)
	limit := 0
	if p := q.set.redrive; p != nil {
		if dead = q.lookup(p.target); dead != nil {
			limit = p.maxReceives
		}
	}
	for n := q.ready.n; n > 0 && len(out) < max && q.flying < q.maxInFlight; n-- {
		m := q.ready.front
		q.ready.remove(m)
		if limit > 0 && m.receives >= limit {
			delete(q.messages, m.seq)
			exhausted = append(exhausted, m)
			continue
		}
		m.receives++
		m.lastReceived = now
		if m.firstReceived.IsZero() {
			m.firstReceived = now
		}
		out = append(out, delivery{m.content, q.handle(m), m.receives, m.firstReceived})
		if visibility <= 0 {
			q.ready.push(m)
			continue
		}
		m.state, m.visibleAt = inFlight, now.Add(visibility)
		q.flying++
		heap.Push(&q.hidden, m)
	}
	return out, dead, exhausted
}

// bury puts what take found exhausted into the dead-letter queue.
func (q *queue) bury(dead *queue, exhausted []*message) {
	if len(exhausted) == 0 {
		return
	}
	for _, m := range exhausted {
		c := *m.content
		c.source = arnOf(q.name)
		m.content, m.visibleAt = &c, time.Time{}
	}
	dead.put(exhausted...)
}

// delete removes the message of a receipt. A handle that is not the latest of
// its message, or whose message is gone, is accepted and does nothing.
func (q *queue) delete(handle string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	m, receives, err := q.find(handle)
	if err != nil || m == nil || m.receives != receives {
		return err
	}
	q.drop(m)
	q.settle() // room for one more in flight
	return nil
}

// change hides the message of a receipt for visibility from now on; 0
// releases it. A handle that is not the latest, or whose message is not in
// flight any more, is accepted and does nothing.
func (q *queue) change(handle string, visibility time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	q.refresh(now)
	m, receives, err := q.find(handle)
	switch {
	case err != nil:
		return err
	case m == nil:
		return invalidParameter("ReceiptHandle", handle, "Message does not exist or is not available for visibility timeout change")
	case m.receives != receives || m.state != inFlight:
		return nil
	case now.Add(visibility).Sub(m.lastReceived) > maxVisibility:
		return invalidParameter("VisibilityTimeout", int(visibility/time.Second), "Total VisibilityTimeout for the message is beyond the limit of 43200 seconds since it was received")
	}
	m.visibleAt = now.Add(visibility)
	heap.Fix(&q.hidden, m.index)
	q.refresh(now)
	q.settle()
	return nil
}

// purge drops every message.
func (q *queue) purge() {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.messages)
	q.ready, q.hidden, q.flying = line{}, nil, 0
}

// depth counts messages: visible, in flight, delayed.
type depth struct{ visible, inFlight, delayed int }

func (q *queue) depth() depth {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refresh(q.now())
	q.settle()
	return depth{q.ready.n, q.flying, len(q.hidden) - q.flying}
}

// refresh makes visible what is due and drops what is past its retention.
func (q *queue) refresh(now time.Time) {
	for len(q.hidden) > 0 && !q.hidden[0].visibleAt.After(now) {
		m := heap.Pop(&q.hidden).(*message)
		if m.state == inFlight {
			q.flying--
		}
		m.state = ready
		q.ready.push(m)
	}
	if len(q.messages) == 0 || q.sweepAt.After(now) {
		return
	}
	// The next sweep is at least a second away, so that a steady trickle of
	// old messages does not cost a walk over all of them each time.
	keep := q.set.retentionTime()
	q.sweepAt = now.Add(keep)
	for _, m := range q.messages {
		if end := m.sent.Add(keep); !end.After(now) {
			q.drop(m)
		} else if end.Before(q.sweepAt) {
			q.sweepAt = end
		}
	}
	if soonest := now.Add(time.Second); q.sweepAt.Before(soonest) {
		q.sweepAt = soonest
	}
}

// drop removes a message from wherever it is.
func (q *queue) drop(m *message) {
	delete(q.messages, m.seq)
	switch m.state {
	case ready:
		q.ready.remove(m)
	case inFlight:
		q.flying--
		heap.Remove(&q.hidden, m.index)
	case delayed:
		heap.Remove(&q.hidden, m.index)
	}
}

func (q *queue) deleted() bool {
	select {
	case <-q.gone:
		return true
	default:
		return false
	}
}

// A receipt handle holds the instance of the queue, the message's number in
// it and the number of the receipt.
const handleBytes = 8 + 8 + 4

func (q *queue) handle(m *message) string {
	var b [handleBytes]byte
	binary.BigEndian.PutUint64(b[0:], q.instance)
	binary.BigEndian.PutUint64(b[8:], m.seq)
	binary.BigEndian.PutUint32(b[16:], uint32(m.receives))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// find reads a handle; the message is nil where it is in the queue no more.
func (q *queue) find(handle string) (m *message, receives int, err error) {
	b, err := base64.RawURLEncoding.DecodeString(handle)
	if err != nil || len(b) != handleBytes || binary.BigEndian.Uint64(b) != q.instance {
		return nil, 0, receiptHandleIsInvalid(handle)
	}
	return q.messages[binary.BigEndian.Uint64(b[8:])], int(binary.BigEndian.Uint32(b[16:])), nil
}
