package checkfile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/probefleet/probefleet/internal/check"
	yaml "go.yaml.in/yaml/v4"
)

// recordedWords reads what steps of a recording have beside others: how they
// are run, for which frame, and which navigations they lead to.
func (o *object) recordedWords(s *check.Step) {
	o.read("recorded", func(n *yaml.Node, path string) bool {
		switch {
		case n.Kind == yaml.ScalarNode && n.Value == "strict":
			s.Recorded, s.Strict = true, true
			return true
		case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool":
			o.flag("recorded", &s.Recorded)
			return true
		}
		o.d.fault(n, "%s is %s; write true or strict", path, describe(n))
		return false
	})
	frames, _ := o.list("frame")
	for i, n := range frames {
		number, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil || number < 0 || number > 1000 {
			o.d.fault(n, "%sframe[%d] is %s; write the number of a child frame, from 0", o.path, i, describe(n))
			continue
		}
		s.Frame = append(s.Frame, number)
	}
	events, _ := o.list("events")
	for i, n := range events {
		path := fmt.Sprintf("%sevents[%d]", o.path, i)
		e, ok := o.d.object(n, path, path, []string{"url", "title"})
		if !ok {
			continue
		}
		var event check.Navigation
		e.template("url", &event.URL)
		e.text("title", &event.Title)
		s.Events = append(s.Events, event)
	}
}

// waitElement reads `wait: {selector: …, count: ">= 1"}`.
func (o *object) waitElement(f *field) (check.Step, bool) {
	s := check.Step{Action: check.ActionWaitElement, Elements: &check.Elements{Operator: ">=", Count: 1}}
	before := len(o.d.loader.faults)
	path := o.path + f.name
	p, ok := o.d.object(f.value, path, path, slices.Concat(locatorKeys, []string{"count", "not", "properties", "attributes"}))
	if !ok {
		return s, false
	}
	p.locator(&s, true)
	if !p.has("strict") {
		s.Strict = false // it counts them
	}
	if n := p.value("count"); n != nil {
		if e := p.count(n, path+".count"); e != nil {
			s.Elements = e
		}
	}
	p.flag("not", &s.Elements.Not)
	p.text("properties", &s.Elements.Properties)
	var object map[string]any
	if text := s.Elements.Properties; text != "" && json.Unmarshal([]byte(text), &object) != nil {
		o.d.fault(p.value("properties"), "%s.properties is not a JSON object; write it as a text: '{\"disabled\": false}'", path)
	}
	p.attributes(&s.Elements.Attributes)
	return s, len(o.d.loader.faults) == before
}

// attributes are names and texts, meant as they are.
func (o *object) attributes(into *map[string]string) {
	n := o.value("attributes")
	if n == nil {
		return
	}
	a, ok := o.d.object(n, o.path+"attributes", o.path+"attributes", nil)
	if !ok {
		return
	}
	for _, f := range a.fields {
		if v, ok := o.d.expanded(f.value, a.path+f.name); ok {
			if *into == nil {
				*into = map[string]string{}
			}
			(*into)[f.name] = v
		}
	}
}

// templateList is texts for those that may be filled in where the check runs.
func (o *object) templateList(name string, into *[]string) {
	items, ok := o.list(name)
	if !ok {
		return
	}
	if len(items) > maxItems {
		o.d.fault(o.value(name), "%s%s has %d items; at most %d", o.path, name, len(items), maxItems)
		return
	}
	for i, n := range items {
		if v, ok := o.d.templated(n, fmt.Sprintf("%s%s[%d]", o.path, name, i)); ok {
			*into = append(*into, v)
		}
	}
}
