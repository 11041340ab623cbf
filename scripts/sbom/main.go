// Command sbom prints a CycloneDX bill of materials of an image: the packages
// of a dpkg database, and the modules that Go binaries say they were built
// from. It reads what is in the image, not what somebody meant to put there.
package main

import (
	"bufio"
	"debug/buildinfo"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The parts of CycloneDX 1.6 that are written; see
// https://cyclonedx.org/docs/1.6/json/.
type (
	document struct {
		Format     string      `json:"bomFormat"`
		Spec       string      `json:"specVersion"`
		Version    int         `json:"version"`
		Metadata   metadata    `json:"metadata"`
		Components []component `json:"components"`
	}
	metadata struct {
		Component component `json:"component"`
	}
	component struct {
		Type    string `json:"type"`
		Ref     string `json:"bom-ref"`
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
		PURL    string `json:"purl,omitempty"`
	}
)

func main() {
	name := flag.String("name", "", "name of the image")
	digest := flag.String("digest", "", "its digest")
	dpkg := flag.String("dpkg", "", "dpkg's status file; none where empty")
	flag.Parse()
	if err := run(os.Stdout, *name, *digest, *dpkg, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, name, digest, dpkg string, binaries []string) error {
	found := map[string]component{}
	if dpkg != "" {
		f, err := os.Open(dpkg) //nolint:gosec // the caller names it
		if err != nil {
			return fmt.Errorf("reading the packages: %w", err)
		}
		defer func() { _ = f.Close() }() // it was only read
		if err := packages(f, found); err != nil {
			return fmt.Errorf("reading the packages of %s: %w", dpkg, err)
		}
	}
	for _, path := range binaries {
		if err := modules(path, found); err != nil {
			return err
		}
	}
	d := document{
		Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata: metadata{component{Type: "container", Ref: "image", Name: name, Version: digest}},
	}
	for _, c := range found {
		d.Components = append(d.Components, c)
	}
	slices.SortFunc(d.Components, func(a, b component) int { return strings.Compare(a.Ref, b.Ref) })
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(d)
}

// packages adds the installed packages of a dpkg status file: paragraphs of
// fields, with blank lines between them.
func packages(r io.Reader, found map[string]component) error {
	fields := map[string]string{}
	add := func() {
		if strings.HasSuffix(fields["Status"], " installed") {
			c := component{Type: "library", Name: fields["Package"], Version: fields["Version"]}
			c.PURL = fmt.Sprintf("pkg:deb/debian/%s@%s?arch=%s", c.Name, url.QueryEscape(c.Version), fields["Architecture"])
			c.Ref = c.PURL
			found[c.Ref] = c
		}
		clear(fields)
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			add()
			continue
		}
		if key, value, ok := strings.Cut(line, ": "); ok && line[0] != ' ' {
			fields[key] = value
		}
	}
	add()
	return lines.Err()
}

// modules adds a binary, the Go release that built it, and its modules.
func modules(path string, found map[string]component) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s is no Go binary: %w", path, err)
	}
	add := func(kind, name, version, purl string) {
		found[purl] = component{Type: kind, Ref: purl, Name: name, Version: version, PURL: purl}
	}
	release := strings.TrimPrefix(info.GoVersion, "go")
	add("library", "stdlib", release, "pkg:golang/stdlib@"+release)
	main := filepath.Base(path)
	found["binary:"+main] = component{Type: "application", Ref: "binary:" + main, Name: main, Version: info.Main.Version}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		add("library", m.Path, m.Version, "pkg:golang/"+m.Path+"@"+m.Version)
	}
	return nil
}
