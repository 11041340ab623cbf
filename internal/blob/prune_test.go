package blob_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/blob"
)

func TestPrune(t *testing.T) {
	folder := t.TempDir()
	for _, location := range []string{"mem://", "file://" + folder} {
		s, err := blob.Open(t.Context(), location)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		keys := map[string]bool{ // and whether it stays
			"runs/2026-03-01/a/1-end.jpg": false, "runs/2026-03-01/b/1-requests.har": false, "runs/2026-03-02/a/1-end.jpg": false,
			"runs/2026-03-03/a/1-end.jpg": true, "runs/2026-04-01/a/1-end.jpg": true,
			"runs/notes/a": true, "other/2026-03-01/a": true,
		}
		for k := range keys {
			if err := s.Put(t.Context(), k, "text/plain", []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		// The third had not ended by then.
		days, err := s.Prune(t.Context(), time.Date(2026, 3, 3, 23, 59, 59, 0, time.UTC))
		if err != nil || days != 2 {
			t.Errorf("%s: removed %d days, %v; want 2", location, days, err)
		}
		for k, stays := range keys {
			_, _, err := s.Get(t.Context(), k)
			if stays && err != nil || !stays && !errors.Is(err, blob.ErrNotFound) {
				t.Errorf("%s: %s: %v", location, k, err)
			}
		}
		if days, err := s.Prune(t.Context(), time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)); days != 0 || err != nil {
			t.Errorf("%s: again: %d, %v", location, days, err)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "runs/2026-03-01")); !errors.Is(err, os.ErrNotExist) {
		t.Error("the folder of a removed day is left:", err)
	}
}
