package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
)

// hashOf is what `page password` makes of a line.
func hashOf(t *testing.T, line string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), daemon.Process{Args: []string{"page", "password"}, Getenv: func(string) string { return "" }, Stdin: strings.NewReader(line), Stdout: &out, Stderr: &bytes.Buffer{}})
	return strings.TrimSpace(out.String()), err
}

// Pages go from files to the console and back; the same again changes nothing,
// and of a password nothing is told.
func TestPagesByCommand(t *testing.T) {
	d := newDesk(t)
	hash, err := hashOf(t, "correct horse battery\n")
	if err != nil || !strings.HasPrefix(hash, "$argon2id$") {
		t.Fatal(hash, err)
	}
	if _, err := hashOf(t, "short\n"); err == nil {
		t.Error("a short password is taken")
	}
	folder := t.TempDir()
	file := filepath.Join(folder, "pages.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "logo.svg"), []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"/>`), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "pages:\n  - {slug: shop, title: Shop, groups: [Shop], logo: logo.svg, hosts: [status.example], password: \"" + hash + "\"}\n" +
		"  - {slug: all, title: All}\nchecks:\n  - {id: home, icmp: 192.0.2.1}\n"
	write(text)
	d.expect(0, []string{"no fault"}, "validate", file)
	d.expect(2, []string{"+ page shop", "+ page all", "+ home"}, "plan", "-exitcode", "-owner", "team", file)
	d.expect(0, []string{"pages: 2 created, 0 changed, 0 unchanged", "created home"}, "apply", "-owner", "team", file)
	d.expect(0, []string{"0 to create"}, "plan", "-exitcode", "-owner", "team", file)
	d.expect(0, []string{"pages: 0 created, 0 changed, 2 unchanged"}, "apply", "-owner", "team", file)
	d.expect(0, []string{"shop  Shop   status.example  yes", "all   All"}, "page", "list")
	write(strings.Replace(text, "title: Shop", "title: Shop status", 1))
	out := d.expect(2, []string{"~ page shop", `title: "Shop" → "Shop status"`}, "plan", "-exitcode", "-owner", "team", file)
	if strings.Contains(out, "argon2id") || strings.Contains(out, "password") {
		t.Errorf("the plan tells of the password:\n%s", out)
	}
	other, err := hashOf(t, "another horse battery")
	if err != nil {
		t.Fatal(err)
	}
	write(strings.Replace(text, hash, other, 1))
	out = d.expect(2, []string{"~ page shop", "password: "}, "plan", "-exitcode", "-owner", "team", file)
	if strings.Contains(out, "argon2id") {
		t.Errorf("the plan tells the hash:\n%s", out)
	}
	// What is exported says the same when it is applied again.
	exported := d.expect(0, []string{"pages:", "password: kept", "data:image/svg+xml;base64,"}, "export")
	if strings.Contains(exported, "argon2id") {
		t.Errorf("the hash is exported:\n%s", exported)
	}
	write(exported)
	d.expect(0, []string{"pages: 0 created, 0 changed, 2 unchanged"}, "apply", "-owner", "team", file)
	write(strings.Replace(text, "slug: all", "slug: all, hosts: [status.example]", 1))
	d.expect(2, []string{`the host "status.example" is that of page "shop"`}, "apply", "-owner", "team", file)
	d.expect(0, []string{"removed all"}, "page", "rm", "all")
	d.expect(1, []string{`there is no status page "all"`}, "page", "rm", "all")
}
