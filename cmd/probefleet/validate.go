package main

import (
	"context"
	"fmt"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/numeral"
)

func validate(_ context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet validate", "FILE...", "lists every fault of check files, with file, line and column; exits 2 where there is one", p)
	vars := fileFlags(f)
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	checks, err := load(f.Args(), vars)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Stdout, "%s, no faults\n", numeral.Of(len(checks), "check"))
	return nil
}
