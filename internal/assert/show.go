package assert

import (
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxShown is the number of characters of a value in a message.
const maxShown = 120

// show writes a value for people: strings quoted, durations as they are read,
// lists and objects as JSON; cut after about [maxShown] characters.
func show(v any) string {
	p := printer{left: maxShown}
	p.value(v, 0)
	return p.out.String()
}

// quote is s in double quotes, cut after n characters.
func quote(s string, n int) string {
	if cut, shorter := cutRunes(s, n); shorter {
		return strconv.Quote(cut) + "…"
	}
	return strconv.Quote(s)
}

// cutRunes is the first n characters of s and whether there were more.
func cutRunes(s string, n int) (string, bool) {
	if len(s) <= n {
		return s, false
	}
	count := 0
	for i := range s {
		if count == n {
			return s[:i], true
		}
		count++
	}
	return s, false
}

// printer writes values until its characters are used up, so that showing a
// large document costs no more than showing a small one.
type printer struct {
	out  strings.Builder
	left int
}

func (p *printer) text(s string) {
	p.out.WriteString(s)
	p.left -= utf8.RuneCountInString(s)
}

func (p *printer) value(v any, depth int) {
	switch v := v.(type) {
	case nil:
		p.text("null")
	case *trouble:
		p.text(v.text)
	case string:
		p.text(quote(v, max(p.left, 8)))
	case time.Duration:
		p.text(showDuration(v))
	case time.Time:
		p.text(v.Format(time.RFC3339Nano))
	case *big.Int:
		p.text(v.String())
	case float64:
		p.text(strconv.FormatFloat(v, 'g', -1, 64))
	case headers:
		p.object(depth, func(yield func(string, any) bool) {
			for _, k := range slices.Sorted(keysOf(v)) {
				if !yield(k, v[k]) {
					return
				}
			}
		})
	case map[string]any:
		p.object(depth, func(yield func(string, any) bool) {
			for _, k := range slices.Sorted(keysOf(v)) {
				if !yield(k, v[k]) {
					return
				}
			}
		})
	default:
		if r := reflect.ValueOf(v); r.Kind() == reflect.Slice {
			p.list(r, depth)
			return
		}
		p.text(fmt.Sprint(v))
	}
}

func (p *printer) list(r reflect.Value, depth int) {
	p.text("[")
	for i := range r.Len() {
		if i > 0 {
			p.text(",")
		}
		if p.left <= 0 || depth > 6 {
			p.text("…")
			break
		}
		p.value(r.Index(i).Interface(), depth+1)
	}
	p.text("]")
}

func (p *printer) object(depth int, each func(func(string, any) bool)) {
	p.text("{")
	first := true
	for k, v := range each {
		if !first {
			p.text(",")
		}
		first = false
		if p.left <= 0 || depth > 6 {
			p.text("…")
			break
		}
		p.text(quote(k, 40) + ":")
		p.value(v, depth+1)
	}
	p.text("}")
}

// keysOf is maps.Keys with a bound: sorting a million keys in order to show
// ten is not worth it.
func keysOf[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		n := 0
		for k := range m {
			if n++; n > 10_000 || !yield(k) {
				return
			}
		}
	}
}

// showDuration rounds to what people read: 812ms, 1.53s, 2m3s.
func showDuration(d time.Duration) string {
	step := time.Duration(1)
	for _, s := range []struct{ from, step time.Duration }{
		{time.Minute, time.Second},
		{10 * time.Second, 100 * time.Millisecond},
		{time.Second, 10 * time.Millisecond},
		{10 * time.Millisecond, time.Millisecond},
		{time.Millisecond, 10 * time.Microsecond},
		{time.Microsecond, 10 * time.Nanosecond},
	} {
		if d.Abs() >= s.from {
			step = s.step
			break
		}
	}
	return trimDuration(d.Round(step))
}

// trimDuration leaves out the zero parts at the end: 2m, not 2m0s.
func trimDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
