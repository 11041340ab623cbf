package notify

import (
	"fmt"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/alert"
)

// listed is the greatest number of things that a message for people lists one by
// one; of the rest it says how many there are.
const listed = 25

// stamp writes a time for people.
func stamp(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04:05 MST") }

// details says what is known of an item besides its line, one fact a line.
func details(it alert.Item) []string {
	lines := []string{"since " + stamp(it.Opened)}
	if !it.Closed.IsZero() {
		lines[0] = fmt.Sprintf("from %s to %s", stamp(it.Opened), stamp(it.Closed))
	}
	if it.Message != "" {
		lines = append(lines, oneLine(it.Message, 500))
	}
	if len(it.Locations) > 0 {
		lines = append(lines, "at "+strings.Join(it.Locations, ", "))
	}
	if it.Flaps > 1 {
		lines = append(lines, fmt.Sprintf("it failed and recovered %d times", it.Flaps))
	}
	if it.What == alert.TellReminder && it.N > 0 && it.Kind != alert.Certificate {
		lines = append(lines, fmt.Sprintf("reminder %d", it.N))
	}
	return lines
}

// mark shows at a glance whether it is good or bad.
func mark(it alert.Item) string {
	switch it.What {
	case alert.TellClosed, alert.TellRetracted:
		return "✔"
	}
	return "✖"
}

// plain is the whole message as text.
func plain(m alert.Message) string {
	var b strings.Builder
	b.WriteString(oneLine(m.Title, 300) + "\n")
	if m.Withheld != "" {
		b.WriteString("(" + m.Withheld + ")\n")
	}
	for i, it := range m.Items {
		if i == listed {
			fmt.Fprintf(&b, "\n… and %d more\n", len(m.Items)-listed)
			break
		}
		fmt.Fprintf(&b, "\n%s %s\n", mark(it), oneLine(it.Line, 300))
		for _, line := range details(it) {
			b.WriteString("  " + line + "\n")
		}
		if it.URL != "" {
			b.WriteString("  " + it.URL + "\n")
		}
	}
	return b.String()
}
