package assert

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"time"
)

// trouble stands where a value should be and is not. It spreads through every
// operation that needs the value, and an assertion that ends in it does not
// hold.
type trouble struct {
	// missing marks a value that is absent or null: `== nil` and `??` can
	// deal with that. Anything else cannot be dealt with.
	missing bool
	text    string
}

func troublef(format string, args ...any) *trouble {
	return &trouble{text: fmt.Sprintf(format, args...)}
}

func missingf(format string, args ...any) *trouble {
	return &trouble{missing: true, text: fmt.Sprintf(format, args...)}
}

func isMissing(v any) bool {
	t, ok := v.(*trouble)
	return ok && t.missing
}

// headers are the response's, with names in lower case.
type headers map[string]string

// normal turns the kinds of value that functions return into those that
// operators know: whole numbers into int, nil into a trouble that says what
// is null.
func normal(v any, text string) any {
	switch v := v.(type) {
	case bool, int, string, float64, *trouble, []any, map[string]any, *big.Int, time.Duration, time.Time:
		return v
	case nil:
		return missingf("%s is null", text)
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return int(r.Int())
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return int(r.Uint())
	case reflect.Float32:
		return r.Float()
	}
	return v
}

// noun says what sort of value v is.
func noun(v any) string {
	switch v.(type) {
	case bool:
		return "true or false"
	case int, float64, *big.Int:
		return "a number"
	case string:
		return "text"
	case time.Duration:
		return "a duration"
	case time.Time:
		return "a date"
	case headers, map[string]any:
		return "an object"
	case *trouble, nil:
		return "nil"
	}
	switch reflect.ValueOf(v).Kind() {
	case reflect.Slice:
		return "a list"
	case reflect.Map:
		return "an object"
	}
	return fmt.Sprintf("a %T", v)
}

// listOf is v as a list of any, where it is a list.
func listOf(v any) ([]any, bool) {
	if l, ok := v.([]any); ok {
		return l, true
	}
	r := reflect.ValueOf(v)
	if r.Kind() != reflect.Slice {
		return nil, false
	}
	l := make([]any, r.Len())
	for i := range l {
		l[i] = r.Index(i).Interface()
	}
	return l, true
}

// equal compares two values. Numbers are equal where they are the same number,
// whichever way they are held; values of different sorts are not equal.
func equal(f *frame, a, b any) bool {
	f.spend(1)
	switch x := a.(type) {
	case nil:
		return b == nil
	case string:
		y, ok := b.(string)
		return ok && x == y
	case bool:
		y, ok := b.(bool)
		return ok && x == y
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && equalMaps(f, x, y)
	}
	if x, ok := listOf(a); ok {
		y, ok := listOf(b)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !equal(f, x[i], y[i]) {
				return false
			}
		}
		return true
	}
	c, ok := order(a, b)
	return ok && c == 0
}

func equalMaps(f *frame, x, y map[string]any) bool {
	if len(x) != len(y) {
		return false
	}
	for k, v := range x {
		w, ok := y[k]
		if !ok || !equal(f, v, w) {
			return false
		}
	}
	return true
}

// order compares two values that have an order, and reports whether they do.
func order(a, b any) (int, bool) {
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		return cmp.Compare(x, y), ok
	case time.Duration:
		y, ok := b.(time.Duration)
		return cmp.Compare(x, y), ok
	case time.Time:
		y, ok := b.(time.Time)
		return x.Compare(y), ok
	case int:
		switch y := b.(type) {
		case int:
			return cmp.Compare(x, y), true
		case float64:
			return orderIntFloat(x, y), y == y
		case *big.Int:
			return big.NewInt(int64(x)).Cmp(y), true
		}
	case float64:
		switch y := b.(type) {
		case float64:
			return cmp.Compare(x, y), x == x && y == y
		case int:
			return -orderIntFloat(y, x), x == x
		case *big.Int:
			return -orderBigFloat(y, x), x == x
		}
	case *big.Int:
		switch y := b.(type) {
		case *big.Int:
			return x.Cmp(y), true
		case int:
			return x.Cmp(big.NewInt(int64(y))), true
		case float64:
			return orderBigFloat(x, y), y == y
		}
	}
	return 0, false
}

// orderIntFloat compares without rounding i to 53 bits.
func orderIntFloat(i int, f float64) int {
	switch {
	case f >= 1<<63:
		return -1
	case f < -1<<63:
		return 1
	}
	whole := math.Trunc(f)
	if c := cmp.Compare(i, int(whole)); c != 0 {
		return c
	}
	return cmp.Compare(whole, f)
}

func orderBigFloat(b *big.Int, f float64) int {
	if f != f {
		return 0
	}
	return new(big.Float).SetInt(b).Cmp(big.NewFloat(f))
}
