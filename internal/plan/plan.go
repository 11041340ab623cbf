// Package plan says what an apply would do: which checks it would create,
// change and delete, and which of their properties. It is pure. It compares
// every field of a check by reflection, so that a field that is added later
// cannot be forgotten.
package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/probefleet/probefleet/internal/check"
)

// Change is one property that differs. Path is in the words of the check
// file: request.url, steps[2].selector. Nil stands for absent.
type Change struct {
	Path   string  `json:"path"`
	Before *string `json:"before"`
	After  *string `json:"after"`
}

// hidden takes the place of values that nobody should read over a shoulder.
const hidden = "(hidden)"

// Diff lists the properties in which two checks differ, in the order of their
// paths; nil where they are the same.
func Diff(before, after check.Check) []Change {
	if reflect.DeepEqual(before, after) {
		return nil
	}
	a, b := flatten(before), flatten(after)
	var paths []string
	for p := range a {
		paths = append(paths, p)
	}
	for p := range b {
		if _, both := a[p]; !both {
			paths = append(paths, p)
		}
	}
	slices.SortFunc(paths, comparePaths)
	var changes []Change
	for _, p := range paths {
		was, had := a[p]
		is, has := b[p]
		if had == has && was == is {
			continue
		}
		c := Change{Path: p}
		if had {
			c.Before = shown(p, was)
		}
		if has {
			c.After = shown(p, is)
		}
		changes = append(changes, c)
	}
	return changes
}

// shown hides what is a secret by its name.
func shown(path, value string) *string {
	last := strings.ToLower(path[strings.LastIndexAny(path, ".")+1:])
	for _, word := range []string{"bearer", "password", "secret", "token", "authorization", "cookie", "api-key", "apikey", "private_key", "client_key"} {
		if strings.Contains(last, word) {
			value = hidden
		}
	}
	return &value
}

// comparePaths orders steps[2] before steps[10].
func comparePaths(a, b string) int {
	for a != "" && b != "" {
		na, ra := leadingNumber(a)
		nb, rb := leadingNumber(b)
		switch {
		case na >= 0 && nb >= 0 && na != nb:
			return na - nb
		case na >= 0 && nb >= 0:
			a, b = ra, rb
		case a[0] != b[0]:
			return int(a[0]) - int(b[0])
		default:
			a, b = a[1:], b[1:]
		}
	}
	return len(a) - len(b)
}

// leadingNumber is the number with which s begins, -1 where there is none.
func leadingNumber(s string) (n int, rest string) {
	i := 0
	for i < len(s) && i < 9 && s[i] >= '0' && s[i] <= '9' {
		n = 10*n + int(s[i]-'0')
		i++
	}
	if i == 0 {
		return -1, s
	}
	return n, s[i:]
}

// flatten lists the properties of a check that say something: texts that are
// not empty, and every number, switch and duration.
func flatten(c check.Check) map[string]string {
	leaves := map[string]string{}
	collect(leaves, "", reflect.ValueOf(c))
	if a, ok := c.Spec.(*check.API); ok && a != nil && a.Single() {
		for path, v := range leaves {
			if rest, ok := strings.CutPrefix(path, "steps[0]."); ok {
				delete(leaves, path)
				leaves[rest] = v
			}
		}
	}
	if c.Spec != nil {
		leaves["kind"] = string(c.Kind())
	}
	return leaves
}

func collect(leaves map[string]string, path string, v reflect.Value) {
	if d, ok := v.Interface().(time.Duration); ok {
		leaves[path] = d.String()
		return
	}
	if s, ok := v.Interface().(fmt.Stringer); ok && v.Kind() == reflect.Struct && v.NumField() > 0 && !v.Type().Field(0).IsExported() {
		leaves[path] = s.String() // such as a time: it has no fields of its own to show
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			collect(leaves, path, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue
			}
			at := join(path, snake(f.Name))
			if f.Anonymous || path == "" && f.Name == "Spec" {
				at = path // its fields are keys of the whole
			}
			collect(leaves, at, v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		if b, ok := v.Interface().([]byte); ok {
			leaves[path] = string(b)
			return
		}
		for i := range v.Len() {
			collect(leaves, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			collect(leaves, join(path, fmt.Sprint(k)), v.MapIndex(k))
		}
	case reflect.String:
		if v.Len() > 0 {
			leaves[path] = v.String()
		}
	default:
		leaves[path] = fmt.Sprint(v.Interface())
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// snake writes MaxBody as max_body, and URL as url.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
