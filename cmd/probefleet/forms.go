package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
)

// report writes results as people or build servers read them.
func report(w io.Writer, form, suite string, results []jobs.Result) error {
	switch form {
	case "junit":
		return printJUnit(w, suite, results)
	case "github":
		return printGitHub(w, suite, results)
	}
	printResults(w, results)
	return nil
}

// The elements of JUnit's XML that build servers agree on.
type (
	junitSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []junitSuite
	}
	junitSuite struct {
		XMLName  xml.Name `xml:"testsuite"`
		Name     string   `xml:"name,attr"`
		Tests    int      `xml:"tests,attr"`
		Failures int      `xml:"failures,attr"`
		Errors   int      `xml:"errors,attr"`
		Time     string   `xml:"time,attr"`
		Cases    []junitCase
	}
	junitCase struct {
		XMLName   xml.Name   `xml:"testcase"`
		Name      string     `xml:"name,attr"`
		ClassName string     `xml:"classname,attr"`
		Time      string     `xml:"time,attr"`
		Failure   *junitWhy  `xml:"failure"`
		Error     *junitWhy  `xml:"error"`
		Output    *junitText `xml:"system-out"`
	}
	junitWhy struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	junitText struct {
		Text string `xml:",chardata"`
	}
)

// printJUnit writes failed checks as failures, and those that could not be run
// as errors. What is degraded passes, with its reasons as output.
func printJUnit(w io.Writer, suite string, results []jobs.Result) error {
	s := junitSuite{Name: suite, Tests: len(results)}
	var total time.Duration
	for _, r := range results {
		c := junitCase{Name: label(r), ClassName: strings.Trim("probefleet."+string(r.Kind), "."), Time: inSeconds(r.Timings.Total)}
		total += r.Timings.Total
		why := reasons(r)
		switch {
		case r.Outcome == jobs.Failed:
			s.Failures++
			c.Failure = whyOf(r, why)
		case !r.Outcome.Conclusive():
			s.Errors++
			c.Error = whyOf(r, why)
		case len(why) > 0:
			c.Output = &junitText{printable(string(r.Outcome) + "\n" + strings.Join(why, "\n"))}
		}
		s.Cases = append(s.Cases, c)
	}
	s.Time = inSeconds(total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(junitSuites{Suites: []junitSuite{s}}); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	_, err := fmt.Fprintln(w)
	return err
}

func whyOf(r jobs.Result, why []string) *junitWhy {
	f := &junitWhy{Type: string(r.Outcome), Text: printable(strings.Join(why, "\n"))}
	if r.Fault != nil {
		f.Type, f.Message = string(r.Fault.Class), printable(r.Fault.Message)
	}
	return f
}

// printable takes out what no XML document may hold, not even as a reference;
// see section 2.2 of XML 1.0.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return '\uFFFD'
		}
		return r
	}, s)
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// printGitHub writes the Markdown of a job summary; append it to the file that
// $GITHUB_STEP_SUMMARY names.
func printGitHub(w io.Writer, suite string, results []jobs.Result) error {
	icons := map[jobs.Outcome]string{jobs.Passed: "✅", jobs.Degraded: "⚠️", jobs.Failed: "❌", jobs.Inconclusive: "❔", jobs.Expired: "❔"}
	counts := map[jobs.Outcome]int{}
	for _, r := range results {
		counts[r.Outcome]++
	}
	var parts []string
	for _, o := range jobs.Outcomes {
		if counts[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[o], o))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### %s: %s\n\n| | check | kind | time | why |\n|---|---|---|---|---|\n", suite, strings.Join(parts, ", "))
	for _, r := range results {
		fmt.Fprintf(&b, "| %s %s | %s | %s | %s | %s |\n", icons[r.Outcome], r.Outcome, cell(label(r)), r.Kind, round(r.Timings.Total), cell(strings.Join(reasons(r), "\n")))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cell writes a text so that it stays in its cell, and is read as it is.
func cell(s string) string {
	if runes := []rune(s); len(runes) > 500 {
		s = string(runes[:499]) + "…"
	}
	return strings.NewReplacer("\\", "\\\\", "|", "\\|", "\r", "", "\n", "<br>", "<", "&lt;", ">", "&gt;", "&", "&amp;", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[").Replace(s)
}
