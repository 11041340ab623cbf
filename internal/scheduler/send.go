package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/probefleet/probefleet/internal/failpoint"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
)

const (
	// sendsInFlight is the number of batches under way at a time.
	sendsInFlight = 16
	// sendTimeout bounds one batch.
	sendTimeout = 5 * time.Second
	// reopenAfter is how long a queue that could not be found is left alone.
	reopenAfter = 5 * time.Second
)

// destination names one queue.
type destination struct {
	location string
	class    jobs.Class
}

// queues keeps the queues that were found, and when to look again for those
// that were not.
type queues struct {
	open func(ctx context.Context, location string, class jobs.Class) (queue.Sender, error)

	mu      sync.Mutex
	found   map[destination]queue.Sender
	retryAt map[destination]time.Time
}

// errQueueAway means that a queue was looked for a moment ago without success.
var errQueueAway = errors.New("the queue could not be found a moment ago")

func (q *queues) get(ctx context.Context, d destination) (queue.Sender, error) {
	q.mu.Lock()
	sender, retryAt := q.found[d], q.retryAt[d]
	q.mu.Unlock()
	if sender != nil {
		return sender, nil
	}
	if time.Now().Before(retryAt) {
		return nil, errQueueAway
	}
	sender, err := q.open(ctx, d.location, d.class)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.found == nil {
		q.found, q.retryAt = map[destination]queue.Sender{}, map[destination]time.Time{}
	}
	if err != nil {
		q.retryAt[d] = time.Now().Add(reopenAfter)
		return nil, err
	}
	q.found[d] = sender
	return sender, nil
}

// errLeaseEnded is why a job was not sent by this scheduler.
var errLeaseEnded = errors.New("the lease of its shard ended first")

// batch is what one call sends.
type batch struct {
	slots    []*slot
	outgoing []queue.Outgoing
	bytes    int
}

// send offers the slots to their queues, each queue for itself: one that is
// away does not keep another waiting. What was accepted is marked as sent.
func (s *Scheduler) send(ctx context.Context, due []*slot, now time.Time) {
	if len(due) == 0 {
		return
	}
	// What is under way when ctx ends is still finished: it was due before.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(sendsInFlight)
	for d, slots := range byDestination(due) {
		sender, err := s.queues.get(ctx, d)
		if err != nil {
			s.failed(d, len(slots), err)
			continue
		}
		for some := range slices.Chunk(slots, queue.MaxBatch) {
			g.Go(func() error {
				if ctx.Err() == nil { // else the queue is too slow; the rest is offered again
					for _, b := range s.batches(some, now) {
						s.sendBatch(ctx, d, sender, b, now)
					}
				}
				return nil
			})
		}
	}
	_ = g.Wait() // its functions answer nil
}

func byDestination(due []*slot) map[destination][]*slot {
	m := map[destination][]*slot{}
	for _, w := range due {
		d := w.destination()
		m[d] = append(m[d], w)
	}
	return m
}

// batches encodes the jobs of up to ten slots: one batch, or more where they
// have more bytes than a queue takes. A job that cannot be encoded is reported and left to be missed.
func (s *Scheduler) batches(slots []*slot, now time.Time) []batch {
	var all []batch
	var b batch
	for _, w := range slots {
		body, err := s.encode(w, now)
		if err == nil && len(body) > queue.MaxBytes {
			err = fmt.Errorf("%d bytes are more than a queue takes", len(body))
		}
		if err != nil {
			s.unwritable(w, now, err)
			continue
		}
		o := queue.Outgoing{Body: string(body), Attributes: w.form.AttributesOf()}
		size := o.Bytes()
		if len(b.slots) > 0 && b.bytes+size > queue.MaxBytes {
			all = append(all, b)
			b = batch{}
		}
		b.slots = append(b.slots, w)
		b.outgoing = append(b.outgoing, o)
		b.bytes += size
	}
	if len(b.slots) > 0 {
		all = append(all, b)
	}
	return all
}

// unwritable reports a slot whose job cannot be encoded.
func (s *Scheduler) unwritable(w *slot, now time.Time, err error) {
	w.sending.End(err)
	s.metrics.errors.WithLabelValues("encode").Inc()
	s.o.Logger.Error("encoding a job", "check", w.check.ID, "location", w.location, "err", err)
	w.expires = now // offering it again would not help
}

func (s *Scheduler) sendBatch(ctx context.Context, d destination, sender queue.Sender, b batch, now time.Time) {
	if slices.ContainsFunc(b.slots, func(w *slot) bool { return !w.shard.held() }) {
		b.ended(errLeaseEnded)
		return // a lease ended while others were sent; the rest is offered again
	}
	failpoint.Hit(failpoint.SchedulerSendBefore)
	errs, err := sender.SendBatch(ctx, b.outgoing)
	failpoint.Hit(failpoint.SchedulerSendAfter)
	if err != nil {
		b.ended(err)
		s.failed(d, len(b.slots), err)
		return
	}
	s.copies.take(d, b, errs)
	sent := 0
	for i, w := range b.slots {
		w.sending.End(errs[i])
		if errs[i] != nil {
			s.failed(d, 1, errs[i])
			continue
		}
		w.sent = true
		sent++
		if w.rerun == nil && w.asked == nil {
			s.metrics.lateness.Observe(now.Sub(w.at).Seconds())
		}
	}
	s.metrics.sent.WithLabelValues(d.location, string(d.class)).Add(float64(sent))
}

// ended ends the spans of a batch of which nothing was accepted.
func (b batch) ended(err error) {
	for _, w := range b.slots {
		w.sending.End(err)
	}
}

// failed reports jobs that were not accepted; they are offered again at the
// next tick.
func (s *Scheduler) failed(d destination, n int, err error) {
	s.metrics.errors.WithLabelValues("send").Add(float64(n))
	if errors.Is(err, errQueueAway) {
		return // reported when it was looked for
	}
	s.o.Logger.Warn("sending jobs: they are offered again until they are too late",
		"jobs", n, "location", d.location, "class", string(d.class), "err", err)
}
