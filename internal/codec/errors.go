package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// UnsupportedVersionError says that a message is well formed but too new for
// this build. Leave it for a newer reader.
type UnsupportedVersionError struct {
	Type string
	// Version is the one of the message, MinReader the lowest that can read
	// it, Highest the highest that this build reads.
	Version, MinReader, Highest int
}

func (e *UnsupportedVersionError) Error() string {
	return fmt.Sprintf("decoding %s: version %d needs a reader of version %d, this build reads up to %d; update this process, or leave the message to a newer one",
		e.Type, e.Version, e.MinReader, e.Highest)
}

// DecodeError says why bytes are not what they should be: not JSON, of
// another type, without a required field, or with a value out of range. It
// will be the same at every try.
type DecodeError struct {
	// Type is what was being decoded, "" where that is not known.
	Type string
	// Field is the dotted path of the field at fault, "" for the whole.
	Field string
	// Reason continues the sentence that starts with Field.
	Reason string
}

func (e *DecodeError) Error() string {
	typ, field := e.Type, e.Field
	if typ == "" {
		typ = "message"
	}
	if field == "" {
		field = "it"
	}
	return fmt.Sprintf("decoding %s: %s %s", typ, field, e.Reason)
}

// CannotDowncastError says that a value cannot be written in an old version
// without loss. Hold it back until its readers know a newer one.
type CannotDowncastError struct {
	Type string
	// ID is that of the message.
	ID string
	// Version is the one that was asked for.
	Version int
	// Lost names what would be lost.
	Lost string
}

func (e *CannotDowncastError) Error() string {
	return fmt.Sprintf("encoding %s %q in version %d: it would lose %s; wait until every reader knows a newer version", e.Type, e.ID, e.Version, e.Lost)
}

func unknownVersion(typ, id string, version, highest int) error {
	return fmt.Errorf("encoding %s %q in version %d: this build writes versions 1 to %d", typ, id, version, highest)
}

func missing(typ, field string) error {
	return &DecodeError{Type: typ, Field: field, Reason: "is missing"}
}

func twiceError(typ, name string) error {
	return &DecodeError{Type: typ, Reason: fmt.Sprintf("has the name %.100q twice in one object", name)}
}

// unmarshal reads b into v; prefix is the path of b inside the message.
func unmarshal(typ, prefix string, b []byte, v any) error {
	err := json.Unmarshal(b, v)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &DecodeError{Type: typ, Field: join(prefix, embedded.Replace(e.Field)), Reason: fmt.Sprintf("is a JSON %.100s; it should be %s", e.Value, inWords(e.Type))}
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return &DecodeError{Type: typ, Field: prefix, Reason: fmt.Sprintf("is not JSON: at byte %d: %v", e.Offset, e)}
	}
	return &DecodeError{Type: typ, Field: prefix, Reason: err.Error()}
}

// embedded are structs that share the JSON object of those that hold them:
// encoding/json names them in the path of a field all the same.
var embedded = strings.NewReplacer("checkOf.", "", "netV2.", "", "linesV2.", "", "tlsClientV2.", "", "alarmV2.", "")

func join(prefix, field string) string {
	if prefix == "" || field == "" {
		return prefix + field
	}
	return prefix + "." + field
}

// inWords says what JSON a Go type is written as.
func inWords(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[timestamp]():
		return "an RFC 3339 time"
	case reflect.TypeFor[micros]():
		return "a whole number of microseconds of at most 292 years"
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		return "a whole number of 64 bits"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "a " + t.Kind().String()
}
