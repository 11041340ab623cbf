package scheduler

import (
	"container/heap"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
)

// series is one check at one location: its slots follow each other.
type series struct {
	check    *check.Check
	location string
	next     time.Time
}

// slot is a slot that is due and has not been sent yet.
type slot struct {
	shard    *shard
	check    *check.Check
	location string
	at       time.Time
	expires  time.Time
	attempt  int
	tries    int // while late
	sent     bool
	held     bool   // its check waits for newer workers or recorders
	rerun    *rerun // of an attempt after the first
	asked    *asked // of a run that somebody asked for
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
func (sh *shard) plan(checks []check.Check) {
	sh.heap, sh.rates = sh.heap[:0], map[destination]float64{}
	for i := range checks {
		c := &checks[i]
		if schedule.Shard(c.ID) != sh.id {
			continue
		}
		for _, location := range c.Locations {
			sh.heap = append(sh.heap, series{c, location, schedule.Next(c.ID, location, c.Every, sh.planned)})
			sh.rates[destination{location, jobs.ClassOf(c.Kind())}] += 1 / c.Every.Seconds()
		}
	}
	heap.Init(&sh.heap)
}

// due takes the slots up to now out of the heap, and adds those that are still
// waiting. What is too late to be run is counted as missed, not sent.
func (sh *shard) due(now time.Time, m *metrics) []*slot {
	for len(sh.heap) > 0 && !sh.heap[0].next.After(now) {
		s := &sh.heap[0]
		// After a long outage expired slots are counted, not walked.
		if gone := now.Add(-schedule.Expires(s.next, s.check.Every).Sub(s.next)); s.next.Before(gone) {
			n := schedule.Count(s.check.ID, s.location, s.check.Every, s.next, gone) + 1
			m.missed.WithLabelValues(s.location, "outage").Add(float64(n))
			s.next = schedule.Next(s.check.ID, s.location, s.check.Every, gone)
		} else {
			sh.waiting = append(sh.waiting, &slot{
				shard: sh, check: s.check, location: s.location, at: s.next,
				expires: schedule.Expires(s.next, s.check.Every), attempt: 1,
			})
			s.next = s.next.Add(s.check.Every)
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

// job is the job of a slot.
func (s *slot) job(now time.Time) jobs.Job {
	return jobs.New(*s.check, s.location, s.at, s.attempt, now, s.expires)
}

// seriesHeap orders series by their next slot; see container/heap.
type seriesHeap []series

func (h seriesHeap) Len() int           { return len(h) }
func (h seriesHeap) Less(i, j int) bool { return h[i].next.Before(h[j].next) }
func (h seriesHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *seriesHeap) Push(x any)        { *h = append(*h, x.(series)) }
func (h *seriesHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
