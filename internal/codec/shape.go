package codec

import (
	"encoding/json"
	"reflect"
	"strings"
)

// shape is what a struct of this package knows of JSON: the names of its
// members and what is inside them. It follows the struct's fields, so that a
// field that is added is known.
type shape struct {
	// names are the members; a nil shape says that nothing is unknown inside.
	names map[string]*shape
	// elem is the shape of a list's elements, or of all the members of a map.
	elem *shape
}

func shapeFor[T any]() *shape { return shapeOf(reflect.TypeFor[T]()) }

func shapeOf(t reflect.Type) *shape {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return shapeOf(t.Elem())
	case reflect.Slice, reflect.Array, reflect.Map:
		if elem := shapeOf(t.Elem()); elem != nil {
			return &shape{elem: elem}
		}
	case reflect.Struct:
		s := &shape{names: map[string]*shape{}}
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case name == "-":
			case f.Anonymous && name == "":
				for name, inner := range shapeOf(f.Type).names {
					s.names[name] = inner
				}
			case name == "":
				s.names[f.Name] = shapeOf(f.Type)
			default:
				s.names[name] = shapeOf(f.Type)
			}
		}
		return s
	}
	return nil
}

// member is the shape of the member of that name, and whether there is one:
// by the rules of encoding/json, to which case makes no difference.
func (s *shape) member(name string) (*shape, bool) {
	if s.names == nil {
		return s.elem, true
	}
	if inner, ok := s.names[name]; ok {
		return inner, true
	}
	for known, inner := range s.names {
		if strings.EqualFold(known, name) {
			return inner, true
		}
	}
	return nil, false
}

// strangers reports whether data, a valid JSON text, has a member that s does
// not know.
func (s *shape) strangers(data []byte) bool {
	w := walker{b: data}
	return w.strangers(s)
}

// strangers steps over a value and reports whether it has unknown members. It
// may stop at the first.
func (w *walker) strangers(s *shape) bool {
	switch c := w.next(); {
	case s == nil:
		w.skip()
	case c == '{':
		w.i++
		for w.next() == '"' {
			name := w.text()
			if w.broken {
				return false
			}
			inner, known := s.quick(name[1 : len(name)-1])
			if !known {
				return true
			}
			if w.strangers(inner) {
				return true
			}
		}
		w.i++
	case c == '[':
		w.i++
		for w.next() != ']' && !w.broken {
			if w.strangers(s.elem) {
				return true
			}
		}
		w.i++
	default:
		w.skip()
	}
	return false
}

// quick is member for a name as it is written; one that is written in an
// unusual way may pass for unknown.
func (s *shape) quick(name []byte) (*shape, bool) {
	if s.names == nil {
		return s.elem, true
	}
	inner, ok := s.names[string(name)]
	return inner, ok
}

// skip steps over a value without looking into it.
func (w *walker) skip() {
	depth := 0
	for !w.broken {
		switch w.next() {
		case '{', '[':
			depth++
			w.i++
		case '}', ']':
			depth--
			w.i++
		case '"':
			w.text()
		default:
			w.scalar()
		}
		if depth <= 0 {
			return
		}
	}
}
