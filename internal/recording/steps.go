package recording

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// step is a step that is being read.
type step struct {
	*parser
	v    *value
	path string // steps[2]
	out  check.Step
}

// types has how each type of step is read.
var types = map[string]func(*step){
	"click":                    func(s *step) { s.click(check.ActionClick) },
	"doubleClick":              func(s *step) { s.click(check.ActionDoubleClick) },
	"hover":                    func(s *step) { s.out.Action = check.ActionHover; s.selectors(true) },
	"change":                   (*step).change,
	"keyDown":                  func(s *step) { s.out.Action, s.out.Value = check.ActionKeyDown, s.need("key") },
	"keyUp":                    func(s *step) { s.out.Action, s.out.Value = check.ActionKeyUp, s.need("key") },
	"navigate":                 func(s *step) { s.out.Action, s.out.Value = check.ActionOpen, s.need("url") },
	"setViewport":              (*step).viewport,
	"emulateNetworkConditions": (*step).network,
	"scroll":                   (*step).scroll,
	"close":                    (*step).close,
	"waitForElement":           (*step).waitForElement,
	"waitForExpression":        func(s *step) { s.out.Action, s.out.Value = check.ActionWait, s.need("expression") },
	"customStep":               func(s *step) { s.out.Action, s.out.Value = check.ActionCustom, s.need("name") },
}

// step reads one step.
func (p *parser) step(v *value, path string) check.Step {
	s := step{parser: p, v: v, path: path, out: check.Step{Recorded: true}}
	if v.is != isObject {
		p.fault(v, "%s is %s, not an object", path, v.is)
		return s.out
	}
	kind := v.get("type")
	if kind == nil {
		p.fault(v, "%s has no type; the types are %s", path, strings.Join(slices.Sorted(maps.Keys(types)), ", "))
		return s.out
	}
	read, known := types[p.text(kind, path+".type")]
	if !known {
		if kind.is == isText {
			p.fault(kind, "%s has the type %q, which is not known; the types are %s", path, kind.text, strings.Join(slices.Sorted(maps.Keys(types)), ", "))
		}
		return s.out
	}
	s.out.Timeout = p.timeout(v)
	s.place()
	s.events()
	read(&s)
	return s.out
}

// optional is a text member, "" where it is not there.
func (s *step) optional(name string) string {
	v := s.v.get(name)
	if v == nil {
		return ""
	}
	return s.text(v, s.path+"."+name)
}

// need is a text member that has to be there.
func (s *step) need(name string) string {
	if s.v.get(name) == nil {
		s.fault(s.v, "%s has no %s", s.path, name)
	}
	return s.optional(name)
}

// number is a number member, 0 where it is not there.
func (s *step) number(name string, needed bool) float64 {
	v := s.v.get(name)
	switch {
	case v == nil && needed:
		s.fault(s.v, "%s has no %s", s.path, name)
	case v == nil:
	case v.is != isNumber:
		s.fault(v, "%s.%s is %s, not a number", s.path, name, v.is)
	case math.Abs(v.number) > 1e9:
		s.fault(v, "%s.%s is out of range", s.path, name)
	default:
		return v.number
	}
	return 0
}

func (s *step) flag(name string) bool {
	v := s.v.get(name)
	if v != nil && v.is != isBool {
		s.fault(v, "%s.%s is %s; write true or false", s.path, name, v.is)
	}
	return v != nil && v.yes
}

// place reads for which page, iframe and frame the step is.
func (s *step) place() {
	s.out.Target = s.optional("target")
	v := s.v.get("frame")
	if v == nil {
		return
	}
	if v.is != isArray {
		s.fault(v, "%s.frame is %s, not an array of numbers", s.path, v.is)
		return
	}
	for _, n := range v.items {
		if n.is != isNumber || n.number < 0 || n.number != math.Trunc(n.number) || n.number > 1000 {
			s.fault(n, "%s.frame has %s; its items are numbers of child frames, from 0", s.path, short(n))
			continue
		}
		s.out.Frame = append(s.out.Frame, int(n.number))
	}
}

func (s *step) events() {
	v := s.v.get("assertedEvents")
	if v == nil {
		return
	}
	if v.is != isArray {
		s.fault(v, "%s.assertedEvents is %s, not an array", s.path, v.is)
		return
	}
	for i, e := range v.items {
		path := fmt.Sprintf("%s.assertedEvents[%d]", s.path, i)
		if e.is != isObject {
			s.fault(e, "%s is %s, not an object", path, e.is)
			continue
		}
		inner := step{parser: s.parser, v: e, path: path}
		if kind := inner.need("type"); kind != "" && kind != "navigation" {
			s.fault(e.get("type"), "%s has the type %q; the only one is navigation", path, kind)
		}
		s.out.Events = append(s.out.Events, check.Navigation{URL: inner.optional("url"), Title: inner.optional("title")})
	}
}

