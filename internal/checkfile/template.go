package checkfile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/probefleet/probefleet/internal/nearest"
	"github.com/probefleet/probefleet/internal/template"
	yaml "go.yaml.in/yaml/v4"
)

var varReference = regexp.MustCompile(`^vars\.([A-Za-z_][A-Za-z0-9_-]*)$`)

// maxFaultsOfText is the number of faults after which the rest of a text is not
// looked at.
const maxFaultsOfText = 10

// maxText bounds a text after its templates are filled in.
const maxText = 256 << 10

// filled says which characters of a filled text come from where in the text
// that was written: those from `from` up to `to` stand for the reference of
// size characters at origin.
type filled struct{ from, to, origin, size int }

// written is the position in the written text of a position in the filled one.
func written(fs []filled, at int) int {
	shift := 0
	for _, f := range fs {
		switch {
		case at < f.from:
			return at - shift
		case at < f.to:
			return f.origin
		}
		shift = f.to - (f.origin + f.size)
	}
	return at - shift
}

// expanded is a value with its variables filled in.
func (d *decoder) expanded(n *yaml.Node, path string) (string, bool) {
	s, _, ok := d.fill(n, path, false)
	return s, ok
}

// templated is a value with its variables filled in, in the form of a template:
// other expressions stay, to be filled in where the check runs. See
// [decoder.runtime].
func (d *decoder) templated(n *yaml.Node, path string) (string, bool) {
	s, _, ok := d.fill(n, path, true)
	return s, ok
}

// fill fills in {{ vars.name }} and remembers where. With later, the result is
// a template, and other expressions stay in it. A text that failed before, which
// an alias brings again, fails without another word.
func (d *decoder) fill(n *yaml.Node, path string, later bool) (string, []filled, bool) {
	n = d.resolve(n)
	if d.failed[n] || d.spent {
		return "", nil, false
	}
	s, ok := d.scalar(n, path)
	if !ok || !strings.Contains(s, "{{") {
		return s, nil, ok
	}
	fail := func(at int, format string, args ...any) {
		line, column := d.locate(n, utf8.RuneCountInString(s[:at]))
		d.loader.fault(d.file, line, column, format, args...)
		d.failed[n] = true
	}
	var out strings.Builder
	var fs []filled
	last, faults := 0, 0
	in, made := 0, 0 // characters of s and of out so far
	places, open := template.Expressions(s)
	for _, m := range places {
		v, why := d.standsFor(strings.TrimSpace(s[m.InsideFrom:m.InsideTo]), later)
		if why != "" {
			fail(m.From, "%s: %s", path, why)
			if faults++; faults == maxFaultsOfText {
				return "", nil, false
			}
			continue
		}
		before := utf8.RuneCountInString(s[last:m.From])
		size, length := utf8.RuneCountInString(s[m.From:m.To]), utf8.RuneCountInString(v)
		fs = append(fs, filled{made + before, made + before + length, in + before, size})
		in, made = in+before+size, made+before+length
		out.WriteString(s[last:m.From])
		out.WriteString(v)
		last = m.To
		if out.Len() > maxText {
			fail(m.From, "%s is longer than %d bytes with its variables filled in", path, maxText)
			return "", nil, false
		}
	}
	if open != nil && !d.failed[n] {
		fail(last+strings.Index(s[last:], "{{"), "%s: {{ is not closed; variables are written {{ vars.name }}", path)
	}
	out.WriteString(s[last:])
	if d.filled += out.Len(); d.filled > maxFilled {
		d.fault(n, "the texts of the file have more than %d bytes with their variables filled in; use shorter variables", maxFilled)
		d.spent = true
	}
	return out.String(), fs, !d.failed[n] && !d.spent
}

