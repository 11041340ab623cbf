package recording

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
)

// Every type of step, with every field that is looked at.
const everything = `{
	"title": "All",
	"timeout": 7000,
	"selectorAttribute": "data-x",
	"newer": {"is": "not looked at"},
	"steps": [
		{"type": "navigate", "url": "https://a.example/", "assertedEvents": [{"type": "navigation", "url": "https://a.example/", "title": "A"}]},
		{"type": "click", "selectors": [["aria/Buy"], "#buy", ["#host", "button"]], "offsetX": 1.5, "offsetY": 2, "button": "auxiliary", "deviceType": "touch", "duration": 50, "timeout": 1},
		{"type": "doubleClick", "selectors": ["a"], "target": "main", "frame": [0, 2]},
		{"type": "hover", "selectors": ["a"]},
		{"type": "change", "selectors": ["a"], "value": ""},
		{"type": "keyDown", "key": "Enter"},
		{"type": "keyUp", "key": "Enter"},
		{"type": "setViewport", "width": 390, "height": 844, "deviceScaleFactor": 3, "isMobile": true, "hasTouch": true, "isLandscape": true},
		{"type": "emulateNetworkConditions", "download": 1000, "upload": -1, "latency": 2.5},
		{"type": "emulateNetworkConditions", "download": 0, "upload": 0, "latency": 0},
		{"type": "scroll", "y": 40},
		{"type": "close", "target": "https://a.example/popup"},
		{"type": "waitForElement", "selectors": ["a"], "operator": "<=", "count": 0, "visible": false, "properties": {"id": "x"}, "attributes": {"b": "c"}},
		{"type": "waitForElement", "selectors": ["a"]},
		{"type": "waitForExpression", "expression": "1 < 2"},
		{"type": "customStep", "name": "theirs", "parameters": {}}
	]
}`

func TestEveryType(t *testing.T) {
	a := [][]string{{"a"}}
	step := func(s check.Step) check.Step {
		s.Recorded = true
		if s.Timeout == 0 && s.Action != check.ActionOpen {
			s.Timeout = 7 * time.Second
		}
		return s
	}
	want := Recording{Title: "All", Steps: []check.Step{
		step(check.Step{Action: check.ActionOpen, Value: "https://a.example/", Events: []check.Navigation{{URL: "https://a.example/", Title: "A"}}}),
		step(check.Step{
			Action: check.ActionClick, Selectors: [][]string{{"aria/Buy"}, {"#buy"}, {"#host", "button"}},
			Point: &check.Point{X: 1.5, Y: 2}, Button: "middle", Hold: 50 * time.Millisecond, Timeout: time.Millisecond,
		}),
		step(check.Step{Action: check.ActionDoubleClick, Selectors: a, Target: "main", Frame: []int{0, 2}}),
		step(check.Step{Action: check.ActionHover, Selectors: a}),
		step(check.Step{Action: check.ActionFill, Selectors: a}),
		step(check.Step{Action: check.ActionKeyDown, Value: "Enter"}),
		step(check.Step{Action: check.ActionKeyUp, Value: "Enter"}),
		step(check.Step{Action: check.ActionPage, Page: &check.Page{Width: 390, Height: 844, Scale: 3, Mobile: true, Touch: true, Landscape: true}}),
		step(check.Step{Action: check.ActionPage, Page: &check.Page{Network: &check.Network{Download: 1000, Latency: 2500 * time.Microsecond}}}),
		step(check.Step{Action: check.ActionPage, Page: &check.Page{Network: &check.Network{Offline: true}}}),
		step(check.Step{Action: check.ActionScroll, Point: &check.Point{Y: 40}}),
		step(check.Step{Action: check.ActionClose, Target: "https://a.example/popup"}),
		step(check.Step{Action: check.ActionWaitElement, Selectors: a, Elements: &check.Elements{
			Operator: "<=", Not: true, Properties: `{"id": "x"}`, Attributes: map[string]string{"b": "c"},
		}}),
		step(check.Step{Action: check.ActionWaitElement, Selectors: a, Elements: &check.Elements{Operator: ">=", Count: 1}}),
		step(check.Step{Action: check.ActionWait, Value: "1 < 2"}),
		step(check.Step{Action: check.ActionCustom, Value: "theirs"}),
	}}
	got, faults := Parse([]byte(everything))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	b := check.Browser{Steps: got.Steps, Width: 800, Height: 600}
	c := check.Check{ID: "a", Name: "a", Every: time.Minute, Timeout: time.Minute, Locations: []string{"local"}, Spec: &b}
	if fs := c.Validate(); fs != nil {
		t.Error(fs)
	}
}

// Faults are found all at once, in the order of the file, by line and column.
func TestFaults(t *testing.T) {
	for in, want := range map[string]string{
		``:                                      "1:1: not valid JSON: it ends too early",
		"{\"title\": \"ä\", ,}":                 "1:16: not valid JSON",
		`[]`:                                    "1:1: the recording is an array, not an object",
		`{"title": 1, "steps": []}`:             "1:11: the recording's title is a number, not a text",
		"{\"title\": \"x\",\n \"steps\": null}": "2:11: the recording's steps are null, not an array",
		`{"title": "x", "steps": []} {}`:        "1:29: there is more text after the recording",
		`{"title": "x", "steps": [], "timeout": 0.5}`:          "1:40: the timeout 0.5 is not between 1 and 30000 milliseconds",
		`{"title": "x", "steps": [{"type": "click"}]}`:         "1:26: steps[0] has no selectors",
		`{"title": "x", "steps": [{"type": "keyDown"}, {}]}`:   "1:26: steps[0] has no key|1:47: steps[1] has no type",
		`{"title": "x", "steps": [` + strings.Repeat("[", 100): "nested more than 50 deep",
	} {
		rec, faults := Parse([]byte(in))
		var said []string
		for _, f := range faults {
			said = append(said, f.Error())
		}
		for i, w := range strings.Split(want, "|") {
			if i >= len(said) || !strings.Contains(said[i], w) || rec.Steps != nil {
				t.Errorf("%s: %q, want %q", in, said, w)
			}
		}
	}
}

// FuzzParse: whatever the bytes, there are steps or faults with a place.
func FuzzParse(f *testing.F) {
	f.Add([]byte(everything))
	f.Add([]byte(`{"title": "x", "steps": [{"type": "scroll", "x": 1e99}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, faults := Parse(data)
		for _, fault := range faults {
			if fault.Line < 1 || fault.Column < 1 || fault.Message == "" {
				t.Errorf("%+v", fault)
			}
		}
		if len(faults) > 0 && rec.Steps != nil {
			t.Error("steps beside faults")
		}
	})
}