// selectors reads the alternatives: each a text, or the path of texts.
func (s *step) selectors(needed bool) {
	v := s.v.get("selectors")
	switch {
	case v == nil && needed:
		s.fault(s.v, "%s has no selectors", s.path)
		return
	case v == nil:
		return
	case v.is != isArray:
		s.fault(v, "%s.selectors is %s, not an array", s.path, v.is)
		return
	case len(v.items) == 0:
		s.fault(v, "%s.selectors is empty", s.path)
		return
	}
	for i, a := range v.items {
		parts := []*value{a}
		if a.is == isArray {
			parts = a.items
		}
		if len(parts) == 0 {
			s.fault(a, "%s.selectors[%d] is empty", s.path, i)
		}
		var path []string
		for _, part := range parts {
			text := s.text(part, fmt.Sprintf("%s.selectors[%d]", s.path, i))
			if part.is == isText && text == "" {
				s.fault(part, "%s.selectors[%d] is empty", s.path, i)
			}
			path = append(path, text)
		}
		s.out.Selectors = append(s.out.Selectors, path)
	}
}

// buttons are the Recorder's names of the mouse's.
var buttons = map[string]string{
	"": "", "primary": "left", "auxiliary": "middle", "secondary": "right", "back": "back", "forward": "forward",
}

func (s *step) click(action check.Action) {
	s.out.Action = action
	s.selectors(true)
	if s.v.get("offsetX") != nil || s.v.get("offsetY") != nil {
		s.out.Point = &check.Point{X: s.number("offsetX", true), Y: s.number("offsetY", true)}
	}
	name := s.optional("button")
	button, known := buttons[name]
	if !known {
		s.fault(s.v.get("button"), "%s has the button %q; use primary, auxiliary, secondary, back or forward", s.path, name)
	}
	s.out.Button = button
	if device := s.optional("deviceType"); !slices.Contains([]string{"", "mouse", "pen", "touch"}, device) {
		s.fault(s.v.get("deviceType"), "%s has the device %q; use mouse, pen or touch", s.path, device)
	}
	if ms := s.number("duration", false); ms < 0 || ms > maxTimeout {
		s.fault(s.v.get("duration"), "%s.duration is out of range; use up to %d milliseconds", s.path, maxTimeout)
	} else {
		s.out.Hold = time.Duration(ms * float64(time.Millisecond))
	}
}

func (s *step) change() {
	s.out.Action = check.ActionFill
	s.selectors(true)
	s.out.Value = s.need("value")
}

func (s *step) viewport() {
	s.out.Action = check.ActionPage
	p := &check.Page{
		Width: int(s.number("width", true)), Height: int(s.number("height", true)), Scale: s.number("deviceScaleFactor", false),
		Mobile: s.flag("isMobile"), Touch: s.flag("hasTouch"), Landscape: s.flag("isLandscape"),
	}
	s.out.Page = p
	for name, side := range map[string]int{"width": p.Width, "height": p.Height} {
		if v := s.v.get(name); v != nil && v.is == isNumber && (side < 1 || side > 10_000) {
			s.fault(v, "%s.%s is %s; use 1 to 10000 pixels", s.path, name, short(v))
		}
	}
}

func (s *step) network() {
	s.out.Action = check.ActionPage
	down, up, ms := s.number("download", true), s.number("upload", true), s.number("latency", true)
	// Less than nothing is without limit.
	n := &check.Network{Download: int64(max(0, down)), Upload: int64(max(0, up)), Latency: time.Duration(max(0, ms) * float64(time.Millisecond))}
	n.Offline = down == 0 && up == 0
	s.out.Page = &check.Page{Network: n}
}

func (s *step) scroll() {
	s.out.Action = check.ActionScroll
	s.selectors(false)
	s.out.Point = &check.Point{X: s.number("x", false), Y: s.number("y", false)}
}

func (s *step) close() {
	s.out.Action = check.ActionClose
	if s.out.Target == "" {
		s.fault(s.v, "%s has no target; a recording closes the pages that it opened", s.path)
	}
}

func (s *step) waitForElement() {
	s.out.Action = check.ActionWaitElement
	e := &check.Elements{Operator: ">=", Count: 1}
	s.out.Elements = e
	if v := s.v.get("operator"); v != nil {
		e.Operator = s.text(v, s.path+".operator")
		if v.is == isText && !slices.Contains([]string{">=", "==", "<="}, e.Operator) {
			s.fault(v, "%s.operator is %q; use >=, == or <=", s.path, e.Operator)
		}
	}
	if v := s.v.get("count"); v != nil {
		e.Count = int(s.number("count", false))
		if v.is == isNumber && (v.number < 0 || v.number != math.Trunc(v.number)) {
			s.fault(v, "%s.count is %s; use a whole number", s.path, short(v))
		}
	}
	e.Not = s.v.get("visible") != nil && !s.flag("visible")
	if v := s.v.get("attributes"); v != nil {
		e.Attributes = s.attributes(v)
	}
	if v := s.v.get("properties"); v != nil {
		if v.is != isObject {
			s.fault(v, "%s.properties is %s, not an object", s.path, v.is)
		} else if len(v.members) > 0 {
			e.Properties = string(v.raw)
		}
	}
	s.selectors(true)
}

func (s *step) attributes(v *value) map[string]string {
	if v.is != isObject {
		s.fault(v, "%s.attributes is %s, not an object of texts", s.path, v.is)
		return nil
	}
	all := map[string]string{}
	for _, m := range v.members {
		if m.value.is != isText {
			s.fault(m.value, "%s.attributes.%s is %s; attributes are texts", s.path, m.name, m.value.is)
		}
		all[m.name] = m.value.text
	}
	if len(all) == 0 {
		return nil
	}
	return all
}
