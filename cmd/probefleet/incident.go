package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/status"
)

func incidentCommands() []command {
	return []command{
		{"list", "list outages and what people wrote down, the newest first", incidentList, nil},
		{"show", "print one with its updates and its post-mortem", incidentShow, nil},
		{"open", "write an incident down", incidentOpen, nil},
		{"update", "say how it goes on", incidentUpdate, nil},
		{"resolve", "say that it is over", incidentResolve, nil},
		{"describe", "change its title, or whether the status page shows it", incidentDescribe, nil},
		{"merge", "make it a part of another one", incidentMerge, nil},
		{"postmortem", "say what was learnt, in Markdown", incidentPostmortem, nil},
	}
}

// incidentFlags are what every command about incidents can be told.
type incidentFlags struct {
	*daemon.Flags
	console consoleClient
	output  string
}

func newIncidentFlags(p daemon.Process, name, args, usage string) *incidentFlags {
	f := &incidentFlags{Flags: daemon.NewFlags("probefleet "+name, args, usage, p)}
	f.console.flags(f.Flags)
	outputFlag(f.Flags, &f.output, "text", "json")
	return f
}

// one is the only argument.
func (f *incidentFlags) one(what string) (string, error) {
	if f.NArg() != 1 {
		return "", &daemon.UsageError{Err: fmt.Errorf("name one %s by its id", what)}
	}
	return f.Arg(0), nil
}

// change asks for a change of an incident and prints it.
func (f *incidentFlags) change(ctx context.Context, p daemon.Process, method, path string, in any, did string) error {
	var i console.Incident
	if err := f.console.call(ctx, time.Minute, method, "/api/v1/incidents"+path, in, &i); err != nil {
		return err
	}
	return printAs(p.Stdout, f.output, i, func() error {
		_, err := fmt.Fprintf(p.Stdout, "%s %s\n", did, i.ID)
		return err
	})
}

func incidentList(ctx context.Context, p daemon.Process) error {
	f := newIncidentFlags(p, "incident list", "", "lists outages that the rules found and what people wrote down, the newest first")
	open := f.Bool("open", false, "only those that last")
	check := f.String("check", "", "only those that are about this check")
	since := f.String("since", "", "only those that were not over at this time, such as 2026-03-14T12:00:00Z or 24h ago")
	limit := f.Int("limit", 50, "at most so many")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	q := url.Values{"limit": {fmt.Sprint(*limit)}, "open": {fmt.Sprint(*open)}, "check": {*check}}
	if *since != "" {
		q.Set("since", *since)
	}
	var found console.Incidents
	if err := f.console.call(ctx, time.Minute, http.MethodGet, "/api/v1/incidents?"+q.Encode(), nil, &found); err != nil {
		return err
	}
	return printAs(p.Stdout, f.output, found, func() error {
		return table(p.Stdout, "ID\tOPENED\tCLOSED\tIMPACT\tBY\tPUBLIC\tCHECKS\tTITLE", func(t io.Writer) error {
			for _, i := range found.Incidents {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%v\t%s\t%s\n", i.ID, i.Opened.Format(time.RFC3339), orLasts(i.Closed), i.Impact, i.Source, i.Public,
					orDash(plainLine(strings.Join(i.Checks, ","), 60)), plainLine(titleOf(i), 80))
			}
			return nil
		})
	})
}

func orLasts(t *time.Time) string {
	if t == nil {
		return "lasts"
	}
	return t.UTC().Format(time.RFC3339)
}

func titleOf(i console.Incident) string {
	if i.Title == "" {
		return "outage of " + i.Check
	}
	return i.Title
}

func incidentShow(ctx context.Context, p daemon.Process) error {
	f := newIncidentFlags(p, "incident show", "ID", "prints an incident with its updates and its post-mortem")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	id, err := f.one("incident")
	if err != nil {
		return err
	}
	var i console.Incident
	if err := f.console.call(ctx, time.Minute, http.MethodGet, "/api/v1/incidents/"+url.PathEscape(id), nil, &i); err != nil {
		return err
	}
	return printAs(p.Stdout, f.output, i, func() error { return printIncident(p.Stdout, i) })
}

func printIncident(w io.Writer, i console.Incident) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, value)
		}
	}
	row("title", plainLine(titleOf(i), status.MaxTitle))
	row("impact", string(i.Impact))
	row("opened", i.Opened.Format(time.RFC3339))
	row("closed", orLasts(i.Closed))
	row("by", strings.TrimSpace(i.Source+" "+plainLine(i.CreatedBy, 60)))
	row("public", fmt.Sprint(i.Public))
	row("checks", plainLine(strings.Join(i.Checks, ", "), 400))
	row("locations", plainLine(strings.Join(i.Locations, ", "), 400))
	row("reason", plainLine(i.Reason, 400))
	row("first fail", i.FirstFail)
	row("last pass", i.LastPass)
	row("merged into", i.MergedInto)
	if err := t.Flush(); err != nil {
		return err
	}
	for _, u := range i.Updates {
		hidden := ""
		if !u.Public {
			hidden = ", not public"
		}
		fmt.Fprintf(w, "\n%s, %s (%s%s)\n%s\n", u.At.Format(time.RFC3339), u.Phase, plainLine(u.Author, 60), hidden, plainText(u.Body))
	}
	if i.Postmortem != "" {
		fmt.Fprintf(w, "\npost-mortem\n\n%s\n", plainText(i.Postmortem))
	}
	return nil
}

