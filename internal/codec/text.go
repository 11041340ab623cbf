package codec

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// encoding/json replaces invalid UTF-8 and lone surrogates by U+FFFD in both
// directions. That leaves NUL, which JSON can only hold as an escape.
var (
	escapedNUL     = []byte(`\u0000`)
	escapedReplace = []byte(`\ufffd`)
)

// replaceNUL replaces each NUL inside the strings of a JSON text by U+FFFD. It
// returns b itself where there is none, else a copy.
func replaceNUL(b []byte) []byte {
	if !bytes.Contains(b, escapedNUL) {
		return b
	}
	out := bytes.Clone(b)
	for i := 0; i < len(out); i++ {
		if out[i] != '\\' {
			continue
		}
		if bytes.HasPrefix(out[i:], escapedNUL) {
			copy(out[i:], escapedReplace)
		}
		i++ // what follows a backslash starts no escape
	}
	return out
}

// distinctKeys makes the keys of m fit to be written: where sanitising would
// make two of them equal, the later ones, in the order of their bytes, get
// U+FFFD appended. It returns m itself where all keys are sane.
func distinctKeys(m map[string]string) map[string]string {
	sane := func(k string) bool { return utf8.ValidString(k) && strings.IndexByte(k, 0) < 0 }
	all := true
	for k := range m {
		all = all && sane(k)
	}
	if all {
		return m
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		if sane(k) {
			out[k] = v
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if sane(k) {
			continue
		}
		name := strings.ReplaceAll(sanitise(k), "\x00", "\uFFFD")
		for _, taken := out[name]; taken; _, taken = out[name] {
			name += "\uFFFD"
		}
		out[name] = m[k]
	}
	return out
}

// sanitise replaces each invalid byte by U+FFFD, as encoding/json does.
func sanitise(s string) string { return string([]rune(s)) }

// duplicateName finds a name that appears twice in one object of a valid JSON
// text.
func duplicateName(b []byte) (string, bool) {
	w := walker{b: b}
	w.value()
	return w.twice, w.found
}

// walker steps through a JSON text that is known to be valid.
type walker struct {
	b     []byte
	i     int
	twice string
	found bool
}

func (w *walker) value() {
	switch w.next() {
	case '{':
		w.object()
	case '[':
		w.i++
		for !w.found && w.next() != ']' {
			w.value()
		}
		w.i++
	case '"':
		w.text()
	default:
		w.i += scalar(w.b[w.i:])
	}
}

func (w *walker) object() {
	var names nameSet
	w.i++
	for w.next() != '}' {
		name := w.text()
		if bytes.IndexByte(name, '\\') >= 0 || !utf8.Valid(name) {
			var s string
			_ = json.Unmarshal(name, &s)
			name = []byte(s)
		} else {
			name = name[1 : len(name)-1]
		}
		if !names.add(name) {
			w.twice, w.found = string(name), true
			return
		}
		if w.value(); w.found {
			return
		}
	}
	w.i++
}

// next skips what stands between tokens and returns the first byte after it.
func (w *walker) next() byte {
	for ; w.i < len(w.b); w.i++ {
		switch c := w.b[w.i]; c {
		case ' ', '\t', '\n', '\r', ',', ':':
		default:
			return c
		}
	}
	return 0
}

// text steps over a string and returns it, quotes included.
func (w *walker) text() []byte {
	start := w.i
	for w.i++; w.b[w.i] != '"'; w.i++ {
		if w.b[w.i] == '\\' {
			w.i++
		}
	}
	w.i++
	return w.b[start:w.i]
}

// scalar is the length of the number, true, false or null at the start of b.
func scalar(b []byte) int {
	if n := bytes.IndexAny(b, ",]} \t\n\r"); n >= 0 {
		return n
	}
	return len(b)
}

// nameSet holds the names of one object; most objects have few.
type nameSet struct {
	few  [12][]byte
	n    int
	many map[string]struct{}
}

// add reports whether name is new.
func (s *nameSet) add(name []byte) bool {
	for _, f := range s.few[:s.n] {
		if bytes.Equal(f, name) {
			return false
		}
	}
	if s.n < len(s.few) {
		s.few[s.n] = name
		s.n++
		return true
	}
	if _, known := s.many[string(name)]; known {
		return false
	}
	if s.many == nil {
		s.many = map[string]struct{}{}
	}
	s.many[string(name)] = struct{}{}
	return true
}
