package assert

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker/nature"
)

// node evaluates one part of an assertion. It returns a value or a *trouble,
// never nil.
type node func(f *frame) any

// compiler turns a checked tree into nodes.
type compiler struct {
	names  *names
	code   map[ast.Node]node
	slots  map[*ast.VariableDeclaratorNode]int
	vars   []string // in scope; the index is the slot
	inside int      // depth of functions that visit items
	fault  *CompileError
	why    map[ast.Node]node
	// secrets and steps are those that are used.
	secrets, steps []string
}

// refuse notes the first fault, at a position in the rewritten source.
func (c *compiler) refuse(n ast.Node, format string, args ...any) node {
	if c.fault == nil {
		c.fault = &CompileError{n.Location().From + 1, fmt.Sprintf(format, args...)}
	}
	return constant(missingf("nil"))
}

func constant(v any) node { return func(*frame) any { return v } }

func (c *compiler) node(n ast.Node) node {
	run := c.translate(n)
	c.code[n] = run
	return run
}

func (c *compiler) nodes(ns []ast.Node) []node {
	out := make([]node, len(ns))
	for i, n := range ns {
		out[i] = c.node(n)
	}
	return out
}

func (c *compiler) translate(n ast.Node) node {
	switch n := n.(type) {
	case *ast.NilNode:
		return constant(missingf("nil"))
	case *ast.IntegerNode:
		return constant(n.Value)
	case *ast.FloatNode:
		return constant(n.Value)
	case *ast.BoolNode:
		return constant(n.Value)
	case *ast.StringNode:
		return constant(n.Value)
	case *ast.IdentifierNode:
		return c.identifier(n)
	case *ast.PointerNode:
		return pointer(n)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ChainNode:
		return c.node(n.Node)
	case *ast.MemberNode:
		return c.member(n)
	case *ast.SliceNode:
		return c.slice(n)
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok {
			return c.library(n, id.Value)
		}
		return c.method(n)
	case *ast.BuiltinNode:
		return c.builtin(n)
	case *ast.PredicateNode:
		return c.node(n.Node)
	case *ast.VariableDeclaratorNode:
		return c.declare(n)
	case *ast.SequenceNode:
		all := c.nodes(n.Nodes)
		return all[len(all)-1] // the others have no effect
	case *ast.ConditionalNode:
		return c.conditional(n)
	case *ast.ArrayNode:
		return c.array(n)
	case *ast.MapNode:
		return c.object(n)
	}
	return c.refuse(n, "%s is not part of the assertion language", textOf(n))
}

func (c *compiler) identifier(n *ast.IdentifierNode) node {
	for i := len(c.vars) - 1; i >= 0; i-- {
		if c.vars[i] == n.Value {
			return func(f *frame) any { return f.vars[i] }
		}
	}
	if read, ok := c.names.read[n.Value]; ok {
		return read
	}
	if parts := c.names.parts(n.Value); parts != nil {
		return c.refuse(n, "%s is not a value by itself; use one of %s.%s", n.Value, n.Value, strings.Join(parts, ", "+n.Value+"."))
	}
	return c.refuse(n, "%s is not a value", n.Value)
}

func (c *compiler) declare(n *ast.VariableDeclaratorNode) node {
	value := c.node(n.Value)
	slot := len(c.vars)
	c.slots[n] = slot
	c.vars = append(c.vars, n.Name)
	body := c.node(n.Expr)
	// The slot keeps its place: slots are never shared.
	c.vars[slot] = ""
	return func(f *frame) any {
		f.set(slot, value(f))
		return body(f)
	}
}

func (f *frame) set(slot int, v any) {
	for len(f.vars) <= slot {
		f.vars = append(f.vars, nil)
	}
	f.vars[slot] = v
}

func pointer(n *ast.PointerNode) node {
	switch n.Name {
	case "index":
		return func(f *frame) any { return f.top().index }
	case "acc":
		return func(f *frame) any { return f.top().acc }
	}
	return func(f *frame) any {
		s := f.top()
		if s.item == nil {
			return missingf("item %d is null", s.index)
		}
		return s.item
	}
}

