package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/checkfile"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// Every example of docs/alerts.md is a file that is taken, and every field of
// channels is in one of them.
func TestExamplesOfAlerts(t *testing.T) {
	data, err := os.ReadFile("../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	blocks := yamlBlock.FindAllStringSubmatch(string(data), -1)
	for _, b := range blocks {
		f, err := checkfile.ParseAll("docs/alerts.md", []byte(b[1]), checkfile.Options{})
		if err != nil {
			t.Errorf("%v in:\n%s", err, b[1])
		}
		for _, c := range f.Channels {
			encoded, err := c.Encode()
			if err != nil {
				t.Fatal(err)
			}
			var v any
			_ = json.Unmarshal(encoded, &v)
			gather(said, "", v)
		}
	}
	if len(blocks) < 8 {
		t.Errorf("only %d examples were found", len(blocks))
	}
	fields := map[string]bool{}
	fieldsOf(fields, "", reflect.TypeFor[alert.Channel]())
	for _, f := range slices.Sorted(maps.Keys(fields)) {
		if !said[f] && !slices.Contains([]string{"name", "slack.api", "pagerduty.url"}, f) { // for tests and proxies
			t.Errorf("no example of docs/alerts.md has %s", f)
		}
	}
}

func gather(into map[string]bool, path string, v any) {
	if m, ok := v.(map[string]any); ok {
		for k, inner := range m {
			gather(into, strings.TrimPrefix(path+"."+k, "."), inner)
		}
	}
	into[path] = true
}

func fieldsOf(into map[string]bool, path string, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		into[path] = true
		return
	}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "-" {
			fieldsOf(into, strings.TrimPrefix(fmt.Sprintf("%s.%s", path, name), "."), t.Field(i).Type)
		}
	}
}
