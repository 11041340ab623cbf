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
	"github.com/probefleet/probefleet/internal/checkfile"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/numeral"
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

// beside is what files hold besides checks, as the API takes it.
type beside struct {
	channels console.WantedChannels
	pages    console.WantedPages
}

func (b beside) empty() bool { return len(b.channels.Channels)+len(b.pages.Pages) == 0 }

func besideChecks(f checkfile.File, owner string, takeOver bool) (b beside, err error) {
	if b.channels, err = wantedChannels(f.Channels, owner, takeOver); err != nil {
		return b, err
	}
	b.pages, err = wantedPages(f.Pages, owner, takeOver)
	return b, err
}

// wanted reads the files.
func (c *applyConfig) wanted(paths []string) (w console.Wanted, told beside, err error) {
	f, err := loadAll(paths, c.files)
	if err != nil {
		return w, told, err
	}
	if told, err = besideChecks(f, c.owner, c.takeOver); err != nil {
		return w, told, err
	}
	ds, err := console.Define(f.Checks)
	return console.Wanted{Checks: ds, Owner: c.owner, TakeOver: c.takeOver}, told, err
}

// planned is what an apply would do to checks, channels and status pages.
type planned struct {
	console.Plan
	Channels *console.ChannelsPlan `json:"channels,omitempty"`
	Pages    *console.PagesPlan    `json:"pages,omitempty"`
}

func (p planned) empty() bool {
	return p.Empty() && (p.Channels == nil || len(p.Channels.Create)+len(p.Channels.Change) == 0) &&
		(p.Pages == nil || len(p.Pages.Create)+len(p.Pages.Change) == 0)
}

// planAll is plan with channels and pages; a console is asked of them where
// there are some.
func (c *applyConfig) planAll(ctx context.Context, w console.Wanted, told beside) (p planned, err error) {
	if p.Plan, err = c.plan(ctx, w); err != nil {
		return p, err
	}
	if len(told.channels.Channels) > 0 {
		p.Channels = &console.ChannelsPlan{}
		if err = c.console.call(ctx, applyPatience, http.MethodPost, "/api/v1/channels/plan", told.channels, p.Channels); err != nil {
			return p, err
		}
	}
	if len(told.pages.Pages) > 0 {
		p.Pages = &console.PagesPlan{}
		err = c.console.call(ctx, applyPatience, http.MethodPost, "/api/v1/pages/plan", told.pages, p.Pages)
	}
	return p, err
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
	w, told, err := c.wanted(f.Args())
	if err != nil {
		return err
	}
	found, err := c.planAll(ctx, w, told)
	if err != nil {
		return err
	}
	err = printAs(p.Stdout, c.output, found, func() error {
		if found.Channels != nil {
			printChanges(p.Stdout, "channel ", found.Channels.Create, found.Channels.Change)
		}
		if found.Pages != nil {
			printChanges(p.Stdout, "page ", found.Pages.Create, found.Pages.Change)
		}
		return printPlan(p.Stdout, found.Plan)
	})
	switch {
	case err != nil:
		return err
	case len(found.Owned) > 0:
		return ownedError(found.Plan)
	case *code && !found.empty():
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

// printChanges says what is made and changed; of is put before the names.
func printChanges(w io.Writer, of string, create []string, change []console.PlanChange) {
	for _, name := range create {
		fmt.Fprintf(w, "+ %s%s\n", of, name)
	}
	for _, c := range change {
		fmt.Fprintf(w, "~ %s%s\n", of, c.ID)
		for _, ch := range c.Changes {
			fmt.Fprintf(w, "    %s: %s → %s\n", plainLine(ch.Path, 200), side(ch.Before), side(ch.After))
		}
	}
}

func printPlan(w io.Writer, p console.Plan) error {
	printChanges(w, "", p.Create, p.Change)
	for _, id := range p.Delete {
		fmt.Fprintf(w, "- %s\n", id)
	}
	printBacktests(w, p)
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
	w, told, err := c.wanted(f.Args())
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
			return &daemon.ExitError{Code: 2, Err: fmt.Errorf("nothing was applied: %s would be deleted; repeat with -yes to do it", numeral.Of(len(w.Delete), "check"))}
		}
	}
	done, err := told.apply(ctx, c.console)
	if err != nil {
		return err
	}
	if len(w.Checks)+len(w.Delete) > 0 || told.empty() {
		if err := c.console.call(ctx, applyPatience, http.MethodPut, "/api/v1/checks", w, &done.Applied); err != nil {
			return err
		}
	}
	return printAs(p.Stdout, c.output, done, func() error {
		if ch := done.Channels; ch != nil {
			fmt.Fprintf(p.Stdout, "channels: %d created, %d changed, %d unchanged\n", len(ch.Created), len(ch.Changed), len(ch.Unchanged))
		}
		if pg := done.Pages; pg != nil {
			fmt.Fprintf(p.Stdout, "pages: %d created, %d changed, %d unchanged\n", len(pg.Created), len(pg.Changed), len(pg.Unchanged))
		}
		return printApplied(p.Stdout, done.Applied)
	})
}

// applied is what an apply did to checks, channels and status pages.
type applied struct {
	console.Applied
	Channels *console.ChannelsApplied `json:"channels,omitempty"`
	Pages    *console.PagesApplied    `json:"pages,omitempty"`
}

// apply sends what there is. Those who are told come before the checks, which
// name them.
func (b beside) apply(ctx context.Context, c consoleClient) (done applied, err error) {
	if len(b.channels.Channels) > 0 {
		done.Channels = &console.ChannelsApplied{}
		if err = c.call(ctx, applyPatience, http.MethodPut, "/api/v1/channels", b.channels, done.Channels); err != nil {
			return done, err
		}
	}
	if len(b.pages.Pages) > 0 {
		done.Pages = &console.PagesApplied{}
		err = c.call(ctx, applyPatience, http.MethodPut, "/api/v1/pages", b.pages, done.Pages)
	}
	return done, err
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

// applyTo sends checks, channels and pages to the console at url; they belong to
// no set.
func applyTo(ctx context.Context, url, token string, f checkfile.File) error {
	ds, err := console.Define(f.Checks)
	if err != nil {
		return err
	}
	told, err := besideChecks(f, "", false)
	if err != nil {
		return err
	}
	if _, err := told.apply(ctx, consoleClient{url, token}); err != nil {
		return err
	}
	return consoleClient{url, token}.call(ctx, applyPatience, http.MethodPut, "/api/v1/checks", console.Wanted{Checks: ds}, nil)
}
