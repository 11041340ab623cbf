package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/checkfile"
)

func schema(_ context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet schema", "", "prints the JSON Schema of the check file; an editor uses it where a file begins with: # yaml-language-server: $schema=checks.schema.json", p)
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	_, err := p.Stdout.Write(checkfile.Schema())
	return err
}

// writeFiles writes files below a folder, and the folders that they need.
func writeFiles(folder string, files map[string][]byte) error {
	for _, name := range sortedNames(files) {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // checks are no secret
			return fmt.Errorf("making a folder: %w", err)
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil { //nolint:gosec // likewise
			return fmt.Errorf("writing a file: %w", err)
		}
	}
	return nil
}

func sortedNames(files map[string][]byte) []string { return slices.Sorted(maps.Keys(files)) }
