package blob_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/probefleet/probefleet/internal/blob"
)

func open(t *testing.T, url string) *blob.Store {
	t.Helper()
	s, err := blob.Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestPutThenGet(t *testing.T) {
	for _, url := range []string{"mem://", "file://" + filepath.Join(t.TempDir(), "made", "here")} {
		s, ctx := open(t, url), context.Background()
		for _, data := range []string{"first", "", "replaced\x00\xff"} {
			if err := s.Put(ctx, "shop/2026-10-05/end.png", "image/png", []byte(data)); err != nil {
				t.Fatalf("%s: %v", url, err)
			}
			got, kind, err := s.Get(ctx, "shop/2026-10-05/end.png")
			if err != nil || string(got) != data || kind != "image/png" {
				t.Errorf("%s: Get = %q, %q, %v; want %q", url, got, kind, err, data)
			}
		}
		if _, _, err := s.Get(ctx, "shop/none.png"); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("%s: Get of nothing = %v", url, err)
		}
	}
}

func TestFilesOutliveTheStoreAndArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "artifacts")
	if err := open(t, "file://"+dir).Put(context.Background(), "a/b.txt", "text/plain", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	got, _, err := open(t, "file://"+dir).Get(context.Background(), "a/b.txt")
	if err != nil || string(got) != "kept" {
		t.Errorf("Get = %q, %v", got, err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "a")} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v, %v; want it private", path, info.Mode(), err)
		}
	}
}

func TestKeysStayInside(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "secret"), []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, ctx := open(t, "file://"+filepath.Join(root, "store")), context.Background()
	for _, key := range []string{
		"", "/", "/etc/passwd", "..", "../secret", "a/../../secret", "a/..", "a//b", "a/", "./a",
		".hidden", "a/.hidden", `..\secret`, "a\x00b", "a b", "naïve", "x.attrs", "x.attrs/y", strings.Repeat("a", 201), strings.Repeat("a/", 501) + "a",
	} {
		if err := s.Put(ctx, key, "text/plain", []byte("x")); err == nil {
			t.Errorf("Put(%q) is accepted", key)
		}
		if got, _, err := s.Get(ctx, key); err == nil || errors.Is(err, blob.ErrNotFound) {
			t.Errorf("Get(%q) = %q, %v; want the key refused", key, got, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for url, words := range map[string]string{
		"":                     "file:///absolute/folder",
		"/var/artifacts":       "file:///absolute/folder",
		"file://var/artifacts": "three slashes",
		"file:relative":        "three slashes",
		"file:///a?x=1":        "nothing after",
		"gs://bucket":          "file:///absolute/folder or s3://",
		"s3://":                "name a bucket",
		"s3://bucket/folder":   "name a bucket",
		"s3://bucket?key=1":    "only region",
		"s3://u:p@bucket":      "credentials",
		"::":                   "not a URL",
		"file://" + file:       "making the artifact folder",
	} {
		if _, err := blob.Open(context.Background(), url); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("Open(%q) = %v, want %q in it", url, err, words)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	s := open(t, "file://"+t.TempDir())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := s.Put(context.Background(), "same/key", "text/plain", []byte("same data")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, _, err := s.Get(context.Background(), "same/key"); err != nil || string(got) != "same data" {
		t.Errorf("Get = %q, %v", got, err)
	}
}
