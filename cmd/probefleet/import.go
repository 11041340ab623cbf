package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/checkfile"
	"github.com/probefleet/probefleet/internal/importer"
	"github.com/probefleet/probefleet/internal/numeral"
)

// maxImport caps one file of another system.
const maxImport = 64 << 20

func importFiles(_ context.Context, p daemon.Process) error {
	forms := strings.Join(slices.Sorted(maps.Keys(importer.Forms)), "|")
	f := daemon.NewFlags("probefleet import", forms+" FILE...", "writes check files from those of other systems, - for standard input; what cannot be carried over is listed on standard error, with its place", p)
	out := f.String("out", "", "folder to write files to; standard output where empty")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	read := importer.Forms[f.Arg(0)]
	if read == nil || f.NArg() < 2 {
		return &daemon.UsageError{Err: fmt.Errorf("name a form, one of %s, and files", forms)}
	}
	var sources []importer.Source
	for _, name := range f.Args()[1:] {
		data, err := slurp(name, p.Stdin)
		if err != nil {
			return &daemon.ExitError{Code: 2, Err: err}
		}
		sources = append(sources, importer.Source{Name: name, Data: data})
	}
	checks, lost, err := read(sources)
	if err != nil {
		return &daemon.ExitError{Code: 2, Err: err}
	}
	var kept []check.Check
	for _, c := range checks {
		if _, err := checkfile.Write([]check.Check{c}); err != nil {
			lost = append(lost, importer.Lost{File: c.ID, Place: "the whole check", What: err.Error()})
			continue
		}
		kept = append(kept, c)
	}
	for _, l := range lost {
		fmt.Fprintln(p.Stderr, "not carried over:", plainLine(l.String(), 500))
	}
	fmt.Fprintf(p.Stderr, "%s; %s not carried over\n", numeral.Of(len(kept), "check"), numeral.Of(len(lost), "thing")+" "+numeral.Pick(len(lost), "was", "were"))
	if len(kept) == 0 {
		return &daemon.ExitError{Code: 2, Err: errors.New("there is nothing to write")}
	}
	files, err := checkfile.Write(kept)
	if err != nil {
		return err
	}
	return putFiles(p.Stdout, *out, files)
}

func slurp(name string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name) //nolint:gosec // the file that was asked for
		if err != nil {
			return nil, fmt.Errorf("reading what is to be imported: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	if in == nil {
		return nil, errors.New("there is no standard input")
	}
	data, err := io.ReadAll(io.LimitReader(in, maxImport+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", name, err)
	case len(data) > maxImport:
		return nil, fmt.Errorf("%s is larger than %d MiB; split it", name, maxImport>>20)
	}
	return data, nil
}
