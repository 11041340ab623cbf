package assert

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/itchyny/gojq"
)

// jqSteps is the number of steps that one call of jq may take.
const jqSteps = 1_000_000

// jq compiles jq('program'), which looks at the body's JSON, and
// jq(value, 'program'). A program that gives one value is that value, one that
// gives several is the list of them, and one that gives none is missing.
func (c *compiler) jq(n *ast.CallNode) (node, bool) {
	last := n.Arguments[len(n.Arguments)-1]
	program, ok := last.(*ast.StringNode)
	if !ok {
		return c.refuse(last, "jq needs its program in quotes, such as jq('.items[] | select(.ok)')"), true
	}
	code, why := compileJQ(program.Value)
	if why != "" {
		return c.refuse(last, "%s", why), true
	}
	source := c.names.read["json"]
	if len(n.Arguments) == 2 {
		source = c.node(n.Arguments[0])
	} else if source == nil {
		return c.refuse(n, "%s has no JSON of its own; name a value: jq(steps.login.json, '.token')", c.names.whose), true
	}
	text := newLabel(n)
	return func(f *frame) any {
		v := source(f)
		if t, bad := v.(*trouble); bad {
			return t
		}
		return apply(f, func(f *frame, args []any) (any, error) { return runJQ(f, code, args[0]) }, []any{v}, text)
	}, true
}

// stepped is a context without a clock: it ends after a number of looks at it.
// gojq looks once a step.
type stepped struct {
	left  int
	ended chan struct{}
}

var errJQSteps = errors.New("too many steps")

func (s *stepped) Deadline() (time.Time, bool) { return time.Time{}, false }
func (s *stepped) Value(any) any               { return nil }

func (s *stepped) Done() <-chan struct{} {
	if s.left--; s.left == 0 {
		close(s.ended)
	}
	return s.ended
}

func (s *stepped) Err() error {
	if s.left <= 0 {
		return errJQSteps
	}
	return nil
}

// runJQ runs a program on a value. What it makes is taken from the frame's
// budget: see charge.
func runJQ(f *frame, code *gojq.Code, v any) (any, error) {
	switch v.(type) {
	case bool, int, float64, *big.Int, string, []any, map[string]any:
	default:
		return nil, fmt.Errorf("%s is no JSON", describe(v))
	}
	ctx := &stepped{left: jqSteps, ended: make(chan struct{})}
	defer func() { f.spend(stepWork * (jqSteps - max(0, ctx.left))) }()
	iter := code.RunWithContext(ctx, v, &meter{f})
	var out []any
	for {
		v, ok := iter.Next()
		if !ok {
			break
		}
		if err, bad := v.(error); bad {
			if errors.Is(err, errJQSteps) {
				panic(exhausted("the assertion takes too long: its jq program has more than a million steps"))
			}
			message, _ := cutRunes(err.Error(), maxShown)
			return nil, errors.New(message)
		}
		f.take(16)
		out = append(out, v)
	}
	switch len(out) {
	case 0:
		return nil, nil
	case 1:
		return out[0], nil
	}
	return out, nil
}

// meter travels through a program as the variable $__meter.
type meter struct{ f *frame }

// charge takes the size of a value, the values in it not counted, from the
// budget. It throws where that is used up: an error could be caught by `try`.
func charge(v any, args []any) any {
	f := args[0].(*meter).f
	switch v := v.(type) {
	case string:
		f.take(16 + len(v))
	case []any:
		f.take(16 + 16*len(v))
	case map[string]any:
		f.take(16 + 48*len(v))
	case *big.Int:
		f.take(16 + v.BitLen()/8)
	default:
		f.spend(1)
	}
	return v
}

// times is the operator *, without the repetition of texts.
func times(_ any, args []any) any {
	return numbersOnly("*", args, func(a, b float64) float64 { return a * b }, (*big.Int).Mul)
}

// minus is the operator -, without the difference of lists.
func minus(_ any, args []any) any {
	return numbersOnly("-", args, func(a, b float64) float64 { return a - b }, (*big.Int).Sub)
}

func numbersOnly(op string, args []any, floats func(a, b float64) float64, whole func(z, x, y *big.Int) *big.Int) any {
	x, xWhole := wholeNumber(args[0])
	y, yWhole := wholeNumber(args[1])
	if xWhole && yWhole {
		if x.BitLen()+y.BitLen() > 4096 {
			return errors.New("the number is too large")
		}
		z := whole(new(big.Int), x, y)
		if z.IsInt64() {
			return int(z.Int64())
		}
		return z
	}
	a, ok := real64(args[0])
	b, okay := real64(args[1])
	if !ok || !okay {
		return fmt.Errorf("%s works on numbers here", op)
	}
	return floats(a, b)
}

func wholeNumber(v any) (*big.Int, bool) {
	switch v := v.(type) {
	case int:
		return big.NewInt(int64(v)), true
	case *big.Int:
		return v, true
	}
	return nil, false
}

// compileJQ compiles a program that selects, or says what is wrong with it.
func compileJQ(program string) (*gojq.Code, string) {
	q, err := gojq.Parse(program)
	if err != nil {
		return nil, "not a jq program: " + err.Error()
	}
	if len(q.Imports) > 0 || q.Meta != nil {
		return nil, "a jq program here has no modules"
	}
	t := tamer{defined: map[string]bool{}}
	t.query(q)
	if t.refused != "" {
		return nil, t.refused
	}
	code, err := gojq.Compile(q,
		gojq.WithVariables([]string{"$__meter"}),
		gojq.WithFunction("__charge", 1, 1, charge),
		gojq.WithFunction("__times", 2, 2, times),
		gojq.WithFunction("__minus", 2, 2, minus))
	if err != nil {
		return nil, "not a jq program: " + err.Error()
	}
	return code, ""
}