// member compiles a.b, a["b"] and a[0].
func (c *compiler) member(n *ast.MemberNode) node {
	prop, named := n.Property.(*ast.StringNode)
	if id, ok := n.Node.(*ast.IdentifierNode); ok && named && !c.declared(id.Value) {
		if read, ok := c.names.read[id.Value+"."+prop.Value]; ok {
			return read
		}
	}
	if n.Method {
		return c.refuse(n, "%s is not a function", textOf(n))
	}
	if run, ok := c.outside(n); ok {
		return run
	}
	base, text := c.node(n.Node), newLabel(n)
	if named {
		key := prop.Value
		lower := strings.ToLower(key)
		_, ofItem := n.Node.(*ast.PointerNode)
		return func(f *frame) any {
			switch b := base(f).(type) {
			case headers:
				return header(b, lower, text)
			case map[string]any:
				if v := b[key]; v != nil {
					return v
				}
				return absent(f, b, key, text, ofItem)
			case *trouble:
				return b
			default:
				return fetch(b, key, text)
			}
		}
	}
	index := c.node(n.Property)
	return func(f *frame) any {
		b, i := base(f), index(f)
		if t := firstTrouble(b, i); t != nil {
			return t
		}
		return fetch(b, i, text)
	}
}

func (c *compiler) declared(name string) bool {
	for _, v := range c.vars {
		if v == name {
			return true
		}
	}
	return false
}

func header(h headers, key string, text *label) any {
	if v, ok := h[key]; ok {
		return v
	}
	return missingf("%s is missing", text)
}

func absent(f *frame, m map[string]any, key string, text *label, ofItem bool) *trouble {
	state := "missing"
	if _, there := m[key]; there {
		state = "null"
	}
	if ofItem && len(f.scopes) > 0 {
		return missingf("%s is %s in item %d", text, state, f.top().index)
	}
	return missingf("%s is %s", text, state)
}

// fetch is the element of b at key. That there is none is trouble of the
// missing sort; that b cannot have one is trouble of the other sort where only
// the assertion can be wrong.
func fetch(b, key any, text *label) any {
	switch b := b.(type) {
	case headers:
		if k, ok := key.(string); ok {
			return header(b, strings.ToLower(k), text)
		}
		return troublef("%s: the name of a header is text, not %s", text, noun(key))
	case map[string]any:
		k, ok := key.(string)
		if !ok {
			return troublef("%s: an object has names, not %s", text, show(key))
		}
		if v := b[k]; v != nil {
			return v
		}
		if _, there := b[k]; there {
			return missingf("%s is null", text)
		}
		return missingf("%s is missing", text)
	case string, bool, float64, time.Duration, time.Time, int:
		return missingf("%s is missing: what it should be part of is %s", text, show(b))
	}
	if l := reflect.ValueOf(b); l.Kind() == reflect.Slice {
		i, ok := key.(int)
		switch {
		case !ok:
			return missingf("%s is missing: it should be part of a list of %d items; name an item by its number, such as [0], or use any(…)", text, l.Len())
		case i < -l.Len() || i >= l.Len():
			return missingf("%s is missing: the list has %d items", text, l.Len())
		case i < 0:
			i += l.Len()
		}
		return normal(l.Index(i).Interface(), text.String())
	} else if l.Kind() == reflect.Map {
		if v := l.MapIndex(reflect.ValueOf(key)); v.IsValid() {
			return normal(v.Interface(), text.String())
		}
	}
	return missingf("%s is missing", text)
}

func (c *compiler) slice(n *ast.SliceNode) node {
	base, from, to := c.node(n.Node), constant(0), constant(1<<62)
	if n.From != nil {
		from = c.node(n.From)
	}
	if n.To != nil {
		to = c.node(n.To)
	}
	text := newLabel(n)
	return func(f *frame) any {
		b, lo, hi := base(f), from(f), to(f)
		if t := firstTrouble(b, lo, hi); t != nil {
			return t
		}
		i, ok := lo.(int)
		j, okay := hi.(int)
		v := reflect.ValueOf(b)
		if !ok || !okay || v.Kind() != reflect.Slice && v.Kind() != reflect.String {
			return troublef("%s: only text and lists have parts, from and to whole numbers", text)
		}
		i, j = within(i, v.Len()), within(j, v.Len())
		return v.Slice(min(i, j), j).Interface()
	}
}

