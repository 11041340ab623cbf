package checkfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

var jsonNumber = regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$`)

var leadingZero = regexp.MustCompile(`^-?0[0-9]`)

// jsonText writes a YAML value as JSON, keys in the order in which they are
// written, templates filled in inside texts.
func (d *decoder) jsonText(n *yaml.Node, path string) (string, bool) {
	var out bytes.Buffer
	ok := d.writeJSON(&out, n, path, 0)
	return out.String(), ok
}

func (d *decoder) writeJSON(out *bytes.Buffer, n *yaml.Node, path string, depth int) bool {
	n = d.resolve(n)
	switch {
	case d.spent:
		return false
	case depth > maxDepth:
		d.fault(n, "%s is nested too deeply, or an alias contains itself", path)
		return false
	case out.Len() > MaxFile:
		d.fault(n, "%s is longer than %d bytes with its aliases", path, MaxFile)
		d.spent = true
		return false
	}
	switch n.Kind {
	case yaml.MappingNode:
		o, ok := d.object(n, path, path, nil)
		if !ok {
			return false
		}
		out.WriteByte('{')
		for i, f := range o.fields {
			if i > 0 {
				out.WriteByte(',')
			}
			quoteJSON(out, f.name)
			out.WriteByte(':')
			ok = d.writeJSON(out, f.value, path+"."+f.name, depth+1) && ok
		}
		out.WriteByte('}')
		return ok && 2*len(o.fields) == len(n.Content)
	case yaml.SequenceNode:
		ok := true
		out.WriteByte('[')
		for i, c := range n.Content {
			if i > 0 {
				out.WriteByte(',')
			}
			ok = d.writeJSON(out, c, fmt.Sprintf("%s[%d]", path, i), depth+1) && ok
		}
		out.WriteByte(']')
		return ok
	}
	return d.writeScalar(out, n, path)
}

func (d *decoder) writeScalar(out *bytes.Buffer, n *yaml.Node, path string) bool {
	if n.Style&yaml.TaggedStyle == 0 {
		switch n.ShortTag() {
		case "!!null":
			out.WriteString("null")
			return true
		case "!!bool":
			out.WriteString(strings.ToLower(n.Value))
			return true
		case "!!int", "!!float":
			s, ok := number(n.Value)
			if !ok {
				d.fault(n, "%s: JSON has no number %s; write another, or put quotes around it if a text is meant", path, n.Value)
			}
			out.WriteString(s)
			return ok
		}
	}
	s, ok := d.templated(n, path)
	quoteJSON(out, s)
	return ok
}

// number writes YAML's form of a number in JSON's.
func number(s string) (string, bool) {
	if jsonNumber.MatchString(s) {
		return s, true
	}
	plain := strings.ReplaceAll(strings.TrimPrefix(s, "+"), "_", "")
	if len(plain) > 100 || leadingZero.MatchString(plain) {
		return "", false // 0123 is 123 to some and 83 to others
	}
	if i, ok := new(big.Int).SetString(plain, 0); ok {
		return i.String(), true
	}
	f, err := strconv.ParseFloat(plain, 64)
	if err != nil || f-f != 0 {
		return "", false
	}
	return strconv.FormatFloat(f, 'g', -1, 64), true
}

// quoteJSON leaves <, > and & as they are: this is no HTML.
func quoteJSON(out *bytes.Buffer, s string) {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	out.Truncate(out.Len() - 1)
}
