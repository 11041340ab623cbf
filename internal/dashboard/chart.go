package dashboard

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
)

// The geometry of a latency chart, in units of its view box, which is
// stretched to the place it gets. Words stand outside, so that they keep
// their size on a phone.
const (
	chartWidth  = 1000
	chartHeight = 240
	chartBins   = 125
	chartRows   = 12
	chartTicks  = 5
)

// chartSpans are the stretches that a chart may show: the shortest that holds
// the data is taken, so that the first minutes of a new check fill it.
var chartSpans = []time.Duration{20 * time.Minute, time.Hour, 4 * time.Hour, 12 * time.Hour, chartSpan}

// chart is the latency of one check over time, a series per location. Times
// are means over bins; runs that failed are marks, not points.
type chart struct {
	Width, Height int
	Title, Desc   string
	Span          string // "24 h"
	Measured      bool   // some run has a latency
	Series        []series
	Failed        string // path of the marks of failed runs
	Failures      int
	Max           string
	YLabels       []string // from the top
	XLabels       []stamp
	Table         chartTable
}

// series is one location's line.
type series struct {
	Number     int // from 0, for colour and dash
	Name       string
	Line, Dots string // paths
	Mean       string
}

// chartTable is the chart in figures.
type chartTable struct {
	Locations []string
	Rows      []chartRow
}

type chartRow struct {
	From, To string
	Cells    []string
	Failed   int
}

// bin is the runs of one location in one stretch of time.
type bin struct {
	n   int
	sum time.Duration
}

func (b bin) mean() time.Duration {
	if b.n == 0 {
		return 0
	}
	return b.sum / time.Duration(b.n)
}

// plot is a chart in the making.
type plot struct {
	check      status.Check
	start, end time.Time
	locations  []string
	bins       [][]bin // by location
	failed     []int   // by bin
	top        time.Duration
	measured   bool
}

// newChart draws runs, oldest first, up to now. It has no series where there
// is nothing to draw.
func newChart(c status.Check, runs []status.Run, now time.Time) chart {
	if len(runs) == 0 {
		return chart{}
	}
	p := newPlot(c, runs, now)
	p.fill(runs)
	out := chart{
		Width: chartWidth, Height: chartHeight,
		Max: latency(p.top), YLabels: p.yLabels(), XLabels: p.xLabels(),
		Failed: p.failedPath(), Table: p.table(),
		Span: span(p.end.Sub(p.start)), Measured: p.measured,
		Title: "Latency of " + c.Name + " by location, last " + span(p.end.Sub(p.start)),
	}
	var words []string
	for i, l := range p.locations {
		s := p.series(i)
		out.Series = append(out.Series, s)
		if s.Mean != "" {
			words = append(words, l+" "+s.Mean+" on average")
		}
	}
	for _, n := range p.failed {
		out.Failures += n
	}
	words = append(words, count(out.Failures, "failed run"))
	out.Desc = strings.Join(words, "; ") + ". The same is in the table below the chart."
	return out
}

func newPlot(c status.Check, runs []status.Run, now time.Time) *plot {
	p := &plot{check: c, locations: slices.Clone(c.Locations)}
	for _, r := range runs {
		if !slices.Contains(p.locations, r.Location) {
			p.locations = append(p.locations, r.Location)
		}
	}
	stretch := chartSpan
	for _, s := range chartSpans {
		if now.Sub(runs[0].Slot) <= s {
			stretch = s
			break
		}
	}
	unit := stretch / chartBins
	p.end = now
	p.start = p.end.Add(-unit * chartBins)
	p.bins = make([][]bin, len(p.locations))
	for i := range p.bins {
		p.bins[i] = make([]bin, chartBins)
	}
	p.failed = make([]int, chartBins)
	return p
}

func (p *plot) unit() time.Duration { return p.end.Sub(p.start) / chartBins }

