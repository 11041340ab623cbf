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

// expanded is a value with its templates filled in.
func (d *decoder) expanded(n *yaml.Node, path string) (string, bool) {
	s, _, ok := d.fill(n, path)
	return s, ok
}

// fill fills in {{ vars.name }} and remembers where. A text that failed before,
// which an alias brings again, fails without another word.
func (d *decoder) fill(n *yaml.Node, path string) (string, []filled, bool) {
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
	for _, m := range templateForm.FindAllStringSubmatchIndex(s, -1) {
		inside := strings.TrimSpace(s[m[2]:m[3]])
		v, why := d.reference(inside)
		if why != "" {
			fail(m[0], "%s: %s", path, why)
			if faults++; faults == maxFaultsOfText {
				return "", nil, false
			}
			continue
		}
		before := utf8.RuneCountInString(s[last:m[0]])
		size, length := utf8.RuneCountInString(s[m[0]:m[1]]), utf8.RuneCountInString(v)
		fs = append(fs, filled{made + before, made + before + length, in + before, size})
		in, made = in+before+size, made+before+length
		out.WriteString(s[last:m[0]])
		out.WriteString(v)
		last = m[1]
		if out.Len() > maxText {
			fail(m[0], "%s is longer than %d bytes with its variables filled in", path, maxText)
			return "", nil, false
		}
	}
	if at := strings.LastIndex(s[last:], "{{"); !d.failed[n] && at >= 0 {
		fail(last+at, "%s: {{ is not closed; variables are written {{ vars.name }}", path)
	}
	out.WriteString(s[last:])
	if d.filled += out.Len(); d.filled > maxFilled {
		d.fault(n, "the texts of the file have more than %d bytes with their variables filled in; use shorter variables", maxFilled)
		d.spent = true
	}
	return out.String(), fs, !d.failed[n] && !d.spent
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