// plainText is s without what a terminal would obey, but for the ends of lines.
func plainText(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for n, l := range lines {
		lines[n] = plainLine(l, 1<<20)
	}
	return strings.Join(lines, "\n")
}

func incidentOpen(ctx context.Context, p daemon.Process) error {
	f := newIncidentFlags(p, "incident open", "TITLE", "writes an incident down; it lasts until it is resolved")
	var in console.NewIncident
	var checks listFlag
	var opened string
	f.Var(&checks, "check", "a check that it is about; may be repeated; without any it is about everything")
	f.StringVar((*string)(&in.Impact), "impact", string(status.ImpactOutage), "what it means to users: outage, degraded, maintenance or none")
	f.StringVar((*string)(&in.Phase), "phase", string(status.Investigating), "how far you are: investigating, identified, monitoring or resolved")
	f.StringVar(&in.Body, "message", "", "a first update, in Markdown")
	f.BoolVar(&in.Public, "public", false, "show it on the status page")
	f.StringVar(&opened, "opened", "", "when it began, such as 2026-03-14T12:00:00Z; now where it is not given")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	if in.Title = strings.Join(f.Args(), " "); strings.TrimSpace(in.Title) == "" {
		return &daemon.UsageError{Err: errors.New("say in a few words what is wrong, such as: incident open -public 'Payments fail'")}
	}
	if opened != "" {
		at, err := time.Parse(time.RFC3339, opened)
		if err != nil {
			return &daemon.UsageError{Err: fmt.Errorf("-opened %q: write a time such as 2026-03-14T12:00:00Z", opened)}
		}
		in.Opened = &at
	}
	in.Checks = checks
	return f.change(ctx, p, http.MethodPost, "", in, "opened")
}

func incidentUpdate(ctx context.Context, p daemon.Process) error {
	f := newIncidentFlags(p, "incident update", "ID MESSAGE...", "says how an incident goes on, in Markdown")
	phase := f.String("phase", string(status.Investigating), "how far you are: investigating, identified, monitoring or resolved")
	return f.say(ctx, p, func() status.Phase { return status.Phase(*phase) }, "updated")
}

func incidentResolve(ctx context.Context, p daemon.Process) error {
	f := newIncidentFlags(p, "incident resolve", "ID MESSAGE...", "says that an incident is over; an outage that the rules found ends by its slots alone")
	return f.say(ctx, p, func() status.Phase { return status.Resolved }, "resolved")
}

// say adds an update: the first argument is the incident, the rest the text.
func (f *incidentFlags) say(ctx context.Context, p daemon.Process, phase func() status.Phase, did string) error {
	private := f.Bool("private", false, "do not show this update on the status page")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	if f.NArg() < 2 {
		return &daemon.UsageError{Err: errors.New("name the incident by its id, and say what is known")}
	}
	public := !*private
	body := strings.Join(f.Args()[1:], " ")
	return f.change(ctx, p, http.MethodPost, "/"+url.PathEscape(f.Arg(0))+"/updates", console.NewUpdate{Phase: phase(), Body: body, Public: &public}, did)
}

func incidentDescribe(ctx context.Context, p daemon.Process) error {
	f := newIncidentFlags(p, "incident describe", "ID", "changes the title of an incident, or whether the status page shows it; what is not given stays")
	title := f.String("title", "", "its title")
	public := f.Bool("public", false, "whether the status page shows it")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	id, err := f.one("incident")
	if err != nil {
		return err
	}
	var in console.IncidentChange
	if f.Explicit("title") {
		in.Title = title
	}
	if f.Explicit("public") {
		in.Public = public
	}
	return f.change(ctx, p, http.MethodPatch, "/"+url.PathEscape(id), in, "described")
}

func incidentMerge(ctx context.Context, p daemon.Process) error {
	f := newIncidentFlags(p, "incident merge", "ID", "makes an incident that a person opened a part of another one")
	into := f.String("into", "", "the incident that it becomes a part of")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	id, err := f.one("incident")
	if err != nil {
		return err
	}
	if *into == "" {
		return &daemon.UsageError{Err: errors.New("no -into: name the incident that it becomes a part of")}
	}
	return f.change(ctx, p, http.MethodPost, "/"+url.PathEscape(id)+"/merge", console.IncidentMerge{Into: *into}, "merged into")
}

func incidentPostmortem(ctx context.Context, p daemon.Process) error {
	f := newIncidentFlags(p, "incident postmortem", "ID FILE", "says what was learnt from an incident: the Markdown of FILE, or of standard input for -; an empty one takes it away")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	if f.NArg() != 2 {
		return &daemon.UsageError{Err: errors.New("name the incident by its id and the file, or - for standard input")}
	}
	text, err := readText(f.Arg(1))
	if err != nil {
		return err
	}
	return f.change(ctx, p, http.MethodPatch, "/"+url.PathEscape(f.Arg(0)), console.IncidentChange{Postmortem: &text}, "described")
}

// readText reads a file, or standard input for "-".
func readText(name string) (string, error) {
	var r io.Reader = os.Stdin
	if name != "-" {
		file, err := os.Open(name) //nolint:gosec // the person names it
		if err != nil {
			return "", err
		}
		defer file.Close() //nolint:errcheck // it was only read
		r = file
	}
	data, err := io.ReadAll(io.LimitReader(r, 4*status.MaxPostmortem))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	return string(data), nil
}
