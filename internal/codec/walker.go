package codec

import (
	"bytes"
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// maxDepth is the deepest nesting that encoding/json reads.
const maxDepth = 10_000

// parts are what one walk over a JSON text finds. The walk does not replace
// the parser: it tells valid texts apart, and says broken only of some that
// are not valid.
type parts struct {
	// head is the text with null in place of its top-level member "data",
	// and data that member's value, nil where there is none. If both are
	// valid JSON, the text is.
	head, data []byte
	// twice is a name that one object has twice, if found is true.
	twice string
	found bool
	// broken: the walk did not reach the end of the text.
	broken bool
}

func split(b []byte) parts {
	w := walker{b: b}
	w.value()
	p := parts{head: b, twice: w.twice, found: w.found, broken: w.broken}
	if w.dataEnd > 0 {
		p.data = b[w.dataStart:w.dataEnd]
		p.head = slices.Concat(b[:w.dataStart], []byte("null"), b[w.dataEnd:])
	}
	return p
}

// walker steps through a JSON text. It stops at the end of what it can follow
// (broken), but not at the first name that comes twice (found).
type walker struct {
	b     []byte
	i     int
	depth int

	dataStart, dataEnd int
	twice              string
	found, broken      bool
}

func (w *walker) value() {
	w.depth++
	switch c := w.next(); {
	case w.depth > maxDepth:
		w.broken = true
	case c == '{':
		w.object()
	case c == '[':
		w.i++
		for w.next() != ']' && !w.broken {
			w.value()
		}
		w.i++
	case c == '"':
		w.text()
	default:
		w.scalar()
	}
	w.depth--
}

func (w *walker) object() {
	var names nameSet
	w.i++
	for {
		switch w.next() {
		case '}':
			w.i++
			return
		case '"':
		default:
			w.broken = true
		}
		if w.broken {
			return
		}
		name := w.name()
		if !names.add(name) && !w.found {
			w.twice, w.found = string(name), true
		}
		w.next()
		start := w.i
		w.value()
		if w.depth == 1 && string(name) == "data" && !w.broken {
			w.dataStart, w.dataEnd = start, w.i
		}
	}
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
	w.broken = true
	return 0
}

// text steps over a string and returns it, quotes included.
func (w *walker) text() []byte {
	start := w.i
	for end := start + 1; end < len(w.b); {
		n := bytes.IndexByte(w.b[end:], '"')
		if n < 0 {
			break
		}
		end += n + 1
		if slashes := trailing(w.b[start+1:end-1], '\\'); slashes%2 == 0 {
			w.i = end
			return w.b[start:end]
		}
	}
	w.broken = true
	return nil
}

// name steps over the name of a member and returns what it means.
func (w *walker) name() []byte {
	name := w.text()
	if w.broken {
		return nil
	}
	if bytes.IndexByte(name, '\\') < 0 && utf8.Valid(name) {
		return name[1 : len(name)-1]
	}
	var s string
	if json.Unmarshal(name, &s) != nil {
		w.broken = true
	}
	return []byte(s)
}

// scalar steps over a number, true, false or null.
func (w *walker) scalar() {
	start := w.i
	for ; w.i < len(w.b); w.i++ {
		switch w.b[w.i] {
		case ',', ']', '}', ' ', '\t', '\n', '\r':
			w.broken = w.broken || w.i == start
			return
		}
	}
}

// trailing counts how many bytes c stand at the end of b.
func trailing(b []byte, c byte) int {
	n := 0
	for n < len(b) && b[len(b)-1-n] == c {
		n++
	}
	return n
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
