package checkfile

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	yaml "go.yaml.in/yaml/v4"
)

// simple are the actions that may be written as ACTION: ELEMENT.
var simple = map[string]check.Action{
	"click": check.ActionClick, "double_click": check.ActionDoubleClick, "hover": check.ActionHover,
	"check": check.ActionCheck, "uncheck": check.ActionCheck, "scroll": check.ActionScroll,
}

// valued are the actions that are written as ACTION: VALUE.
var valued = map[string]check.Action{
	"open": check.ActionOpen, "screenshot": check.ActionScreenshot, "close": check.ActionClose, "wait": check.ActionWait,
	"key_down": check.ActionKeyDown, "key_up": check.ActionKeyUp, "custom": check.ActionCustom,
}

// action decodes the action of a step.
func (o *object) action(f *field) (check.Step, bool) {
	path := o.path + f.name
	if f.name == "wait" && f.value.Kind == yaml.MappingNode {
		return o.waitElement(f)
	}
	if action, ok := valued[f.name]; ok {
		v, ok := o.d.templated(f.value, path)
		if f.name == "open" && strings.HasPrefix(v, "/") && o.d.web != "" {
			v = escaped(o.d.web) + v
		}
		return check.Step{Action: action, Value: v}, ok
	}
	if action, ok := simple[f.name]; ok {
		s := check.Step{Action: action}
		if action == check.ActionCheck {
			s.Value = strconv.FormatBool(f.name == "check")
		}
		return s, o.simple(f, &s)
	}
	switch f.name {
	case "fill":
		s := check.Step{Action: check.ActionFill}
		return s, o.parts(f, &s, []string{"value"}, true)
	case "press":
		s := check.Step{Action: check.ActionPress}
		if f.value.Kind == yaml.MappingNode {
			return s, o.parts(f, &s, []string{"key"}, false)
		}
		v, ok := o.d.templated(f.value, path)
		s.Value = v
		return s, ok
	case "select":
		return o.selection(f)
	case "upload":
		return o.upload(f)
	case "drag":
		return o.drag(f)
	case "page":
		p, ok := o.d.page(f.value, path)
		return check.Step{Action: check.ActionPage, Page: p}, ok
	case "dialog", "cookies", "storage":
		return o.browserState(f)
	}
	return o.expectation(f)
}

var clickKeys = []string{"button", "hold", "at"}

// simple reads ACTION: SELECTOR or ACTION: {selector: …, …}.
func (o *object) simple(f *field, s *check.Step) bool {
	if f.value.Kind != yaml.MappingNode {
		v, ok := o.d.templated(f.value, o.path+f.name)
		s.Selector = v
		return ok
	}
	before := len(o.d.loader.faults)
	known := locatorKeys
	switch f.name {
	case "click", "double_click":
		known = slices.Concat(locatorKeys, clickKeys)
	case "scroll":
		known = slices.Concat(locatorKeys, []string{"to"})
	}
	p, ok := o.d.object(f.value, o.path+f.name, o.path+f.name, known)
	if !ok {
		return false
	}
	p.locator(s, f.name != "scroll")
	p.text("button", &s.Button)
	p.duration("hold", &s.Hold)
	p.point("at", &s.Point)
	if f.name == "scroll" {
		p.point("to", &s.Point)
	}
	return len(o.d.loader.faults) == before
}

// point reads {x: …, y: …}.
func (o *object) point(name string, into **check.Point) {
	o.read(name, func(n *yaml.Node, path string) bool {
		p, ok := o.d.object(n, path, path, []string{"x", "y"})
		if !ok {
			return false
		}
		var at check.Point
		p.decimal("x", &at.X)
		p.decimal("y", &at.Y)
		*into = &at
		return true
	})
}

