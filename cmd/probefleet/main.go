// Command probefleet is a person's hands: it validates and tries check files,
// applies them to a console, sees to dead letters, runs the local SQS server,
// and with `up` runs everything in one process.
package main

import (
	"context"
	"fmt"
	"io"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
)

func main() { daemon.Main(run) }

type command struct {
	name, about string
	run         func(context.Context, daemon.Process) error
}

var commands = []command{
	{"up", "run everything on this machine, in one process", up},
	{"validate", "check files for faults, without running anything", validate},
	{"test", "run the checks of files here and now, and print verdicts", test},
	{"apply", "send the checks of files to a console", apply},
	{"secret", "set, list and remove the sealed secrets of a location", secrets},
	{"dlq", "list, show, redrive and discard dead letters", dlq},
	{"fleet", "print workers, message versions and held checks; set a version by hand", fleet},
	{"sqs", "run the local SQS server alone, for development", sqs},
	{"version", "print the version", version},
}

func run(ctx context.Context, p daemon.Process) error {
	if len(p.Args) == 0 {
		usage(p.Stderr)
		return &daemon.ExitError{Code: 2}
	}
	name := p.Args[0]
	p.Args = p.Args[1:]
	switch name {
	case "-h", "-help", "--help", "help":
		usage(p.Stdout)
		return nil
	}
	for _, c := range commands {
		if c.name == name {
			return c.run(ctx, p)
		}
	}
	usage(p.Stderr)
	return &daemon.ExitError{Code: 2, Err: fmt.Errorf("%q is not a command", name)}
}

func usage(w io.Writer) {
	fmt.Fprint(w, "probefleet: synthetic monitoring of your own\n\nUsage:\n  probefleet COMMAND [flags] [arguments]\n\nCommands:\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-10s %s\n", c.name, c.about)
	}
	fmt.Fprint(w, "\nEach command explains its flags with -h.\n")
}

func version(_ context.Context, p daemon.Process) error {
	fmt.Fprintln(p.Stdout, "probefleet", daemon.Build())
	return nil
}
