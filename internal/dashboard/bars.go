package dashboard

import (
	"fmt"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/status"
)

// The geometry of a bar history, in units of its view box: one unit a bar,
// stretched to the place it gets. Bars are strokes, so that a stretch of them
// costs a few bytes. Trouble stands taller than health and silence is dashed,
// so that nothing hangs on colour alone.
const (
	barFoot = 9.0
	// barTop of an operational bar; an outage reaches up to 0.
	barTop = 2.0
)

// strokes is one path of a history with the text that explains it.
type strokes struct {
	Class, Path, Title string
}

// bars is a history as it is drawn.
type bars struct {
	Label   string
	Strokes []strokes
	Name    string // of the period: "24 hours"
	Count   int
}

// newBars draws r. Neighbours that look the same share a path and a title,
// unless each is wanted.
func newBars(r record, each bool) bars {
	b := bars{Label: summary(r), Name: r.period.name, Count: r.period.bars}
	for i := 0; i < len(r.bars); {
		end := i + 1
		for !each && end < len(r.bars) && sameStretch(r.bars[i], r.bars[end]) {
			end++
		}
		b.draw(r, i, end)
		i = end
	}
	return b
}

// draw adds the bars from i up to end, which look the same.
func (b *bars) draw(r record, i, end int) {
	first := r.bars[i]
	code, title := barCode(first), stretchTitle(r, i, end)
	add := func(class, path string) { b.Strokes = append(b.Strokes, strokes{class, path, title}) }
	switch {
	case first.partial():
		// What was measured stands on the foot, what was not above it. Trouble
		// stays visible however little of it was seen.
		least := 1.5
		if code == "x" || code == "d" {
			least = barFoot / 2
		}
		split := barFoot - max(least, (barFoot-barTop)*first.Share)
		add("b-n", stems(i, end, barTop, split-0.4))
		add("b-"+code, stems(i, end, split, barFoot))
	case r.period.grain == grainDay && end-i > 1 && (code == "o" || code == "e"):
		// Slender bars: one broad dashed line, whose dashes are the bars.
		add("b-"+code+" w", fmt.Sprintf("M%.2f 5.5H%.2f", float64(i)-0.33, float64(end)-0.67))
	default:
		add("b-"+code, stems(i, end, topOf(code), barFoot))
	}
}

func stems(i, end int, top, foot float64) string {
	var s strings.Builder
	for ; i < end; i++ {
		fmt.Fprintf(&s, "M%d %.3gV%.3g", i, foot, top)
	}
	return s.String()
}

func barCode(b bar) string {
	switch {
	case b.Idle:
		return "i"
	case b.Before:
		return "e"
	case b.Maintained:
		return "m"
	}
	return stateMark(b.State()).Code
}

func topOf(code string) float64 {
	switch code {
	case "x":
		return 0
	case "d":
		return barTop / 2
	case "i":
		return barFoot - 1.5
	}
	return barTop
}

// sameStretch: only what is plain may be told in one breath.
func sameStretch(a, b bar) bool {
	plain := func(b bar) bool {
		return b.Idle || !b.partial() && !b.Maintained && (b.State() == status.Operational || b.State() == status.NotMeasured)
	}
	return plain(a) && plain(b) && barCode(a) == barCode(b)
}

// stretchTitle explains the bars from i up to end.
func stretchTitle(r record, i, end int) string {
	var c status.Counts
	for _, b := range r.bars[i:end] {
		c = c.Add(b.Counts)
	}
	return moments(r.period, r.bars[i].Start, r.bars[end-1].End, r.zone) + ": " + tell(r.bars[i], c)
}

// tell says what was seen in bars that look like b and count c.
func tell(b bar, c status.Counts) string {
	switch {
	case b.Idle:
		return "no run was due"
	case b.Before:
		return "no run yet"
	case b.Maintained:
		return "maintenance, " + count(c.Conclusive(), "run")
	}
	text := strings.ToLower(stateMark(b.State()).Word)
	if n := c.Conclusive(); n > 0 {
		text += ", " + count(n, "run")
	}
	for _, x := range []struct {
		n    int
		word string
	}{{c.Failed, "failed"}, {c.Degraded, "degraded"}, {c.Inconclusive, "inconclusive"}, {c.Expired, "expired"}} {
		if x.n > 0 {
			text += fmt.Sprintf(", %s %s", thousands(x.n), x.word)
		}
	}
	if n := b.Maintenance.Conclusive(); n > 0 {
		text += fmt.Sprintf(", %s in maintenance", thousands(n))
	}
	if b.partial() {
		text += ", " + wholePercent(b.Share) + " measured"
	}
	return text
}

// moments names a stretch of time: days in UTC, as they are counted, and times
// of day in zone, with the days of the week where there are two of them.
func moments(p period, from, to time.Time, zone *time.Location) string {
	if p.grain == grainDay {
		last := to.Add(-p.step)
		if last.Equal(from) {
			return from.Format("2 Jan")
		}
		return from.Format("2 Jan") + " to " + last.Format("2 Jan")
	}
	from, to = from.In(zone), to.In(zone)
	begin, end, dash := "15:04", "15:04 MST", "–"
	if from.Format("MST") != to.Format("MST") { // the clocks are changed meanwhile
		begin = end
	}
	if from.YearDay() != to.YearDay() {
		begin, end, dash = "Mon "+begin, "Mon "+end, " to "
	}
	return from.Format(begin) + dash + to.Format(end)
}

// summary says a history in one sentence, for those who do not see it.
func summary(r record) string {
	var by [3]int
	for _, b := range r.bars {
		switch b.State() {
		case status.Operational:
			by[0]++
		case status.DegradedState:
			by[1]++
		case status.Outage:
			by[2]++
		}
	}
	_, silent := r.measured()
	var parts []string
	for i, word := range []string{"operational", "degraded", "with an outage"} {
		if by[i] > 0 {
			parts = append(parts, count(by[i], r.period.unit)+" "+word)
		}
	}
	if silent > 0 {
		parts = append(parts, count(silent, r.period.unit)+" not measured")
	}
	return "Last " + r.period.name + ": " + enumerate(parts)
}
