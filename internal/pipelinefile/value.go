package pipelinefile

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
	at     int // offset of its first byte
	scalar any // string, json.Number, bool, nil
	is     string
	keys   []key
	items  []*value
}

type key struct {
	at    int
	name  string
	value *value
}

// The kinds of values, as people call them.
const (
	anObject = "an object"
	aList    = "a list"
	aText    = "a text"
	aNumber  = "a number"
	aBool    = "true or false"
	isNull   = "null"
)

// maxDepth bounds the nesting.
const maxDepth = 30

type reader struct {
	data []byte
	d    *json.Decoder
}

// fault is what is wrong at an offset.
type fault struct {
	at    int
	words string
}

// read is the one value of data.
func read(data []byte) (*value, *fault) {
	r := reader{data: data, d: json.NewDecoder(bytes.NewReader(data))}
	r.d.UseNumber()
	v, err := r.value(0)
	if err == nil {
		at := r.start()
		if _, more := r.d.Token(); !errors.Is(more, io.EOF) {
			return nil, &fault{at, "there is more text after the end of the object; remove it"}
		}
		return v, nil
	}
	at := int(r.d.InputOffset())
	at += len(data[at:]) - len(bytes.TrimLeft(data[at:], " \t\r\n"))
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok && int(syntax.Offset) > at {
		at = int(syntax.Offset) - 1
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, &fault{len(bytes.TrimRight(data, " \t\r\n")), "the file ends too early: a bracket or a quote is not closed"}
	}
	words := strings.TrimPrefix(err.Error(), "json: ")
	if strings.Contains(words, "looking for beginning of object key") || strings.Contains(words, "looking for beginning of value") {
		words += " (JSON has no comma after the last entry, and no comments)"
	}
	return nil, &fault{at, "not valid JSON: " + words}
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
			return v, r.object(v, depth)
		}
		return v, r.list(v, depth)
	case string:
		v.is = aText
	case json.Number:
		v.is = aNumber
	case bool:
		v.is = aBool
	default:
		v.is = isNull
	}
	v.scalar = token
	return v, nil
}

func (r *reader) object(v *value, depth int) error {
	v.is = anObject
	for r.d.More() {
		at := r.start()
		name, err := r.d.Token()
		if err != nil {
			return err
		}
		inner, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		text, _ := name.(string)
		v.keys = append(v.keys, key{at, text, inner})
	}
	_, err := r.d.Token()
	return err
}

func (r *reader) list(v *value, depth int) error {
	v.is = aList
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
