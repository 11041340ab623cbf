// Package blob keeps artifacts: screenshots and whatever else is too large
// for a result. It owns the form of keys, so that no key leads out of the
// store. It refuses to know what an artifact is and how
// long it is kept; that those of runs have keys runs/2026-03-14/… it knows, so
// that those of old days can be removed.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"
)

// ErrNotFound is what [Store.Get] answers for a key that holds nothing.
var ErrNotFound = errors.New("no such artifact")

// Store holds artifacts by key. It is safe for concurrent use.
type Store struct {
	bucket *blob.Bucket
	folder string // of files; "" where they are elsewhere
}

// Open opens the store at a URL: file:///folder keeps files under that
// folder, which is made where it is missing; s3://bucket?region=eu-central-1
// keeps objects in a bucket of S3, or of a server that speaks its protocol (see
// openBucket); mem:// keeps them in memory until Close.
func Open(ctx context.Context, location string) (*Store, error) {
	u, err := url.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("artifact store %q is not a URL: write file:///absolute/folder or s3://bucket?region=eu-central-1", location)
	}
	switch u.Scheme {
	case "mem":
		return &Store{bucket: memblob.OpenBucket(nil)}, nil
	case "file":
		return openFolder(location, u)
	case "s3":
		return openBucket(ctx, u)
	}
	return nil, fmt.Errorf("artifact store %q: write file:///absolute/folder or s3://bucket?region=eu-central-1", u.Redacted())
}

// openFolder makes the folder by itself: it is private to our account, and so
// are the folders inside.
func openFolder(location string, u *url.URL) (*Store, error) {
	if u.Host != "" || !strings.HasPrefix(u.Path, "/") || u.RawQuery != "" {
		return nil, fmt.Errorf("artifact store %q: write file:///absolute/folder, with three slashes and nothing after the folder", location)
	}
	folder := filepath.FromSlash(u.Path)
	if err := os.MkdirAll(folder, 0o700); err != nil { //nolint:gosec // G703: the operator names the folder
		return nil, fmt.Errorf("making the artifact folder: %w", err)
	}
	// Without NoTempDir a file is written to the system's temporary folder
	// first, and the rename fails where that is another file system.
	bucket, err := fileblob.OpenBucket(folder, &fileblob.Options{DirFileMode: 0o700, NoTempDir: true})
	if err != nil {
		return nil, fmt.Errorf("opening the artifact folder %q: %w", folder, err)
	}
	return &Store{bucket: bucket, folder: folder}, nil
}

// Put stores data under key, replacing what is there. A key is one or more
// segments with '/' between them; a segment is 1 to 200 letters, digits, '.',
// '-' and '_' and does not begin with a dot.
func (s *Store) Put(ctx context.Context, key, contentType string, data []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	err := s.bucket.WriteAll(ctx, key, data, &blob.WriterOptions{ContentType: contentType})
	if err != nil {
		return fmt.Errorf("storing artifact %q: %w", key, err)
	}
	return nil
}

// Get returns what Put stored under key, and its content type. The error is
// [ErrNotFound] where there is nothing.
func (s *Store) Get(ctx context.Context, key string) ([]byte, string, error) {
	if err := checkKey(key); err != nil {
		return nil, "", err
	}
	r, err := s.bucket.NewReader(ctx, key, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, "", fmt.Errorf("%w: %q", ErrNotFound, key)
	}
	if err != nil {
		return nil, "", fmt.Errorf("opening artifact %q: %w", key, err)
	}
	defer func() { _ = r.Close() }() // nothing was written
	data := make([]byte, r.Size())
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, "", fmt.Errorf("reading artifact %q: %w", key, err)
	}
	return data, r.ContentType(), nil
}

// Close releases the store. What was stored in files stays.
func (s *Store) Close() error { return s.bucket.Close() }

var keyForm = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,199})*$`)

// checkKey also refuses the names of the files in which fileblob keeps content
// types.
func checkKey(key string) error {
	if len(key) > 1000 || !keyForm.MatchString(key) || strings.Contains(key+"/", ".attrs/") {
		return fmt.Errorf("%q is not an artifact key: use segments of letters, digits, '.', '-' and '_', with '/' between them", key)
	}
	return nil
}
