package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/probefleet/probefleet/internal/blob"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/browserrunner"
)

// writeHAR joins the archives of requests that the browser checks left in the
// store, and writes them to the file that -har names.
func writeHAR(ctx context.Context, c testConfig, dir string, results []jobs.Result) error {
	folder := filepath.Join(dir, "artifacts")
	if c.artifacts != "" {
		var err error
		if folder, err = filepath.Abs(c.artifacts); err != nil {
			return fmt.Errorf("folder %q of -artifacts: %w", c.artifacts, err)
		}
	}
	store, err := blob.Open(ctx, "file://"+folder)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // nothing was written
	var archives [][]byte
	for i, r := range results {
		if c.artifacts == "" {
			results[i].Evidence.Artifacts = nil // they go with the folder
		}
		for _, a := range r.Evidence.Artifacts {
			if !strings.HasSuffix(a.Key, ".har") {
				continue
			}
			data, _, err := store.Get(ctx, a.Key)
			if err != nil {
				return err
			}
			archives = append(archives, data)
		}
	}
	joined, err := browserrunner.JoinHAR(archives...)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.har, joined, 0o600); err != nil {
		return fmt.Errorf("writing the file of -har: %w", err)
	}
	return nil
}
