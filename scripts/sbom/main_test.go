package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

const status = `Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u13
Description: GNU C Library
 Status: not a field of its own

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: tini
Status: install ok installed
Architecture: amd64
Version: 0.19.0-1+b3
`

// TestWhatIsInAnImage reads a package database and this very test binary.
func TestWhatIsInAnImage(t *testing.T) {
	dpkg := filepath.Join(t.TempDir(), "status")
	if err := os.WriteFile(dpkg, []byte(status), 0o600); err != nil {
		t.Fatal(err)
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(&out, "probefleet/worker:v1", "sha256:0", dpkg, []string{binary}); err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if d.Format != "CycloneDX" || d.Spec != "1.6" || d.Metadata.Component.Name != "probefleet/worker:v1" {
		t.Errorf("%+v", d)
	}
	refs := map[string]bool{}
	for _, c := range d.Components {
		if refs[c.Ref] {
			t.Errorf("%s is there twice", c.Ref)
		}
		refs[c.Ref] = true
		if c.Name == "gone" {
			t.Error("a package that was removed is listed")
		}
	}
	for _, want := range []string{"pkg:deb/debian/libc6@2.36-9%2Bdeb12u13?arch=amd64", "pkg:deb/debian/tini@0.19.0-1%2Bb3?arch=amd64", "binary:" + filepath.Base(binary)} {
		if !refs[want] {
			t.Errorf("%s is missing in %v", want, refs)
		}
	}
	if err := run(&out, "", "", "", []string{dpkg}); err == nil {
		t.Error("a file that is no binary is passed over")
	}
}
