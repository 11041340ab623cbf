package codec

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"
)

// timestamp is a time.Time that is always UTC and says which field was at
// fault.
type timestamp struct{ time.Time }

func stamp(t time.Time) timestamp { return timestamp{t.UTC()} }

func (t *timestamp) UnmarshalJSON(b []byte) error {
	var at time.Time
	if err := at.UnmarshalJSON(b); err != nil || !writable(at) {
		return wrongType[timestamp](b)
	}
	t.Time = at.UTC()
	return nil
}

// writable reports whether a time can be written in UTC: its year there has
// four digits.
func writable(t time.Time) bool {
	y := t.UTC().Year()
	return y >= 0 && y <= 9999
}

// micros is a duration in whole microseconds.
type micros int64

// microsOf rounds d; what is not zero stays so.
func microsOf(d time.Duration) micros {
	us := micros(d.Round(time.Microsecond) / time.Microsecond)
	switch {
	case us != 0 || d == 0:
		return us
	case d < 0:
		return -1
	}
	return 1
}

func (m micros) duration() time.Duration { return time.Duration(m) * time.Microsecond }

func (m *micros) UnmarshalJSON(b []byte) error {
	const most = math.MaxInt64 / int64(time.Microsecond)
	if string(b) == "null" {
		return nil
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || n < -most || n > most {
		return wrongType[micros](b)
	}
	*m = micros(n)
	return nil
}

// wrongType is the error to which encoding/json adds the path of the field.
func wrongType[T any](b []byte) error {
	kind := "number"
	switch b[0] {
	case '"':
		kind = "string"
	case '{':
		kind = "object"
	case '[':
		kind = "array"
	case 't', 'f':
		kind = "bool"
	}
	return &json.UnmarshalTypeError{Value: fmt.Sprintf("%s %s", kind, b), Type: reflect.TypeFor[T]()}
}

// ignored is a field that is not looked at.
type ignored struct{}

func (*ignored) UnmarshalJSON([]byte) error { return nil }

// unreadable is the error of writing w where w could not be read back.
func unreadable(typ, id string, w interface{ fault() (field, reason string) }) error {
	if field, reason := w.fault(); field != "" {
		return fmt.Errorf("encoding %s %q: %s %s", typ, id, field, reason)
	}
	return nil
}

// each converts a list; an empty one becomes nil.
func each[A, B any](as []A, f func(A) B) []B {
	if len(as) == 0 {
		return nil
	}
	bs := make([]B, len(as))
	for i, a := range as {
		bs[i] = f(a)
	}
	return bs
}

// some is list, or nil where it is empty.
func some[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// someKeys is m, or nil where it is empty.
func someKeys(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return m
}
