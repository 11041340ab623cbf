// Package template fills in {{ … }} in the texts of a check while it runs:
// secrets, what earlier steps have seen, dates and random data, in the language
// of assertions. It owns where an expression begins and ends, how a value
// becomes text, and that what comes of a secret is hidden from then on. It
// refuses to know variables, which are filled in when a check file is read
// (checkfile), and where secrets are kept (secret).
//
// {{ itself is written {{ "{{" }}.
package template

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/probefleet/probefleet/internal/assert"
)

// MaxText is the number of bytes that a text may have when it is filled in.
const MaxText = 1 << 20

// Template is a text with its expressions compiled.
type Template struct{ parts []part }

// part is a text, or an expression.
type part struct {
	text   string
	expr   *assert.Expression
	source string
}

// Error says what is wrong with a template.
type Error struct {
	// At is the place of the fault in the text, in characters from 0.
	At int
	// Message is for people.
	Message string
}

func (e *Error) Error() string { return e.Message }

// Has reports whether text has anything to fill in.
func Has(text string) bool { return strings.Contains(text, "{{") }

// Escape writes text so that filling it in gives it back.
func Escape(text string) string { return strings.ReplaceAll(text, "{{", `{{ "{{" }}`) }

// Expressions are the places of all {{ … }} in text, in bytes: of the whole
// and of the inside. The error is a *[Error].
func Expressions(text string) ([]Place, error) {
	var places []Place
	for at := 0; ; {
		i := strings.Index(text[at:], "{{")
		if i < 0 {
			return places, nil
		}
		from := at + i
		end := closing(text, from+2)
		if end < 0 {
			return places, &Error{utf8.RuneCountInString(text[:from]), "{{ is not closed; write {{ vars.name }}, {{ secrets.name }} or another expression, and {{ itself {{ \"{{\" }}"}
		}
		places = append(places, Place{from, end + 2, from + 2, end})
		at = end + 2
	}
}

// Place is where an expression stands in a text, in bytes.
type Place struct{ From, To, InsideFrom, InsideTo int }

// closing is where the }} is that ends the expression which begins at `from`:
// not one in quotes or one that closes a brace of its own. It is -1 where there
// is none.
func closing(text string, from int) int {
	depth := 0
	for i := from; i < len(text); i++ {
		switch c := text[i]; c {
		case '"', '\'', '`':
			n := quoted(text[i:])
			if n < 0 { // no quote at all: a }} further on is taken for the end
				return closingPlain(text, from)
			}
			i += n - 1
		case '{':
			depth++
		case '}':
			if depth == 0 && strings.HasPrefix(text[i:], "}}") {
				return i
			}
			depth = max(0, depth-1)
		}
	}
	return -1
}

func closingPlain(text string, from int) int {
	if i := strings.Index(text[from:], "}}"); i >= 0 {
		return from + i
	}
	return -1
}

// quoted is the length of the text in quotes at the start of s, -1 where the
// quote is not closed.
func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && s[0] != '`':
			i++
		case s[i] == s[0]:
			return i + 1
		}
	}
	return -1
}

// Quoted is the length of the text in quotes at the start of s; all of s where
// the quote is not closed.
func Quoted(s string) int {
	if n := quoted(s); n > 0 {
		return n
	}
	return len(s)
}

// Parse compiles the expressions of text. The error is a *[Error].
func Parse(text string) (*Template, error) {
	places, err := Expressions(text)
	if err != nil {
		return nil, err
	}
	t := &Template{}
	at := 0
	for _, p := range places {
		t.add(text[at:p.From])
		source := text[p.InsideFrom:p.InsideTo]
		if s, ok := Literal(source); ok {
			t.add(s)
			at = p.To
			continue
		}
		e, err := assert.Value(source)
		if err != nil {
			at := utf8.RuneCountInString(text[:p.InsideFrom])
			if c, ok := err.(*assert.CompileError); ok { //nolint:errorlint // that is what Value returns
				return nil, &Error{at + c.Column - 1, c.Message}
			}
			return nil, &Error{at, err.Error()}
		}
		t.parts = append(t.parts, part{expr: e, source: strings.TrimSpace(source)})
		at = p.To
	}
	t.add(text[at:])
	return t, nil
}

func (t *Template) add(text string) {
	switch n := len(t.parts); {
	case text == "":
	case n > 0 && t.parts[n-1].expr == nil:
		t.parts[n-1].text += text
	default:
		t.parts = append(t.parts, part{text: text})
	}
}

var literalForm = regexp.MustCompile(`^\s*(?:"([^"\\]*)"|'([^'\\]*)')\s*$`)

// Literal is the text for which the inside of {{ … }} stands where it is
// nothing but a text in quotes.
func Literal(inside string) (string, bool) {
	m := literalForm.FindStringSubmatch(inside)
	if m == nil {
		return "", false
	}
	return m[1] + m[2], true
}

// Plain is the text itself where nothing has to be filled in.
func (t *Template) Plain() (string, bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) == 1 && t.parts[0].expr == nil:
		return t.parts[0].text, true
	}
	return "", false
}

// Secrets are the names of the secrets that are used, sorted.
func (t *Template) Secrets() []string { return t.names((*assert.Expression).Secrets) }

// Steps are the ids of the steps that are used, sorted.
func (t *Template) Steps() []string { return t.names((*assert.Expression).Steps) }

func (t *Template) names(of func(*assert.Expression) []string) []string {
	var all []string
	for _, p := range t.parts {
		if p.expr != nil {
			all = append(all, of(p.expr)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// SecretsOf are the names of the secrets that a check's texts use, sorted.
// Texts that are no templates are passed over: they are refused when they are
// filled in.
func SecretsOf(texts []string) []string {
	var all []string
	for _, s := range texts {
		if !strings.Contains(s, "{{") || !strings.Contains(s, "secrets") {
			continue
		}
		if t, err := Parse(s); err == nil {
			all = append(all, t.Secrets()...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func cut(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}

// FillError says why a text could not be filled in.
type FillError struct {
	// Target marks a fault that lies in what an earlier step has seen: the
	// target's doing. All others are ours.
	Target  bool
	Message string
}

func (e *FillError) Error() string { return e.Message }

func fillError(p part, err error) *FillError {
	return &FillError{
		Target:  len(p.expr.Steps()) > 0,
		Message: fmt.Sprintf("{{ %s }} has no value: %v", cut(p.source), err),
	}
}
