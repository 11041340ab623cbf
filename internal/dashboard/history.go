package dashboard

import (
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

// bar is one bar of a history.
type bar struct {
	status.Bucket
	// Share is the part of the expected runs that is conclusive, 0 to 1; 1
	// where it cannot be told, as in the bar that is still growing.
	Share float64
	// Idle marks a bar in which no run was due, for checks that run more
	// seldom than one bar.
	Idle bool
	// Before marks a bar that ends before the first run of the period.
	Before bool
	// Maintained marks a bar of which all that was measured is maintenance.
	Maintained bool
}

// record is a check's history over a period.
type record struct {
	period period
	bars   []bar
	// zone is that in which times of day are told.
	zone *time.Location
	// total is without what was in maintenance.
	total status.Counts
	// coverage is the share of the expected runs that is conclusive, 0 to 1;
	// known is the same from the first run on, if that is later.
	coverage, known float64
	// since is the first run's bar, zero where the period begins with runs or
	// has none.
	since time.Time
}

// past is what is known of the history of a check.
type past struct {
	buckets []status.Bucket
	// outages are those that the rules found.
	outages []status.Span
	// counted are the hours that were counted from their slots, with what was
	// due in them.
	counted status.Span
}

// newRecord lays the history of a check out over p, up to now.
func newRecord(c status.Check, p period, known past, now time.Time) record {
	r := record{period: p, bars: make([]bar, p.bars), zone: now.Location()}
	start := p.start(now)
	for i := range r.bars {
		b := &r.bars[i]
		b.CheckID, b.Start = c.ID, start.Add(time.Duration(i)*p.step)
		b.End = b.Start.Add(p.step)
	}
	for _, b := range known.buckets {
		i := int(b.Start.Sub(start) / p.step)
		if b.Start.Before(start) || i >= len(r.bars) {
			continue
		}
		at := r.bars[i].Bucket
		b.Start, b.End = at.Start, at.End
		r.bars[i].Bucket = b
		r.bars[i].Maintained = b.Conclusive() > 0 && b.Judged().Conclusive() == 0
		r.total = r.total.Add(b.Judged())
	}
	for _, o := range known.outages {
		for i := range r.bars {
			if b := &r.bars[i]; o.Overlaps(b.Start, b.End) {
				b.Down = true
			}
		}
	}
	r.cover(c, known.counted, now)
	return r
}

// cover compares what was measured with what was due: as it was counted, and
// where it was not yet, slot by slot; see [status.Expected] and
// [status.Settled].
func (r *record) cover(c status.Check, counted status.Span, now time.Time) {
	r.coverage, r.known = 1, 1
	if c.Every <= 0 || len(c.Locations) == 0 {
		return
	}
	due := status.Settled(c.Every, c.Timeout, now)
	expected := func(from, before time.Time) (n float64) {
		if d := before.Sub(from); d > 0 && d%c.Every == 0 { // the same whatever the phase
			return float64(d/c.Every) * float64(len(c.Locations))
		}
		for _, l := range c.Locations {
			n += float64(status.Expected(c.ID, l, c.Every, from, before))
		}
		return n
	}
	// wanted is what was due in a bar and before a time, without maintenance.
	wanted := func(b *bar, before time.Time) float64 {
		if counted.To.IsZero() || !counted.Overlaps(b.Start, before) {
			return expected(b.Start, before)
		}
		n := float64(b.Expected - b.MaintenanceExpected)
		if b.Start.Before(counted.From) {
			n += expected(b.Start, counted.From)
		}
		if counted.To.Before(before) {
			n += expected(counted.To, before)
		}
		return n
	}
	seldom := c.Every > r.period.step
	var all, known share
	var spoken time.Time // end of the newest bar with a conclusive run
	begun := false       // some run, of whatever outcome, was seen
	for i := range r.bars {
		b := &r.bars[i]
		n := float64(b.Judged().Conclusive())
		want := wanted(b, b.End)
		b.Share = 1
		if b.End.After(due) {
			want = wanted(b, due)
		} else if !seldom {
			b.Share = share{n, want}.value()
		}
		if b.Conclusive() > 0 {
			spoken = b.End
		}
		b.Idle = b.Conclusive() == 0 && seldom && !spoken.IsZero() && !b.Start.After(spoken.Add(c.Every))
		if !seldom {
			n = min(n, want)
		}
		all.add(n, want)
		if begun {
			known.add(n, want)
		} else if b.Counts != (status.Counts{}) {
			begun = true
			if i > 0 {
				r.since = b.Start
			} else {
				known.add(n, want)
			}
		}
		b.Before = !begun
	}
	r.coverage, r.known = all.value(), known.value()
}

// share is a part of a whole.
type share struct{ part, whole float64 }

func (s *share) add(part, whole float64) { s.part, s.whole = s.part+part, s.whole+whole }

// value is 0 to 1, and 1 where nothing was expected.
func (s share) value() float64 {
	if s.whole < 1 {
		return 1
	}
	return min(1, s.part/s.whole)
}

// partial reports whether a good part of what was due in the bar is missing.
func (b bar) partial() bool { return b.Conclusive() > 0 && !b.Maintained && b.Share < 0.9 }

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
