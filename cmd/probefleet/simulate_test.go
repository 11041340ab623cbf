package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
)

const simulationDoc = "../../docs/scaling-simulation.md"

var writeSimulation = flag.Bool("write-simulation", false, "write what the command prints and draws into docs/scaling-simulation.md and its pictures")

// simulated runs the command as a shell would.
func simulatedRun(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out, log bytes.Buffer
	err := run(t.Context(), daemon.Process{Args: append([]string{"simulate"}, args...), Getenv: func(string) string { return "" }, Stdout: &out, Stderr: &log})
	return out.String(), err
}

// example is a command of the page with the table or the mark below it.
var example = regexp.MustCompile("(?m)^```sh\nprobefleet simulate(.*)\n```\n\n((?:^\\|.*\n)+|TABLE\n)")

// TestSimulationIsWhatIsPrinted holds every table and picture of the page to
// what its command prints.
func TestSimulationIsWhatIsPrinted(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("floating-point numbers round differently here: the page shows those of amd64")
	}
	page, err := os.ReadFile(simulationDoc)
	if err != nil {
		t.Fatal(err)
	}
	tables := 0
	want := example.ReplaceAllStringFunc(string(page), func(block string) string {
		m := example.FindStringSubmatch(block)
		tables++
		args := append(strings.Fields(m[1]), "-o", "markdown")
		pictures := map[int][]string{1: {"-svg", "scaling-timeline.svg"}, 2: {"-frontier", "scaling-frontier.svg"}}[tables]
		drawn := ""
		if pictures != nil {
			drawn = filepath.Join(t.TempDir(), pictures[1])
			args = append(args, pictures[0], drawn)
		}
		printed, err := simulatedRun(t, args...)
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		if drawn != "" {
			samePicture(t, drawn, filepath.Join("../../docs/images", pictures[1]))
		}
		return strings.TrimSuffix(block, m[2]) + printed
	})
	if tables != 13 {
		t.Errorf("the page has %d commands with tables, want 13", tables)
	}
	if *writeSimulation {
		if err := os.WriteFile(simulationDoc, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(page) {
		t.Errorf("the page is out of date; run `go test ./cmd/probefleet -run TestSimulationIsWhatIsPrinted -write-simulation`\n%s", want)
	}
}

func samePicture(t *testing.T, drawn, kept string) {
	t.Helper()
	now, err := os.ReadFile(drawn)
	if err != nil {
		t.Fatal(err)
	}
	if *writeSimulation {
		if err := os.WriteFile(kept, now, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if was, err := os.ReadFile(kept); err != nil || !bytes.Equal(now, was) {
		t.Errorf("%s is not what the command draws (%v)", kept, err)
	}
}

// Checks of files, and service times of results, are taken; what is missing or
// wrong is said.
func TestSimulateOwnChecks(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	checks := write("checks.yaml", `checks:
  - {id: home, every: 10s, request: "http://example.com/", expect: ["status == 200"]}
  - {id: shop, every: 20s, request: "http://example.com/shop", expect: ["status == 200"]}
`)
	var runs []string
	for range 20 {
		runs = append(runs, `{"kind":"api","outcome":"passed","started_at":"2026-03-14T09:00:00Z","finished_at":"2026-03-14T09:00:00.5Z"}`)
	}
	results := write("runs.json", `{"runs":[`+strings.Join(runs, ",")+`]}`)
	few := write("few.json", `{"runs":[`+runs[0]+`]}`)
	base := []string{"-seeds", "2", "-for", "30m", "-policies", "ours", "-class", "api"}
	out, err := simulatedRun(t, append(base, "-results", results, checks)...)
	if err != nil || !strings.Contains(out, "2 checks, 0.1 jobs a second of 0.50 s each") && !strings.Contains(out, "2 checks, 0.2 jobs a second of 0.50 s each") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := simulatedRun(t, append(base, "-o", "json", "-service", "2s:0.1")...); err != nil || !strings.Contains(out, `"service_seconds": 2.0`) || strings.Count(out, `"arrived"`) != 2 {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := simulatedRun(t, append(base, "-checks", "60@1m,300@5m,900@15m")...); err != nil || !strings.Contains(out, "1260 checks, 3.0 jobs a second") {
		t.Errorf("%v\n%s", err, out)
	}
	for want, args := range map[string][]string{
		"at least 10":              {"-results", few, checks},
		"no active check of class": {"-location", "moon", checks},
		"is no policy":             {"-policies", "best"},
		"use 1 to 10000000":        {"-checks", "200@1m,many"},
		"MEDIAN:DEVIATION":         {"-service", "5"},
		"the share of poison":      {"-poison", "2"},
		"use api or browser":       {"-class", "gpu"},
		"reading service times":    {"-results", filepath.Join(dir, "none.json")},
	} {
		if _, err := simulatedRun(t, append(base, args...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}