// decimal reads a number with or without a fraction.
func (o *object) decimal(name string, into *float64) {
	o.read(name, func(n *yaml.Node, path string) bool {
		s, ok := o.d.expanded(n, path)
		f, err := strconv.ParseFloat(s, 64)
		if ok && (err != nil || f-f != 0) {
			o.d.fault(n, "%s is %s; write a number", path, describe(n))
			return false
		}
		*into = f
		return ok
	})
}

// parts reads an action with an element and a value.
func (o *object) parts(f *field, s *check.Step, values []string, element bool) bool {
	before := len(o.d.loader.faults)
	p, ok := o.d.object(f.value, o.path+f.name, o.path+f.name, slices.Concat(locatorKeys, values))
	if !ok {
		return false
	}
	p.locator(s, element)
	for _, name := range values {
		p.template(name, &s.Value)
		if !p.has(name) && len(o.d.loader.faults) == before {
			o.d.fault(p.node, "%s%s has no %s; write %s: {selector: …, %s: …}", o.path, f.name, name, f.name, name)
		}
	}
	return len(o.d.loader.faults) == before
}

// selection reads `select: {selector: …, value: L}` or a list of values.
func (o *object) selection(f *field) (check.Step, bool) {
	s := check.Step{Action: check.ActionSelect}
	before := len(o.d.loader.faults)
	p, ok := o.d.object(f.value, o.path+f.name, o.path+f.name, slices.Concat(locatorKeys, []string{"value", "values"}))
	if !ok {
		return s, false
	}
	p.locator(&s, true)
	p.templateList("values", &s.Values)
	var one string
	p.template("value", &one)
	if p.has("value") {
		s.Values = append(s.Values, one)
	}
	return s, len(o.d.loader.faults) == before
}

// drag reads `drag: {selector: …, to: SELECTOR}`.
func (o *object) drag(f *field) (check.Step, bool) {
	s := check.Step{Action: check.ActionDrag}
	before := len(o.d.loader.faults)
	p, ok := o.d.object(f.value, o.path+f.name, o.path+f.name, slices.Concat(locatorKeys, []string{"to"}))
	if !ok {
		return s, false
	}
	p.locator(&s, true)
	p.template("to", &s.To)
	return s, len(o.d.loader.faults) == before
}

// browserState reads what a step does to the browser rather than to a page.
func (o *object) browserState(f *field) (check.Step, bool) {
	path := o.path + f.name
	before := len(o.d.loader.faults)
	clear := word(f.value) == "clear"
	switch {
	case f.name == "dialog":
		s := check.Step{Action: check.ActionDialog}
		if f.value.Kind != yaml.MappingNode {
			v, ok := o.d.expanded(f.value, path)
			s.Value = v
			return s, ok
		}
		p, ok := o.d.object(f.value, path, path, []string{"accept"})
		if !ok {
			return s, false
		}
		var answer string
		p.template("accept", &answer)
		s.Value, s.Values = "accept", []string{answer}
		return s, len(o.d.loader.faults) == before
	case clear && f.name == "cookies":
		return check.Step{Action: check.ActionCookies, Value: "clear"}, true
	case clear:
		return check.Step{Action: check.ActionStorage, Value: "clear"}, true
	case f.name == "cookies":
		s := check.Step{Action: check.ActionCookies}
		p, ok := o.d.object(f.value, path, path, nil)
		if !ok {
			return s, false
		}
		for _, c := range p.fields {
			cookie := check.Cookie{Name: c.name, URL: escaped(o.d.web)}
			if c.value.Kind == yaml.MappingNode {
				p.cookie(c, &cookie)
			} else {
				p.template(c.name, &cookie.Value)
			}
			s.Cookies = append(s.Cookies, cookie)
		}
		return s, len(o.d.loader.faults) == before
	}
	s := check.Step{Action: check.ActionStorage}
	p, ok := o.d.object(f.value, path, path, []string{"local", "session"})
	if !ok {
		return s, false
	}
	if p.has("local") == p.has("session") {
		o.d.fault(p.node, "%s wants {local: {name: value}} or {session: {name: value}}, or clear", path)
	}
	for _, which := range []string{"local", "session"} {
		if p.has(which) {
			s.Value = which
			p.templates(which, &s.Pairs)
		}
	}
	return s, len(o.d.loader.faults) == before
}

