package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/console"
)

// fleet prints who is in the fleet, or sets a pin.
func fleet(ctx context.Context, p daemon.Process) error {
	if len(p.Args) > 0 && p.Args[0] == "pin" {
		p.Args = p.Args[1:]
		return pin(ctx, p)
	}
	f := daemon.NewFlags("probefleet fleet", "", "prints workers, recorders, the versions in which they are written to, and the checks that wait for newer ones; `fleet pin -h` explains how a version is set by hand", p)
	var c consoleClient
	var format string
	c.flags(f)
	outputFlag(f, &format, "table", "json")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	var answer console.Fleet
	if err := c.call(ctx, time.Minute, http.MethodGet, "/api/v1/fleet", nil, &answer); err != nil {
		return err
	}
	return printFleet(p.Stdout, answer, format)
}

// pin sets the version in which a class of a location, or results, are written.
func pin(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet fleet pin", "VERSION|auto", "sets the version in which jobs are written for a class of a location, or, without both, in which results are asked for; auto lets the scheduler choose again", p)
	var c consoleClient
	var format string
	var o console.Override
	c.flags(f)
	f.StringVar(&o.Location, "location", "", "location of the workers")
	f.StringVar(&o.Class, "class", "", "class of their jobs: api or browser")
	outputFlag(f, &format, "table", "json")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return &daemon.UsageError{Err: errors.New("give one version, such as 1, or auto")}
	}
	if f.Arg(0) != "auto" {
		version, err := strconv.Atoi(f.Arg(0))
		if err != nil || version < 1 {
			return &daemon.UsageError{Err: fmt.Errorf("%q is not a version; give a number from 1, or auto", f.Arg(0))}
		}
		o.Version = version
	}
	var answer console.Fleet
	if err := c.call(ctx, time.Minute, http.MethodPut, "/api/v1/fleet/pins", o, &answer); err != nil {
		return err
	}
	return printFleet(p.Stdout, answer, format)
}

func printFleet(w io.Writer, f console.Fleet, format string) error {
	if format == "json" {
		return writeJSON(w, f)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WORKER\tLOCATION\tBUILD\tREADS\tSTATE\tBUSY")
	for _, x := range f.Workers {
		var busy []string
		for _, l := range x.Lanes {
			busy = append(busy, fmt.Sprintf("%s %d/%d", l.Class, l.Busy, l.Slots))
		}
		life := lifeOf(x.Alive)
		if x.Silent {
			life += ", silent"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\n", x.ID, x.Location, x.Build, x.Reads, life, strings.Join(busy, ", "))
	}
	fmt.Fprintln(t, "\nRECORDER\tBUILD\tREADS\tSTATE")
	for _, x := range f.Recorders {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\n", x.ID, x.Build, x.Reads, lifeOf(x.Alive))
	}
	fmt.Fprintln(t, "\nPIN\tVERSION\tBY HAND")
	for _, x := range f.Pins {
		of, hand := "results", "no"
		if x.Location != "" {
			of = fmt.Sprintf("jobs %s %s", x.Location, x.Class)
		}
		if x.Override > 0 {
			hand = fmt.Sprintf("yes, in place of %d", x.Computed)
		}
		fmt.Fprintf(t, "%s\t%d\t%s\n", of, x.Version, hand)
	}
	if len(f.Held) > 0 {
		fmt.Fprintln(t, "\nHELD CHECK\tLOCATION\tCLASS\tNEEDS JOBS\tNEEDS RESULTS")
		for _, x := range f.Held {
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\n", x.Check, x.Location, x.Class, x.NeedsJobs, x.NeedsResults)
		}
	}
	return t.Flush()
}

func lifeOf(alive bool) string {
	if alive {
		return "alive"
	}
	return "gone"
}
