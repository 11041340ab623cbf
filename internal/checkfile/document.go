package checkfile

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/probefleet/probefleet/internal/check"
	yaml "go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// file reads one file's content.
func (l *loader) file(name string, data []byte) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	switch {
	case len(data) > MaxFile:
		l.fault(name, 0, 0, "is larger than %d bytes; split it into several files", MaxFile)
		return
	case !utf8.Valid(data):
		line, column := badByte(data)
		l.fault(name, line, column, "is not UTF-8; save the file in that encoding")
		return
	}
	root := l.document(name, data)
	if root == nil {
		return
	}
	d := &decoder{
		loader: l, file: name, lines: strings.Split(string(data), "\n"), at: places{},
		failed: map[*yaml.Node]bool{}, compiled: map[assertion]error{},
	}
	d.document(root)
}

// badByte is the place of the first byte that is not UTF-8.
func badByte(data []byte) (line, column int) {
	line, column = 1, 1
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		if r == utf8.RuneError && n == 1 {
			break
		}
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
		data = data[n:]
	}
	return line, column
}

// document is the root of the file's only document, nil where there is a fault.
func (l *loader) document(name string, data []byte) *yaml.Node {
	const empty = "is empty; write `checks:` and a list of checks below it"
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		l.fault(name, 0, 0, "cannot be read: %v", err)
		return nil
	}
	var doc, second yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		l.fault(name, 0, 0, empty)
		return nil
	case err != nil:
		l.broken(name, data, err)
		return nil
	case len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null":
		l.fault(name, 0, 0, empty)
		return nil
	}
	switch err := loader.Load(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		l.broken(name, data, err)
		return nil
	default:
		l.fault(name, max(second.Line, 1), max(second.Column, 1), "a second document begins here; put it into a file of its own, or remove the `---`")
		return nil
	}
	return doc.Content[0]
}

// broken reports what the YAML library says, in our form.
func (l *loader) broken(name string, data []byte, err error) {
	var at *yaml.LoadError
	if !errors.As(err, &at) {
		l.fault(name, 0, 0, "not valid YAML: %v", err)
		return
	}
	line, column := at.Mark.Line, at.Mark.Column
	if line == 0 { // the reader knows no place: it meets control characters
		line, column = controlCharacter(data)
		l.fault(name, line, column, "a control character; remove it, or write it as an escape in a text in double quotes")
		return
	}
	if start := at.ContextMark; start.Line > 0 && strings.Contains(at.Message, "unexpected end") {
		line, column = start.Line, start.Column // the end of the file helps nobody
	}
	text := ""
	if lines := strings.Split(string(data), "\n"); line <= len(lines) {
		text = lines[line-1]
	}
	l.fault(name, line, column, "not valid YAML: %s", yamlWords(at.Message, text, at))
}

func controlCharacter(data []byte) (line, column int) {
	line, column = 1, 1
	for _, r := range string(data) {
		switch {
		case r == '\n':
			line, column = line+1, 1
		case r < ' ' && r != '\t' && r != '\r' || r == 0x7f:
			return line, column
		default:
			column++
		}
	}
	return 1, 1
}

var quoteThenMore = regexp.MustCompile(`^\s*(?:-\s+|[\w.-]+:\s+)+(?:'[^']*'|"[^"]*")\s+\S`)

// yamlWords puts the library's message into words, with a guess at the cause
// by the line's text.
func yamlWords(message, text string, at *yaml.LoadError) string {
	switch {
	case strings.Contains(message, "max depth"):
		return "values are nested too deeply"
	case strings.HasPrefix(strings.TrimLeft(text, " "), "\t") || strings.HasPrefix(text, "\t"):
		return "the line is indented by a tab; use spaces"
	case strings.Contains(text, "{{") && !strings.Contains(text, `"{{`) && !strings.Contains(text, `'{{`) && strings.HasPrefix(message, "did not find expected"):
		return "a text that begins with {{ needs quotes around the whole: \"{{ vars.base }}/path\""
	case quoteThenMore.MatchString(text):
		return "there is more text after the closing quote; put the whole text into quotes of the other kind: \"'x' in body\""
	case strings.Contains(message, "mapping values are not allowed"):
		return "a \": \" where no key can be; check the indentation, and put quotes around a text that contains \": \""
	case strings.Contains(message, "cannot start any token"):
		return "a text cannot begin with this character; put quotes around it"
	case strings.Contains(message, "unexpected end of stream"):
		return "a quote is opened here and never closed"
	case strings.Contains(message, "unknown escape"):
		return `the escape is not known; in double quotes a backslash is written \\, in single quotes \`
	case strings.Contains(message, "unknown anchor"):
		return message + "; write &name before the value that is meant"
	}
	if at.ContextMsg != "" && at.ContextMark.Line > 0 {
		return message + " " + at.ContextMsg + " that begins at line " + itoa(at.ContextMark.Line) + "; check indentation, brackets and quotes"
	}
	return message + "; check indentation, brackets and quotes"
}

// document decodes the top of a file.
func (d *decoder) document(root *yaml.Node) {
	top, ok := d.object(root, "", "a file", []string{"vars", "environments", "groups", "defaults", "channels", "pages", "checks"})
	if !ok {
		return
	}
	d.scopes = d.allVariables(top)
	d.vars = d.scopes.of("", d.loader.options)
	held := func() int { return len(d.loader.channels) + len(d.loader.pages) + len(d.loader.faults) }
	before := held()
	d.channels(top)
	d.pages(top)
	alone := held() > before // a file may name those who are told, or pages, and nothing else
	d.defaults(top)
	list, ok := top.list("checks")
	switch {
	case !top.has("checks") && alone:
	case !top.has("checks"):
		d.fault(root, "has no `checks:`; write `checks:` and a list of checks below it")
	case ok && len(list) == 0:
		d.fault(top.value("checks"), "checks is empty; add one, such as `- {id: home, request: \"https://example.com/\"}`")
	}
	for _, n := range list {
		if d.spent {
			return
		}
		d.check(n)
	}
}

// defaults are what checks of this file start from.
func (d *decoder) defaults(top *object) {
	d.base = check.Check{Locations: []string{"local"}, Active: true, Public: true, Every: check.DefaultEvery}
	d.basePlaces = places{}
	n := top.value("defaults")
	if n == nil {
		return
	}
	d.at = d.basePlaces
	o, ok := d.object(n, "", "defaults", commonKeys)
	if ok {
		o.common(&d.base)
	}
}

// commonKeys are the keys of `defaults:`; a check has them too.
var commonKeys = []string{"every", "timeout", "locations", "tags", "group", "public", "active", "muted", "retry", "alert", "maintenance", "objective"}

func (o *object) common(c *check.Check) {
	o.duration("every", &c.Every)
	o.duration("timeout", &c.Timeout)
	o.texts("locations", &c.Locations)
	o.texts("tags", &c.Tags)
	o.text("group", &c.Group)
	o.flag("public", &c.Public)
	o.flag("active", &c.Active)
	o.flag("muted", &c.Muted)
	o.retry(&c.Retry)
	o.alert(&c.Alert)
	o.maintenance(&c.Maintenance)
	o.objective(&c.Objective)
}
