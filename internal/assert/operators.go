package assert

import (
	"math"
	"math/big"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

func (c *compiler) unary(n *ast.UnaryNode) node {
	switch n.Operator {
	case "!", "not":
		run := c.condition(n.Node)
		return func(f *frame) any {
			v := run(f)
			if b, ok := v.(bool); ok {
				return !b
			}
			return v
		}
	}
	run, text := c.node(n.Node), newLabel(n)
	minus := n.Operator == "-"
	return func(f *frame) any {
		v := run(f)
		switch x := v.(type) {
		case *trouble:
			return x
		case int, float64, *big.Int, time.Duration:
			if !minus {
				return v
			}
			return arithmetic("-", 0, v, text)
		}
		return troublef("%s: %s is not a number", text, show(v))
	}
}

func (c *compiler) binary(n *ast.BinaryNode) node {
	switch n.Operator {
	case "&&", "and":
		return logic(c.condition(n.Left), c.condition(n.Right), false)
	case "||", "or":
		return logic(c.condition(n.Left), c.condition(n.Right), true)
	case "==", "!=":
		return c.equality(n)
	}
	left, right, text := c.node(n.Left), c.node(n.Right), newLabel(n)
	switch op := n.Operator; op {
	case "??":
		return func(f *frame) any {
			if v := left(f); !isMissing(v) {
				return v
			}
			return right(f)
		}
	case "in":
		return c.membership(n, left, right, text)
	case "matches":
		return c.matching(n, left, right, text)
	case "contains", "startsWith", "endsWith":
		return both(left, right, func(f *frame, l, r any) any { return search(f, op, l, r, text) })
	case "<", "<=", ">", ">=":
		return both(left, right, func(_ *frame, l, r any) any { return compare(op, l, r, text) })
	case "..":
		return both(left, right, func(f *frame, l, r any) any { return span(f, l, r, text) })
	case "+", "-", "*", "/", "%", "**", "^":
		return both(left, right, func(f *frame, l, r any) any {
			if s, ok := l.(string); ok && op == "+" {
				if t, ok := r.(string); ok {
					f.take(len(s) + len(t))
					return s + t
				}
			}
			return arithmetic(op, l, r, text)
		})
	}
	return c.refuse(n, "there is no operator %s", n.Operator)
}

// both evaluates two operands that must be there.
func both(left, right node, do func(f *frame, l, r any) any) node {
	return func(f *frame) any {
		l := left(f)
		if t, bad := l.(*trouble); bad {
			return t
		}
		r := right(f)
		if t, bad := r.(*trouble); bad {
			return t
		}
		return do(f, l, r)
	}
}

// logic is three-valued: one operand that decides wins over trouble in the
// other. The deciding value is true for `or`, false for `and`.
func logic(left, right node, deciding bool) node {
	return func(f *frame) any {
		l := left(f)
		if l == deciding {
			return deciding
		}
		r := right(f)
		if r == deciding {
			return deciding
		}
		if t := firstTrouble(l, r); t != nil {
			return t
		}
		return !deciding
	}
}

func (c *compiler) equality(n *ast.BinaryNode) node {
	left, right := c.node(n.Left), c.node(n.Right)
	want := n.Operator == "=="
	_, leftNil := n.Left.(*ast.NilNode)
	_, rightNil := n.Right.(*ast.NilNode)
	if leftNil || rightNil {
		other := left
		if leftNil {
			other = right
		}
		return func(f *frame) any {
			switch v := other(f).(type) {
			case *trouble:
				if v.missing {
					return want
				}
				return v
			}
			return !want
		}
	}
	return both(left, right, func(f *frame, l, r any) any { return equal(f, l, r) == want })
}

func compare(op string, l, r any, text *label) any {
	o, ok := order(l, r)
	if !ok {
		return troublef("%s: %s and %s have no order", text, describe(l), describe(r))
	}
	switch op {
	case "<":
		return o < 0
	case "<=":
		return o <= 0
	case ">":
		return o > 0
	}
	return o >= 0
}

// describe is a value with its sort: `"3" (text)`.
func describe(v any) string { return show(v) + " (" + noun(v) + ")" }

func (c *compiler) membership(n *ast.BinaryNode, left, right node, text *label) node {
	if _, isNil := n.Left.(*ast.NilNode); isNil {
		left = constant(nil)
	}
	return both(left, right, func(f *frame, l, r any) any {
		switch r := r.(type) {
		case headers:
			k, ok := l.(string)
			_, there := r[strings.ToLower(k)]
			return ok && there
		case map[string]any:
			k, ok := l.(string)
			_, there := r[k]
			return ok && there
		case string:
			return troublef("%s: the right side is text; write `… contains …` with the sides swapped", text)
		}
		items, ok := listOf(r)
		if !ok {
			return troublef("%s: %s is not a list or an object", text, describe(r))
		}
		for _, item := range items {
			if equal(f, l, item) {
				return true
			}
		}
		return false
	})
}

func (c *compiler) matching(n *ast.BinaryNode, left, right node, text *label) node {
	var fixed *regexp.Regexp
	if s, ok := n.Right.(*ast.StringNode); ok {
		re, err := regexp.Compile(s.Value)
		if err != nil {
			return c.refuse(n.Right, "not a regular expression: %v", err)
		}
		fixed = re
	}
	return both(left, right, func(f *frame, l, r any) any {
		s, ok := l.(string)
		pattern, okay := r.(string)
		if !ok || !okay {
			return needText("matches", l, r, text)
		}
		re := fixed
		if re == nil {
			f.take(1000 * len(pattern))
			made, err := regexp.Compile(pattern)
			if err != nil {
				return troublef("%s: not a regular expression: %v", text, err)
			}
			re = made
		}
		f.spend(stepWork + regexpWork*len(s))
		return re.MatchString(s)
	})
}

func search(f *frame, op string, l, r any, text *label) any {
	s, ok := l.(string)
	part, okay := r.(string)
	if !ok || !okay {
		return needText(op, l, r, text)
	}
	f.spend(len(s))
	switch op {
	case "startsWith":
		return strings.HasPrefix(s, part)
	case "endsWith":
		return strings.HasSuffix(s, part)
	}
	return strings.Contains(s, part)
}

func needText(op string, l, r any, text *label) *trouble {
	if k := reflect.ValueOf(l).Kind(); op == "contains" && (k == reflect.Slice || k == reflect.Map) {
		return troublef("%s: the left side is %s, not text; write `%s in …`", text, noun(l), show(r))
	}
	return troublef("%s: %s looks at text, not at %s and %s", text, op, describe(l), describe(r))
}

func span(f *frame, l, r any, text *label) any {
	from, ok := l.(int)
	to, okay := r.(int)
	if !ok || !okay {
		return troublef("%s: a range goes from one whole number to another", text)
	}
	if to < from {
		return []any{}
	}
	n := to - from + 1
	if n < 0 || n > memoryBudget/16 {
		f.take(memoryBudget + 1)
	}
	f.take(16 * n)
	out := make([]any, n)
	for i := range out {
		out[i] = from + i
	}
	return out
}

// arithmetic works on numbers, durations and dates. Whole numbers stay whole
// except in divisions and powers, and are never wrapped around.
func arithmetic(op string, l, r any, text *label) any {
	if x, ok := l.(int); ok {
		if y, ok := r.(int); ok {
			return integers(op, x, y, text)
		}
	}
	if v := clock(op, l, r); v != nil {
		return v
	}
	x, ok := real64(l)
	y, okay := real64(r)
	if !ok || !okay {
		return troublef("%s: cannot be computed from %s and %s", text, describe(l), describe(r))
	}
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "/":
		return x / y
	case "**", "^":
		return math.Pow(x, y)
	}
	return troublef("%s: %% works on whole numbers", text)
}

