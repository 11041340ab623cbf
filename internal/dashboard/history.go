package dashboard

import (
	"math"
	"time"

	"github.com/probefleet/probefleet/internal/status"
)

// period is a stretch of history cut into bars of equal length.
type period struct {
	grain string
	step  time.Duration
	bars  int
	// days is the value of the query parameter that asks for the period.
	days int
	// name follows "last": "24 hours".
	name string
	unit string
}

var (
	hourly = period{grain: grainHour, step: time.Hour, bars: 24, days: 1, name: "24 hours", unit: "hour"}
	daily  = period{grain: grainDay, step: 24 * time.Hour, bars: 90, days: 90, name: "90 days", unit: "day"}
)

// start is the beginning of the first bar. The last bar holds now.
func (p period) start(now time.Time) time.Time {
	return now.UTC().Truncate(p.step).Add(-time.Duration(p.bars-1) * p.step)
}

// of picks the period's buckets of a check.
func (p period) of(s *snapshot, id string) []status.Bucket {
	if p.grain == grainDay {
		return s.days.byCheck[id]
	}
	return s.hours.byCheck[id]
}

// bar is one bar of a history.
type bar struct {
	status.Bucket
	// Share is the part of the expected runs that is conclusive, 0 to 1; 1
	// where it cannot be told, as in the bar that is still growing.
	Share float64
	// Idle marks a bar in which no run was due, for checks that run more
	// seldom than one bar.
	Idle bool
}

// record is a check's history over a period.
type record struct {
	period   period
	bars     []bar
	total    status.Counts
	coverage float64 // share of the expected runs that is conclusive, 0 to 1
}

// newRecord lays the buckets of a check out over p.
func newRecord(c status.Check, p period, buckets []status.Bucket, now time.Time) record {
	r := record{period: p, bars: make([]bar, p.bars)}
	start := p.start(now)
	for i := range r.bars {
		b := &r.bars[i]
		b.CheckID, b.Start = c.ID, start.Add(time.Duration(i)*p.step)
		b.End = b.Start.Add(p.step)
	}
	for _, b := range buckets {
		i := int(b.Start.Sub(start) / p.step)
		if b.Start.Before(start) || i >= len(r.bars) {
			continue
		}
		r.bars[i].Counts = r.bars[i].Add(b.Counts)
		r.bars[i].LatencySum += b.LatencySum
		r.total = r.total.Add(b.Counts)
	}
	r.cover(c, now)
	return r
}

// cover compares what was measured with what was due. A run may take its
// timeout, so the newest slot is not expected yet.
func (r *record) cover(c status.Check, now time.Time) {
	r.coverage = 1
	if c.Every <= 0 || len(c.Locations) == 0 {
		return
	}
	perBar := float64(r.period.step) / float64(c.Every) * float64(len(c.Locations))
	seldom := c.Every > r.period.step
	due := now.Add(-c.Every - c.Timeout)
	var expected, measured float64
	var spoken time.Time // end of the newest bar with a conclusive run
	for i := range r.bars {
		b := &r.bars[i]
		b.Share = 1
		n := float64(b.Conclusive())
		if n > 0 {
			spoken = b.End
		} else if seldom && !spoken.IsZero() && !b.Start.After(spoken.Add(c.Every)) {
			b.Idle = true
		}
		want := perBar
		if b.End.After(due) {
			part := max(0, float64(due.Sub(b.Start))/float64(r.period.step))
			want = math.Floor(perBar * part)
		} else if !seldom {
			b.Share = min(1, n/perBar)
		}
		expected += want
		if seldom {
			measured += n
		} else {
			measured += min(n, want)
		}
	}
	if expected >= 1 {
		r.coverage = min(1, measured/expected)
	}
}

// partial reports whether a good part of what was due in the bar is missing.
func (b bar) partial() bool { return b.Conclusive() > 0 && b.Share < 0.9 }

// measured counts the bars with a conclusive run, and those without one in
// which a run was due.
func (r record) measured() (with, without int) {
	for _, b := range r.bars {
		switch {
		case b.Conclusive() > 0:
			with++
		case !b.Idle:
			without++
		}
	}
	return with, without
}
