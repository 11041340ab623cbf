package checkfile

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"

	"github.com/probefleet/probefleet/internal/check"
)

// stepWriter writes the steps of a browser check. Texts that may be templates
// go through the requestWriter, the others are written so that nothing in them
// is one.
type stepWriter struct{ requestWriter }

func (w *stepWriter) check(m *mapping, b *check.Browser) {
	width, height := check.DefaultWidth, check.DefaultHeight
	if b.Page != nil && b.Page.Width > 0 {
		width, height = max(200, b.Page.Width), max(200, b.Page.Height)
	}
	if b.Width != width || b.Height != height {
		v := newMapping()
		v.number("width", int64(b.Width), 0)
		v.number("height", int64(b.Height), 0)
		m.put("viewport", v.node)
	}
	if b.Page != nil {
		m.put("page", w.page(b.Page))
	}
	steps := make([]*yaml.Node, 0, len(b.Steps))
	for _, s := range b.Steps {
		steps = append(steps, w.step(s))
	}
	m.put("steps", sequence(steps...))
	m.texts("expect", b.Expect)
	m.texts("degraded", b.Degraded)
}

// step writes a step. An action that is not here does not come back as it was,
// and that is said.
func (w *stepWriter) step(s check.Step) *yaml.Node {
	m := newMapping()
	w.action(m, s)
	m.duration("timeout", s.Timeout, 0)
	m.text("name", s.Name)
	m.flag("optional", s.Optional, false)
	m.flag("always", s.Always, false)
	w.text(m, "iframe", s.Iframe)
	if s.Action != check.ActionClose {
		w.text(m, "target", s.Target)
	}
	switch {
	case s.Recorded && s.Strict:
		m.put("recorded", plain("strict"))
	case s.Recorded:
		m.flag("recorded", true, false)
	}
	if len(s.Frame) > 0 {
		var items []*yaml.Node
		for _, n := range s.Frame {
			items = append(items, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(n)})
		}
		m.put("frame", sequence(items...))
	}
	if len(s.Events) > 0 {
		var items []*yaml.Node
		for _, e := range s.Events {
			event := newMapping()
			w.text(event, "url", e.URL)
			event.text("title", e.Title)
			items = append(items, event.node)
		}
		m.put("events", sequence(items...))
	}
	return m.node
}

func (w *stepWriter) action(m *mapping, s check.Step) {
	name := string(s.Action)
	in := newMapping()
	switch s.Action {
	case check.ActionClick, check.ActionDoubleClick, check.ActionHover, check.ActionCheck, check.ActionScroll:
		if s.Action == check.ActionCheck && s.Value != "true" {
			name = "uncheck"
		}
		m.put(name, w.pointed(s))
	case check.ActionFill:
		w.locator(in, s, "")
		in.put("value", w.str(s.Value))
		m.put(name, in.node)
	case check.ActionSelect:
		w.locator(in, s, "")
		w.list(in, "values", s.Values)
		m.put(name, in.node)
	case check.ActionDrag:
		w.locator(in, s, "")
		w.text(in, "to", s.To)
		m.put(name, in.node)
	case check.ActionUpload:
		w.locator(in, s, "role")
		uploadNode(in, s.Files)
		m.put(name, in.node)
	case check.ActionPress:
		if s.Any() == nil {
			m.put(name, w.str(s.Value))
			return
		}
		in.put("key", w.str(s.Value))
		w.locator(in, s, "")
		m.put(name, in.node)
	case check.ActionDialog, check.ActionCookies, check.ActionStorage:
		m.put(name, w.state(s))
	case check.ActionPage:
		if s.Page != nil {
			m.put(name, w.page(s.Page))
		}
	case check.ActionClose:
		m.put(name, w.str(s.Target))
	case check.ActionWaitElement:
		m.put("wait", w.waitElement(s))
	case check.ActionOpen, check.ActionWait, check.ActionCustom, check.ActionScreenshot, check.ActionKeyDown, check.ActionKeyUp:
		m.put(name, w.str(s.Value))
	default:
		m.put("expect", w.expectation(s))
	}
}

// pointed writes what the mouse does: to a selector alone where that says all.
func (w *stepWriter) pointed(s check.Step) *yaml.Node {
	m := newMapping()
	w.locator(m, s, "")
	m.text("button", s.Button)
	m.duration("hold", s.Hold, 0)
	if s.Point != nil {
		at := newMapping()
		at.decimal("x", s.Point.X, true)
		at.decimal("y", s.Point.Y, true)
		if s.Action == check.ActionScroll {
			m.put("to", at.node)
		} else {
			m.put("at", at.node)
		}
	}
	return short(m, "selector")
}

// short is the value of the one key where m has no other, else m: only texts.
func short(m *mapping, key string) *yaml.Node {
	if c := m.node.Content; len(c) == 2 && c[0].Value == key && c[1].Kind == yaml.ScalarNode {
		return c[1]
	}
	return m.node
}

var (
	roleSelector = regexp.MustCompile(`^role/([a-zA-Z]+)(?:\[name="([^"]+)"\])?$`)
	keySelector  = regexp.MustCompile(`(?s)^(label|text|placeholder|test_id)/(.+)$`)
)

