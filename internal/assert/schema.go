package assert

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// schema compiles schema(S), which judges the body's JSON, and
// schema(value, S). S is a JSON Schema, as an object or as a JSON text; it is
// known when the line is compiled, and refers to nothing outside itself.
func (c *compiler) schema(n *ast.CallNode) (node, bool) {
	last := n.Arguments[len(n.Arguments)-1]
	doc, ok := literal(last)
	if text, isText := doc.(string); ok && isText {
		var err error
		if doc, err = jsonschema.UnmarshalJSON(strings.NewReader(text)); err != nil {
			return c.refuse(last, "the schema is not JSON: %v", err), true
		}
	}
	if !ok {
		return c.refuse(last, "schema needs its JSON Schema written out, such as schema({type: 'object', required: ['id']})"), true
	}
	s, err := newSchema(doc)
	if err != nil {
		return c.refuse(last, "not a JSON Schema: %s", oneLine(err.Error())), true
	}
	source := c.names.read["json"]
	if len(n.Arguments) == 2 {
		source = c.node(n.Arguments[0])
	} else if source == nil {
		return c.refuse(n, "%s has no JSON of its own; name a value: schema(steps.login.json, {type: 'object'})", c.names.whose), true
	}
	text := newLabel(n)
	judge := func(f *frame, judge function) any {
		v := source(f)
		if t, bad := v.(*trouble); bad {
			return t
		}
		return apply(f, judge, []any{v}, text)
	}
	c.why[n] = func(f *frame) any { return judge(f, s.violation) }
	return func(f *frame) any { return judge(f, s.judge) }, true
}

// literal is what n is written as, in the values of encoding/json.
func literal(n ast.Node) (any, bool) {
	switch n := n.(type) {
	case *ast.NilNode:
		return nil, true
	case *ast.BoolNode:
		return n.Value, true
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode:
		return json.Number(fmt.Sprint(n.Value)), true
	case *ast.FloatNode:
		return n.Value, true
	case *ast.UnaryNode:
		if v, ok := literal(n.Node); ok && n.Operator == "-" {
			return json.Number("-" + fmt.Sprint(v)), true
		}
	case *ast.ArrayNode:
		out := make([]any, len(n.Nodes))
		for i, e := range n.Nodes {
			v, ok := literal(e)
			if !ok {
				return nil, false
			}
			out[i] = v
		}
		return out, true
	case *ast.MapNode:
		out := map[string]any{}
		for _, p := range n.Pairs {
			pair := p.(*ast.PairNode)
			k, ok := literal(pair.Key)
			v, okay := literal(pair.Value)
			name, text := k.(string)
			if !ok || !okay || !text {
				return nil, false
			}
			out[name] = v
		}
		return out, true
	}
	return nil, false
}

// jsonSchema is a compiled schema. The library tells our counter nothing of
// who asks, hence the lock: one value is judged at a time.
type jsonSchema struct {
	mu     sync.Mutex
	schema *jsonschema.Schema
	asking *frame
}

// nothing is the loader of schemas that refer to nothing.
type nothing struct{}

func (nothing) Load(url string) (any, error) {
	return nil, fmt.Errorf("it refers to %s; write the schema out", url)
}

func newSchema(doc any) (*jsonSchema, error) {
	s := &jsonSchema{}
	c := jsonschema.NewCompiler()
	c.UseLoader(nothing{})
	c.AssertFormat()
	// A vocabulary of no words: its part is called wherever a schema meets a
	// value, and takes the cost from the budget.
	c.RegisterVocabulary(&jsonschema.Vocabulary{
		URL:     "urn:probefleet:cost",
		Compile: func(*jsonschema.CompilerContext, map[string]any) (jsonschema.SchemaExt, error) { return s, nil },
	})
	c.AssertVocabs()
	const at = "urn:probefleet:schema"
	if err := c.AddResource(at, doc); err != nil {
		return nil, err
	}
	compiled, err := c.Compile(at)
	if err != nil {
		return nil, err
	}
	s.schema = compiled
	return s, nil
}

// Validate implements jsonschema.SchemaExt.
func (s *jsonSchema) Validate(_ *jsonschema.ValidatorContext, v any) {
	cost := 128 * stepWork // what it keeps to say where the value does not fit costs most
	switch v := v.(type) {
	case string:
		cost += regexpWork * len(v)
	case []any:
		cost += stepWork * len(v)
	case map[string]any:
		cost += stepWork * len(v)
	}
	s.asking.spend(cost)
}

// judge is whether a value fits, violation the words in which it does not.
func (s *jsonSchema) judge(f *frame, args []any) (any, error) {
	invalid, err := s.validate(f, args[0])
	return invalid == nil, err
}

func (s *jsonSchema) violation(f *frame, args []any) (any, error) {
	invalid, err := s.validate(f, args[0])
	if err != nil || invalid == nil {
		return "fits the schema", err
	}
	return violation(invalid), nil
}

func (s *jsonSchema) validate(f *frame, v any) (*jsonschema.ValidationError, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asking = f
	defer func() { s.asking = nil }()
	f.take(2 * f.weigh(v))
	doc, ok := forSchema(v)
	if !ok {
		return nil, fmt.Errorf("%s is no JSON", describe(v))
	}
	err := s.schema.Validate(doc)
	var invalid *jsonschema.ValidationError
	if err == nil || errors.As(err, &invalid) {
		return invalid, nil
	}
	return nil, err
}

// forSchema is v in the values that the library knows.
func forSchema(v any) (any, bool) {
	switch v := v.(type) {
	case nil, bool, string, float64:
		return v, true
	case int:
		return json.Number(fmt.Sprint(v)), true
	case *big.Int:
		return json.Number(v.String()), true
	case time.Duration, time.Time:
		return nil, false
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			w, ok := forSchema(e)
			if !ok {
				return nil, false
			}
			out[i] = w
		}
		return out, true
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			w, ok := forSchema(e)
			if !ok {
				return nil, false
			}
			out[k] = w
		}
		return out, true
	}
	return nil, false
}

// violation names the first place that does not fit, and how many there are.
func violation(err *jsonschema.ValidationError) string {
	english := message.NewPrinter(language.English)
	var said []string
	var visit func(e *jsonschema.ValidationError)
	visit = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			at, _ := cutRunes("/"+strings.Join(e.InstanceLocation, "/"), 80)
			text, _ := cutRunes(e.ErrorKind.LocalizedString(english), maxShown)
			said = append(said, fmt.Sprintf("at %s: %s", at, text))
		}
		for _, c := range e.Causes {
			visit(c)
		}
	}
	visit(err)
	switch len(said) {
	case 0:
		return "does not fit the schema"
	case 1:
		return said[0]
	}
	return fmt.Sprintf("%s; and %d more", said[0], len(said)-1)
}

func oneLine(s string) string {
	s, _ = cutRunes(strings.Join(strings.Fields(s), " "), 300)
	return s
}