// standsFor is what stands for the inside of {{ … }}, or why nothing does. With
// later it is in the form of a template.
func (d *decoder) standsFor(inside string, later bool) (value, why string) {
	v, isText := template.Literal(inside)
	m := varReference.FindStringSubmatch(inside)
	switch {
	case isText:
	case m != nil:
		if v, why = d.variable(m[1]); why != "" {
			return "", why
		}
	case later:
		return d.expression(inside)
	default:
		if _, err := template.Parse("{{" + inside + "}}"); err == nil {
			return "", fmt.Sprintf("{{ %s }} cannot stand here: it is filled in where a check runs, in its requests and steps", inside)
		}
		return "", fmt.Sprintf(`{{ %s }} is not known; variables are written {{ vars.name }}, and {{ itself {{ "{{" }}`, inside)
	}
	if later {
		v = escaped(v)
	}
	return v, ""
}

// escaped is template.Escape for a text that comes to stand beside others: a
// brace at its ends could become a pair with theirs.
func escaped(v string) string {
	before, after := "", ""
	if strings.HasPrefix(v, "{") && !strings.HasPrefix(v, "{{") {
		before, v = `{{ "{" }}`, v[1:]
	}
	if strings.HasSuffix(v, "{") && !strings.HasSuffix(v, "{{") {
		v, after = v[:len(v)-1], `{{ "{" }}`
	}
	return before + template.Escape(v) + after
}

func (d *decoder) variable(name string) (value, why string) {
	v, there := d.vars[name]
	if !there {
		return "", fmt.Sprintf("there is no variable %s; %s", name, d.knownVars(name))
	}
	return v, ""
}

// expression is one that is evaluated where the check runs, with the variables
// in it written out.
func (d *decoder) expression(inside string) (value, why string) {
	source, why := d.writeOut(inside)
	if why != "" {
		return "", why
	}
	t, err := template.Parse("{{ " + source + " }}")
	if err != nil {
		return "", fmt.Sprintf("{{ %s }}: %v; variables are written {{ vars.name }}", inside, err)
	}
	for _, id := range t.Steps() {
		if why := d.knownStep(id); why != "" {
			return "", fmt.Sprintf("{{ %s }}: %s", inside, why)
		}
	}
	d.runtime = true
	return "{{ " + source + " }}", ""
}

// knownStep says why an expression cannot speak of the step, "" where it can.
func (d *decoder) knownStep(id string) string {
	if slices.Contains(d.earlier, id) {
		return ""
	}
	if len(d.earlier) == 0 {
		return fmt.Sprintf("there is no step %s before this one", id)
	}
	if w := nearest.Word(id, d.earlier); w != "" {
		return fmt.Sprintf("there is no step %s before this one; did you mean %s?", id, w)
	}
	return fmt.Sprintf("there is no step %s before this one; there are %s", id, strings.Join(d.earlier, ", "))
}

var varInside = regexp.MustCompile(`\bvars\.([A-Za-z_][A-Za-z0-9_]*)`)

// writeOut replaces vars.name in an expression, outside of its quotes, by the
// text for which it stands.
func (d *decoder) writeOut(inside string) (source, why string) {
	var out strings.Builder
	for rest := inside; rest != ""; {
		i := strings.IndexAny(rest, "\"'`")
		if i < 0 {
			i = len(rest)
		}
		plain := varInside.ReplaceAllStringFunc(rest[:i], func(ref string) string {
			v, fault := d.variable(strings.TrimPrefix(ref, "vars."))
			if fault != "" {
				why = fault
			}
			return strconv.Quote(v)
		})
		out.WriteString(plain)
		rest = rest[i:]
		if rest == "" {
			break
		}
		n := template.Quoted(rest)
		out.WriteString(rest[:n])
		rest = rest[n:]
	}
	return out.String(), why
}

func (d *decoder) knownVars(name string) string {
	names := slices.Sorted(maps.Keys(d.vars))
	if len(names) == 0 {
		return "write `vars: {" + name + ": …}` at the top of the file"
	}
	list := strings.Join(names, ", ")
	if w := nearest.Word(name, names); w != "" {
		return "did you mean vars." + w + "? (variables: " + list + ")"
	}
	return "the variables are " + list
}
