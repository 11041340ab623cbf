package checkfile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/probefleet/probefleet/internal/nearest"
	yaml "go.yaml.in/yaml/v4"
)

var (
	templateForm = regexp.MustCompile(`\{\{(.*?)\}\}`)
	varReference = regexp.MustCompile(`^vars\.([A-Za-z_][A-Za-z0-9_-]*)$`)
	// literalForm is a text that is meant as it is: {{ "{{" }} gives {{.
	literalForm = regexp.MustCompile(`^(?:"([^"]*)"|'([^']*)')$`)
)

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

// expanded is a value with its templates filled in.
func (d *decoder) expanded(n *yaml.Node, path string) (string, bool) {
	s, _, ok := d.fill(n, path)
	return s, ok
}

// fill fills in {{ vars.name }} and remembers where.
func (d *decoder) fill(n *yaml.Node, path string) (string, []filled, bool) {
	n = d.resolve(n)
	s, ok := d.scalar(n, path)
	if !ok || !strings.Contains(s, "{{") {
		return s, nil, ok
	}
	var out strings.Builder
	var fs []filled
	last := 0
	fail := func(at int, format string, args ...any) {
		ok = false
		line, column := d.locate(n, utf8.RuneCountInString(s[:at]))
		d.loader.fault(d.file, line, column, format, args...)
	}
	for _, m := range templateForm.FindAllStringSubmatchIndex(s, -1) {
		inside := strings.TrimSpace(s[m[2]:m[3]])
		v, why := d.reference(inside)
		if why != "" {
			fail(m[0], "%s: %s", path, why)
			continue
		}
		out.WriteString(s[last:m[0]])
		from := utf8.RuneCountInString(out.String())
		out.WriteString(v)
		fs = append(fs, filled{from, from + utf8.RuneCountInString(v), utf8.RuneCountInString(s[:m[0]]), utf8.RuneCountInString(s[m[0]:m[1]])})
		last = m[1]
		if out.Len() > maxText {
			fail(m[0], "%s is longer than %d bytes with its variables filled in", path, maxText)
			break
		}
	}
	if rest := s[last:]; ok && strings.Contains(templateForm.ReplaceAllString(rest, ""), "{{") {
		fail(last+strings.LastIndex(rest, "{{"), "%s: {{ is not closed; variables are written {{ vars.name }}", path)
	}
	out.WriteString(s[last:])
	return out.String(), fs, ok
}

// reference is what stands for the inside of {{ … }}, or why nothing does.
func (d *decoder) reference(inside string) (value, why string) {
	if m := literalForm.FindStringSubmatch(inside); m != nil {
		return m[1] + m[2], ""
	}
	m := varReference.FindStringSubmatch(inside)
	if m == nil {
		return "", fmt.Sprintf(`{{ %s }} is not known; variables are written {{ vars.name }}, and {{ itself {{ "{{" }}`, inside)
	}
	v, there := d.vars[m[1]]
	if !there {
		return "", fmt.Sprintf("there is no variable %s; %s", m[1], d.knownVars(m[1]))
	}
	return v, ""
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
