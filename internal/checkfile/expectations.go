package checkfile

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	yaml "go.yaml.in/yaml/v4"
)

// expected are the keys of which an expectation has one, with what it does.
var expected = map[string]check.Action{
	"text": check.ActionExpectText, "url": check.ActionExpectURL, "title": check.ActionExpectTitle,
	"visible": check.ActionExpectVisible, "hidden": check.ActionExpectHidden, "count": check.ActionExpectCount,
	"value": check.ActionExpectValue, "attribute": check.ActionExpectAttribute, "console": check.ActionExpectConsole,
	"response": check.ActionExpectResponse, "dialog": check.ActionExpectDialog, "snapshot": check.ActionExpectSnapshot,
}

// expectedKeys lists them as people should read them.
var expectedKeys = []string{"text", "url", "title", "visible", "hidden", "count", "value", "attribute", "console", "response", "dialog", "snapshot"}

// elementOf are the expectations that are about an element.
var elementOf = []string{"text", "count", "value", "attribute", "snapshot"}

// expectation decodes `expect: {…}`.
func (o *object) expectation(f *field) (check.Step, bool) {
	s := check.Step{Action: check.ActionExpectText}
	path := o.path + "expect"
	if f.value.Kind != yaml.MappingNode {
		o.d.fault(f.value, "%s wants {text: …} or {url: …}, not %s", path, describe(f.value))
		return s, false
	}
	before := len(o.d.loader.faults)
	known := slices.Concat(expectedKeys, slices.DeleteFunc(slices.Clone(locatorKeys), func(k string) bool { return k == "text" }))
	p, ok := o.d.object(f.value, path, path, known)
	if !ok || len(o.d.loader.faults) > before {
		return s, false
	}
	var what []string
	for _, name := range expectedKeys {
		if p.has(name) {
			what = append(what, name)
		}
	}
	switch {
	case len(what) == 0:
		o.d.fault(p.node, "%s has no text; write expect: {text: …}, or one of %s", path, strings.Join(expectedKeys[1:], ", "))
		return s, false
	case len(what) > 1:
		o.d.fault(f.value, "%s has both %s and %s; make two steps of it", path, what[0], what[1])
		return s, false
	case p.has("selector") && (what[0] == "url" || what[0] == "title"):
		o.d.fault(f.value, "%s: a selector goes with text; the %s is the page's", path, what[0])
		return s, false
	}
	s.Action = expected[what[0]]
	about := slices.Contains(elementOf, what[0])
	if !about {
		for _, k := range locatorKeys {
			if k != "text" && p.has(k) {
				o.d.fault(p.field(k).key, "%s: %s does not go with %s", path, k, what[0])
			}
		}
	}
	p.expectedValue(what[0], &s)
	if about {
		p.fields = slices.DeleteFunc(p.fields, func(f field) bool { return f.name == "text" })
		p.locator(&s, what[0] != "text" && what[0] != "snapshot")
	}
	if what[0] == "count" && !p.has("strict") {
		s.Strict = false // it counts them
	}
	return s, len(o.d.loader.faults) == before
}

// expectedValue reads what is expected.
func (o *object) expectedValue(what string, s *check.Step) {
	n := o.value(what)
	path := o.path + what
	switch what {
	case "visible", "hidden":
		if n.Kind != yaml.MappingNode {
			o.template(what, &s.Selector)
			return
		}
		if p, ok := o.d.object(n, path, path, locatorKeys); ok {
			p.locator(s, true)
		}
	case "count":
		s.Elements = o.count(n, path)
	case "attribute":
		o.templates(what, &s.Pairs)
	case "console":
		if word, _ := o.word(n); word != "clean" {
			o.d.fault(n, "%s is %s; write clean", path, describe(n))
		}
	case "response":
		if n.Kind != yaml.MappingNode {
			o.template(what, &s.Value)
			return
		}
		if p, ok := o.d.object(n, path, path, []string{"url", "status"}); ok {
			p.template("url", &s.Value)
			p.number("status", &s.Status)
		}
	default:
		o.template(what, &s.Value)
	}
}

var countForm = regexp.MustCompile(`^(>=|<=|==)?\s*([0-9]{1,6})$`)

// count reads `3`, `">= 3"` or `"<= 3"`.
func (o *object) count(n *yaml.Node, path string) *check.Elements {
	text, ok := o.d.expanded(n, path)
	if !ok {
		return nil
	}
	m := countForm.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		o.d.fault(n, "%s is %s; write a number, or one with >= or <= before it", path, describe(n))
		return nil
	}
	e := &check.Elements{Operator: "=="}
	if m[1] != "" {
		e.Operator = m[1]
	}
	e.Count, _ = strconv.Atoi(m[2])
	return e
}
