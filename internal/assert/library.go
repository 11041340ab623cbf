package assert

import (
	"crypto/hmac"
	"crypto/md5"

	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
)

// added is a function that the language has beside expr's own.
type added struct {
	// types are the ways to call it.
	types []any
	call  function
	// drawn marks functions whose value is no function of what was seen: they
	// are for templates only.
	drawn bool
	// prepare looks at a call when it is compiled, and may replace it.
	prepare func(c *compiler, n *ast.CallNode) (node, bool)
}

type (
	textToText  = func(string) string
	textsToText = func(string, string) string
)

// library are the functions that are not expr's. Digests are lower-case hex;
// a further argument 'base64' or 'base64url' asks for those forms.
var library map[string]added

func init() { // a literal would be a cycle: jq and schema compile their arguments
	digest := []any{new(textToText), new(textsToText)}
	keyed := []any{new(textsToText), new(func(string, string, string) string)}
	library = map[string]added{
		"md5":        {types: digest, call: digestOf(md5.New)},
		"sha1":       {types: digest, call: digestOf(sha1.New)},
		"sha256":     {types: digest, call: digestOf(sha256.New)},
		"sha512":     {types: digest, call: digestOf(sha512.New)},
		"hmacSHA1":   {types: keyed, call: keyedDigestOf(sha1.New)},
		"hmacSHA256": {types: keyed, call: keyedDigestOf(sha256.New)},
		"hmacSHA512": {types: keyed, call: keyedDigestOf(sha512.New)},
		"hex":        {types: []any{new(textToText)}, call: textual(func(s string) (string, error) { return hex.EncodeToString([]byte(s)), nil })},
		"urlEncode":  {types: []any{new(textToText)}, call: textual(func(s string) (string, error) { return url.QueryEscape(s), nil })},
		"urlDecode":  {types: []any{new(textToText)}, call: textual(url.QueryUnescape)},
		"jq":         {types: []any{new(func(string) any), new(func(any, string) any)}, prepare: (*compiler).jq},
		"schema":     {types: []any{new(func(any) bool), new(func(any, any) bool)}, prepare: (*compiler).schema},

		"now":       {types: []any{new(func() time.Time)}, call: nowOf, drawn: true},
		"uuid":      {types: []any{new(func() string)}, call: uuid, drawn: true},
		"randomInt": {types: []any{new(func(int, int) int)}, call: randomInt, drawn: true},
		"randomHex": {types: []any{new(func(int) string)}, call: randomHex, drawn: true},
	}
}

// functions adds the library to what expr's checker knows.
func (n *names) functions(c *conf.Config) {
	for name, a := range library {
		if a.drawn && !n.draws {
			continue
		}
		f := &builtin.Function{Name: name}
		for _, t := range a.types {
			f.Types = append(f.Types, reflect.TypeOf(t).Elem())
		}
		c.Functions[name] = f
		delete(c.Disabled, name)
	}
}

// libraryNames are the functions that names may be mistaken for.
func libraryNames() []string { return slices.Sorted(maps.Keys(library)) }

// library compiles the call of a function that is not expr's.
func (c *compiler) library(n *ast.CallNode, name string) node {
	a, ok := library[name]
	if !ok {
		return c.refuse(n, "%s is not a function", name)
	}
	if a.prepare != nil {
		if run, done := a.prepare(c, n); done {
			return run
		}
	}
	args, text := c.nodes(n.Arguments), newLabel(n)
	return func(f *frame) any {
		values := make([]any, len(args))
		for i, arg := range args {
			v := arg(f)
			if t, bad := v.(*trouble); bad {
				return t
			}
			values[i] = v
		}
		f.spend(stepWork)
		return apply(f, a.call, values, text)
	}
}

// texts are arguments that must be text; the checker lets values through
// whose sort is only known later.
func texts(f *frame, args []any) ([]string, error) {
	out := make([]string, len(args))
	for i, a := range args {
		s, ok := a.(string)
		if !ok {
			return nil, fmt.Errorf("needs text, not %s", describe(a))
		}
		f.take(2 * len(s))
		out[i] = s
	}
	return out, nil
}

func textual(of func(string) (string, error)) function {
	return func(f *frame, args []any) (any, error) {
		in, err := texts(f, args)
		if err != nil {
			return nil, err
		}
		f.take(2 * len(in[0]))
		return of(in[0])
	}
}

func digestOf(algorithm func() hash.Hash) function {
	return func(f *frame, args []any) (any, error) {
		in, err := texts(f, args)
		if err != nil {
			return nil, err
		}
		h := algorithm()
		_, _ = io.WriteString(h, in[0]) // a hash never fails
		return written64(h.Sum(nil), in[1:])
	}
}

func keyedDigestOf(algorithm func() hash.Hash) function {
	return func(f *frame, args []any) (any, error) {
		in, err := texts(f, args)
		if err != nil {
			return nil, err
		}
		h := hmac.New(algorithm, []byte(in[0]))
		_, _ = io.WriteString(h, in[1])
		return written64(h.Sum(nil), in[2:])
	}
}

// written64 is a digest in the form that is asked for.
func written64(sum []byte, form []string) (any, error) {
	if len(form) == 0 {
		return hex.EncodeToString(sum), nil
	}
	switch form[0] {
	case "hex":
		return hex.EncodeToString(sum), nil
	case "base64":
		return base64.StdEncoding.EncodeToString(sum), nil
	case "base64url":
		return base64.RawURLEncoding.EncodeToString(sum), nil
	}
	return nil, fmt.Errorf("%s is not a form; use 'hex', 'base64' or 'base64url'", quote(form[0], 40))
}

var errNothingDrawn = errors.New("is not available here")

func nowOf(f *frame, _ []any) (any, error) {
	if g := f.seen.given; g != nil && g.Now != nil {
		return g.Now().UTC(), nil
	}
	return nil, errNothingDrawn
}

func (f *frame) draw(n int) ([]byte, error) {
	g := f.seen.given
	if g == nil || g.Random == nil {
		return nil, errNothingDrawn
	}
	f.take(n)
	b := make([]byte, n)
	if _, err := io.ReadFull(g.Random, b); err != nil {
		return nil, fmt.Errorf("reading random data: %w", err)
	}
	return b, nil
}

// uuid is a version 4 UUID: RFC 9562, section 5.4.
func uuid(f *frame, _ []any) (any, error) {
	b, err := f.draw(16)
	if err != nil {
		return nil, err
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

func randomInt(f *frame, args []any) (any, error) {
	from, ok := args[0].(int)
	to, okay := args[1].(int)
	if !ok || !okay || to < from || to-from < 0 {
		return nil, errors.New("needs two whole numbers, the smaller first")
	}
	b, err := f.draw(8)
	if err != nil {
		return nil, err
	}
	return from + int(binary.BigEndian.Uint64(b)%(uint64(to-from)+1)), nil
}

func randomHex(f *frame, args []any) (any, error) {
	n, ok := args[0].(int)
	if !ok || n < 1 || n > 4096 {
		return nil, errors.New("needs a number of digits, 1 to 4096")
	}
	b, err := f.draw((n + 1) / 2)
	if err != nil {
		return nil, err
	}
	return hex.EncodeToString(b)[:n], nil
}
