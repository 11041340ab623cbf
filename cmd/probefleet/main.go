// Command probefleet is a person's hands: it validates and tries check files,
// plans and applies them on a console, runs checks now and shows what was
// found, sees to tokens and dead letters, runs the local SQS server, and with
// `up` runs everything in one process.
package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
)

func main() { daemon.Main(run) }

// command is one word of the command line. One with commands below it may have
// a run of its own, for what is none of them.
type command struct {
	name, about string
	run         func(context.Context, daemon.Process) error
	below       []command
}

// commands lists every command, in the order in which people should read them.
func commands() []command {
	return []command{
		{"up", "run everything on this machine, in one process", up, nil},
		{"init", "write a folder of checks to begin with", initFolder, nil},
		{"import", "write check files from those of other systems", importFiles, nil},
		{"validate", "check files for faults, without running anything", validate, nil},
		{"test", "run the checks of files here and now, and print verdicts", test, nil},
		{"plan", "say what apply would do, property by property", plan, nil},
		{"apply", "make the checks of a console those of files", apply, nil},
		{"export", "write the checks of a console as files", export, nil},
		{"trigger", "run checks now, at their locations, and follow them", trigger, nil},
		{"results", "list what runs have found", results, nil},
		{"shadow", "compare candidate workers with those that count", shadowRuns, nil},
		{"heartbeat", "make the address that a job calls, or list its calls", heartbeatAddress, nil},
		{"incident", "write incidents down, and see to those there are", nil, incidentCommands()},
		{"maintenance", "plan maintenance, list it, call it off", nil, maintenanceCommands()},
		{"token", "make, list and revoke tokens of a console", nil, []command{
			{"create", "make a token, and print it once", tokenCreate, nil},
			{"list", "list tokens, without the tokens themselves", tokenList, nil},
			{"revoke", "make tokens void", tokenRevoke, nil},
		}},
		{"people", "add, list, change and reset people of a console", nil, []command{
			{"add", "add a person, and print a temporary password once", peopleAdd, nil},
			{"list", "list people", peopleList, nil},
			{"change", "change a person's role, disable or enable them", peopleChange, nil},
			{"reset", "give a person a new temporary password", peopleReset, nil},
		}},
		{"secret", "set, list and remove the sealed secrets of a location", nil, secretCommands()},
		{"channel", "list and try those who are told of alerts", nil, channelCommands()},
		{"page", "list status pages, and make passwords for them", nil, pageCommands()},
		{"dlq", "list, show, redrive and discard dead letters", nil, []command{
			{"list", "list dead letters, and why they are there", dlqList, nil},
			{"show", "print one, with its body", dlqShow, nil},
			{"redrive", "send some or all back to where they came from", dlqRedrive, nil},
			{"discard", "delete some or all for good", dlqDiscard, nil},
		}},
		{"fleet", "print workers, message versions and held checks; set a version by hand", fleet, []command{
			{"pin", "set the version in which messages are written", pin, nil},
		}},
		{"simulate", "play queue, fleet and scaling policies through some hours", simulateFleet, nil},
		{"schema", "print the JSON Schema of the check file, for editors", schema, nil},
		{"completion", "print a shell's completion of these commands", completion, nil},
		{"sqs", "run the local SQS server alone, for development", sqs, nil},
		{"version", "print the version", version, nil},
	}
}

func run(ctx context.Context, p daemon.Process) error {
	return dispatch(ctx, p, "probefleet", "synthetic monitoring of your own", commands())
}

// dispatch runs the command that the first argument names.
func dispatch(ctx context.Context, p daemon.Process, path, about string, list []command) error {
	name := ""
	if len(p.Args) > 0 {
		name = p.Args[0]
		p.Args = p.Args[1:]
	}
	for _, c := range list {
		if c.name != name {
			continue
		}
		next := len(p.Args) > 0 && slices.ContainsFunc(c.below, func(b command) bool { return b.name == p.Args[0] })
		if c.run == nil || next {
			return dispatch(ctx, p, path+" "+c.name, c.about, c.below)
		}
		return c.run(ctx, p)
	}
	switch name {
	case "-h", "-help", "--help", "help":
		usage(p.Stdout, path, about, list)
		return nil
	case "":
		usage(p.Stderr, path, about, list)
		return &daemon.ExitError{Code: 2}
	}
	usage(p.Stderr, path, about, list)
	return &daemon.ExitError{Code: 2, Err: fmt.Errorf("%q is not a command of %s", name, path)}
}

func usage(w io.Writer, path, about string, list []command) {
	fmt.Fprintf(w, "%s: %s\n\nUsage:\n  %s COMMAND [flags] [arguments]\n\nCommands:\n", path, about, path)
	for _, c := range list {
		fmt.Fprintf(w, "  %-10s %s\n", c.name, c.about)
	}
	fmt.Fprint(w, "\nEach command explains its flags with -h.\n")
}

func version(_ context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet version", "", "prints the version", p)
	var form string
	outputFlag(f, &form, "text", "json")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	return printAs(p.Stdout, form, map[string]string{"version": daemon.Build()}, func() error {
		_, err := fmt.Fprintln(p.Stdout, "probefleet", daemon.Build())
		return err
	})
}
