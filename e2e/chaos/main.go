// Command chaos runs the bars of delivery and prints one line for each: PASS
// or FAIL, its name, its figure and the seed that replays it. It is part of
// the tests, not of any installation; see docs/testing.md.
//
//	go run ./e2e/chaos [-full] [-bar regexp] [-log file]
//
// SEED=n in the environment replays one seed.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/probefleet/probefleet/internal/chaos"
)

// group is the bars of one package; one process runs them.
type group struct {
	pkg   string
	tests []string
	// together is how many of those bars run at a time that say they may.
	together int
	// fuzz is for how long each is a fuzz test that looks for inputs, short and
	// full; 0 where they are ordinary tests.
	fuzz [2]time.Duration
}

var groups = []group{
	{pkg: "./internal/chaos", tests: []string{
		"TestBarSimulation", "TestBarReplay", "TestBarMutants", "TestBarQueueDown", "TestBarDatabaseDownSimulated",
	}},
	{pkg: "./e2e", together: 4, tests: []string{
		"TestBarPoison", "TestBarSigterm", "TestBarLocationCut", "TestBarDatabaseDown", // alone: they measure times
		"TestBarFailpoints", "TestBarKills", "TestBarTwoSchedulers", "TestBarRollout",
		"TestBarCommitCut", "TestBarSoak",
	}},
	{pkg: "./internal/codec", tests: []string{"FuzzDecodeJob"}, fuzz: [2]time.Duration{10 * time.Second, 5 * time.Minute}},
	{pkg: "./internal/codec", tests: []string{"FuzzDecodeResult"}, fuzz: [2]time.Duration{10 * time.Second, 5 * time.Minute}},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("chaos", flag.ExitOnError)
	full := flags.Bool("full", false, "the full form, for hours; else the short one")
	which := flags.String("bar", "", "run only the bars whose test matches this regular expression")
	logName := flags.String("log", "bars.log", "file for everything that the tests print")
	_ = flags.Parse(args) // it exits by itself
	chosen, err := regexp.Compile(*which)
	if err != nil {
		return fmt.Errorf("-bar: %w", err)
	}
	log, err := os.Create(*logName)
	if err != nil {
		return fmt.Errorf("making the log: %w", err)
	}
	defer log.Close() //nolint:errcheck // what matters was printed
	failed, ran := 0, 0
	for _, g := range groups {
		g.tests = slices.DeleteFunc(slices.Clone(g.tests), func(test string) bool { return !chosen.MatchString(test) })
		if len(g.tests) == 0 || ctx.Err() != nil {
			continue
		}
		ran += len(g.tests)
		n, err := g.run(ctx, *full, stdout, log)
		if err != nil {
			return err
		}
		failed += n
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted")
	case ran == 0:
		return fmt.Errorf("no bar matches %q", *which)
	case failed > 0:
		return fmt.Errorf("%d of %d bars did not hold: %s has the output of their tests", failed, ran, *logName)
	}
	return nil
}

// args are those of `go test`.
func (g group) args(full bool) []string {
	if g.fuzz[0] > 0 {
		span := g.fuzz[0]
		if full {
			span = g.fuzz[1]
		}
		return []string{"test", "-timeout", "6h", "-run", "^$", "-fuzz", "^" + g.tests[0] + "$", "-fuzztime", span.String(), g.pkg}
	}
	args := []string{"test", "-count=1", "-json", "-timeout", "6h", "-run", "^(" + strings.Join(g.tests, "|") + ")$"}
	if g.together > 0 {
		args = append(args, "-parallel", strconv.Itoa(g.together))
	}
	return append(args, g.pkg)
}

// run runs the bars, passes their lines on as they come, and keeps the rest in
// the log. It answers how many did not hold.
func (g group) run(ctx context.Context, full bool, stdout, log io.Writer) (failed int, err error) {
	form := "short"
	if full {
		form = "full"
	}
	cmd := exec.CommandContext(ctx, "go", g.args(full)...)
	// Tests end their processes themselves.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	cmd.Env = append(os.Environ(), chaos.FormVariable+"="+form)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting go test: %w", err)
	}
	if g.fuzz[0] > 0 {
		last := fuzzed(out, log)
		err := cmd.Wait()
		chaos.Report(&unmarked{stdout}, err == nil, g.tests[0], last, 0)
		if err != nil {
			failed = 1
		}
		return failed, nil
	}
	t := told(out, stdout, log)
	_ = cmd.Wait() // what it says is said by each test
	for _, test := range g.tests {
		if end := t.ends[test]; end != "pass" {
			failed++
			if end == "" {
				end = "not run to its end"
			}
			// Its own line may be missing: it cannot write one where it stops early.
			fmt.Fprintf(stdout, "FAIL %s: %s; its last words:\n", test, end)
			for _, line := range t.words[test] {
				fmt.Fprintf(stdout, "    %s\n", line)
			}
		}
	}
	return failed, nil
}

// wordsKept is how many lines of a test are shown where it fails. Processes
// that a test starts log to files, so what it says itself is short.
const wordsKept = 40

// tests is what the tests of a run said: how each ended, and its last lines.
type tests struct {
	ends  map[string]string
	words map[string][]string
}

// told reads what `go test -json` prints, until it ends.
func told(out io.Reader, stdout, log io.Writer) tests {
	t := tests{ends: map[string]string{}, words: map[string][]string{}}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event struct{ Action, Test, Output string }
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			fmt.Fprintln(log, lines.Text()) // of the build, say
			continue
		}
		top, _, _ := strings.Cut(event.Test, "/")
		switch event.Action {
		case "pass", "fail", "skip":
			if top == event.Test {
				t.ends[top] = event.Action
			}
		case "output":
			fmt.Fprint(log, event.Output)
			text := strings.TrimRight(event.Output, "\n")
			if line, ok := strings.CutPrefix(text, chaos.Mark); ok {
				fmt.Fprintln(stdout, line)
				continue
			}
			t.words[top] = append(t.words[top], text)
			if n := len(t.words[top]) - wordsKept; n > 0 {
				t.words[top] = t.words[top][n:]
			}
		}
	}
	return t
}

// fuzzed reads what a fuzz test prints, until it ends, and answers its last
// count.
func fuzzed(out io.Reader, log io.Writer) (last string) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fmt.Fprintln(log, lines.Text())
		if count, ok := strings.CutPrefix(lines.Text(), "fuzz: "); ok {
			last = count
		}
	}
	return last
}

// unmarked drops the mark of a bar's line.
type unmarked struct{ io.Writer }

func (u *unmarked) Write(p []byte) (int, error) {
	_, err := io.WriteString(u.Writer, strings.TrimPrefix(strings.TrimLeft(string(p), "\n"), chaos.Mark))
	return len(p), err
}