func integers(op string, x, y int, text *label) any {
	exact := true
	var z int
	switch op {
	case "+":
		z = x + y
		exact = (z > x) == (y > 0)
	case "-":
		z = x - y
		exact = (z < x) == (y > 0)
	case "*":
		z = x * y
		exact = x == 0 || z/x == y && (x != -1 || y != math.MinInt)
	case "/":
		return float64(x) / float64(y)
	case "**", "^":
		return math.Pow(float64(x), float64(y))
	case "%":
		if y == 0 {
			return troublef("%s: division by zero", text)
		}
		return x % y
	}
	if !exact {
		return troublef("%s: the result is too large", text)
	}
	return z
}

// clock does the arithmetic of durations and dates, nil where it has none.
func clock(op string, l, r any) any {
	switch x := l.(type) {
	case time.Time:
		switch y := r.(type) {
		case time.Time:
			if op == "-" {
				return x.Sub(y)
			}
		case time.Duration:
			switch op {
			case "+":
				return x.Add(y)
			case "-":
				return x.Add(-y)
			}
		}
	case time.Duration:
		switch y := r.(type) {
		case time.Time:
			if op == "+" {
				return y.Add(x)
			}
		case time.Duration:
			switch op {
			case "+":
				return x + y
			case "-":
				return x - y
			case "/":
				return float64(x) / float64(y)
			}
		}
	}
	d, other := l, r
	if _, ok := d.(time.Duration); !ok {
		d, other = r, l
	}
	if x, ok := d.(time.Duration); ok {
		if y, ok := real64(other); ok && (op == "*" || op == "/" && d == l) {
			if op == "/" {
				y = 1 / y
			}
			return time.Duration(float64(x) * y)
		}
		if op == "-" && l == 0 {
			return -x
		}
	}
	return nil
}

// real64 is a number as a float64.
func real64(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case float64:
		return v, true
	case *big.Int:
		x, _ := new(big.Float).SetInt(v).Float64()
		return x, true
	}
	return 0, false
}
