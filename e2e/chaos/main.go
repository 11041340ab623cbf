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
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/probefleet/probefleet/internal/chaos"
)

// bar is one test, and how `go test` runs it.
type bar struct {
	test, pkg string
	// fuzz is for how long a fuzz test looks for inputs, short and full.
	fuzz [2]time.Duration
}

var bars = []bar{
	{test: "TestBarSimulation", pkg: "./internal/chaos"},
	{test: "TestBarReplay", pkg: "./internal/chaos"},
	{test: "TestBarMutants", pkg: "./internal/chaos"},
	{test: "TestBarQueueDown", pkg: "./internal/chaos"},
	{test: "TestBarDatabaseDownSimulated", pkg: "./internal/chaos"},
	{test: "TestBarFailpoints", pkg: "./e2e"},
	{test: "TestBarKills", pkg: "./e2e"},
	{test: "TestBarPoison", pkg: "./e2e"},
	{test: "TestBarSigterm", pkg: "./e2e"},
	{test: "TestBarTwoSchedulers", pkg: "./e2e"},
	{test: "TestBarRollout", pkg: "./e2e"},
	{test: "TestBarDatabaseDown", pkg: "./e2e"},
	{test: "TestBarCommitCut", pkg: "./e2e"},
	{test: "FuzzDecodeJob", pkg: "./internal/codec", fuzz: [2]time.Duration{10 * time.Second, 5 * time.Minute}},
	{test: "FuzzDecodeResult", pkg: "./internal/codec", fuzz: [2]time.Duration{10 * time.Second, 5 * time.Minute}},
	{test: "TestBarSoak", pkg: "./e2e"},
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
	for _, b := range bars {
		if !chosen.MatchString(b.test) || ctx.Err() != nil {
			continue
		}
		ran++
		if err := b.run(ctx, *full, stdout, log); err != nil {
			failed++
		}
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

// run runs one bar, passes its lines on as they come, and keeps the rest in
// the log.
func (b bar) run(ctx context.Context, full bool, stdout, log io.Writer) error {
	form := "short"
	if full {
		form = "full"
	}
	args := []string{"test", "-count=1", "-v", "-timeout", "6h", "-run", "^" + b.test + "$", b.pkg}
	if b.fuzz[0] > 0 {
		span := b.fuzz[0]
		if full {
			span = b.fuzz[1]
		}
		args = []string{"test", "-timeout", "6h", "-run", "^$", "-fuzz", "^" + b.test + "$", "-fuzztime", span.String(), b.pkg}
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	// Tests end their processes themselves.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	cmd.Env = append(os.Environ(), chaos.FormVariable+"="+form)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting go test: %w", err)
	}
	reported, last := false, ""
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fmt.Fprintln(log, lines.Text())
		if line, ok := strings.CutPrefix(lines.Text(), chaos.Mark); ok {
			reported = true
			fmt.Fprintln(stdout, line)
		}
		if strings.HasPrefix(lines.Text(), "fuzz: ") {
			last = strings.TrimPrefix(lines.Text(), "fuzz: ")
		}
	}
	err = cmd.Wait()
	if !reported {
		chaos.Report(&unmarked{stdout}, err == nil, b.test, last, 0)
	}
	return err
}

// unmarked drops the mark of a bar's line.
type unmarked struct{ io.Writer }

func (u *unmarked) Write(p []byte) (int, error) {
	_, err := io.WriteString(u.Writer, strings.TrimPrefix(strings.TrimLeft(string(p), "\n"), chaos.Mark))
	return len(p), err
}
