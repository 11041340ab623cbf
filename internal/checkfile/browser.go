package checkfile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	yaml "go.yaml.in/yaml/v4"
)

// actions are the keys of which a step has one.
var actions = []string{
	"open", "click", "double_click", "hover", "fill", "select", "check", "uncheck", "press", "key_down", "key_up", "upload", "drag",
	"scroll", "dialog", "cookies", "storage", "page", "close", "wait", "expect", "screenshot", "custom",
}

// besides are the keys that any step may have beside its action.
var besides = []string{"timeout", "name", "optional", "always", "iframe", "target", "recorded", "frame", "events"}

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
	o.d.web = o.base()
	if n := o.value("page"); n != nil {
		p, ok := o.d.page(n, "page")
		o.place("page", n, ok)
		if b.Page = p; ok && p.Width > 0 && !o.has("viewport") {
			b.Width, b.Height = max(200, p.Width), max(200, p.Height)
		}
	}
	if n := o.value("recording"); n != nil {
		if o.has("steps") {
			o.d.fault(n, "the check has both recording: and steps:; make two of it")
		}
		b.Steps = o.d.recorded(n)
		o.d.at["steps"] = nil // what is wrong with them was said
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
	b.Templates = o.d.runtime
	if !b.Templates {
		if plain, err := b.Map(unescaped); err == nil { // a text with a fault was reported
			return plain
		}
	}
	return b
}

// base is the address that addresses without a host are added to.
func (o *object) base() string {
	n := o.value("base")
	if n == nil {
		return ""
	}
	s, ok := o.d.expanded(n, "base")
	if ok && !strings.HasPrefix(s, "http://") && !strings.HasPrefix(s, "https://") {
		o.d.fault(n, "base: %q does not start with http:// or https://", s)
	}
	return strings.TrimSuffix(s, "/")
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
	o, ok := d.object(n, path, "a step", slices.Concat(actions, besides))
	if !ok {
		return check.Step{}
	}
	var action *field
	for k := range o.fields {
		switch {
		case slices.Contains(besides, o.fields[k].name):
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
	before := len(d.loader.faults)
	o.text("name", &s.Name)
	o.flag("optional", &s.Optional)
	o.flag("always", &s.Always)
	o.template("iframe", &s.Iframe)
	o.template("target", &s.Target)
	o.recordedWords(&s)
	if s.Action == check.ActionClose {
		s.Target, s.Value = s.Value, ""
	}
	ok = o.stepTimeout(&s) && ok && len(d.loader.faults) == before
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

// templates reads names and values that may be filled in where the check runs.
func (o *object) templates(name string, into *map[string]string) {
	o.read(name, func(n *yaml.Node, path string) bool {
		m, ok := o.d.object(n, path, path, nil)
		if !ok {
			return false
		}
		values := map[string]string{}
		for _, f := range m.fields {
			v, good := o.d.templated(f.value, path+"."+f.name)
			values[f.name], ok = v, ok && good
		}
		if len(values) > 0 {
			*into = values
		}
		return ok
	})
}
