package simulate

import (
	"fmt"
	"html"
	"math"
	"strings"
	"time"
)

// The size of a drawing and of what is around its panels.
const (
	plotWidth   = 900
	panelLeft   = 70
	panelRight  = 880
	panelHeight = 190
	panelGap    = 60
	panelTop    = 84
)

// colours are told apart by people who do not tell red from green; lines have
// dashes of their own beside.
var (
	colours = []string{"#d55e00", "#cc79a7", "#0072b2", "#009e73", "#8a6d00", "#6a5acd"}
	dashes  = []string{"", "2 3", "7 4", "", "10 3 2 3", "4 2"}
)

// drawing is an SVG image under way. It follows the reader's light or dark
// theme.
type drawing struct {
	strings.Builder
	height int
}

func draw(height int, title, about string) *drawing {
	d := &drawing{height: height}
	fmt.Fprintf(d, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="t d" font-family="system-ui, sans-serif" font-size="13">`+"\n", plotWidth, height)
	fmt.Fprintf(d, "<title id=\"t\">%s</title>\n<desc id=\"d\">%s</desc>\n", html.EscapeString(title), html.EscapeString(about))
	_, _ = d.WriteString("<style>svg{background:#fff;color:#222}text{fill:currentColor}.grid{stroke:#8884}.shade{fill:#d55e0022}@media(prefers-color-scheme:dark){svg{background:#16181d;color:#ddd}}</style>\n")
	d.text(panelLeft, 24, "start", title)
	return d
}

func (d *drawing) text(x, y float64, anchor, words string) {
	fmt.Fprintf(d, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, html.EscapeString(words))
}

func (d *drawing) grid(x1, y1, x2, y2 float64) {
	fmt.Fprintf(d, "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", x1, y1, x2, y2)
}

func (d *drawing) line(i int, points []string) {
	fmt.Fprintf(d, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\" stroke-dasharray=\"%s\" points=\"%s\"/>\n", colours[i%len(colours)], dashes[i%len(dashes)], strings.Join(points, " "))
}

// legend names the lines, in their order.
func (d *drawing) legend(names []string) {
	x := float64(panelLeft)
	for i, name := range names {
		fmt.Fprintf(d, "<line x1=\"%.1f\" y1=\"44\" x2=\"%.1f\" y2=\"44\" stroke=\"%s\" stroke-width=\"3\" stroke-dasharray=\"%s\"/>\n", x, x+26, colours[i%len(colours)], dashes[i%len(dashes)])
		d.text(x+32, 48, "start", name)
		x += 60 + 8*float64(len(name))
	}
}

func (d *drawing) end() string {
	_, _ = d.WriteString("</svg>\n")
	return d.String()
}

// roundUp is the next 1, 2, 2.5 or 5 times a power of ten.
func roundUp(v float64) float64 {
	if v <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 2, 2.5, 5} {
		if v <= f*unit*(1+1e-9) {
			return f * unit
		}
	}
	return 10 * unit
}

// Timeline draws the number of tasks and the longest wait, minute by minute, of
// the median run of each row.
func Timeline(s Scenario, rows []Row) string {
	height := panelTop + 2*(panelHeight+panelGap)
	var names []string
	for _, r := range rows {
		names = append(names, r.Policy)
	}
	d := draw(height, fmt.Sprintf("Tasks, and the longest wait of each minute, over %s", span(s.Length)), "One line a policy: "+strings.Join(names, ", ")+". The shaded time is the incident.")
	d.legend(names)
	d.panel(s, panelTop, "tasks", rows, func(m Minute) float64 { return float64(m.Tasks) }, 0)
	d.panel(s, panelTop+panelHeight+panelGap, "longest wait before the first attempt, s", rows, func(m Minute) float64 { return m.Wait.Seconds() }, s.Allowed.Seconds())
	return d.end()
}

// panel draws one value of all rows over time. A mark is a value that is
// promised.
func (d *drawing) panel(s Scenario, top float64, title string, rows []Row, of func(Minute) float64, mark float64) {
	highest, minutes := mark, 1
	for _, r := range rows {
		for _, m := range r.Median().Minutes {
			highest = max(highest, of(m))
		}
		minutes = max(minutes, len(r.Median().Minutes))
	}
	scale := roundUp(highest)
	x := func(minute float64) float64 {
		return panelLeft + (panelRight-panelLeft)*minute/float64(minutes)
	}
	y := func(v float64) float64 { return top + panelHeight*(1-v/scale) }
	d.text(panelLeft, top-8, "start", title)
	if in := s.Incident; in.Share > 0 && in.For > 0 {
		fmt.Fprintf(d, "<rect class=\"shade\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>\n", x(in.At.Minutes()), top, x(in.For.Minutes())-panelLeft, panelHeight)
	}
	steps := 5
	if lead := scale / math.Pow(10, math.Floor(math.Log10(scale))); math.Round(lead*10) == 20 {
		steps = 4 // 200 by fifties, 250 as well
	}
	for i := range steps + 1 {
		v := scale * float64(i) / float64(steps)
		d.grid(panelLeft, y(v), panelRight, y(v))
		d.text(panelLeft-8, y(v)+4, "end", fmt.Sprintf("%g", v))
	}
	step := max(1, math.Ceil(float64(minutes)/480)) * 60 // at most eight labels
	if minutes < 120 {
		step = 15
	}
	for m := 0.0; m <= float64(minutes); m += step {
		d.grid(x(m), top, x(m), top+panelHeight)
		d.text(x(m), top+panelHeight+18, "middle", span(time.Duration(m)*time.Minute))
	}
	if mark > 0 {
		fmt.Fprintf(d, "<line stroke=\"currentColor\" stroke-dasharray=\"1 4\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>\n", panelLeft, y(mark), panelRight, y(mark))
		d.text(panelRight, y(mark)-5, "end", "allowed")
	}
	for i, r := range rows {
		var points []string
		for j, m := range r.Median().Minutes {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(float64(j)+1), y(of(m))))
		}
		d.line(i, points)
	}
}

// span is a duration without parts that are zero.
func span(d time.Duration) string {
	text := strings.TrimSuffix(d.String(), "0s")
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	if text == "" {
		return "0"
	}
	return text
}

// leastShare is what a share of 0 is drawn as on a scale of powers of ten.
const leastShare = 1e-5

// Frontier draws what is late against what is paid for, a point a row with its
// spread, and joins those of the same policy at different targets.
func Frontier(s Scenario, rows []Row) string {
	const bottom = panelTop + 2*panelHeight
	low, high := math.Inf(1), 0.0
	for _, r := range rows {
		low, high = min(low, r.TaskHours.Min), max(high, r.TaskHours.Max)
	}
	low, high = math.Floor(low/20)*20, math.Ceil(high/20+0.01)*20
	x := func(hours float64) float64 {
		return panelLeft + (panelRight-panelLeft)*(hours-low)/(high-low)
	}
	y := func(share float64) float64 {
		p := math.Log10(max(share, leastShare)) / math.Log10(leastShare) // 0 at 1, 1 at the least
		return panelTop + p*2*panelHeight
	}
	names, lines := []string{}, map[string][]Row{}
	for _, r := range rows {
		name, _, _ := strings.Cut(r.Policy, "@")
		if _, ok := lines[name]; !ok {
			names = append(names, name)
		}
		lines[name] = append(lines[name], r)
	}
	d := draw(bottom+panelGap, fmt.Sprintf("Share of jobs that are late against task-hours in %s", span(s.Length)), "One line a policy, a point for each share of slots that should be busy; lower and further to the left is better.")
	d.legend(names)
	for e := 0; e >= -5; e-- {
		share := math.Pow(10, float64(e))
		d.grid(panelLeft, y(share), panelRight, y(share))
		d.text(panelLeft-8, y(share)+4, "end", fmt.Sprintf("%g %%", 100*share))
	}
	for h := low; h <= high; h += max(20, roundUp((high-low)/10)) {
		d.grid(x(h), panelTop, x(h), bottom)
		d.text(x(h), bottom+18, "middle", fmt.Sprintf("%g", h))
	}
	d.text(panelRight, bottom+40, "end", "task-hours")
	for i, name := range names {
		var points []string
		for _, r := range lines[name] {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(r.TaskHours.Mean), y(r.Late.Mean)))
			fmt.Fprintf(d, "<line stroke=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", colours[i%len(colours)], x(r.TaskHours.Mean), y(r.Late.Min), x(r.TaskHours.Mean), y(r.Late.Max))
			fmt.Fprintf(d, "<circle fill=\"%s\" r=\"4\" cx=\"%.1f\" cy=\"%.1f\"><title>%s: %.3f %% late, %.1f task-hours</title></circle>\n", colours[i%len(colours)], x(r.TaskHours.Mean), y(r.Late.Mean), html.EscapeString(r.Policy), 100*r.Late.Mean, r.TaskHours.Mean)
		}
		d.line(i, points)
	}
	return d.end()
}
