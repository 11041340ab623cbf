package checkfile

import (
	"fmt"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	yaml "go.yaml.in/yaml/v4"
)

// actions are the keys of which a step has one.
var actions = []string{"open", "click", "fill", "press", "expect", "screenshot"}

// browser decodes what is special to a browser check.
func (o *object) browser() *check.Browser {
	b := &check.Browser{Width: check.DefaultWidth, Height: check.DefaultHeight}
	if n := o.value("viewport"); n != nil {
		o.place("viewport", n, true)
		v, ok := o.d.object(n, "viewport", "viewport", []string{"width", "height"})
		if ok {
			v.number("width", &b.Width)
			v.number("height", &b.Height)
			for _, side := range []string{"viewport.width", "viewport.height"} {
				if n, read := o.d.at[side]; read && n == nil {
					o.d.at["viewport"] = nil
				}
			}
		}
	}
	items, ok := o.list("steps")
	if !ok && o.has("steps") {
		o.d.at["steps"] = nil
	}
	for i, n := range items {
		b.Steps = append(b.Steps, o.d.step(n, i))
	}
	b.Expect = o.assertions("expect", check.KindBrowser)
	b.Degraded = o.assertions("degraded", check.KindBrowser)
	return b
}

// step decodes one step. Where it has a fault, its place is marked so that
// check.Validate's opinion of the rest is not asked for.
func (d *decoder) step(n *yaml.Node, i int) check.Step {
	path := fmt.Sprintf("steps[%d]", i)
	d.at[path] = nil
	if n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null" {
		d.fault(n, "%s wants an action and its value, such as `open: https://example.com/` or `click: \"#buy\"`, not %s", path, describe(n))
		return check.Step{}
	}
	o, ok := d.object(n, path, "a step", append(append([]string{}, actions...), "timeout"))
	if !ok {
		return check.Step{}
	}
	var action *field
	for k := range o.fields {
		switch {
		case o.fields[k].name == "timeout":
		case action == nil:
			action = &o.fields[k]
		default:
			d.fault(o.fields[k].key, "%s has two actions, %s and %s; begin a new step with a dash", path, action.name, o.fields[k].name)
			return check.Step{}
		}
	}
	if action == nil {
		if len(o.node.Content) == 2*len(o.fields) { // else an unknown key was reported
			d.fault(o.node, "%s has no action; use one of %s", path, strings.Join(actions, ", "))
		}
		return check.Step{}
	}
	s, ok := o.action(action)
	ok = o.stepTimeout(&s) && ok
	if ok {
		d.at[path] = action.value
		d.at[path+"."+string(s.Action)] = action.value
	}
	return s
}

func (o *object) stepTimeout(s *check.Step) bool {
	o.duration("timeout", &s.Timeout)
	n, there := o.d.at[o.path+"timeout"]
	if there && n != nil && (s.Timeout < time.Millisecond || s.Timeout > check.MaxTimeout) {
		o.d.fault(n, "%stimeout: %s is out of range; use 1ms to %s", o.path, s.Timeout, check.MaxTimeout)
		return false
	}
	return !there || n != nil
}

func (o *object) action(f *field) (check.Step, bool) {
	path := o.path + f.name
	switch f.name {
	case "open":
		v, ok := o.d.expanded(f.value, path)
		return check.Step{Action: check.ActionOpen, Value: v}, ok
	case "click":
		v, ok := o.d.expanded(f.value, path)
		return check.Step{Action: check.ActionClick, Selector: v}, ok
	case "screenshot":
		v, ok := o.d.expanded(f.value, path)
		return check.Step{Action: check.ActionScreenshot, Value: v}, ok
	case "fill":
		s := check.Step{Action: check.ActionFill}
		return s, o.parts(f, []string{"selector", "value"}, []string{"selector", "value"}, &s)
	case "press":
		s := check.Step{Action: check.ActionPress}
		if f.value.Kind == yaml.MappingNode {
			return s, o.parts(f, []string{"key", "selector"}, []string{"key"}, &s)
		}
		v, ok := o.d.expanded(f.value, path)
		s.Value = v
		return s, ok
	}
	return o.expectation(f)
}

// expectation decodes `expect: {text: …}` and `expect: {url: …}`.
func (o *object) expectation(f *field) (check.Step, bool) {
	s := check.Step{Action: check.ActionExpectText}
	if f.value.Kind != yaml.MappingNode {
		o.d.fault(f.value, "%sexpect wants {text: …} or {url: …}, not %s", o.path, describe(f.value))
		return s, false
	}
	keys := map[string]bool{}
	for i := 0; i < len(f.value.Content); i += 2 {
		keys[f.value.Content[i].Value] = true
	}
	switch {
	case keys["text"] && keys["url"]:
		o.d.fault(f.value, "%sexpect has both text and url; make two steps of it", o.path)
		return s, false
	case keys["url"] && keys["selector"]:
		o.d.fault(f.value, "%sexpect: a selector goes with text; the url is the page's", o.path)
		return s, false
	case keys["url"]:
		s.Action = check.ActionExpectURL
		return s, o.parts(f, []string{"url"}, []string{"url"}, &s)
	}
	return s, o.parts(f, []string{"text", "selector", "url"}, []string{"text"}, &s)
}

// parts reads the keys of an action: `selector` into Selector, any other into
// Value.
func (o *object) parts(f *field, known, needed []string, s *check.Step) bool {
	before := len(o.d.loader.faults)
	p, ok := o.d.object(f.value, o.path+f.name, o.path+f.name, known)
	if !ok {
		return false
	}
	for _, name := range known {
		if name == "selector" {
			p.text(name, &s.Selector)
			continue
		}
		p.text(name, &s.Value)
	}
	for _, name := range needed {
		if !p.has(name) && len(o.d.loader.faults) == before {
			o.d.fault(p.node, "%s%s has no %s; write %s: {%s: …}", o.path, f.name, name, f.name, strings.Join(needed, ": …, "))
		}
	}
	return len(o.d.loader.faults) == before
}
