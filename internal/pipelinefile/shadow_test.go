package pipelinefile

import (
	"strings"
	"testing"
)

func TestBuildOf(t *testing.T) {
	for form, want := range map[string]string{"{commit}": "0123456789abcdef", "v{commit:4}-x": "v0123-x", "{commit:99}": "0123456789abcdef"} {
		if got := (Shadow{Build: form}).BuildOf("0123456789abcdef"); got != want {
			t.Errorf("%q is %q, want %q", form, got, want)
		}
	}
}

func TestShadowGate(t *testing.T) {
	file := func(gate string) string {
		return `{"console": {"url": "https://console.example"}, "services": [{"name": "w", "git": {"repository": "."}, "stages": [
			{"name": "production", "driver": {"exec": {"running": ["a"], "deploy": ["b"], "ready": ["c"]}}, "gates": {"shadow": ` + gate + `}}]}]}`
	}
	f, faults := Parse("f", []byte(file(`{"build": "{commit:12}"}`)))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if g := f.Services[0].Policy().Stages[0].Gates.Shadow; g == nil || g.Pairs != 300 || g.Disagree != 0.01 || g.Slower != 1.1 {
		t.Errorf("defaults: %+v", g)
	}
	for gate, want := range map[string]string{
		`{"build": "v1"}`:                    "the same for every commit",
		`{}`:                                 "is missing",
		`{"build": "{commit}", "pairs": -1}`: "use 1 or more",
		`{"build": "{commit}", "disagreements": 2}`: "at most 1",
		`{"build": "{commit}", "slower": -1}`:       "such as 1.1",
		`{"build": "{commit}", "since": "90d"}`:     "use 1m to 30d",
	} {
		if _, faults := Parse("f", []byte(file(gate))); len(faults) == 0 || !strings.Contains(faults[0].String(), want) {
			t.Errorf("%s: %v, want %q", gate, faults, want)
		}
	}
	if _, faults := Parse("f", []byte(strings.Replace(file(`{"build": "{commit}"}`), `"console": {"url": "https://console.example"}, `, "", 1))); len(faults) == 0 {
		t.Error("a gate that asks the console is fine without one")
	}
}
