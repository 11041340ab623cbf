package codec

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
)

// printed lists the fields of v that are not zero, one a line, in the order of
// their declaration. Fields that the nouns gain later do not show while they
// are zero, so old golden values stay true.
func printed(v any) []byte {
	var out bytes.Buffer
	out.WriteString(reflect.TypeOf(v).String() + "\n")
	printFields(&out, "", reflect.ValueOf(v))
	return out.Bytes()
}

func printFields(out *bytes.Buffer, path string, v reflect.Value) {
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
			if f := v.Field(i); !f.IsZero() {
				printFields(out, path+"."+v.Type().Field(i).Name, f)
			}
		}
	case reflect.Interface:
		fmt.Fprintf(out, "%s = %s\n", path, v.Elem().Type())
		printFields(out, path, v.Elem().Elem())
	case reflect.Pointer:
		if v.Elem().IsZero() {
			fmt.Fprintf(out, "%s is empty\n", path)
		}
		printFields(out, path, v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			printFields(out, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case reflect.Map:
		for _, k := range sorted(v.Interface().(map[string]string)) {
			printFields(out, fmt.Sprintf("%s[%q]", path, k), v.MapIndex(reflect.ValueOf(k)))
		}
	default:
		fmt.Fprintf(out, "%s = %#v\n", path, v.Interface())
	}
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
