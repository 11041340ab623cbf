package codec

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// printed lists the fields of v that are not zero, one a line, in the order of
// their declaration. Fields that the nouns gain later do not show while they
// are zero, so old golden values stay true.
func printed(v any) []byte { return print(v, nil, false) }

// printedUpcast is printed as when the golden values of what version 2 makes
// of version 1 were written: unknown fields were not kept.
func printedUpcast(v any) []byte { return print(v, later(v, "Unknown"), false) }

// printedAsV1 is printed in the words of the nouns when the golden values of
// version 1 were written: an API check was one request.
func printedAsV1(v any) []byte { return print(v, later(v, "Unknown", "Reply"), true) }

// later are fields that values gained later, of which envelopes said something
// before: results had no trace.
func later(v any, names ...string) []string {
	if _, ok := v.(jobs.Result); ok {
		names = append(names, "TraceParent")
	}
	return names
}

func print(v any, without []string, asV1 bool) []byte {
	p := printer{without: without, asV1: asV1}
	p.out.WriteString(reflect.TypeOf(v).String() + "\n")
	p.fields("", reflect.ValueOf(v))
	return p.out.Bytes()
}

type printer struct {
	out bytes.Buffer
	// without are fields that were not there when the golden values were
	// written, and that decoding sets even where the old version says nothing.
	without []string
	asV1    bool
}

func (p *printer) fields(path string, v reflect.Value) {
	out := &p.out
	switch x := v.Interface().(type) {
	case time.Time:
		fmt.Fprintf(out, "%s = %s\n", path, x.Format(time.RFC3339Nano))
		return
	case time.Duration:
		fmt.Fprintf(out, "%s = %s\n", path, x)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if slices.Contains(p.without, name) {
				continue
			}
			if f := v.Field(i); !f.IsZero() {
				p.fields(path+"."+name, f)
			}
		}
	case reflect.Interface:
		fmt.Fprintf(out, "%s = %s\n", path, v.Elem().Type())
		value := v.Elem().Elem()
		if a, ok := v.Interface().(*check.API); ok && p.asV1 && a.Single() {
			value = reflect.ValueOf(a.Steps[0])
		}
		p.fields(path, value)
	case reflect.Pointer:
		if v.Elem().IsZero() {
			fmt.Fprintf(out, "%s is empty\n", path)
		}
		p.fields(path, v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			p.fields(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case reflect.Map:
		for _, k := range sorted(v.Interface().(map[string]string)) {
			p.fields(fmt.Sprintf("%s[%q]", path, k), v.MapIndex(reflect.ValueOf(k)))
		}
	default:
		fmt.Fprintf(out, "%s = %#v\n", path, v.Interface())
	}
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
