package checkfile

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/nearest"
	yaml "go.yaml.in/yaml/v4"
)

// decoder reads one file.
type decoder struct {
	loader *loader
	file   string
	lines  []string
	vars   map[string]string // of the check that is being read
	scopes scopes
	visits int
	filled int  // bytes that templates made
	spent  bool // visits are used up; that was said
	// failed has the texts with a fault, and compiled what became of
	// assertions: aliases bring both again and again.
	failed   map[*yaml.Node]bool
	compiled map[assertion]error

	// runtime says that the check that is being read has expressions that are
	// filled in where it runs, earlier which steps they may speak of.
	runtime bool
	// web is the base address of the browser check that is being read.
	web     string
	earlier []string

	// base is what checks start from, basePlaces where that is written.
	base       check.Check
	basePlaces places
	// at has the places of the check, or of the defaults, that is being read.
	at places
}

// places says where the fields of a check are written, by the paths of
// check.Fault. A nil node stands for a field whose fault was reported.
type places map[string]*yaml.Node

func itoa(n int) string { return strconv.Itoa(n) }

// fault reports a fault at the start of n. Once visits are used up, what is
// read is no longer what is written, and nothing more is said.
func (d *decoder) fault(n *yaml.Node, format string, args ...any) {
	if d.spent {
		return
	}
	d.loader.fault(d.file, n.Line, n.Column, format, args...)
}

// resolve follows an alias, and counts: what aliases multiply is bounded.
func (d *decoder) resolve(n *yaml.Node) *yaml.Node {
	if d.visits++; d.visits > maxVisits {
		d.fault(n, "the file has more than %d values, those behind aliases counted each time; use fewer aliases", maxVisits)
		d.spent = true
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line, Column: n.Column}
	}
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}

// object is a mapping that is being read.
type object struct {
	d      *decoder
	node   *yaml.Node
	path   string // "" or with a dot at its end
	fields []field
}

type field struct {
	name       string
	key, value *yaml.Node
}

// object reads a mapping. what names it in faults ("a check"); known lists the
// keys it may have, nil where any may be.
func (d *decoder) object(n *yaml.Node, path, what string, known []string) (*object, bool) {
	n = d.resolve(n)
	if n.Kind != yaml.MappingNode {
		if known == nil {
			d.fault(n, "%s wants keys and values, not %s", what, describe(n))
		} else {
			d.fault(n, "%s wants keys and values (%s), not %s", what, strings.Join(known, ", "), describe(n))
		}
		return nil, false
	}
	if path != "" {
		path += "."
	}
	o := &object{d: d, node: n, path: path}
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content) && !d.spent; i += 2 {
		key, value := d.resolve(n.Content[i]), d.resolve(n.Content[i+1])
		name := key.Value
		switch {
		case key.Kind != yaml.ScalarNode:
			d.fault(key, "%s has %s for a key; keys are words. A text that begins with { or {{ needs quotes", what, describe(key))
			continue
		case key.ShortTag() == "!!merge":
			d.fault(key, "merge keys (<<) are not supported; use `defaults:`, or repeat the keys")
			continue
		case first[name] != nil:
			d.fault(key, "%s has %s twice; the first is in line %d", what, name, first[name].Line)
			continue
		}
		first[name] = key
		if known != nil && !slices.Contains(known, name) {
			d.fault(key, "%s", unknownKey(what, name, known))
			continue
		}
		o.fields = append(o.fields, field{name, key, value})
	}
	return o, true
}

// unknownKey says which keys there are, and which was probably meant.
func unknownKey(what, name string, known []string) string {
	list := strings.Join(known, ", ")
	if w := nearest.Word(name, known); w != "" {
		return fmt.Sprintf("%s has no key %q; did you mean %s? (keys: %s)", what, name, w, list)
	}
	return fmt.Sprintf("%s has no key %q; its keys are %s", what, name, list)
}

func (o *object) field(name string) *field {
	for i := range o.fields {
		if o.fields[i].name == name {
			return &o.fields[i]
		}
	}
	return nil
}

func (o *object) has(name string) bool { return o.field(name) != nil }

func (o *object) value(name string) *yaml.Node {
	if f := o.field(name); f != nil {
		return f.value
	}
	return nil
}

// place notes where path is written, or that its fault was reported.
func (o *object) place(name string, n *yaml.Node, ok bool) {
	if !ok {
		n = nil
	}
	o.d.at[o.path+name] = n
}

// read reads the field name by how, if it is there.
func (o *object) read(name string, how func(n *yaml.Node, path string) bool) {
	if n := o.value(name); n != nil {
		o.place(name, n, how(n, o.path+name))
	}
}

func (o *object) text(name string, into *string) {
	o.read(name, func(n *yaml.Node, path string) bool {
		s, ok := o.d.expanded(n, path)
		if ok {
			*into = s
		}
		return ok
	})
}

// template reads a text that is filled in where the check runs.
func (o *object) template(name string, into *string) {
	o.read(name, func(n *yaml.Node, path string) bool {
		s, ok := o.d.templated(n, path)
		if ok {
			*into = s
		}
		return ok
	})
}

func (o *object) flag(name string, into *bool) {
	o.read(name, func(n *yaml.Node, path string) bool {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
			o.d.fault(n, "%s is %s; write true or false", path, describe(n))
			return false
		}
		*into = strings.EqualFold(n.Value, "true")
		return true
	})
}