// cookie reads `NAME: {value: …, url: …}`: one that is for another address.
func (o *object) cookie(f field, into *check.Cookie) {
	path := o.path + f.name
	c, ok := o.d.object(f.value, path, path, []string{"value", "url"})
	if !ok {
		return
	}
	if !c.has("value") {
		o.d.fault(c.node, "%s has no value", path)
	}
	c.template("value", &into.Value)
	c.template("url", &into.URL)
}

// word is a value that is a single word, else "".
func word(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// locatorKeys say which element a step is about.
var locatorKeys = []string{"selector", "role", "name", "label", "text", "placeholder", "test_id", "exact", "nth", "strict"}

// byKeys are those of which a locator has one.
var byKeys = []string{"selector", "role", "label", "text", "placeholder", "test_id"}

// locator reads which element a step is about. Elements by role, label and the
// like are to be found once only, unless the step says otherwise.
func (o *object) locator(s *check.Step, needed bool) {
	var by []string
	for _, name := range byKeys {
		if o.has(name) {
			by = append(by, name)
		}
	}
	switch {
	case len(by) > 1:
		o.d.fault(o.field(by[1]).key, "%s has both %s and %s; say it in one way", strings.TrimSuffix(o.path, "."), by[0], by[1])
		return
	case len(by) == 0 && needed:
		o.d.fault(o.node, "%s does not say which element; write one of %s", strings.TrimSuffix(o.path, "."), strings.Join(byKeys, ", "))
		return
	case len(by) == 0:
		for _, name := range locatorKeys {
			if o.has(name) {
				o.d.fault(o.field(name).key, "%s%s goes with an element; write one of %s, too", o.path, name, strings.Join(byKeys, ", "))
			}
		}
		return
	}
	s.Strict = by[0] != "selector"
	o.flag("strict", &s.Strict)
	o.flag("exact", &s.Exact)
	o.number("nth", &s.Nth)
	if o.has("name") && by[0] != "role" {
		o.d.fault(o.field("name").key, "%sname goes with role", o.path)
	}
	switch by[0] {
	case "selector":
		o.selectors(s)
	case "role":
		var role, name string
		o.text("role", &role)
		o.template("name", &name)
		if !roleForm.MatchString(role) {
			o.d.fault(o.value("role"), "%srole: %q is not a role; write one such as button, link or textbox", o.path, role)
		}
		s.Selector = "role/" + role
		if name != "" {
			s.Selector += fmt.Sprintf(`[name="%s"]`, name)
		}
	default:
		o.template(by[0], &s.Selector)
		if s.Selector != "" {
			s.Selector = by[0] + "/" + s.Selector
		}
	}
}

var roleForm = regexp.MustCompile(`^[a-zA-Z]+$`)

// selectors reads a selector, or a list of alternatives, each of which may be
// the list of a path through shadow trees.
func (o *object) selectors(s *check.Step) {
	n := o.value("selector")
	if n.Kind != yaml.SequenceNode {
		o.template("selector", &s.Selector)
		return
	}
	for i, c := range n.Content {
		c = o.d.resolve(c)
		parts := []*yaml.Node{c}
		if c.Kind == yaml.SequenceNode {
			parts = c.Content
		}
		var path []string
		for _, part := range parts {
			text, _ := o.d.templated(part, fmt.Sprintf("%sselector[%d]", o.path, i))
			path = append(path, text)
		}
		s.Selectors = append(s.Selectors, path)
	}
	if len(s.Selectors) == 0 {
		o.d.fault(n, "%sselector is an empty list", o.path)
	}
}
