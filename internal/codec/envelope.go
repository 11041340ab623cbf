package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Header is the envelope of a message without its data.
type Header struct {
	// Type is [TypeJob], [TypeResult] or one that this build does not know.
	Type string
	// Version is the one in which the message was written, MinReader the
	// lowest version that a reader must know to understand it. Both count
	// from 1.
	Version, MinReader int
	// ID is the id of the attempt that the message is about.
	ID string
	// Time is when the message's content was settled: a job was sent, an
	// attempt finished.
	Time time.Time
	// TraceParent is a W3C trace context, or "".
	TraceParent string
}

// envelope is what surrounds the data of a message, the same in all versions.
type envelope[T any] struct {
	Type  string    `json:"type"`
	V     int       `json:"v"`
	Min   int       `json:"min"`
	ID    string    `json:"id"`
	Time  timestamp `json:"time,omitzero"`
	Trace string    `json:"trace,omitempty"`
	Data  T         `json:"data"`
}

func (e *envelope[T]) header() Header {
	return Header{Type: e.Type, Version: e.V, MinReader: e.Min, ID: e.ID, Time: e.Time.Time, TraceParent: e.Trace}
}

// check finds what is wrong with the envelope of a message of type typ; "" is
// any type.
func (e *envelope[T]) check(typ string) error {
	switch {
	case e.Type == "":
		return missing(typ, "type")
	case typ != "" && e.Type != typ:
		return &DecodeError{Type: typ, Field: "type", Reason: fmt.Sprintf("is %.100q; see that the queue holds messages of this type only", e.Type)}
	case e.V < 1:
		return &DecodeError{Type: e.Type, Field: "v", Reason: fmt.Sprintf("is %d or missing; versions count from 1", e.V)}
	case e.Min < 1 || e.Min > e.V:
		return &DecodeError{Type: e.Type, Field: "min", Reason: fmt.Sprintf("is %d or missing; it should be 1 to %d, the message's version", e.Min, e.V)}
	case e.ID == "":
		return missing(e.Type, "id")
	}
	return nil
}

// Peek reads the header of a message of any type and version. It does not
// look at the data. The error is a *[DecodeError].
func Peek(body []byte) (Header, error) {
	body, err := readable("", body, MaxBytes)
	if err != nil {
		return Header{}, err
	}
	_, e, err := open("", body)
	if err != nil {
		return Header{}, err
	}
	return e.header(), e.check("")
}

// open parses the envelope and sets the data apart, so that it is parsed once
// and by a reader of its version.
func open(typ string, body []byte) (parts, *envelope[ignored], error) {
	p := split(body)
	if p.broken {
		p.head = body // the parser says where it breaks
	}
	var e envelope[ignored]
	if err := unmarshal(typ, "", p.head, &e); err != nil {
		return parts{}, nil, err
	}
	if p.broken {
		return parts{}, nil, &DecodeError{Type: typ, Reason: "is not a JSON object"}
	}
	return p, &e, nil
}

// encode writes v as compact JSON of at most max bytes.
func encode(typ, id string, max int, v any) ([]byte, error) {
	b, err := marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding %s %q: %w", typ, id, err)
	}
	b = replaceNUL(b)
	if len(b) > max {
		return nil, fmt.Errorf("encoding %s %q: it comes to %d bytes, more than the %d allowed; keep less text in it", typ, id, len(b), max)
	}
	return b, nil
}

// marshal is json.Marshal without its escapes for HTML: excerpts of pages are
// full of angle brackets.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// readable prepares bytes for decoding: not more than max, and no NUL.
func readable(typ string, b []byte, max int) ([]byte, error) {
	if len(b) > max {
		return nil, &DecodeError{Type: typ, Reason: fmt.Sprintf("is %d bytes long; at most %d are read", len(b), max)}
	}
	return replaceNUL(b), nil
}
