package pipelinefile

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/probefleet/probefleet/internal/nearest"
)

// decoder fills Go values from JSON and remembers where each of them was
// written, by its path ("services[0].stages[1].name").
type decoder struct {
	places map[string]int
	faults []fault
}

func (d *decoder) fault(at int, format string, args ...any) {
	d.faults = append(d.faults, fault{at, fmt.Sprintf(format, args...)})
}

// into decodes v into the place to. What is not as to wants it is a fault.
func (d *decoder) into(v *value, to reflect.Value, path string) {
	d.places[path] = v.at
	if to.Kind() == reflect.Pointer {
		to.Set(reflect.New(to.Type().Elem()))
		to = to.Elem()
	}
	if text, ok := to.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if s, isText := d.want(v, aText, path).(string); isText {
			if err := text.UnmarshalText([]byte(s)); err != nil {
				d.fault(v.at, "%s: %s", path, err)
			}
		}
		return
	}
	switch to.Kind() {
	case reflect.Struct:
		d.object(v, to, path)
	case reflect.Slice:
		if v.is != aList {
			d.want(v, aList, path)
			return
		}
		to.Set(reflect.MakeSlice(to.Type(), len(v.items), len(v.items)))
		for i, item := range v.items {
			d.into(item, to.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Map:
		d.dictionary(v, to, path)
	case reflect.String:
		if s, ok := d.want(v, aText, path).(string); ok {
			to.SetString(s)
		}
	case reflect.Bool:
		if yes, ok := d.want(v, aBool, path).(bool); ok {
			to.SetBool(yes)
		}
	case reflect.Int:
		if n, ok := d.want(v, aNumber, path).(json.Number); ok {
			whole, err := n.Int64()
			if err != nil {
				d.fault(v.at, "%s is %s; write a whole number", path, n)
			}
			to.SetInt(whole)
		}
	case reflect.Float64:
		if n, ok := d.want(v, aNumber, path).(json.Number); ok {
			f, err := n.Float64()
			if err != nil {
				d.fault(v.at, "%s is %s, which is out of range", path, n)
			}
			to.SetFloat(f)
		}
	default:
		panic("pipelinefile: a field of a type that cannot be written: " + to.Type().String())
	}
}

// want is the scalar of v where it is of that kind, else a fault.
func (d *decoder) want(v *value, is, path string) any {
	if v.is != is {
		if path == "" {
			path = "the file"
		}
		d.fault(v.at, "%s is %s; write %s", path, v.is, is)
		return nil
	}
	return v.scalar
}

func (d *decoder) object(v *value, to reflect.Value, path string) {
	if v.is != anObject {
		d.want(v, anObject, path)
		return
	}
	known, fields := names(to.Type())
	seen := map[string]bool{}
	for _, k := range v.keys {
		switch i, ok := fields[k.name]; {
		case seen[k.name]:
			d.fault(k.at, "%s is there twice; remove one", k.name)
		case ok:
			d.into(k.value, to.Field(i), under(path, k.name))
		default:
			d.fault(k.at, "%s", unknown(k.name, path, known))
		}
		seen[k.name] = true
	}
}

func (d *decoder) dictionary(v *value, to reflect.Value, path string) {
	if v.is != anObject {
		d.want(v, anObject, path)
		return
	}
	to.Set(reflect.MakeMap(to.Type()))
	for _, k := range v.keys {
		entry := reflect.New(to.Type().Elem()).Elem()
		d.into(k.value, entry, under(path, k.name))
		if to.MapIndex(reflect.ValueOf(k.name)).IsValid() {
			d.fault(k.at, "%s is there twice; remove one", k.name)
		}
		to.SetMapIndex(reflect.ValueOf(k.name), entry)
	}
}

func under(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// names are the keys that an object may have, and the fields they fill.
func names(t reflect.Type) ([]string, map[string]int) {
	var list []string
	fields := map[string]int{}
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("json"); name != "" {
			list, fields[name] = append(list, name), i
		}
	}
	return list, fields
}

func unknown(name, path string, known []string) string {
	where := path
	if where == "" {
		where = "the file"
	}
	if word := nearest.Word(name, known); word != "" {
		return fmt.Sprintf("%q is not known in %s; did you mean %q?", name, where, word)
	}
	sorted := slices.Sorted(slices.Values(known))
	return fmt.Sprintf("%q is not known in %s; known are %s", name, where, strings.Join(sorted, ", "))
}
