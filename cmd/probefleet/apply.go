package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

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
	body, err := json.Marshal(ds)
	if err != nil {
		return done, fmt.Errorf("encoding the checks: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, strings.TrimSuffix(url, "/")+"/api/v1/checks", bytes.NewReader(body))
	if err != nil {
		return done, fmt.Errorf("console address %q: %w", url, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return done, fmt.Errorf("asking the console: %w (is it running, and is -console right?)", err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, console.MaxApplyBytes))
	if err != nil {
		return done, fmt.Errorf("reading the console's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return done, refusal(resp.Status, data)
	}
	if err := json.Unmarshal(data, &done); err != nil {
		return done, fmt.Errorf("the console's answer is not JSON of what was applied (is -console right?): %w", err)
	}
	return done, nil
}

// refusal reads an answer other than 200.
func refusal(status string, data []byte) error {
	var p console.Problem
	if json.Unmarshal(data, &p) != nil || p.Detail == "" {
		return fmt.Errorf("the console answered %s (is -console right?)", status)
	}
	return fmt.Errorf("the console answered %s: %s", status, strings.Join(append([]string{p.Detail}, p.Faults...), "\n  "))
}
