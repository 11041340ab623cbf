package checkfile

import (
	"strings"
	"unicode"

	yaml "go.yaml.in/yaml/v4"
)

// locate is the line and column in the file of the character at offset (from
// 0) of a scalar's value. It walks value and file side by side, so that it
// holds for plain, quoted and block scalars; where the two cannot be matched it
// is the start of the scalar.
func (d *decoder) locate(n *yaml.Node, offset int) (line, column int) {
	w := walker{lines: d.lines, line: n.Line - 1, column: n.Column - 1}
	w.skipProperties()
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		w.line, w.column = w.line+1, 0
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		w.column++
	}
	value := []rune(n.Value)
	for i, r := range value {
		if !w.seek(r, n.Style) {
			return n.Line, n.Column
		}
		if i == offset {
			return w.line + 1, w.column + 1
		}
		w.step(n.Style)
	}
	// At or after the end: right behind the last character.
	return w.line + 1, w.column + 1 + max(0, min(offset-len(value), 0))
}

// walker is a place in a file, counted from 0, in characters.
type walker struct {
	lines        []string
	line, column int
	row          []rune
	rowOf        int // line of row, plus 1
}

// current is the character here; '\n' at the end of a line.
func (w *walker) current() (rune, bool) {
	if w.line >= len(w.lines) {
		return 0, false
	}
	if w.rowOf != w.line+1 {
		w.row, w.rowOf = []rune(w.lines[w.line]), w.line+1
	}
	if w.column >= len(w.row) {
		return '\n', true
	}
	return w.row[w.column], true
}

func (w *walker) next() {
	if r, _ := w.current(); r == '\n' {
		w.line, w.column = w.line+1, 0
		return
	}
	w.column++
}

// skipProperties goes past an anchor and a tag.
func (w *walker) skipProperties() {
	for {
		r, ok := w.current()
		if !ok || r != '&' && r != '!' {
			return
		}
		for ok && !unicode.IsSpace(r) {
			w.next()
			r, ok = w.current()
		}
		for ok && unicode.IsSpace(r) {
			w.next()
			r, ok = w.current()
		}
	}
}

// seek goes on to the character that gives r of the value: line breaks and
// indentation of the file stand for fewer characters of the value.
func (w *walker) seek(r rune, style yaml.Style) bool {
	for {
		c, ok := w.current()
		switch {
		case !ok:
			return false
		case c == r, c == '\n' && r == ' ':
			return true
		case c == '\\' && style&yaml.DoubleQuotedStyle != 0:
			// an escape gives r; one before a line break gives nothing
			if w.column+1 < len(w.row) {
				return true
			}
			w.next()
			w.next()
		case unicode.IsSpace(c):
			w.next()
		default:
			return false
		}
	}
}

// step goes past the character that seek found.
func (w *walker) step(style yaml.Style) {
	c, _ := w.current()
	switch {
	case c == '\\' && style&yaml.DoubleQuotedStyle != 0:
		length := 2
		if w.column+1 < len(w.row) {
			switch w.row[w.column+1] {
			case 'x':
				length = 4
			case 'u':
				length = 6
			case 'U':
				length = 10
			}
		}
		w.column += length
	case c == '\'' && style&yaml.SingleQuotedStyle != 0:
		w.column += 2 // a quote is doubled
	default:
		w.next()
	}
}

// comment reports whether a plain scalar of one line is followed by a comment,
// which may be a part of it that lacked quotes.
func (d *decoder) comment(n *yaml.Node) bool {
	if n.Style != 0 || n.Line < 1 || n.Line > len(d.lines) {
		return false
	}
	row := []rune(d.lines[n.Line-1])
	end := n.Column - 1 + len([]rune(n.Value))
	return end <= len(row) && strings.HasPrefix(strings.TrimSpace(string(row[end:])), "#")
}
