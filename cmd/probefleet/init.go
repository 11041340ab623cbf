package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/checkfile"
)

//go:embed all:starter
var starter embed.FS

// initFolder writes a folder that validates, with the schema for editors.
func initFolder(_ context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet init", "[FOLDER]", "writes a folder with checks to begin with, the schema that editors complete them by, and a workflow that plans and applies them; no file that is there is touched", p)
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	folder := "."
	switch f.NArg() {
	case 0:
	case 1:
		folder = f.Arg(0)
	default:
		return &daemon.UsageError{Err: errors.New("name one folder")}
	}
	files := map[string][]byte{"checks.schema.json": checkfile.Schema()}
	err := fs.WalkDir(starter, "starter", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel("starter", path)
		if err != nil {
			return err
		}
		files[name], err = starter.ReadFile(path)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading the starter folder: %w", err)
	}
	for name := range files {
		if _, err := os.Lstat(filepath.Join(folder, name)); !errors.Is(err, fs.ErrNotExist) {
			return &daemon.ExitError{Code: 2, Err: fmt.Errorf("%s is there already; nothing was written. Name a folder of its own, such as probefleet init monitoring", filepath.Join(folder, name))}
		}
	}
	if err := writeFiles(folder, files); err != nil {
		return err
	}
	for _, name := range sortedNames(files) {
		fmt.Fprintln(p.Stdout, "wrote", filepath.Join(folder, name))
	}
	checks := filepath.Join(folder, "checks")
	fmt.Fprintf(p.Stdout, "\nNext:\n  probefleet validate %s\n  probefleet test %s\n  probefleet up %s\n", checks, checks, checks)
	return nil
}
