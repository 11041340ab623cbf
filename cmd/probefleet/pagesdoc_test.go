package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/probefleet/probefleet/internal/checkfile"
)

// Every example of a page in docs/checks.md is taken, and every key has one.
func TestExamplesOfPages(t *testing.T) {
	doc, err := os.ReadFile("../../docs/checks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(doc), "## Status pages")
	section, _, _ = strings.Cut(section, "\n## ")
	o := checkfile.Options{ReadFile: func(string) ([]byte, error) {
		return []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"/>`), nil
	}}
	for _, e := range regexp.MustCompile("(?m)^\\|.*\\| `(\\{slug: .*\\})` \\|$").FindAllStringSubmatch(section, -1) {
		if f, err := checkfile.ParseAll("checks.md", []byte("pages: ["+e[1]+"]"), o); err != nil || len(f.Pages) != 1 {
			t.Errorf("%s: %v", e[1], err)
		}
	}
	var schema struct {
		Defs map[string]struct{ Properties map[string]any } `json:"$defs"`
	}
	if err := json.Unmarshal(checkfile.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	for key := range schema.Defs["statusPage"].Properties {
		if !regexp.MustCompile("(?m)^\\|[^|]*`" + key + "`.*\\| `.*" + key + ": .*` \\|$").MatchString(section) {
			t.Errorf("docs/checks.md has no row with an example for `%s` of a page", key)
		}
	}
	blocks := yamlBlock.FindAllStringSubmatch(section, -1)
	if len(blocks) == 0 {
		t.Fatal("the section has no example of a file")
	}
	for _, b := range blocks {
		if f, err := checkfile.ParseAll("checks.md", []byte(b[1]), o); err != nil || len(f.Pages) == 0 {
			t.Errorf("%v in:\n%s", err, b[1])
		}
	}
}
