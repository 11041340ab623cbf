package dashboard

import (
	"fmt"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/status"
)

// The geometry of a bar history, in units of its view box. Bars are strokes:
// the path of a whole stretch costs a few bytes a bar. Trouble stands taller
// than health and silence is dashed, so that nothing hangs on colour alone.
const (
	barPitch  = 8
	barHeight = 40
	barRest   = 8 // how much lower than an outage an operational bar is
)

// strokes is one path of a history with the text that explains it.
type strokes struct {
	Code, Path, Title string
}

// bars is a history as it is drawn.
type bars struct {
	Width, Height int
	Label         string
	Strokes       []strokes
	Name          string // of the period: "24 hours"
	Count         int
}

// newBars draws r. Neighbours that look the same share a path and a title,
// unless each is wanted.
func newBars(r record, each bool) bars {
	b := bars{Width: r.period.bars * barPitch, Height: barHeight, Label: summary(r), Name: r.period.name, Count: r.period.bars}
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
	code := barCode(first)
	title := stretchTitle(r, i, end)
	if !first.partial() {
		b.Strokes = append(b.Strokes, strokes{code, stems(i, end, barTop(code), barHeight), title})
		return
	}
	split := barHeight - max(6, int(float64(barHeight-barRest)*first.Share))
	if code == "x" || code == "d" {
		split = min(split, barHeight/2)
	}
	b.Strokes = append(b.Strokes,
		strokes{"n", stems(i, end, barTop("n"), split-1), title},
		strokes{code, stems(i, end, split, barHeight), title})
}

func stems(i, end, top, bottom int) string {
	var s strings.Builder
	for ; i < end; i++ {
		fmt.Fprintf(&s, "M%d %dV%d", i*barPitch+barPitch/2, bottom, top)
	}
	return s.String()
}

func barCode(b bar) string {
	if b.Idle {
		return "i"
	}
	return stateMark(b.State()).Code
}

func barTop(code string) int {
	switch code {
	case "x":
		return 0
	case "d":
		return barRest / 2
	case "i":
		return barHeight - 6
	}
	return barRest
}

// sameStretch: only what is plain may be told in one breath.
func sameStretch(a, b bar) bool {
	plain := func(b bar) bool {
		return b.Idle || !b.partial() && (b.State() == status.Operational || b.State() == status.NotMeasured)
	}
	return plain(a) && plain(b) && barCode(a) == barCode(b)
}

// stretchTitle explains the bars from i up to end.
func stretchTitle(r record, i, end int) string {
	var c status.Counts
	for _, b := range r.bars[i:end] {
		c = c.Add(b.Counts)
	}
	return moments(r.period, r.bars[i].Start, r.bars[end-1].End) + ": " + tell(r.bars[i], c)
}

// tell says what was seen in bars that look like b and count c.
func tell(b bar, c status.Counts) string {
	if b.Idle {
		return "no run was due"
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
	if b.partial() {
		text += ", " + wholePercent(b.Share) + " measured"
	}
	return text
}

// moments names a stretch of time in UTC.
func moments(p period, from, to time.Time) string {
	if p.grain == grainDay {
		last := to.Add(-p.step)
		if last.Equal(from) {
			return from.Format("2 Jan")
		}
		return from.Format("2 Jan") + " to " + last.Format("2 Jan")
	}
	return from.Format("15:04") + "–" + to.Format("15:04") + " UTC"
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
