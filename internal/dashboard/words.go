package dashboard

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/numeral"
	"github.com/probefleet/probefleet/internal/status"
)

// mark is a state or an outcome as it is shown: Code names the icon and the
// colour, Word says the same to those who see neither.
type mark struct {
	Code, Word string
}

func stateMark(s status.State) mark {
	switch s {
	case status.Operational:
		return mark{"o", "Operational"}
	case status.DegradedState:
		return mark{"d", "Degraded"}
	case status.Outage:
		return mark{"x", "Outage"}
	}
	return mark{"n", "Not measured"}
}

// maintenanceMark is that of a check whose failures do not count now.
var maintenanceMark = mark{"m", "Maintenance"}

func outcomeMark(o jobs.Outcome) mark {
	switch o {
	case jobs.Passed:
		return mark{"o", "Passed"}
	case jobs.Degraded:
		return mark{"d", "Degraded"}
	case jobs.Failed:
		return mark{"x", "Failed"}
	case jobs.Inconclusive:
		return mark{"n", "Inconclusive"}
	case jobs.Expired:
		return mark{"n", "Expired"}
	}
	return mark{"n", string(o)}
}

func kindWord(k check.Kind) string {
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

// stamp is a moment as it is shown: relative, with the absolute time beside, in
// the zone of the page.
type stamp struct {
	ISO, Full, Short, Day, Clock, Ago, Zone string
}

func newStamp(t, now time.Time) *stamp {
	if t.IsZero() {
		return nil
	}
	iso := t.UTC().Format(time.RFC3339)
	t = t.In(now.Location())
	return &stamp{
		ISO:   iso,
		Full:  t.Format("2 Jan 2006, 15:04:05 MST"),
		Short: t.Format("2 Jan, 15:04"),
		Zone:  t.Format("MST"),
		Day:   t.Format("2 Jan"),
		Clock: t.Format("15:04:05"),
		Ago:   ago(now.Sub(t)),
	}
}

// ago says how long ago something was, coarser with distance.
func ago(d time.Duration) string {
	if d < 5*time.Second {
		return "just now"
	}
	return span(d) + " ago"
}

// span says a duration in one unit, rounded down.
func span(d time.Duration) string {
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

// interval says a check's period exactly: "30 s", "5 min", "1 min 30 s".
func interval(d time.Duration) string {
	var parts []string
	for _, u := range []struct {
		d    time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if n := d / u.d; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
			d -= n * u.d
		}
	}
	return strings.Join(parts, " ")
}

// latency says a duration with three significant digits or so.
func latency(d time.Duration) string {
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
	return interval(d.Round(time.Second))
}

// percent is rounded down, so that only all is 100%.
func percent(share float64) string {
	switch f := math.Floor(share*10000+1e-6) / 100; {
	case f >= 100 || share == 0:
		return strconv.Itoa(int(f)) + "%"
	default:
		return strconv.FormatFloat(f, 'f', 2, 64) + "%"
	}
}

// wholePercent is rounded down to whole percents, and never to 0 where there
// is something.
func wholePercent(share float64) string {
	n := int(share*100 + 1e-9)
	if n == 0 && share > 0 {
		return "under 1%"
	}
	return strconv.Itoa(n) + "%"
}

// count says a number with its noun: "1 hour", "1,440 runs".
func count(n int, noun string) string {
	return thousands(n) + " " + numeral.Noun(n, noun)
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// shorten cuts a text at n characters, and shows that it did.
func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return strings.TrimSpace(string(r[:n-1])) + "…"
}

// enumerate joins words: "a, b and c".
func enumerate(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}
