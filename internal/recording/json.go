package recording

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// value is a JSON value that knows where it is written.
type value struct {
	at      int // offset of its first byte
	is      kind
	text    string
	number  float64
	yes     bool
	members []member
	items   []*value
	// raw is the value as it is written.
	raw []byte
}

type member struct {
	name  string
	value *value
}

type kind string

const (
	isObject kind = "an object"
	isArray  kind = "an array"
	isText   kind = "a text"
	isNumber kind = "a number"
	isBool   kind = "true or false"
	isNull   kind = "null"
)

// get is the member of that name, nil where there is none. Of two the last
// counts, as in JavaScript.
func (v *value) get(name string) *value {
	for i := len(v.members) - 1; i >= 0; i-- {
		if v.members[i].name == name {
			return v.members[i].value
		}
	}
	return nil
}

// maxDepth bounds the nesting of a recording.
const maxDepth = 50

// reader makes values of tokens.
type reader struct {
	data []byte
	d    *json.Decoder
}

// read is the one value of data. The fault says where it is not JSON.
func read(data []byte) (*value, *Fault) {
	r := reader{data: data, d: json.NewDecoder(bytes.NewReader(data))}
	v, err := r.value(0)
	if err == nil {
		at := r.start()
		if _, more := r.d.Token(); !errors.Is(more, io.EOF) {
			return nil, &Fault{Offset: at, Message: "there is more text after the recording; a file holds one"}
		}
		return v, nil
	}
	at := int(r.d.InputOffset())
	at += len(data[at:]) - len(bytes.TrimLeft(data[at:], " \t\r\n"))
	words := strings.TrimPrefix(err.Error(), "json: ")
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		at, words = len(bytes.TrimRight(data, " \t\r\n")), "it ends too early"
	}
	return nil, &Fault{Offset: at, Message: "not valid JSON: " + words}
}

// start is where the next token begins.
func (r *reader) start() int {
	at := int(r.d.InputOffset())
	for at < len(r.data) && bytes.IndexByte([]byte(" \t\r\n,:"), r.data[at]) >= 0 {
		at++
	}
	return at
}

func (r *reader) value(depth int) (*value, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("values are nested more than %d deep", maxDepth)
	}
	v := &value{at: r.start()}
	token, err := r.d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			err = r.object(v, depth)
		} else {
			err = r.array(v, depth)
		}
	case string:
		v.is, v.text = isText, t
	case float64:
		v.is, v.number = isNumber, t
	case bool:
		v.is, v.yes = isBool, t
	default:
		v.is = isNull
	}
	v.raw = r.data[v.at:r.d.InputOffset()]
	return v, err
}

func (r *reader) object(v *value, depth int) error {
	v.is = isObject
	for r.d.More() {
		name, err := r.d.Token()
		if err != nil {
			return err
		}
		inner, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		text, _ := name.(string)
		v.members = append(v.members, member{text, inner})
	}
	_, err := r.d.Token()
	return err
}

func (r *reader) array(v *value, depth int) error {
	v.is = isArray
	for r.d.More() {
		inner, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		v.items = append(v.items, inner)
	}
	_, err := r.d.Token()
	return err
}
