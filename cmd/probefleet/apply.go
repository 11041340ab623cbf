package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/console"
)

// applyPatience is how long a console may take for all checks.
const applyPatience = 2 * time.Minute

// applyConfig is what plan and apply can be told.
type applyConfig struct {
	console  consoleClient
	output   string
	files    *fileOptions
	owner    string
	takeOver bool
}

func (c *applyConfig) flags(f *daemon.Flags) {
	c.files = fileFlags(f)
	c.console.flags(f)
	outputFlag(f, &c.output, "text", "json")
	f.StringVar(&c.owner, "owner", "", "name of the set to which these checks belong: of that set, and of no other, an apply deletes what is in the files no more")
	f.BoolVar(&c.takeOver, "take-over", false, "change checks that belong to another set too, and make them this set's")
	f.Check(func() error {
		if c.owner != "" && !check.ValidID(c.owner) {
			return fmt.Errorf("-owner %q: use 1 to 63 of a-z, 0-9, '-' and '_', starting with a letter or digit", c.owner)
		}
		return nil
	})
}

// wanted reads the files.
func (c *applyConfig) wanted(paths []string) (console.Wanted, error) {
	checks, err := load(paths, c.files)
	if err != nil {
		return console.Wanted{}, err
	}
	ds, err := console.Define(checks)
	return console.Wanted{Checks: ds, Owner: c.owner, TakeOver: c.takeOver}, err
}

func (c *applyConfig) plan(ctx context.Context, w console.Wanted) (p console.Plan, err error) {
	err = c.console.call(ctx, applyPatience, http.MethodPost, "/api/v1/checks/plan", w, &p)
	return p, err
}

func plan(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet plan", "FILE...", "says what `apply` would do with the same files and flags, property by property, and does nothing; exits 0, or with -exitcode 2 where something would change", p)
	var c applyConfig
	c.flags(f)
	code := f.Bool("exitcode", false, "exit with 2 where something would change, and with 1 where it could not be applied")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	w, err := c.wanted(f.Args())
	if err != nil {
		return err
	}
	found, err := c.plan(ctx, w)
	if err != nil {
		return err
	}
	if err := printAs(p.Stdout, c.output, found, func() error { return printPlan(p.Stdout, found) }); err != nil {
		return err
	}
	switch {
	case len(found.Owned) > 0:
		return ownedError(found)
	case *code && !found.Empty():
		return &daemon.ExitError{Code: 2}
	}
	return nil
}

// ownedError names what cannot be applied.
func ownedError(p console.Plan) error {
	var faults []error
	for _, o := range p.Owned {
		faults = append(faults, fmt.Errorf("check %q belongs to the set %q: apply it with -owner %s, or with -take-over", o.ID, o.Owner, o.Owner))
	}
	return errors.Join(faults...)
}

func printPlan(w io.Writer, p console.Plan) error {
	for _, id := range p.Create {
		fmt.Fprintf(w, "+ %s\n", id)
	}
	for _, c := range p.Change {
		fmt.Fprintf(w, "~ %s\n", c.ID)
		for _, ch := range c.Changes {
			fmt.Fprintf(w, "    %s: %s → %s\n", plainLine(ch.Path, 200), side(ch.Before), side(ch.After))
		}
	}
	for _, id := range p.Delete {
		fmt.Fprintf(w, "- %s\n", id)
	}
	_, err := fmt.Fprintf(w, "%d to create, %d to change, %d to delete, %d unchanged\n", len(p.Create), len(p.Change), len(p.Delete), p.Same)
	return err
}

// side is one side of a change.
func side(v *string) string {
	if v == nil {
		return "(none)"
	}
	return fmt.Sprintf("%q", plainLine(*v, 200))
}

func apply(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet apply", "FILE...", "sends the checks of files to a console; checks that are not in the files stay as they are, unless they belong to -owner: those are deleted, with -yes", p)
	var c applyConfig
	c.flags(f)
	yes := f.Bool("yes", false, "delete what the plan names; without this an apply that would delete something shows the plan, does nothing and exits with 2")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	w, err := c.wanted(f.Args())
	if err != nil {
		return err
	}
	if c.owner != "" {
		found, err := c.plan(ctx, w)
		if err != nil {
			return err
		}
		if w.Delete = found.Delete; len(w.Delete) > 0 && !*yes {
			if err := printPlan(p.Stderr, found); err != nil {
				return err
			}
			return &daemon.ExitError{Code: 2, Err: fmt.Errorf("nothing was applied: %d checks would be deleted; repeat with -yes to do it", len(w.Delete))}
		}
	}
	var done console.Applied
	if err := c.console.call(ctx, applyPatience, http.MethodPut, "/api/v1/checks", w, &done); err != nil {
		return err
	}
	return printAs(p.Stdout, c.output, done, func() error { return printApplied(p.Stdout, done) })
}

func printApplied(w io.Writer, done console.Applied) error {
	for _, line := range []struct {
		verb string
		ids  []string
	}{{"created", done.Created}, {"changed", done.Changed}, {"deleted", done.Deleted}} {
		for _, id := range line.ids {
			fmt.Fprintf(w, "%s %s\n", line.verb, id)
		}
	}
	_, err := fmt.Fprintf(w, "%d created, %d changed, %d deleted, %d unchanged\n", len(done.Created), len(done.Changed), len(done.Deleted), len(done.Unchanged))
	return err
}

// applyTo sends checks to the console at url; they belong to no set.
func applyTo(ctx context.Context, url, token string, checks []check.Check) error {
	ds, err := console.Define(checks)
	if err != nil {
		return err
	}
	return consoleClient{url, token}.call(ctx, applyPatience, http.MethodPut, "/api/v1/checks", console.Wanted{Checks: ds}, nil)
}
