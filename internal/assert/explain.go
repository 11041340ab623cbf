package assert

import (
	"fmt"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// maxLine is the number of characters of a line in a message.
const maxLine = 300

func shorten(line string) string {
	line = strings.Join(strings.Fields(line), " ")
	if cut, shorter := cutRunes(line, maxLine); shorter {
		return cut + "…"
	}
	return line
}

// explain says why the assertion gave v and not true for o: the part that
// failed and what was found in its place. Parts are evaluated once more, within
// a budget of the same size.
func (a *Assertion) explain(o *observation, v any) string {
	e := explainer{a: a, f: newFrame(o)}
	runes := []rune(a.source)
	if said, ok := guard(e.f, func(*frame) any { return e.failure(a.root, 0, len(runes), runes) }).(string); ok {
		return said
	}
	why := "does not hold"
	if t, ok := v.(*trouble); ok {
		why = t.text
	}
	return fmt.Sprintf("%s (%s)", shorten(a.source), why)
}

type explainer struct {
	a *Assertion
	f *frame
}

func (e *explainer) value(n ast.Node) any {
	run := e.a.code[n]
	if run == nil {
		return missingf("%s", textOf(n))
	}
	return run(e.f)
}

// failure explains the part of the source from `from` up to `to`, whose node
// is n and did not give true.
func (e *explainer) failure(n ast.Node, from, to int, src []rune) string {
	from, to = unwrap(from, to, src)
	text := shorten(string(src[from:to]))
	b, ok := n.(*ast.BinaryNode)
	if !ok {
		return fmt.Sprintf("%s (%s)", text, e.got(n))
	}
	// The operator's place splits the text; that it does is checked, since a
	// chain such as 1 < x < 3 has none of its own.
	at := e.a.columns.original(b.Location().From)
	end := e.a.columns.original(b.Location().To)
	split := at > from && end < to && strings.TrimSpace(string(src[at:end])) == b.Operator
	switch {
	case split && (b.Operator == "&&" || b.Operator == "and"):
		left, right := e.value(b.Left), e.value(b.Right)
		if left == false || left != true && right != false {
			return e.failure(b.Left, from, at, src)
		}
		return e.failure(b.Right, end, to, src)
	case split && (b.Operator == "||" || b.Operator == "or"):
		left, right := e.got(b.Left), e.got(b.Right)
		if left == right {
			return fmt.Sprintf("%s (%s)", text, left)
		}
		return fmt.Sprintf("%s (left: %s; right: %s)", text, left, right)
	}
	return fmt.Sprintf("%s (%s)", text, e.got(n))
}

// unwrap trims spaces and the brackets around a whole part.
func unwrap(from, to int, src []rune) (int, int) {
	for {
		for from < to && strings.ContainsRune(" \t\r\n", src[from]) {
			from++
		}
		for to > from && strings.ContainsRune(" \t\r\n", src[to-1]) {
			to--
		}
		if to-from < 2 || src[from] != '(' || closing(from, to, src) != to-1 {
			return from, to
		}
		from, to = from+1, to-1
	}
}

// closing is where the bracket at `from` is closed, -1 where it is not.
func closing(from, to int, src []rune) int {
	depth := 0
	var quoted rune
	for i := from; i < to; i++ {
		switch r := src[i]; {
		case quoted != 0:
			if r == '\\' && quoted != '`' {
				i++
			} else if r == quoted {
				quoted = 0
			}
		case r == '\'' || r == '"' || r == '`':
			quoted = r
		case r == '(':
			depth++
		case r == ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// got says what was found where n should have been true.
func (e *explainer) got(n ast.Node) string {
	v := e.value(n)
	if t, bad := v.(*trouble); bad {
		return t.text
	}
	switch n := n.(type) {
	case *ast.BinaryNode:
		return e.operands(n)
	case *ast.UnaryNode:
		return e.got(n.Node)
	case *ast.PredicateNode:
		return e.got(n.Node)
	case *ast.ConditionalNode:
		if e.value(n.Cond) == true {
			return e.got(n.Exp1)
		}
		return e.got(n.Exp2)
	case *ast.VariableDeclaratorNode:
		e.f.set(e.a.slots[n], e.value(n.Value))
		return e.got(n.Expr)
	case *ast.SequenceNode:
		return e.got(n.Nodes[len(n.Nodes)-1])
	case *ast.BuiltinNode:
		if visitors[n.Name] != nil {
			return e.visited(n)
		}
		return e.arguments(v, n.Arguments)
	case *ast.CallNode:
		if why := e.a.why[n]; why != nil {
			if said, ok := why(e.f).(string); ok {
				return said
			}
		}
		if _, ok := n.Callee.(*ast.IdentifierNode); ok {
			return e.arguments(v, n.Arguments)
		}
		if m, ok := n.Callee.(*ast.MemberNode); ok {
			return e.arguments(v, append([]ast.Node{m.Node}, n.Arguments...))
		}
	}
	if _, ok := v.(bool); !ok {
		return fmt.Sprintf("got %s, which is %s, not true or false", show(v), noun(v))
	}
	return "got " + show(v)
}

// operands shows the sides of a comparison, or of the part of a logical
// expression that stands where no text can be cut out.
func (e *explainer) operands(n *ast.BinaryNode) string {
	switch n.Operator {
	case "&&", "and", "||", "or":
		left, right := e.got(n.Left), e.got(n.Right)
		if left == right {
			return left
		}
		return left + "; " + right
	}
	l, r := e.value(n.Left), e.value(n.Right)
	said := ""
	switch {
	case isConstant(n.Left) && isConstant(n.Right):
		return "never true: both sides are fixed"
	case isConstant(n.Right):
		said = showBeside(l, r)
	case isConstant(n.Left):
		said = showBeside(r, l)
	default:
		said = showBeside(l, r) + " and " + showBeside(r, l)
	}
	if n.Operator == "==" && noun(l) != noun(r) && firstTrouble(l, r) == nil {
		found := l
		if isConstant(n.Left) {
			found = r
		}
		said += ", which is " + noun(found)
	}
	if t := firstTrouble(l, r); t != nil { // a comparison with nil
		return said
	}
	return "got " + said
}

// showBeside shows v so that it does not read like other where it is not
// other: 800.3ms beside 800ms.
func showBeside(v, other any) string {
	said := show(v)
	if d, ok := v.(time.Duration); ok {
		if o, ok := other.(time.Duration); ok && d != o && said == show(o) {
			return d.String()
		}
	}
	return said
}

// arguments shows what a function was given, where that is not fixed.
func (e *explainer) arguments(result any, args []ast.Node) string {
	var said []string
	for _, a := range args {
		if !isConstant(a) {
			said = append(said, show(e.value(a)))
		}
	}
	if len(said) == 0 {
		return "got " + show(result)
	}
	return "got " + strings.Join(said, " and ")
}

// visited names the item that decided, for functions over lists.
func (e *explainer) visited(n *ast.BuiltinNode) string {
	items, ok := listOf(e.value(n.Arguments[0]))
	if !ok || len(n.Arguments) < 2 {
		return "got " + show(e.value(n.Arguments[0]))
	}
	if n.Name == "all" || n.Name == "none" {
		// e.f has no scope of its own here: visits are nested one at a time.
		e.f.scopes = append(e.f.scopes, scope{})
		defer func() { e.f.scopes = e.f.scopes[:len(e.f.scopes)-1] }()
		for i := range items {
			if e.f.at(items, i, e.a.code[n.Arguments[1]]) == (n.Name == "none") {
				return fmt.Sprintf("got %s, item %d of %d", show(items[i]), i, len(items))
			}
		}
	}
	if len(items) == 0 {
		return "got an empty list"
	}
	if n.Name == "one" {
		return fmt.Sprintf("got %d items: %s", len(items), show(items))
	}
	return fmt.Sprintf("none of %d items: %s", len(items), show(items))
}

// isConstant reports whether n is the same for every observation.
func isConstant(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode:
		return true
	case *ast.UnaryNode:
		return isConstant(n.Node)
	case *ast.BinaryNode:
		return isConstant(n.Left) && isConstant(n.Right)
	case *ast.ArrayNode:
		for _, item := range n.Nodes {
			if !isConstant(item) {
				return false
			}
		}
		return true
	case *ast.BuiltinNode:
		_, fixed := fixedDuration(n)
		return fixed
	}
	return false
}