func (p *plot) fill(runs []status.Run) {
	for _, r := range runs {
		if r.Slot.Before(p.start) || r.Slot.After(p.end) {
			continue
		}
		at := min(int(r.Slot.Sub(p.start)/p.unit()), chartBins-1)
		switch {
		case r.Outcome == jobs.Failed:
			p.failed[at]++
		case r.Outcome.Conclusive() && r.Latency > 0:
			b := &p.bins[slices.Index(p.locations, r.Location)][at]
			b.n++
			b.sum += r.Latency
		}
	}
	for _, bins := range p.bins {
		for _, b := range bins {
			p.top = max(p.top, b.mean())
		}
	}
	p.measured = p.top > 0
	p.top = ceiling(p.top)
}

// ceiling is the next round duration that four equal steps divide well.
func ceiling(d time.Duration) time.Duration {
	if d <= 0 {
		return time.Second
	}
	ms := float64(d) / float64(time.Millisecond)
	unit := math.Pow(10, math.Floor(math.Log10(ms)))
	for _, f := range []float64{1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10} {
		if ms <= f*unit {
			return time.Duration(f * unit * float64(time.Millisecond))
		}
	}
	return d
}

func (p *plot) x(i int) float64 { return (float64(i) + 0.5) * chartWidth / chartBins }

func (p *plot) y(d time.Duration) float64 {
	return chartHeight * (1 - float64(d)/float64(p.top))
}

// series draws the line of a location. It breaks where nothing was measured,
// and shows the single points where there are few.
func (p *plot) series(i int) series {
	var line, dots strings.Builder
	var total bin
	last, points := -1, 0
	gap := int(3*p.check.Every/p.unit()) + 2
	for at, b := range p.bins[i] {
		if b.n == 0 {
			continue
		}
		total.n += b.n
		total.sum += b.sum
		verb := "L"
		if last < 0 || at-last > gap {
			verb = "M"
		}
		fmt.Fprintf(&line, "%s%.0f %.1f", verb, p.x(at), p.y(b.mean()))
		fmt.Fprintf(&dots, "M%.0f %.1fh0", p.x(at), p.y(b.mean()))
		last = at
		points++
	}
	s := series{Number: i % 6, Name: p.locations[i], Line: line.String(), Mean: latency(total.mean())}
	if points <= 40 {
		s.Dots = dots.String()
	}
	return s
}

// failedPath marks the bins with failed runs at the foot of the chart.
func (p *plot) failedPath() string {
	var s strings.Builder
	for at, n := range p.failed {
		if n > 0 {
			fmt.Fprintf(&s, "M%.0f %dv-12", p.x(at), chartHeight)
		}
	}
	return s.String()
}

func (p *plot) yLabels() []string {
	out := []string{}
	for i := 4; i >= 1; i-- {
		out = append(out, latency(p.top*time.Duration(i)/4))
	}
	return append(out, "0")
}

func (p *plot) xLabels() []stamp {
	var out []stamp
	for i := range chartTicks {
		t := p.start.Add(p.end.Sub(p.start) * time.Duration(i) / (chartTicks - 1))
		s := *newStamp(t, p.end)
		s.Clock = t.In(p.end.Location()).Format("15:04")
		out = append(out, s)
	}
	return out
}

// table is the same in figures, newest first.
func (p *plot) table() chartTable {
	t := chartTable{Locations: p.locations}
	for row := chartRows - 1; row >= 0; row-- {
		from, to := row*chartBins/chartRows, (row+1)*chartBins/chartRows
		r := chartRow{
			From: p.start.Add(time.Duration(from) * p.unit()).Format("15:04"),
			To:   p.start.Add(time.Duration(to) * p.unit()).Format("15:04"),
		}
		for i := range p.locations {
			var sum bin
			for _, b := range p.bins[i][from:to] {
				sum.n += b.n
				sum.sum += b.sum
			}
			r.Cells = append(r.Cells, latency(sum.mean()))
		}
		for _, n := range p.failed[from:to] {
			r.Failed += n
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}
