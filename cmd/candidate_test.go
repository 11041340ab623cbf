package cmd_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// TestTheCandidateIsTheWorker: what deploy/compose/shadow.yaml starts is the
// worker of compose.yaml in everything but what makes it a candidate. It keeps
// no artifacts: those of a copy would replace those of the run that counts.
func TestTheCandidateIsTheWorker(t *testing.T) {
	var with, without struct {
		Services map[string]map[string]any `yaml:"services"`
	}
	text, err := os.ReadFile("../deploy/compose/shadow.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &with); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(composeFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &without); err != nil {
		t.Fatal(err)
	}
	want, got := maps.Clone(without.Services["worker"]), with.Services["candidate"]
	delete(want, "volumes")
	want["image"] = "${PROBEFLEET_CANDIDATE_IMAGE:?name the image of the worker that is tried}"
	var command []any
	for i, word := range want["command"].([]any) {
		if word != "-artifacts" && (i == 0 || want["command"].([]any)[i-1] != "-artifacts") {
			command = append(command, word)
		}
	}
	want["command"] = command
	environment := maps.Clone(want["environment"].(map[string]any))
	environment["PROBEFLEET_SHADOW"] = "true"
	want["environment"] = environment
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the candidate is another worker: %s", diff)
	}

	// What they are told they know.
	said := variables(t)
	for name, command := range map[string]string{"scheduler": "scheduler", "recorder": "recorder", "candidate": "worker"} {
		env, _ := with.Services[name]["environment"].(map[string]any)
		if env["PROBEFLEET_SHADOW"] == nil {
			t.Errorf("%s is told nothing of copies", name)
		}
		for variable := range env {
			if !strings.HasPrefix(variable, "AWS_") && !strings.Contains(said[command], "["+variable+"]") {
				t.Errorf("%s knows no variable %s", command, variable)
			}
		}
	}
	if names := slices.Sorted(maps.Keys(with.Services)); !slices.Equal(names, []string{"candidate", "recorder", "scheduler"}) {
		t.Errorf("services: %v", names)
	}
	example, err := os.ReadFile("../deploy/compose/.env.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\$\{([A-Z_]+)`).FindAllSubmatch(text, -1) {
		if !regexp.MustCompile(`(?m)^#?` + string(m[1]) + `=`).Match(example) {
			t.Errorf(".env.example does not say %s", m[1])
		}
	}
}
