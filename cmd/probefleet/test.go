package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/sealed"
	"github.com/probefleet/probefleet/internal/blob"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/child"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/egress"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner"
	"github.com/probefleet/probefleet/internal/runner/apirunner"
	"github.com/probefleet/probefleet/internal/runner/browserrunner"
	"github.com/probefleet/probefleet/internal/runner/netrunner"
)

// How many checks of a class `probefleet test` runs at once.
var testSlots = map[jobs.Class]int{jobs.ClassAPI: 8, jobs.ClassBrowser: 2}

type testConfig struct {
	files     *fileOptions
	sealed    sealed.Files
	only      string
	output    string
	artifacts string
	har       string
	chromium  string
	account   string
}

func test(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet test", "FILE...", "runs the checks of files here and now; exits 0 where all passed or degraded, 1 where one failed, 2 where a file has faults or a check could not be run", p)
	var c testConfig
	c.files = fileFlags(f)
	c.sealed.Register(f)
	f.StringVar(&c.only, "only", "", "run only the check with this id")
	outputFlag(f, &c.output, "text", "json", "junit", "github")
	f.StringVar(&c.artifacts, "artifacts", "", "folder for screenshots; none are kept without it")
	f.StringVar(&c.har, "har", "", "file for all requests of the browser checks, as HTTP Archive 1.2")
	f.StringVar(&c.chromium, "chromium", "", "path of Chromium or Chrome; found where empty")
	f.StringVar(&c.account, "account", child.DefaultAccount, "account that runs the browser where this is root")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	checks, err := load(f.Args(), c.files)
	if err != nil {
		return err
	}
	if c.only != "" {
		checks = only(checks, c.only)
		if len(checks) == 0 {
			return &daemon.ExitError{Code: 2, Err: fmt.Errorf("no check of these files has the id %q", c.only)}
		}
	}
	checks = slices.DeleteFunc(checks, func(ch check.Check) bool {
		if ch.Kind().Jobless() {
			fmt.Fprintf(p.Stderr, "%s is not run: it is a heartbeat, whose job calls the console\n", ch.ID)
		}
		return ch.Kind().Jobless()
	})
	if len(checks) == 0 {
		return &daemon.ExitError{Code: 2, Err: errors.New("nothing can be run: every one of these checks is a heartbeat")}
	}
	results, err := runHere(ctx, c, checks, p.Stderr)
	if err != nil {
		return &daemon.ExitError{Code: 2, Err: err}
	}
	if c.output == "json" {
		err = printJSON(p.Stdout, results)
	} else {
		err = report(p.Stdout, c.output, "probefleet test", results)
	}
	if err != nil {
		return err
	}
	return verdict(results)
}

func only(checks []check.Check, id string) []check.Check {
	for _, c := range checks {
		if c.ID == id {
			return []check.Check{c}
		}
	}
	return nil
}

// runHere runs each check once, a few at a time; results are in the order of
// the checks.
func runHere(ctx context.Context, c testConfig, checks []check.Check, stderr io.Writer) ([]jobs.Result, error) {
	dir, err := os.MkdirTemp("", "probefleet-test-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the browser's profile: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	mux, stop, err := localRunners(ctx, c, dir, stderr)
	if err != nil {
		return nil, err
	}
	defer stop()
	results := make([]jobs.Result, len(checks))
	errs := make([]error, len(checks))
	slots := map[jobs.Class]chan struct{}{}
	for class, n := range testSlots {
		slots[class] = make(chan struct{}, n)
	}
	var wg sync.WaitGroup
	for i, ch := range checks {
		wg.Go(func() {
			slot := slots[jobs.ClassOf(ch.Kind())]
			slot <- struct{}{}
			defer func() { <-slot }()
			now := time.Now()
			j := jobs.New(ch, here, now, 1, now, now.Add(time.Hour))
			results[i], errs[i] = mux.Run(ctx, j)
		})
	}
	wg.Wait()
	if c.har != "" {
		errs = append(errs, writeHAR(ctx, c, dir, results))
	}
	return results, errors.Join(errs...)
}

// localRunners makes the runners of every kind for this machine. Private and
// loopback addresses may be dialled: whoever tests here sits here.
func localRunners(ctx context.Context, c testConfig, dir string, stderr io.Writer) (*runner.Mux, func(), error) {
	log, err := daemon.NewLogger(stderr, "text", "error")
	if err != nil {
		return nil, nil, err
	}
	known, err := c.sealed.Open()
	if err != nil {
		return nil, nil, err
	}
	log = sealed.Hide(log, known)
	account, err := child.Unprivileged(c.account)
	if err != nil {
		return nil, nil, err
	}
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // the browser's account has to pass through
		return nil, nil, fmt.Errorf("opening the browser's folder to its account: %w", err)
	}
	control := egress.NewPolicy(egress.Private, nil).Control
	o := browserrunner.Options{Path: c.chromium, Account: account, Dir: dir, Control: control, Logger: log}
	var closers []io.Closer
	switch {
	case c.har != "" && c.artifacts == "":
		// The archives are read from there.
		store, err := blob.Open(ctx, "file://"+filepath.Join(dir, "artifacts"))
		if err != nil {
			return nil, nil, err
		}
		o.Artifacts, o.Everything = store, true
		closers = append(closers, store)
	case c.artifacts != "":
		path, err := filepath.Abs(c.artifacts)
		if err != nil {
			return nil, nil, fmt.Errorf("folder %q of -artifacts: %w", c.artifacts, err)
		}
		store, err := blob.Open(ctx, "file://"+path)
		if err != nil {
			return nil, nil, err
		}
		o.Artifacts, o.Film, o.Everything = store, true, c.har != ""
		closers = append(closers, store)
	}
	browser := browserrunner.New(o)
	closers = append([]io.Closer{browser}, closers...)
	api := apirunner.New(apirunner.Options{Control: control, UserAgent: "probefleet/" + daemon.Build()})
	all := map[check.Kind]runner.Runner{check.KindAPI: api, check.KindBrowser: browser}
	netrunner.New(netrunner.Options{Control: control, UserAgent: "probefleet/" + daemon.Build()}).Add(all)
	mux := runner.NewMux(all, time.Now, log)
	mux.Use(known)
	return mux, func() { closeAll(log, closers...) }, nil
}

func closeAll(log *slog.Logger, closers ...io.Closer) {
	for _, c := range closers {
		if err := c.Close(); err != nil {
			log.Error("closing", "err", err)
		}
	}
}

func printJSON(w io.Writer, results []jobs.Result) error {
	out := make([]json.RawMessage, 0, len(results))
	for _, r := range results {
		_, data, err := codec.EncodeResultData(r)
		if err != nil {
			return err
		}
		out = append(out, data)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

// verdict is the exit code: a check that could not be run weighs more than
// one that failed.
func verdict(results []jobs.Result) error {
	code := 0
	for _, r := range results {
		switch {
		case !r.Outcome.Conclusive():
			return &daemon.ExitError{Code: 2}
		case r.Outcome == jobs.Failed:
			code = 1
		}
	}
	if code != 0 {
		return &daemon.ExitError{Code: code}
	}
	return nil
}
