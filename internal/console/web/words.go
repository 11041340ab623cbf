package web

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/numeral"
	"github.com/probefleet/probefleet/internal/status"
)

// functions are what templates may call besides the language's own.
var functions = template.FuncMap{
	"asset": asset, "latency": Latency, "interval": Interval, "count": Count, "thousands": Thousands,
	"percent": Percent, "shorten": Shorten, "enumerate": Enumerate, "outcome": OutcomeMark, "state": StateMark,
	"bytes": Bytes[int64], "kind": KindWord, "capital": Capital,
}

// Mark is a state or an outcome as it is shown: Code names the icon and the
// colour, Word says the same to those who see neither.
type Mark struct{ Code, Word string }

// StateMark shows a state.
func StateMark(s status.State) Mark {
	switch s {
	case status.Operational:
		return Mark{"o", "Operational"}
	case status.DegradedState:
		return Mark{"d", "Degraded"}
	case status.Outage:
		return Mark{"x", "Outage"}
	}
	return Mark{"n", "Not measured"}
}

// OutcomeMark shows an outcome.
func OutcomeMark(o jobs.Outcome) Mark {
	switch o {
	case jobs.Passed:
		return Mark{"o", "Passed"}
	case jobs.Degraded:
		return Mark{"d", "Degraded"}
	case jobs.Failed:
		return Mark{"x", "Failed"}
	case jobs.Inconclusive:
		return Mark{"n", "Inconclusive"}
	case jobs.Expired:
		return Mark{"n", "Expired"}
	}
	return Mark{"n", string(o)}
}

// KindWord names a kind of check.
func KindWord(k check.Kind) string {
	switch k {
	case check.KindAPI:
		return "API"
	case check.KindBrowser:
		return "Browser"
	case check.KindGRPC:
		return "gRPC"
	case check.KindWebSocket:
		return "WebSocket"
	case check.KindHeartbeat:
		return "Heartbeat"
	}
	return strings.ToUpper(string(k))
}

// Stamp is a moment as it is shown: relative, with the absolute time beside.
type Stamp struct{ ISO, Full, Day, Clock, Ago string }

// NewStamp shows a moment as it is seen at another, nil where it is the zero
// time.
func NewStamp(t, now time.Time) *Stamp {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &Stamp{
		ISO: t.Format(time.RFC3339), Full: t.Format("2 Jan 2006, 15:04:05") + " UTC",
		Day: t.Format("2 Jan"), Clock: t.Format("15:04:05"), Ago: Ago(now.Sub(t)),
	}
}

// Ago says how long ago something was, or how soon it is to be, coarser with
// distance.
func Ago(d time.Duration) string {
	switch {
	case d < -5*time.Second:
		return "in " + Span(-d)
	case d < 5*time.Second:
		return "just now"
	}
	return Span(d) + " ago"
}

// Span says a duration in one unit, rounded down.
func Span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// Interval says a duration exactly: "30 s", "1 min 30 s", "2 days".
func Interval(d time.Duration) string {
	var parts []string
	for _, u := range []struct {
		d    time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if n := d / u.d; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
			d -= n * u.d
		}
	}
	if parts == nil {
		return "0 s"
	}
	return strings.Join(parts, " ")
}

// Latency says a duration with three significant digits or so, "" where it is
// none.
func Latency(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case d <= 0:
		return ""
	case ms < 9.95:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	case ms < 999.5:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
	return Interval(d.Round(time.Second))
}

// Percent says a share, rounded down, so that only all is 100%.
func Percent(share float64) string {
	switch f := math.Floor(share*10000+1e-6) / 100; {
	case f >= 100 || share == 0:
		return strconv.Itoa(int(f)) + "%"
	default:
		return strconv.FormatFloat(f, 'f', 2, 64) + "%"
	}
}

// Count says a number with its noun: "1 hour", "1,440 runs".
func Count(n int, noun string) string {
	return Thousands(n) + " " + numeral.Noun(n, noun)
}

// Thousands writes a number with separators.
func Thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Bytes says a size.
func Bytes[N int | int64](n N) string {
	switch f := float64(n); {
	case f < 1000:
		return fmt.Sprintf("%d B", n)
	case f < 1e6:
		return strconv.FormatFloat(f/1e3, 'f', 1, 64) + " kB"
	default:
		return strconv.FormatFloat(f/1e6, 'f', 1, 64) + " MB"
	}
}

// Shorten cuts a text at n characters, and shows that it did.
func Shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return strings.TrimSpace(string(r[:n-1])) + "…"
}

// Capital begins a sentence with a text. A first word that is no plain one, as
// ids and some names are, stays as it is.
func Capital(s string) string {
	word, _, _ := strings.Cut(s, " ")
	if word == "" || strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsLower(r) }) {
		return s
	}
	first, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[n:]
}

// Enumerate joins words: "a, b and c".
func Enumerate(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}
