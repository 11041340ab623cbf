package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/console"
)

func apply(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet apply", "FILE...", "sends the checks of files to a console; checks that are not in the files stay as they are", p)
	vars := fileFlags(f)
	var url, token string
	f.StringVar(&url, "console", "http://127.0.0.1:8081", "address of the console")
	f.Secret(&token, "PROBEFLEET_CONSOLE_TOKEN")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	checks, err := load(f.Args(), vars)
	if err != nil {
		return err
	}
	done, err := applyTo(ctx, url, token, checks)
	if err != nil {
		return err
	}
	for _, line := range []struct {
		verb string
		ids  []string
	}{{"created", done.Created}, {"changed", done.Changed}} {
		for _, id := range line.ids {
			fmt.Fprintf(p.Stdout, "%s %s\n", line.verb, id)
		}
	}
	fmt.Fprintf(p.Stdout, "%d created, %d changed, %d unchanged\n", len(done.Created), len(done.Changed), len(done.Unchanged))
	return nil
}

// applyTo sends checks to the console at url.
func applyTo(ctx context.Context, url, token string, checks []check.Check) (console.Applied, error) {
	var done console.Applied
	ds, err := console.Define(checks)
	if err != nil {
		return done, err
	}
	return done, askConsole(ctx, http.MethodPut, url, "/api/v1/checks", token, ds, &done)
}

// refusal reads an answer other than 200.
func refusal(status string, data []byte) error {
	var p console.Problem
	if json.Unmarshal(data, &p) != nil || p.Detail == "" {
		return fmt.Errorf("the console answered %s (is -console right?)", status)
	}
	return fmt.Errorf("the console answered %s: %s", status, strings.Join(append([]string{p.Detail}, p.Faults...), "\n  "))
}
