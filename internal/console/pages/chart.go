package pages

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
)

// The geometry of a chart, in units of its view box, which is stretched to the
// place it gets.
const (
	chartWidth  = 1000
	chartHeight = 200
	chartBins   = 120
	chartRows   = 12
)

// chart is the latency of a check by location: of each stretch of time the
// slowest run that did not fail, and a mark where one failed.
type chart struct {
	Measured bool
	Span     string
	Label    string
	Series   []line
	Fails    string
	Failed   int
	Y        []string
	X        []string
	Places   []string
	Table    []chartRow
}

type line struct {
	Number int
	Name   string
	Path   string
	Worst  string
}

type chartRow struct {
	When   string
	Cells  []string
	Failed int
}

// newChart draws runs, oldest first, up to now. It begins with the first of
// them, so that the first minutes of a new check fill it.
func newChart(locations []string, every time.Duration, runs []status.Run, now time.Time) chart {
	if len(runs) == 0 {
		return chart{Span: "24 h"}
	}
	start := runs[0].Slot
	unit := max(now.Sub(start)/chartBins, time.Second)
	places := slices.Clone(locations)
	worst := map[string]*[chartBins]time.Duration{}
	var fails [chartBins]int
	var top time.Duration
	for _, r := range runs {
		if worst[r.Location] == nil {
			worst[r.Location] = &[chartBins]time.Duration{}
			if !slices.Contains(places, r.Location) {
				places = append(places, r.Location)
			}
		}
		at := min(max(0, int(r.Slot.Sub(start)/unit)), chartBins-1)
		if r.Outcome == jobs.Failed {
			fails[at]++
			continue
		}
		worst[r.Location][at] = max(worst[r.Location][at], r.Latency)
		top = max(top, r.Latency)
	}
	c := chart{Measured: top > 0, Span: web.Span(now.Sub(start)), Places: places}
	top = ceiling(top)
	gap := int(3*every/unit) + 2
	var words []string
	for i, l := range places {
		s := line{Number: i % 6, Name: l}
		if w := worst[l]; w != nil {
			s.Path = drawLine(w, top, gap)
			s.Worst = web.Latency(slices.Max(w[:]))
			words = append(words, l+" up to "+firstOf(s.Worst, "0 ms"))
		}
		c.Series = append(c.Series, s)
	}
	var b strings.Builder
	for at, n := range fails {
		c.Failed += n
		if n > 0 {
			fmt.Fprintf(&b, "M%d %dv-12", x(at), chartHeight)
		}
	}
	c.Fails = b.String()
	c.Label = fmt.Sprintf("Latency in the last %s: %s; %s. The same is in the table below.", c.Span, strings.Join(words, ", "), web.Count(c.Failed, "failed run"))
	for i := 4; i >= 0; i-- {
		c.Y = append(c.Y, firstOf(web.Latency(top*time.Duration(i)/4), "0"))
	}
	for i := range 5 {
		c.X = append(c.X, start.Add(now.Sub(start)*time.Duration(i)/4).UTC().Format("15:04"))
	}
	for row := chartRows - 1; row >= 0; row-- {
		from, to := row*chartBins/chartRows, (row+1)*chartBins/chartRows
		r := chartRow{When: start.Add(time.Duration(from)*unit).UTC().Format("15:04") + "–" + start.Add(time.Duration(to)*unit).UTC().Format("15:04")}
		for _, l := range places {
			cell := ""
			if w := worst[l]; w != nil {
				cell = web.Latency(slices.Max(w[from:to]))
			}
			r.Cells = append(r.Cells, cell)
		}
		for _, n := range fails[from:to] {
			r.Failed += n
		}
		c.Table = append(c.Table, r)
	}
	return c
}

func x(bin int) int { return (2*bin + 1) * chartWidth / (2 * chartBins) }

// drawLine draws one location; it breaks where nothing was measured.
func drawLine(w *[chartBins]time.Duration, top time.Duration, gap int) string {
	var b strings.Builder
	last := -1
	for at, d := range w {
		if d == 0 {
			continue
		}
		verb := "L"
		if last < 0 || at-last > gap {
			verb = "M"
		}
		y := chartHeight * (1 - float64(d)/float64(top))
		fmt.Fprintf(&b, "%s%d %.1f", verb, x(at), y)
		if verb == "M" {
			b.WriteString("h.1") // so that a single point is seen
		}
		last = at
	}
	return b.String()
}

// ceiling is the next round duration.
func ceiling(d time.Duration) time.Duration {
	if d <= 0 {
		return time.Second
	}
	ms := float64(d) / float64(time.Millisecond)
	unit := math.Pow(10, math.Floor(math.Log10(ms)))
	for _, f := range []float64{1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8} {
		if ms <= f*unit {
			return time.Duration(f * unit * float64(time.Millisecond))
		}
	}
	return time.Duration(10 * unit * float64(time.Millisecond))
}
