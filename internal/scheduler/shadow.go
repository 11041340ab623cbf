package scheduler

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
)

// Shadow says that a share of the jobs of a queue is copied for candidate
// workers, more than 0 and at most 1.
type Shadow struct {
	Location string
	Class    jobs.Class
	Share    float64
}

// Limits of copying: a queue of copies that is away costs copies, and nothing
// else.
const (
	copiesWaiting = 256 // batches
	copyTimeout   = 5 * time.Second
)

// copies are jobs on their way to candidate workers. A nil one takes nothing.
type copies struct {
	shares  map[destination]float64
	waiting chan copied
	lost    func(d destination, n int)
}

// copied is what goes to one queue of copies at once.
type copied struct {
	d        destination
	outgoing []queue.Outgoing
}

func newCopies(list []Shadow) *copies {
	if len(list) == 0 {
		return nil
	}
	c := &copies{shares: map[destination]float64{}, waiting: make(chan copied, copiesWaiting), lost: func(destination, int) {}}
	for _, s := range list {
		c.shares[destination{s.Location, s.Class}] = s.Share
	}
	return c
}

// take copies some of the jobs that a queue has accepted: those of slots and of
// what is run again, not those that somebody asked for, which count nowhere. It
// never waits.
func (c *copies) take(d destination, b batch, errs []error) {
	if c == nil || c.shares[d] == 0 {
		return
	}
	var list []queue.Outgoing
	for i, w := range b.slots {
		if errs[i] == nil && w.asked == nil && rand.Float64() < c.shares[d] { //nolint:gosec // G602: errs has one entry per message
			list = append(list, b.outgoing[i])
		}
	}
	if len(list) == 0 {
		return
	}
	select {
	case c.waiting <- copied{d, list}:
	default:
		c.lost(d, len(list))
	}
}

// sendCopies sends what was copied until ctx ends. What cannot be sent is
// counted and gone: a copy that comes late compares nothing.
func (s *Scheduler) sendCopies(ctx context.Context) {
	open := &queues{open: s.o.OpenShadow}
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-s.copies.waiting:
			if err := s.sendCopy(ctx, open, c); err != nil && ctx.Err() == nil {
				s.copies.lost(c.d, len(c.outgoing))
				s.o.Logger.Warn("copying jobs for candidate workers; these copies are lost, the jobs are not", "jobs", len(c.outgoing),
					"location", c.d.location, "class", string(c.d.class), "err", err)
			}
		}
	}
}

func (s *Scheduler) sendCopy(ctx context.Context, open *queues, c copied) error {
	ctx, cancel := context.WithTimeout(ctx, copyTimeout)
	defer cancel()
	sender, err := open.get(ctx, c.d)
	if err != nil {
		return err
	}
	errs, err := sender.SendBatch(ctx, c.outgoing)
	if err != nil {
		return err
	}
	refused := len(errs) - len(slices.DeleteFunc(errs, func(err error) bool { return err != nil }))
	s.metrics.shadow.WithLabelValues(c.d.location, string(c.d.class), "sent").Add(float64(len(c.outgoing) - refused))
	if refused > 0 {
		s.copies.lost(c.d, refused)
	}
	return nil
}
