package pipelinefile

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func example(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("../../examples/deployer/deployer.json")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func judge(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("deployer.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("deployer.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestExample(t *testing.T) {
	f, faults := Parse("deployer.json", example(t))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	p := f.Services[0].Policy()
	eu := p.Stages[1]
	if eu.Name != "production-eu" || eu.Timeout != time.Hour || eu.Bake.GiveUp != 12*time.Hour || eu.Bake.MaxFailed != 0.005 ||
		!slices.Equal(eu.Alarms, []string{"up", "paged", "late", "customers"}) || eu.Gates.Hours.Zone.String() != "Europe/Berlin" ||
		len(eu.Gates.Hours.Open) != 2 || len(eu.Gates.Freezes) != 1 || !slices.Equal(eu.Gates.Incidents.Impacts, []string{"outage", "degraded"}) {
		t.Errorf("the policy of the example: %+v", eu)
	}
	if g := f.Services[1].Git; g.Branch != "main" || g.Ledger != "refs/deployer/shop" || g.Candidates != 5 {
		t.Errorf("defaults of git: %+v", g)
	}
}

// TestInstance: the file of an instance has the fields of the docker driver and
// no others.
func TestInstance(t *testing.T) {
	k, faults := ParseInstance("instance.json", []byte(`{"count": 5, "env_file": "/etc/probefleet/worker.env", "drain": "90s"}`))
	if len(faults) > 0 || k.Count != 5 || k.Drain != Duration(90*time.Second) || k.Ready != Duration(2*time.Minute) || k.Socket == "" {
		t.Errorf("%+v, %v", k, faults)
	}
	for text, want := range map[string]string{
		`{}`:                        `instance.json:1:1: count: 0; say how many containers, 1 to 100`,
		`{"count": 5, "drian": ""}`: `instance.json:1:14: "drian" is not known in the file; did you mean "drain"?`,
		`{"count": 1, "env_from": ["A=b"]}`: `instance.json:1:27: env_from[0]: "A=b" is not the name of an environment variable; ` +
			`write the name, never the token itself`,
		`{"count": 1`: `instance.json:1:12: `,
	} {
		if k, faults := ParseInstance("instance.json", []byte(text)); k != nil || len(faults) == 0 || !strings.HasPrefix(faults[0].String(), want) {
			t.Errorf("%s: %v\nwant %s", text, faults, want)
		}
	}
}

// TestSchemaHasEveryField holds the schema against the parser, both ways.
func TestSchemaHasEveryField(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	defs := root["$defs"].(map[string]any)
	for name, v := range map[string]any{
		"": File{}, "console": Console{}, "service": Service{}, "git": Git{}, "image": Image{}, "ci": CI{}, "alarm": Alarm{},
		"prometheus": Prometheus{}, "alertmanager": Alertmanager{}, "cloudwatch": CloudWatch{}, "fleet": Fleet{}, "stage": Stage{},
		"gates": Gates{}, "hours": Hours{}, "freeze": Freeze{}, "incidents": Incidents{}, "shadow": Shadow{}, "bake": Bake{}, "driver": Driver{},
		"exec": Exec{}, "docker": Docker{}, "asg": ASG{}, "ecs": ECS{},
	} {
		def := root
		if name != "" {
			def, _ = defs[name].(map[string]any)
			delete(defs, name)
		}
		props, _ := def["properties"].(map[string]any)
		known, _ := names(reflect.TypeOf(v))
		for _, k := range known {
			if _, ok := props[k]; !ok {
				t.Errorf("schema.json lacks %s of %q", k, name)
			}
			delete(props, k)
		}
		for k := range props {
			t.Errorf("schema.json has %s of %q, which the parser does not know", k, name)
		}
	}
	for name := range defs {
		t.Errorf("schema.json defines %q, which the parser does not know", name)
	}
}

// TestFaults spoils the example, one thing at a time. What the schema can know
// it refuses too.
func TestFaults(t *testing.T) {
	schema := judge(t)
	for _, row := range []struct {
		old, new, want string
		schemaKnows    bool
	}{
		{`"branch": "main"},
      "image"`, `"brnach": "main"},
      "image"`, `7:79: "brnach" is not known in services[0].git; did you mean "branch"?`, true},
		{`"count": 5`, `"count": "5"`, `17:42: services[0].stages[0].driver.docker.count is a text; write a number`, true},
		{`"count": 5`, `"count": 500`, `17:42: services[0].stages[0].driver.docker.count: 500; say how many containers, 1 to 100`, true},
		{`"for": "2h"`, `"for": "2 hours"`, `19:27: services[0].stages[0].bake.for: "2 hours" is not a duration; write 90s, 30m, 4h or 2d`, true},
		{`"for": "2h", `, ``, `services[0].stages[0].bake.for: is missing; say for how long, such as 30m`, true},
		{`"zone": "Europe/Berlin", "open"`, `"zone": "Europe/Berlyn", "open"`, `"Europe/Berlyn" is not a time zone`, false},
		{`"Mon-Thu 09:00-16:00", "Fri`, `"Mo-Thu 09:00-16:00", "Fri`, `the days "Mo-Thu" are none`, false},
		{`"to": "2027-01-04"`, `"to": "2026-12-20"`, `it ends before it begins`, false},
		{`"name": "production-us"`, `"name": "staging"`, `there are two called "staging"`, false},
		{`"== 1"`, `"is 1"`, `is not a comparison`, true},
		{`"watchdog": ["alertname=Watchdog"]`, `"watchdog": []`, `name an alert that always fires`, true},
		{`{"url": "https://console.example.org"`, `{"url": "https://me:pass@console.example.org"`, `holds a user or a password`, false},
		{`"token_env": "GITHUB_TOKEN"`, `"token_env": "ghp-12"`, `write the name, never the token itself`, true},
		{`"image": {"name": "registry.example.org/worker:{commit}"},`, ``, `this driver runs images`, false},
		{`worker:{commit}"`, `worker:latest"`, `is the same for every commit`, false},
		{`"ci": true,`, `"ci": true, "ci": false,`, `ci is there twice; remove one`, false},
		{`"approvals": 1,`, `"approvals": 1.5,`, `write a whole number`, true},
		{`"max_failed": 0.005},
          "alarms"`, `"max_failed": 5},
          "alarms"`, `write a share from 0 up to 1`, true},
		{`"fleet": {"tags": ["production", "eu"]}`, `"fleet": {"tags": ["production", "eu"]}, "cloudwatch": {"region": "r", "alarm": "a"}`, `write exactly one of prometheus`, true},
		{`"services": [`, `"services": [,`, `not valid JSON`, false},
		{"}\n  ]\n}\n", "}\n  ]\n", `ends too early`, false},
		{"}\n  ]\n}\n", "}\n  ]\n}{}\n", `there is more text after the end`, false},
	} {
		text := string(example(t))
		if !strings.Contains(text, row.old) {
			t.Fatalf("the example does not hold %q", row.old)
		}
		text = strings.Replace(text, row.old, row.new, 1)
		f, faults := Parse("deployer.json", []byte(text))
		if f != nil || len(faults) == 0 || !slices.ContainsFunc(faults, func(f Fault) bool { return strings.Contains(f.String(), row.want) }) {
			t.Errorf("%s → %s: %v, want %q", row.old, row.new, faults, row.want)
		}
		var v any
		if json.Unmarshal([]byte(text), &v) == nil {
			if err := schema.Validate(v); (err != nil) != row.schemaKnows {
				t.Errorf("%s → %s: the schema says %v", row.old, row.new, err)
			}
		}
	}
	var v any
	if err := json.Unmarshal(example(t), &v); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("the schema refuses the example: %v", err)
	}
}

// TestDocsHaveEveryField: docs/deployer.md says of each field what the schema
// says, and the examples in its words are those of the file.
func TestDocsHaveEveryField(t *testing.T) {
	doc, err := os.ReadFile("../../docs/deployer.md")
	if err != nil {
		t.Fatal(err)
	}
	var root struct {
		Properties map[string]map[string]any `json:"properties"`
		Defs       map[string]struct {
			Description string                    `json:"description"`
			Properties  map[string]map[string]any `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	for name, def := range root.Defs {
		_, section, ok := strings.Cut(string(doc), "\n### "+name+"\n")
		section, _, _ = strings.Cut(section, "\n### ")
		if !ok || !strings.Contains(section, def.Description) {
			t.Errorf("docs/deployer.md has no section %q that says: %s", name, def.Description)
		}
		for field, p := range def.Properties {
			words, _ := p["description"].(string)
			if !strings.Contains(section, "| `"+field+"` |") || !strings.Contains(section, strings.ReplaceAll(words, "|", "\\|")) {
				t.Errorf("docs/deployer.md does not say of %s of %s: %s", field, name, words)
			}
		}
	}
}
