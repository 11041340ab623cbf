// Package redact hides secrets in texts. It owns the forms in which a value
// comes back from a careless server or a log: as it is, in any letter case,
// percent-encoded, with the escapes of JSON, Go and HTML, in base64 at any
// offset, in hex. It refuses to know where secrets come from (secret) and where
// the texts go.
package redact

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Mark stands where a secret was.
const Mark = "(redacted)"

// Least is the number of bytes from which a value is hidden: hiding shorter
// ones would eat words.
const Least = 4

// Redactor hides the values that were added to it. It is safe for concurrent
// use; a nil one hides nothing.
type Redactor struct {
	mu       sync.RWMutex
	known    map[string]bool
	patterns []pattern
}

// New makes a Redactor of values.
func New(values ...string) *Redactor {
	r := &Redactor{known: map[string]bool{}}
	r.Add(values...)
	return r
}

// Add adds values; those shorter than [Least] bytes are left out. Of a value of
// several lines, such as a key in PEM, each long line is hidden by itself too.
func (r *Redactor) Add(values ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range values {
		r.add(v)
		if lines := strings.Split(v, "\n"); len(lines) > 1 {
			for _, l := range lines {
				if l = strings.TrimSpace(l); len(l) >= 16 && !strings.HasPrefix(l, "-----") {
					r.add(l)
				}
			}
		}
	}
}

func (r *Redactor) add(value string) {
	if len(value) < Least || r.known[value] || !utf8.ValidString(value) {
		return
	}
	r.known[value] = true
	forms := []string{value, hex.EncodeToString([]byte(value))}
	for offset := range 3 {
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if core := base64At(e, value, offset); len(core) >= Least && !slices.Contains(forms, core) {
				forms = append(forms, core)
			}
		}
	}
	for _, f := range forms {
		r.patterns = append(r.patterns, newPattern(f))
	}
}

// base64At is the part of a base64 text that stems from value alone, where
// value begins offset bytes after a group of three.
func base64At(e *base64.Encoding, value string, offset int) string {
	text := e.EncodeToString(append(make([]byte, offset), value...))
	// A character carries six bits: the first and last ones may hold bits of
	// the neighbours.
	from := (offset*8 + 5) / 6
	to := (offset + len(value)) * 8 / 6
	return text[from:to]
}

// Empty reports whether there is nothing to hide.
func (r *Redactor) Empty() bool {
	if r == nil {
		return true
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.patterns) == 0
}

// Hide is text with every form of every value replaced by [Mark]. A value that
// is cut at the end of the text, or before an ellipsis, is hidden as well, and
// so is its first half.
func (r *Redactor) Hide(text string) string {
	if r == nil || text == "" {
		return text
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	var found []span
	for i := range r.patterns {
		found = r.patterns[i].find(text, found)
	}
	if len(found) == 0 {
		return text
	}
	slices.SortFunc(found, func(a, b span) int { return a.from - b.from })
	var out strings.Builder
	at := 0
	for i := 0; i < len(found); {
		s := found[i]
		for i++; i < len(found) && found[i].from <= s.to; i++ {
			s.to = max(s.to, found[i].to)
		}
		out.WriteString(text[at:s.from])
		out.WriteString(Mark)
		at = s.to
	}
	out.WriteString(text[at:])
	return out.String()
}

// span is a part of a text.
type span struct{ from, to int }

// pattern is one form of a value.
type pattern struct {
	runes []rune
	// starts are the bytes with which an occurrence may begin.
	starts string
}

func newPattern(form string) pattern {
	p := pattern{runes: []rune(form)}
	starts := map[byte]bool{'%': true, '\\': true, '&': true}
	var first [utf8.UTFMax]byte
	utf8.EncodeRune(first[:], p.runes[0])
	starts[first[0]], starts[lower(first[0])], starts[upper(first[0])] = true, true, true
	if p.runes[0] == ' ' {
		starts['+'] = true
	}
	for b := range starts {
		p.starts += string(rune(b))
	}
	if first[0] >= utf8.RuneSelf { // IndexAny goes by characters
		p.starts = "%\\&" + string([]rune{p.runes[0], unicode.ToLower(p.runes[0]), unicode.ToUpper(p.runes[0])})
	}
	return p
}

// partial is the number of characters from which on a value that is cut off
// is hidden.
const partial = 4

// cutShort is the number of characters from which on the first half of a value
// is hidden wherever it stands: messages quote as far as a space, or a quote.
const cutShort = 8

// find adds the parts of text that are the value in some writing.
func (p *pattern) find(text string, found []span) []span {
	for at := 0; ; {
		i := strings.IndexAny(text[at:], p.starts)
		if i < 0 {
			return found
		}
		at += i
		if end := p.match(text, at); end > at {
			found = append(found, span{at, end})
			at = end
			continue
		}
		_, n := utf8.DecodeRuneInString(text[at:])
		at += n
	}
}

// match is the end of the value that begins at a place of text, -1 where none
// does. Places are followed side by side: a backslash may be the value's own or
// an escape.
func (p *pattern) match(text string, at int) int {
	places := make([]int, 1, 8)
	places[0] = at
	next := make([]int, 0, 8)
	for n, r := range p.runes {
		next = next[:0]
		for _, place := range places {
			if n >= partial && cutOff(text[place:]) {
				return place
			}
			next = writings(text, place, r, next)
		}
		if len(next) == 0 {
			if n >= max(cutShort, len(p.runes)/2) {
				return slices.Max(places)
			}
			return -1
		}
		places, next = next, places
	}
	return slices.Max(places)
}

// cutOff reports whether nothing of a text is left but a mark that it was cut.
func cutOff(rest string) bool {
	return rest == "" || strings.HasPrefix(rest, "…") || strings.HasPrefix(rest, `"…`)
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

func upper(b byte) byte {
	if b >= 'a' && b <= 'z' {
		return b - 'a' + 'A'
	}
	return b
}