// jqFunctions are those of jq that cost no more than they look at. What they
// make is charged. The others (assignments, sub, join, transpose, paths as
// values, the clock, the environment) can make much of little, or are not for
// a verdict.
var jqFunctions = func() map[string]bool {
	known := map[string]bool{}
	for name := range strings.FieldsSeq(`empty error not length utf8bytelength keys keys_unsorted values has in map map_values
		recurse recurse_down select any all add flatten range floor sqrt ceil round fabs abs pow log log10 log2 exp
		tostring tonumber type infinite nan isinfinite isnan isnormal isvalid arrays objects iterables booleans numbers
		strings nulls scalars sort sort_by group_by min min_by max max_by unique unique_by reverse startswith endswith
		ltrimstr rtrimstr trim ltrim rtrim explode implode split ascii_downcase ascii_upcase test match capture scan
		splits tojson fromjson to_entries from_entries with_entries first last nth until while repeat limit skip isempty
		IN INDEX index rindex indices ascii todate fromdate mktime gmtime fromdateiso8601 todateiso8601 getpath paths
		leaf_paths walk toboolean`) {
		known[name] = true
	}
	return known
}()

// tamer rewrites a program so that what it makes is charged, and refuses what
// cannot be.
type tamer struct {
	defined map[string]bool
	refused string
}

func (t *tamer) refuse(what string) {
	if t.refused == "" {
		t.refused = what + " is not available here: a jq program may select and count, not build"
	}
}

func call(name string, args ...*gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}}
}

// charged is q with its values charged.
func charged(q gojq.Query) gojq.Query {
	return gojq.Query{Op: gojq.OpPipe, Left: &q, Right: call("__charge", call("$__meter"))}
}

func (t *tamer) query(q *gojq.Query) {
	if q == nil {
		return
	}
	for _, d := range q.FuncDefs {
		t.defined[d.Name] = true
		for _, a := range d.Args {
			t.defined[strings.TrimPrefix(a, "$")] = true
		}
		t.query(d.Body)
	}
	defs := q.FuncDefs
	q.FuncDefs = nil
	if q.Term != nil {
		t.term(q.Term)
		switch q.Term.Type {
		case gojq.TermTypeFunc, gojq.TermTypeString, gojq.TermTypeFormat, gojq.TermTypeArray, gojq.TermTypeObject:
			*q = charged(*q)
		}
		q.FuncDefs = defs
		return
	}
	t.query(q.Left)
	t.query(q.Right)
	t.patterns(q.Patterns)
	switch q.Op {
	case gojq.OpMul:
		*q = charged(*call("__times", q.Left, q.Right))
	case gojq.OpSub:
		*q = *call("__minus", q.Left, q.Right)
	case gojq.OpAdd, gojq.OpDiv:
		*q = charged(*q)
	case gojq.OpAssign, gojq.OpModify, gojq.OpUpdateAdd, gojq.OpUpdateSub, gojq.OpUpdateMul, gojq.OpUpdateDiv, gojq.OpUpdateMod, gojq.OpUpdateAlt:
		t.refuse("an assignment")
	}
	q.FuncDefs = defs
}

func (t *tamer) patterns(ps []*gojq.Pattern) {
	for _, p := range ps {
		t.patterns(p.Array)
		for _, o := range p.Object {
			t.query(o.KeyQuery)
			t.text(o.KeyString)
			if o.Val != nil {
				t.patterns([]*gojq.Pattern{o.Val})
			}
		}
	}
}

func (t *tamer) text(s *gojq.String) {
	if s != nil {
		for _, q := range s.Queries {
			t.query(q)
		}
	}
}

func (t *tamer) index(i *gojq.Index) {
	if i != nil {
		t.text(i.Str)
		t.query(i.Start)
		t.query(i.End)
	}
}

func (t *tamer) term(m *gojq.Term) {
	t.index(m.Index)
	t.text(m.Str)
	t.query(m.Query)
	if f := m.Func; f != nil {
		if !strings.HasPrefix(f.Name, "$") && !jqFunctions[f.Name] && !t.defined[f.Name] || f.Name == "$ENV" || f.Name == "$__meter" || strings.HasPrefix(f.Name, "$__prog") {
			t.refuse("jq's " + f.Name)
		}
		for _, a := range f.Args {
			t.query(a)
		}
	}
	if m.Array != nil {
		t.query(m.Array.Query)
	}
	if m.Object != nil {
		for _, kv := range m.Object.KeyVals {
			t.text(kv.KeyString)
			t.query(kv.KeyQuery)
			t.query(kv.Val)
		}
	}
	if m.Unary != nil {
		t.term(m.Unary.Term)
	}
	if m.If != nil {
		t.query(m.If.Cond)
		t.query(m.If.Then)
		for _, e := range m.If.Elif {
			t.query(e.Cond)
			t.query(e.Then)
		}
		t.query(m.If.Else)
	}
	if m.Try != nil {
		t.query(m.Try.Body)
		t.query(m.Try.Catch)
	}
	t.folds(m)
	for _, s := range m.SuffixList {
		t.index(s.Index)
	}
}

func (t *tamer) folds(m *gojq.Term) {
	if r := m.Reduce; r != nil {
		t.query(r.Query)
		t.patterns(r.Patterns)
		t.query(r.Start)
		t.query(r.Update)
	}
	if r := m.Foreach; r != nil {
		t.query(r.Query)
		t.patterns(r.Patterns)
		t.query(r.Start)
		t.query(r.Update)
		t.query(r.Extract)
	}
	if m.Label != nil {
		t.query(m.Label.Body)
	}
}
