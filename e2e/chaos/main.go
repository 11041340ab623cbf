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
		"TestBarPoison", "TestBarSigterm", // alone: they measure times
		"TestBarFailpoints", "TestBarKills", "TestBarTwoSchedulers", "TestBarRollout", "TestBarDatabaseDown",
		"TestBarCommitCut", "TestBarLocationCut", "TestBarSoak",
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
	args := []string{"test", "-count=1", "-v", "-timeout", "6h", "-run", "^(" + strings.Join(g.tests, "|") + ")$"}
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
	ends, last := map[string]string{}, ""
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fmt.Fprintln(log, lines.Text())
		if line, ok := strings.CutPrefix(lines.Text(), chaos.Mark); ok {
			fmt.Fprintln(stdout, line)
		}
		if m := ended.FindStringSubmatch(lines.Text()); m != nil {
			ends[m[2]] = m[1]
		}
		if strings.HasPrefix(lines.Text(), "fuzz: ") {
			last = strings.TrimPrefix(lines.Text(), "fuzz: ")
		}
	}
	err = cmd.Wait()
	if g.fuzz[0] > 0 {
		chaos.Report(&unmarked{stdout}, err == nil, g.tests[0], last, 0)
		if err != nil {
			failed = 1
		}
		return failed, nil
	}
	for _, test := range g.tests {
		if end := ends[test]; end != "PASS" {
			failed++
			if end == "" {
				end = "not run to its end"
			}
			// Its own line may be missing: it cannot write one where it stops early.
			fmt.Fprintf(stdout, "FAIL %s: %s, see the log\n", test, end)
		}
	}
	return failed, nil
}

// ended is the line that says how a test ended.
var ended = regexp.MustCompile(`^--- (PASS|FAIL|SKIP): (\w+) `)

// unmarked drops the mark of a bar's line.
type unmarked struct{ io.Writer }

func (u *unmarked) Write(p []byte) (int, error) {
	_, err := io.WriteString(u.Writer, strings.TrimPrefix(strings.TrimLeft(string(p), "\n"), chaos.Mark))
	return len(p), err
}
