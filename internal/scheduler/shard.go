package scheduler

import (
	"container/heap"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
	"github.com/probefleet/probefleet/internal/tracing"
)

// series is one check at one location: its slots follow each other.
type series struct {
	check    *planned
	location string
	next     int64 // Unix time in nanoseconds
}

func (s *series) slot() time.Time { return time.Unix(0, s.next).UTC() }

// slot is a slot that is due and has not been sent yet.
type slot struct {
	shard    *shard
	check    *planned
	form     codec.JobForm // of the check, as it is wanted at the location
	location string
	at       time.Time
	expires  time.Time
	attempt  int
	tries    int // while late
	sent     bool
	held     bool   // its check waits for newer workers or recorders
	rerun    *rerun // of an attempt after the first
	asked    *asked // of a run that somebody asked for
	sending  tracing.Sending
}

// shard is a part of all checks, for as long as the lease is ours.
type shard struct {
	id int
	// until is when the lease must not be used any more, by our monotonic
	// clock.
	until time.Time
	// planned is the time up to which slots were taken out of the heap, and
	// stored the watermark in the database.
	planned, stored time.Time
	heap            seriesHeap
	// rates are the slots a second of each queue.
	rates map[destination]float64
	// waiting are slots that no queue has taken yet.
	waiting []*slot
}

func newShard(id int, watermark time.Time) *shard {
	return &shard{id: id, planned: watermark, stored: watermark}
}

func (sh *shard) held() bool { return time.Now().Before(sh.until) }

// plan replaces the series by those of checks, each from planned on.
func (sh *shard) plan(checks []planned) {
	clear(sh.heap)
	sh.heap, sh.rates = sh.heap[:0], map[destination]float64{}
	for i := range checks {
		c := &checks[i]
		if schedule.Shard(c.ID) != sh.id {
			continue
		}
		for _, location := range c.Locations {
			sh.heap = append(sh.heap, series{c, location, schedule.Next(c.ID, location, c.Every, sh.planned).UnixNano()})
			sh.rates[destination{location, c.class()}] += 1 / c.Every.Seconds()
		}
	}
	heap.Init(&sh.heap)
}

// due takes the slots up to now out of the heap, and adds those that are still
// waiting. What is too late to be run is counted as missed, not sent.
func (sh *shard) due(now time.Time, m *metrics) []*slot {
	for until := now.UnixNano(); len(sh.heap) > 0 && sh.heap[0].next <= until; {
		s := &sh.heap[0]
		next := s.slot()
		// After a long outage expired slots are counted, not walked.
		if gone := now.Add(-schedule.Expires(next, s.check.Every).Sub(next)); next.Before(gone) {
			n := schedule.Count(s.check.ID, s.location, s.check.Every, next, gone) + 1
			m.missed.WithLabelValues(s.location, "outage").Add(float64(n))
			s.next = schedule.Next(s.check.ID, s.location, s.check.Every, gone).UnixNano()
		} else {
			sh.waiting = append(sh.waiting, &slot{
				shard: sh, check: s.check, location: s.location, at: next,
				expires: schedule.Expires(next, s.check.Every), attempt: 1,
			})
			s.next += int64(s.check.Every)
		}
		heap.Fix(&sh.heap, 0)
	}
	sh.planned = now
	sh.settle(now, m)
	return sh.waiting
}

// settle forgets the slots that were sent, and those that cannot be any more.
func (sh *shard) settle(now time.Time, m *metrics) {
	kept := sh.waiting[:0]
	for _, w := range sh.waiting {
		switch {
		case w.sent:
		case w.held:
			m.missed.WithLabelValues(w.location, "held").Inc()
		case !now.Before(w.expires) || now.Sub(w.at) > sendWindow:
			m.missed.WithLabelValues(w.location, "queue").Inc()
		default:
			kept = append(kept, w)
		}
	}
	clear(sh.waiting[len(kept):])
	sh.waiting = kept
}

// watermark is the time up to which every slot was sent, or is past sending.
func (sh *shard) watermark() time.Time {
	w := sh.planned
	for _, s := range sh.waiting {
		if !s.sent && !s.at.After(w) {
			w = s.at.Add(-1)
		}
	}
	return w.Truncate(time.Microsecond) // what the database keeps
}

// job is the job of a slot. Of its check it has the id only: the rest is in the
// slot's form.
func (s *slot) job(now time.Time) jobs.Job {
	return jobs.New(check.Check{ID: s.check.ID}, s.location, s.at, s.attempt, now, s.expires)
}

// seriesHeap orders series by their next slot; see container/heap.
type seriesHeap []series

func (h seriesHeap) Len() int           { return len(h) }
func (h seriesHeap) Less(i, j int) bool { return h[i].next < h[j].next }
func (h seriesHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *seriesHeap) Push(x any)        { *h = append(*h, x.(series)) }
func (h *seriesHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
