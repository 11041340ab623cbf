package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
)

// listing is a command without arguments that prints what lies at a path of the
// console: as JSON, or as a table of rows under head.
func listing[T any](ctx context.Context, p daemon.Process, name, about, path, head string, rows func(t io.Writer, found T) error) error {
	f := daemon.NewFlags("probefleet "+name, "", about, p)
	var c consoleClient
	var output string
	c.flags(f)
	outputFlag(f, &output, "table", "json")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	var found T
	if err := c.call(ctx, time.Minute, http.MethodGet, path, nil, &found); err != nil {
		return err
	}
	return printAs(p.Stdout, output, found, func() error {
		return table(p.Stdout, head, func(t io.Writer) error { return rows(t, found) })
	})
}

// table writes rows, whose cells are separated by tabs, under a head of such.
func table(w io.Writer, head string, rows func(t io.Writer) error) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, head)
	if err := rows(t); err != nil {
		return err
	}
	return t.Flush()
}

// removal is a command that takes away what is named, below a path of the
// console; missing is what to say where nothing is, done what where it is away.
type removal struct{ name, args, about, path, missing, done string }

func (r removal) run(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet "+r.name, r.args, r.about, p)
	var c consoleClient
	c.flags(f)
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	return r.each(ctx, p, c, f.Args())
}

// each asks for the removal of all names: one that cannot be taken away keeps no
// other.
func (r removal) each(ctx context.Context, p daemon.Process, c consoleClient, names []string) error {
	if len(names) == 0 {
		return &daemon.UsageError{Err: errors.New(r.missing)}
	}
	var faults []error
	for _, name := range names {
		if err := c.call(ctx, time.Minute, http.MethodDelete, r.path+url.PathEscape(name), nil, nil); err != nil {
			faults = append(faults, err)
			continue
		}
		fmt.Fprintln(p.Stdout, r.done, name)
	}
	return errors.Join(faults...)
}