func (o *object) number(name string, into *int) {
	o.read(name, func(n *yaml.Node, path string) bool {
		i, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil {
			o.d.fault(n, "%s is %s; write a whole number", path, describe(n))
			return false
		}
		*into = i
		return true
	})
}

// duration reports whether there is one, and it was understood.
func (o *object) duration(name string, into *time.Duration) (understood bool) {
	o.read(name, func(n *yaml.Node, path string) bool {
		s, ok := o.d.expanded(n, path)
		if !ok {
			return false
		}
		v, err := time.ParseDuration(s)
		if err != nil {
			o.d.fault(n, "%s: %s", path, durationWords(s))
			return false
		}
		*into, understood = v, true
		return true
	})
	return understood
}

var (
	onlyDigits = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
	days       = regexp.MustCompile(`^([0-9]{1,4})\s*d(ays?)?$`)
	spaced     = regexp.MustCompile(`^[0-9.]+\s+(ms|s|m|h)$`)
)

// durationWords says what is wrong with a duration and what would be right.
func durationWords(s string) string {
	const examples = "write a number and a unit, such as 500ms, 30s, 1m30s or 2h"
	switch d := days.FindStringSubmatch(s); {
	case onlyDigits.MatchString(s):
		return fmt.Sprintf("%s has no unit; write %ss for seconds or %sms for milliseconds", s, s, s)
	case d != nil:
		n, _ := strconv.Atoi(d[1])
		return fmt.Sprintf("%q: there are no days; write %dh", s, 24*n)
	case spaced.MatchString(s):
		return fmt.Sprintf("%q has a space; write %s", s, strings.Join(strings.Fields(s), ""))
	}
	return fmt.Sprintf("%q is not a duration; %s", s, examples)
}

// size reads a number of bytes: 2MiB, 512KiB, 1000000.
func (o *object) size(name string, into *int64) {
	o.read(name, func(n *yaml.Node, path string) bool {
		s, ok := o.d.expanded(n, path)
		if !ok {
			return false
		}
		m := sizeForm.FindStringSubmatch(strings.TrimSpace(s))
		if m == nil {
			o.d.fault(n, "%s: %q is not a size; write a number of bytes or a number with a unit, such as 512KiB or 2MiB", path, s)
			return false
		}
		f, _ := strconv.ParseFloat(m[1], 64)
		*into = int64(min(f*float64(units[strings.ToLower(m[2])]), 1<<40))
		return true
	})
}

var (
	sizeForm = regexp.MustCompile(`(?i)^([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*(|b|kb|kib|mb|mib|gb|gib)$`)
	units    = map[string]int64{"": 1, "b": 1, "kb": 1e3, "kib": 1 << 10, "mb": 1e6, "mib": 1 << 20, "gb": 1e9, "gib": 1 << 30}
)

// list reads the items of a sequence.
func (o *object) list(name string) ([]*yaml.Node, bool) {
	n := o.value(name)
	if n == nil {
		return nil, false
	}
	if n.Kind != yaml.SequenceNode {
		o.d.fault(n, "%s%s wants a list, not %s%s", o.path, name, describe(n), listHint(name, n))
		o.place(name, n, false)
		return nil, false
	}
	o.place(name, n, true)
	items := make([]*yaml.Node, 0, len(n.Content))
	for _, c := range n.Content {
		items = append(items, o.d.resolve(c))
	}
	return items, true
}

func listHint(name string, n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && n.Value != "" && len(n.Value) < 60 && !strings.ContainsAny(n.Value, "\"\n") {
		return fmt.Sprintf("; write %s: [%q]", name, n.Value)
	}
	return "; begin each item with a dash"
}

func (o *object) texts(name string, into *[]string) {
	items, ok := o.list(name)
	if !ok {
		return
	}
	if len(items) > maxItems {
		o.d.fault(o.value(name), "%s%s has %d items; at most %d", o.path, name, len(items), maxItems)
		o.place(name, nil, false)
		return
	}
	out := make([]string, 0, len(items))
	for i, n := range items {
		path := fmt.Sprintf("%s%s[%d]", o.path, name, i)
		s, ok := o.d.expanded(n, path)
		if !ok {
			o.d.at[path] = nil
			continue
		}
		o.d.at[path] = n
		out = append(out, s)
	}
	*into = out
}

// scalar is a value as it is written, of whatever type but null.
func (d *decoder) scalar(n *yaml.Node, path string) (string, bool) {
	n = d.resolve(n)
	switch {
	case n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle != 0 && len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode:
		d.fault(n, "%s: a text that begins with {{ needs quotes: \"{{ vars.name }}\"", path)
		return "", false
	case n.Kind != yaml.ScalarNode:
		d.fault(n, "%s wants a single value, not %s", path, describe(n))
		return "", false
	case n.ShortTag() == "!!null":
		d.fault(n, "%s is empty; write a value, \"\" for an empty text, or leave the key out", path)
		return "", false
	case n.Style&yaml.TaggedStyle != 0:
		d.fault(n, "%s has the tag %s; tags are not supported. A text that begins with ! needs quotes", path, n.Tag)
		return "", false
	}
	return n.Value, true
}

// describe says what a node is, for people.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	v := n.Value
	if r := []rune(v); len(r) > 40 {
		v = string(r[:40]) + "…"
	}
	switch n.ShortTag() {
	case "!!null":
		return "an empty value"
	case "!!int", "!!float":
		return "the number " + v
	case "!!bool":
		return v
	}
	return fmt.Sprintf("the text %q", v)
}
