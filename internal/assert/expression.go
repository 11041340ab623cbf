package assert

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/probefleet/probefleet/internal/check"
)

// Expression is a compiled expression of a template: it gives a value, not a
// verdict. It is immutable.
type Expression struct {
	run            node
	secrets, steps []string
}

// Given is what expressions of templates may use.
type Given struct {
	// Secrets are by name.
	Secrets map[string]string
	// Steps are what earlier steps of an API check have seen, by id.
	Steps map[string]*Seen
	// Now is the clock of now(); nil makes now() an error.
	Now func() time.Time
	// Random is the source of uuid() and its like; nil makes them errors.
	Random io.Reader
}

// Seen is what one step has seen, for the expressions of later ones.
type Seen struct{ o observation }

// See keeps a, so that its JSON is parsed when it is first asked for, and once.
func See(a API) *Seen { return &Seen{observation{api: a}} }

// templates is the name under which the words of templates are kept. No check
// has that kind.
const templates check.Kind = "template"

type templateWords struct {
	Secrets map[string]string `expr:"secrets"`
	Steps   map[string]any    `expr:"steps"`
}

var templateReaders = map[string]func(*frame) any{"steps.": anyStep}

// Value compiles the expression of a template: the inside of {{ … }}. The
// error is a *[CompileError]. Compiled expressions are kept.
func Value(src string) (*Expression, error) {
	a, err := compiled.get(templates, src)
	if err != nil {
		return nil, err
	}
	return &Expression{run: a.run, secrets: a.secrets, steps: a.steps}, nil
}

// Secrets are the names of the secrets that the expression uses.
func (e *Expression) Secrets() []string { return e.secrets }

// Steps are the ids of the steps that it uses.
func (e *Expression) Steps() []string { return e.steps }

// Steps are the ids of the earlier steps that the assertion speaks of.
func (a *Assertion) Steps() []string { return a.steps }

// NoValueError says why an expression has no value.
type NoValueError struct {
	// Missing marks a value that is absent or null.
	Missing bool
	Message string
}

func (e *NoValueError) Error() string { return e.Message }

// Eval is the value of the expression: bool, int, float64, *big.Int, string,
// []any, map[string]any, [time.Duration] or [time.Time]. The error is a
// *[NoValueError]. Work and memory are bounded as those of assertions are.
func (e *Expression) Eval(g Given) (any, error) {
	o := &observation{given: &g, api: API{Steps: g.Steps}}
	v := guard(newFrame(o), e.run)
	if t, bad := v.(*trouble); bad {
		return nil, &NoValueError{Missing: t.missing, Message: t.text}
	}
	return v, nil
}

// path is a chain of fixed names, such as steps.login.json, nil where n is
// something else.
func path(n ast.Node) []string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return []string{n.Value}
	case *ast.ChainNode:
		return path(n.Node)
	case *ast.MemberNode:
		if s, ok := n.Property.(*ast.StringNode); ok {
			if base := path(n.Node); base != nil {
				return append(base, s.Value)
			}
		}
	}
	return nil
}

// outside compiles a path into what is not part of the answer: the secrets of
// a template and the earlier steps of a check. It reports whether n is one.
func (c *compiler) outside(n *ast.MemberNode) (node, bool) {
	p := path(n)
	if len(p) < 2 || c.declared(p[0]) {
		return nil, false
	}
	switch {
	case p[0] == "secrets" && len(p) == 2 && c.names == kinds[templates]:
		return c.secret(n, p[1]), true
	case p[0] == "steps" && c.names.read["steps."] != nil:
		return c.earlier(n, p)
	}
	return nil, false
}

func (c *compiler) secret(n ast.Node, name string) node {
	if !check.ValidSecret(name) {
		return c.refuse(n, "%q is not the name of a secret; use 1 to 63 letters, digits and '_'", name)
	}
	c.secrets = with(c.secrets, name)
	return func(f *frame) any {
		if v, ok := f.seen.given.Secrets[name]; ok {
			return v
		}
		return missingf("the secret %s is missing", name)
	}
}

// earlier compiles steps.ID.WORD and steps.ID.WORD.PART.
func (c *compiler) earlier(n *ast.MemberNode, p []string) (node, bool) {
	id := p[1]
	if !check.ValidStepID(id) {
		return c.refuse(n, "%q is not a step's id", id), true
	}
	of := kinds[check.KindAPI]
	switch len(p) {
	case 2:
		return c.refuse(n, "steps.%s is not a value by itself; name one of its parts, such as steps.%s.json.id or steps.%s.status", id, id, id), true
	case 3, 4:
	default:
		return nil, false
	}
	word := p[2]
	parts := of.parts(word)
	if parts != nil && len(p) == 3 {
		return c.refuse(n, "steps.%s.%s is not a value by itself; use one of its parts %q", id, word, parts), true
	}
	if parts == nil && len(p) == 4 {
		return nil, false
	}
	if parts != nil {
		word += "." + p[3]
	}
	read, ok := of.read[word]
	if !ok || word == "steps." {
		return c.refuse(n, "a step has no %s; it has %s", word, of.paths()), true
	}
	c.steps = with(c.steps, id)
	return func(f *frame) any {
		s, ok := f.seen.api.Steps[id]
		if !ok {
			return missingf("the step %s has not run", id)
		}
		there := *f
		there.seen = &s.o
		v := read(&there)
		if t, bad := v.(*trouble); bad {
			return &trouble{missing: t.missing, text: fmt.Sprintf("step %s: %s", id, t.text)}
		}
		return v
	}, true
}

func with(names []string, name string) []string {
	if slices.Contains(names, name) {
		return names
	}
	return append(names, name)
}

// anyStep is what the word steps gives by itself: nothing. That it is there
// says that the kind knows steps.
func anyStep(*frame) any { return missingf("steps is not a value by itself") }
