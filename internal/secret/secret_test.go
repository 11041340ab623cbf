package secret

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFile(t *testing.T) {
	dir := t.TempDir()
	f := File{Path: filepath.Join(dir, "secrets.age"), Key: filepath.Join(dir, "secrets.key")}
	if _, err := f.Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if err := f.Set(map[string]string{"token": "s3cr3t-canary", "odd": "line\nline \"x\""}); err != nil {
		t.Fatal(err)
	}
	if err := f.Set(map[string]string{"more": "another-canary"}); err != nil {
		t.Fatal(err)
	}
	s, err := f.Read()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"more", "odd", "token"}, s.Names()); d != "" {
		t.Error(d)
	}
	if v, ok := s.Get("odd"); !ok || v != "line\nline \"x\"" {
		t.Errorf("%q", v)
	}
	for _, file := range []string{f.Path, f.Key} {
		data, err := os.ReadFile(file)
		if err != nil || strings.Contains(string(data), "canary") {
			t.Errorf("%s: %v, or it holds a secret", file, err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v", file, info.Mode())
		}
	}
	if err := f.Remove("token"); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove("token"); err == nil || !strings.Contains(err.Error(), "there is no secret token") {
		t.Error(err)
	}
	if s, err = f.Read(); err != nil || len(s.Names()) != 2 {
		t.Errorf("%v, %v", s.Names(), err)
	}
}

// Another key opens nothing, and is not put in the place of the right one.
func TestAnotherKey(t *testing.T) {
	dir := t.TempDir()
	f := File{Path: filepath.Join(dir, "a.age"), Key: filepath.Join(dir, "a.key")}
	g := File{Path: filepath.Join(dir, "b.age"), Key: filepath.Join(dir, "b.key")}
	for _, f := range []File{f, g} {
		if err := f.Set(map[string]string{"token": "s3cr3t"}); err != nil {
			t.Fatal(err)
		}
	}
	wrong := File{Path: f.Path, Key: g.Key}
	if _, err := wrong.Read(); err == nil || !strings.Contains(err.Error(), "name the key for which they were sealed") {
		t.Error(err)
	}
	if err := wrong.Set(map[string]string{"token": "other"}); err == nil {
		t.Error("wrote over secrets that it cannot read")
	}
	none := File{Path: f.Path, Key: filepath.Join(dir, "none")}
	if err := none.Set(map[string]string{"token": "other"}); err == nil {
		t.Error("made another key for secrets that are there")
	}
	if err := os.WriteFile(f.Path, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(); err == nil {
		t.Error("read garbage")
	}
}

func TestValid(t *testing.T) {
	for name, value := range map[string]string{
		"1a": "long enough", "a-b": "long enough", "": "long enough", "short": "abc", "binary": "\xff\xfe\xfd\xfc", "nul": "a\x00bcd", "long": strings.Repeat("x", MaxValue+1),
	} {
		if err := Valid(name, value); err == nil || value != "" && len(value) > 4 && strings.Contains(err.Error(), value) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewStore(map[string]string{"a": "x", "b": "y"}); err == nil || !strings.Contains(err.Error(), "secret a") || !strings.Contains(err.Error(), "secret b") {
		t.Error(err)
	}
	var none *Store
	if _, ok := none.Get("a"); ok || none.Names() != nil || none.Values() != nil {
		t.Error("a nil store holds something")
	}
}
