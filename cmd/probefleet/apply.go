package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/console"
)

func apply(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet apply", "FILE...", "sends the checks of files to a console; checks that are not in the files stay as they are", p)
	vars := fileFlags(f)
	var c consoleClient
	c.flags(f)
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	checks, err := load(f.Args(), vars)
	if err != nil {
		return err
	}
	done, err := applyTo(ctx, c.url, c.token, checks)
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
	err = consoleClient{url, token}.call(ctx, time.Minute, http.MethodPut, "/api/v1/checks", ds, &done)
	return done, err
}
