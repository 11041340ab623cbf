package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/numeral"
)

var marks = map[jobs.Outcome]string{
	jobs.Passed: "✓", jobs.Degraded: "!", jobs.Failed: "✗", jobs.Inconclusive: "?", jobs.Expired: "?",
}

// printResults writes one line a result, and below it why it did not pass.
func printResults(w io.Writer, results []jobs.Result) {
	counts := map[jobs.Outcome]int{}
	width := 0
	for _, r := range results {
		width = max(width, len(label(r)))
	}
	for _, r := range results {
		counts[r.Outcome]++
		fmt.Fprintf(w, "%s %-12s %-*s %-8s %9s%s\n", marks[r.Outcome], r.Outcome, width, label(r), r.Kind, round(r.Timings.Total), phases(r.Timings))
		for _, line := range reasons(r) {
			fmt.Fprintf(w, "    %s\n", line)
		}
	}
	var parts []string
	for _, o := range jobs.Outcomes {
		if counts[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[o], o))
		}
	}
	fmt.Fprintf(w, "\n%s: %s\n", numeral.Of(len(results), "check"), strings.Join(parts, ", "))
}

// here is the location of what `probefleet test` runs.
const here = "here"

// label names a check, and where it ran unless that was here.
func label(r jobs.Result) string {
	if r.Location == here {
		return r.CheckID
	}
	return r.CheckID + " at " + r.Location
}

// phases shows where the time of an API check went.
func phases(t jobs.Timings) string {
	var parts []string
	for _, p := range []struct {
		name string
		d    time.Duration
	}{{"dns", t.DNS}, {"connect", t.Connect}, {"tls", t.TLS}, {"first byte", t.FirstByte}, {"download", t.Download}} {
		if p.d > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", p.name, round(p.d)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "   " + strings.Join(parts, ", ")
}

// reasons says why a result is not passed: every assertion that does not hold,
// else the fault; then what the page's console said and the pictures taken.
func reasons(r jobs.Result) []string {
	if r.Outcome == jobs.Passed {
		return nil
	}
	var lines []string
	for _, v := range r.Verdicts {
		if !v.OK {
			lines = append(lines, v.Message)
		}
	}
	if r.Fault != nil && len(lines) == 0 {
		lines = append(lines, r.Fault.Message)
	}
	for _, e := range r.Evidence.Console {
		lines = append(lines, fmt.Sprintf("console %s: %s", e.Level, e.Text))
	}
	for _, a := range r.Evidence.Artifacts {
		if a.Key != "" {
			lines = append(lines, fmt.Sprintf("%s: %s", a.Name, a.Key))
		}
	}
	return lines
}

func round(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}
