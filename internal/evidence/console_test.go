package evidence

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"testing"
)

// TestTheConsoleHasWhatIsAskedFor holds our questions, what we read of the
// answers, and the rights that we tell people to give, against the console's
// own description.
func TestTheConsoleHasWhatIsAskedFor(t *testing.T) {
	data, err := os.ReadFile("../../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name string }
			Security   []map[string][]string
		}
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal(data, &api); err != nil {
		t.Fatal(err)
	}
	for path, asked := range map[string][]string{
		"/api/v1/checks": {"tag", "active", "limit", "after"}, "/api/v1/runs": {"check", "since", "until", "limit", "after"},
		"/api/v1/status": nil, "/api/v1/incidents": {"open", "limit"},
		"/api/v1/shadow": {"build", "since", "location"},
	} {
		get, ok := api.Paths[path]["get"]
		if !ok {
			t.Errorf("the console has no GET %s", path)
			continue
		}
		var known []string
		for _, p := range get.Parameters {
			known = append(known, p.Name)
		}
		for _, name := range asked {
			if !slices.Contains(known, name) {
				t.Errorf("GET %s knows no %s", path, name)
			}
		}
		for _, way := range get.Security {
			for _, scope := range way["token"] {
				if scope != "checks:read" && scope != "runs:read" {
					t.Errorf("GET %s needs %s: docs/deployer.md and the schema say that checks:read and runs:read suffice", path, scope)
				}
			}
		}
	}
	read := map[string][]string{
		"Definitions": {"checks", "next"}, "Definition": {"check"}, "Runs": {"runs", "next"}, "Status": {"checks"}, "CheckStatus": {"id", "state"},
		"Incidents": {"incidents"}, "Incident": {"id", "title", "check", "impact", "opened", "closed"},
	}
	for f := range reflect.TypeFor[run]().Fields() {
		read["Run"] = append(read["Run"], f.Tag.Get("json"))
	}
	for name, fields := range read {
		for _, f := range fields {
			if _, ok := api.Components.Schemas[name].Properties[f]; !ok {
				t.Errorf("the console's %s has no %s", name, f)
			}
		}
	}
}