// locator writes which element a step is about; without is the key that has
// another meaning there.
func (w *stepWriter) locator(m *mapping, s check.Step, without string) {
	// By everything but a selector there is to be one element only, unless the
	// step says otherwise.
	strict := false
	role, key := roleSelector.FindStringSubmatch(s.Selector), keySelector.FindStringSubmatch(s.Selector)
	switch {
	case len(s.Selectors) > 0:
		m.put("selector", w.selectors(s.Selectors))
	case s.Selector == "":
		return
	case s.Strict && !s.Recorded && role != nil && without != "role":
		strict = true
		m.text("role", role[1])
		w.text(m, "name", role[2])
	case s.Strict && !s.Recorded && key != nil && without != key[1]:
		strict = true
		m.put(key[1], w.str(key[2]))
	default:
		m.put("selector", w.str(s.Selector))
	}
	if s.Action == check.ActionExpectCount || s.Action == check.ActionWaitElement {
		strict = false // these count them
	}
	if !s.Recorded { // else `recorded: strict` says it
		m.flag("strict", s.Strict, strict)
	}
	m.flag("exact", s.Exact, false)
	m.number("nth", int64(s.Nth), 0)
}

func (w *stepWriter) selectors(paths [][]string) *yaml.Node {
	items := make([]*yaml.Node, len(paths))
	for i, path := range paths {
		parts := make([]*yaml.Node, len(path))
		for k, part := range path {
			parts[k] = w.str(part)
		}
		if items[i] = sequence(parts...); len(parts) == 1 {
			items[i] = parts[0]
		}
	}
	return sequence(items...)
}

func (w *stepWriter) list(m *mapping, key string, values []string) {
	items := make([]*yaml.Node, len(values))
	for i, v := range values {
		items[i] = w.str(v)
	}
	m.put(key, sequence(items...))
}

func uploadNode(m *mapping, files []check.File) {
	one := func(m *mapping, f check.File) {
		m.text("name", f.Name)
		if text := string(f.Content); utf8.Valid(f.Content) && !strings.ContainsRune(text, 0) {
			m.put("content", str(text))
		} else {
			m.put("base64", plain(base64.StdEncoding.EncodeToString(f.Content)))
		}
		m.put("type", str(f.Type))
	}
	if len(files) == 1 {
		one(m, files[0])
		return
	}
	items := make([]*yaml.Node, len(files))
	for i, f := range files {
		file := newMapping()
		one(file, f)
		items[i] = file.node
	}
	m.put("files", sequence(items...))
}

// state writes what a step does to the browser rather than to a page.
func (w *stepWriter) state(s check.Step) *yaml.Node {
	m := newMapping()
	switch {
	case s.Action == check.ActionDialog && len(s.Values) > 0:
		m.put(s.Value, w.str(s.Values[0]))
	case s.Action == check.ActionDialog, s.Value == "clear":
		return str(s.Value)
	case s.Action == check.ActionStorage:
		m.put(s.Value, w.texts(s.Pairs))
	default:
		for _, c := range s.Cookies {
			v := w.str(c.Value)
			if c.URL != "" {
				of := newMapping()
				of.put("value", v)
				w.text(of, "url", c.URL)
				v = of.node
			}
			m.node.Content = append(m.node.Content, plain(c.Name), v)
		}
	}
	return m.node
}

// texts are names and values, in the order of the names.
func (w *stepWriter) texts(values map[string]string) *yaml.Node {
	m := newMapping()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		m.node.Content = append(m.node.Content, plain(name), w.str(values[name]))
	}
	return m.node
}

func (w *stepWriter) waitElement(s check.Step) *yaml.Node {
	m := newMapping()
	w.locator(m, s, "")
	if e := s.Elements; e != nil {
		m.put("count", plain(countText(e)))
		m.flag("not", e.Not, false)
		m.text("properties", e.Properties)
		if len(e.Attributes) > 0 {
			m.put("attributes", (&stepWriter{}).texts(e.Attributes))
		}
	}
	return m.node
}

func countText(e *check.Elements) string {
	return fmt.Sprintf("%s %d", cmp.Or(e.Operator, "=="), e.Count)
}

func (w *stepWriter) expectation(s check.Step) *yaml.Node {
	m := newMapping()
	what := strings.TrimPrefix(string(s.Action), "expect_")
	switch s.Action {
	case check.ActionExpectVisible, check.ActionExpectHidden:
		in := newMapping()
		w.locator(in, s, "")
		m.put(what, short(in, "selector"))
		return m.node
	case check.ActionExpectConsole:
		m.text(what, "clean")
	case check.ActionExpectResponse:
		v := w.str(s.Value)
		if s.Status != 0 {
			in := newMapping()
			in.put("url", v)
			in.number("status", int64(s.Status), 0)
			v = in.node
		}
		m.put(what, v)
	case check.ActionExpectCount:
		if s.Elements != nil {
			m.put(what, plain(countText(s.Elements)))
		}
	case check.ActionExpectAttribute:
		m.put(what, w.texts(s.Pairs))
	default:
		m.put(what, w.str(s.Value))
	}
	if slices.Contains(elementOf, what) {
		w.locator(m, s, "text")
	}
	return m.node
}
