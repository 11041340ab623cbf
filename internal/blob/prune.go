package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gocloud.dev/blob"
)

// runs is where the artifacts of runs are, a day of slots under its date.
const runs = "runs/"

// Prune removes the artifacts of runs whose slots were on days that had ended
// at before, and returns how many days it removed. What is not a day stays.
func (s *Store) Prune(ctx context.Context, before time.Time) (days int, err error) {
	list := s.bucket.List(&blob.ListOptions{Prefix: runs, Delimiter: "/"})
	var old []string
	for {
		o, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("listing artifacts: %w", err)
		}
		date, err := time.Parse(time.DateOnly, strings.TrimSuffix(strings.TrimPrefix(o.Key, runs), "/"))
		if o.IsDir && err == nil && !date.AddDate(0, 0, 1).After(before.UTC()) {
			old = append(old, o.Key)
		}
	}
	for _, day := range old {
		if err := s.removeAll(ctx, day); err != nil {
			return days, fmt.Errorf("removing the artifacts under %q: %w", day, err)
		}
		days++
	}
	return days, nil
}

// removeAll removes what is under a prefix that ends with a slash: of files
// the folders too.
func (s *Store) removeAll(ctx context.Context, prefix string) error {
	if s.folder != "" {
		return os.RemoveAll(filepath.Join(s.folder, filepath.FromSlash(prefix)))
	}
	list := s.bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		o, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.bucket.Delete(ctx, o.Key); err != nil {
			return err
		}
	}
}