// within brings an index, negative ones counted from the end, into 0 to n.
func within(i, n int) int {
	if i < 0 {
		i += n
	}
	return min(max(i, 0), n)
}

func (c *compiler) conditional(n *ast.ConditionalNode) node {
	cond, yes, no := c.condition(n.Cond), c.node(n.Exp1), c.node(n.Exp2)
	return func(f *frame) any {
		switch v := cond(f).(type) {
		case bool:
			if v {
				return yes(f)
			}
			return no(f)
		default:
			return v
		}
	}
}

func (c *compiler) array(n *ast.ArrayNode) node {
	items := c.nodes(n.Nodes)
	for i, item := range n.Nodes {
		if _, isNil := item.(*ast.NilNode); isNil {
			items[i] = nil
		}
	}
	return func(f *frame) any {
		f.take(16 * len(items))
		out := make([]any, len(items))
		for i, item := range items {
			if item == nil {
				continue
			}
			v := item(f)
			if t, bad := v.(*trouble); bad {
				return t
			}
			out[i] = v
		}
		return out
	}
}

func (c *compiler) object(n *ast.MapNode) node {
	keys, values := make([]node, len(n.Pairs)), make([]node, len(n.Pairs))
	for i, p := range n.Pairs {
		pair := p.(*ast.PairNode)
		keys[i], values[i] = c.node(pair.Key), c.node(pair.Value)
	}
	return func(f *frame) any {
		f.take(48 * len(keys))
		out := make(map[string]any, len(keys))
		for i := range keys {
			k, v := keys[i](f), values[i](f)
			if t := firstTrouble(k, v); t != nil {
				return t
			}
			name, ok := k.(string)
			if !ok {
				return troublef("the names of an object are text, not %s", show(k))
			}
			out[name] = v
		}
		return out
	}
}

// condition compiles a part that must be true or false.
func (c *compiler) condition(n ast.Node) node {
	run, text := c.node(n), newLabel(n)
	if typ := n.Type(); typ != nil && typ.Kind() == reflect.Bool {
		return run
	}
	return func(f *frame) any {
		switch v := run(f).(type) {
		case bool, *trouble:
			return v
		default:
			return troublef("%s is %s, not true or false", text, show(v))
		}
	}
}

// wantBool refuses a line whose result can never be true or false.
func (c *compiler) wantBool(n ast.Node) {
	unknown := &nature.Cache{}
	if nt := n.Nature(); nt.IsBool() || nt.IsUnknown(unknown) {
		return
	}
	c.fault = &CompileError{1, fmt.Sprintf("the line gives %s, not true or false; compare it with something, such as `%s == …`",
		typeNoun(n.Nature().String()), textOf(n))}
}

func firstTrouble(vs ...any) *trouble {
	for _, v := range vs {
		if t, ok := v.(*trouble); ok {
			return t
		}
	}
	return nil
}

var durationCall = regexp.MustCompile(`duration\("((?:[0-9.]+(?:ns|us|µs|μs|ms|s|m|h))+)"\)`)

// textOf writes a part of a line as a person would.
func textOf(n ast.Node) string {
	s := durationCall.ReplaceAllString(n.String(), "$1")
	s, cut := cutRunes(s, 200)
	if cut {
		s += "…"
	}
	return s
}

// label is the text of a part, written when a message first needs it: most
// parts never fail.
type label struct {
	node ast.Node
	once sync.Once
	text string
}

func newLabel(n ast.Node) *label { return &label{node: n} }

func (l *label) String() string {
	l.once.Do(func() { l.text = textOf(l.node) })
	return l.text
}
