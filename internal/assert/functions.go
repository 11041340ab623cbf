package assert

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
)

// builtin compiles a call of one of expr's functions.
func (c *compiler) builtin(n *ast.BuiltinNode) node {
	if visit, ok := visitors[n.Name]; ok {
		return c.visit(n, visit)
	}
	id, ok := builtin.Index[n.Name]
	if !ok {
		return c.refuse(n, "there is no function %s", n.Name)
	}
	args := c.nodes(n.Arguments)
	if d, ok := fixedDuration(n); ok {
		return constant(d)
	}
	if n.Name == "duration" && len(n.Arguments) == 1 {
		if s, ok := n.Arguments[0].(*ast.StringNode); ok {
			return c.refuse(n.Arguments[0], "%q is not a duration; write one such as 800ms, 1.5s or 2m", s.Value)
		}
	}
	if n.Name == "date" && len(args) > 2 {
		return c.refuse(n, "date takes a text and a layout here; put the zone into the text, such as 2026-01-31T12:00:00+01:00")
	}
	call, text := functionOf(n.Name, id), newLabel(n)
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
		return apply(f, call, values, text)
	}
}

// apply calls a function and makes what it returns, or throws, a value.
func apply(f *frame, call function, values []any, text *label) (result any) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exhausted:
			panic(r)
		default:
			result = troublef("%s: %v", text, r)
		}
	}()
	v, err := call(f, values)
	if err != nil {
		return troublef("%s: %v", text, err)
	}
	if v == nil {
		return missingf("%s is nil", text)
	}
	return normal(v, text.String())
}

// fixedDuration is the value of duration("…") where the text is fixed.
func fixedDuration(n *ast.BuiltinNode) (time.Duration, bool) {
	if n.Name != "duration" || len(n.Arguments) != 1 {
		return 0, false
	}
	s, ok := n.Arguments[0].(*ast.StringNode)
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(s.Value)
	return d, err == nil
}

// function is a function of the language on values that are there.
type function func(f *frame, args []any) (any, error)

// functionOf is our own form of a function, else expr's with its cost charged
// beforehand.
func functionOf(name string, id int) function {
	if own, ok := ownFunctions[name]; ok {
		return own
	}
	b := builtin.Builtins[id]
	return func(f *frame, args []any) (any, error) {
		f.take(cost(f, name, args))
		args = plain(args)
		switch {
		case b.Fast != nil:
			return b.Fast(args[0]), nil
		case b.Safe != nil:
			v, _, err := b.Safe(args...)
			return v, err
		}
		return b.Func(args...)
	}
}

// cost is the memory a function of expr may take, roughly and never much too
// little: what it looks at, and what it may multiply.
func cost(f *frame, name string, args []any) int {
	switch name {
	case "first", "last", "get", "hasPrefix", "hasSuffix", "type":
		return stepWork // they look at one item, or at no more than a prefix
	}
	total := 0
	for _, a := range args {
		total += f.weigh(a)
	}
	text := func(i int) string {
		if i < len(args) {
			s, _ := args[i].(string)
			return s
		}
		return ""
	}
	switch name {
	case "repeat":
		if n, ok := args[1].(int); ok && n > 0 {
			if n > memoryBudget {
				n = memoryBudget
			}
			total += len(text(0)) * n
		}
	case "replace":
		total += strings.Count(text(0), text(1)) * len(text(2))
	case "split", "splitAfter":
		total += 16 * (strings.Count(text(0), text(1)) + 1)
	case "join":
		if l, ok := listOf(args[0]); ok {
			total += len(l) * len(text(1))
		}
	case "uniq", "sort":
		if l, ok := listOf(args[0]); ok {
			f.spend(len(l) * min(len(l), 1<<15))
		}
	case "fromJSON":
		total *= 4
	case "toJSON":
		total *= 2
	}
	return total
}

// plain replaces what expr's functions do not know: whole numbers beyond 64
// bits become float64, headers a plain map.
func plain(args []any) []any {
	for i, a := range args {
		switch a := a.(type) {
		case *big.Int:
			args[i], _ = real64(a)
		case headers:
			args[i] = map[string]string(a)
		}
	}
	return args
}

// ownFunctions take the place of expr's where those would lose digits, depend
// on the order of a map, or know too little.
var ownFunctions = map[string]function{
	"string": func(f *frame, args []any) (any, error) {
		f.take(f.weigh(args[0]))
		switch v := args[0].(type) {
		case string:
			return v, nil
		case int:
			return strconv.Itoa(v), nil
		case *big.Int:
			return v.String(), nil
		case time.Duration:
			return v.String(), nil
		}
		b, err := json.Marshal(args[0])
		return strings.Trim(string(b), `"`), err
	},
	"fromJSON": func(f *frame, args []any) (any, error) {
		f.take(4 * f.weigh(args[0]))
		v := parseJSON(args[0].(string))
		if t, ok := v.(*trouble); ok {
			return &trouble{missing: t.missing, text: strings.Replace(t.text, "the body", "the text", 1)}, nil
		}
		return v, nil
	},
	"fromBase64": func(f *frame, args []any) (any, error) {
		f.take(f.weigh(args[0]))
		b, err := base64.StdEncoding.DecodeString(args[0].(string))
		return string(b), err
	},
	"date": func(_ *frame, args []any) (any, error) {
		// A text without a zone is UTC wherever the worker stands.
		id := builtin.Index["date"]
		return builtin.Builtins[id].Func(append([]any{time.UTC}, args...)...)
	},
	"keys": func(f *frame, args []any) (any, error) {
		return entries(f, args[0], func(k string, _ any) any { return k })
	},
	"values": func(f *frame, args []any) (any, error) {
		return entries(f, args[0], func(_ string, v any) any { return v })
	},
	"toPairs": func(f *frame, args []any) (any, error) {
		return entries(f, args[0], func(k string, v any) any { return []any{k, v} })
	},
}

// entries visits an object in the order of its keys.
func entries(f *frame, v any, each func(k string, v any) any) (any, error) {
	object := map[string]any{}
	switch v := v.(type) {
	case map[string]any:
		object = v
	case headers:
		for k, e := range v {
			object[k] = e
		}
	default:
		return troublef("%s is not an object", describe(v)), nil
	}
	f.take(64 * len(object))
	names := make([]string, 0, len(object))
	for k := range object {
		names = append(names, k)
	}
	slices.Sort(names)
	out := make([]any, len(names))
	for i, k := range names {
		out[i] = each(k, object[k])
	}
	return out, nil
}

// methods are those of durations and dates that depend on nothing else.
var methods = []string{
	"Seconds", "Milliseconds", "Microseconds", "Nanoseconds", "Minutes", "Hours", "Round", "Truncate", "Abs", "String",
	"Unix", "UnixMilli", "Year", "Month", "Day", "Hour", "Minute", "Second", "Weekday", "YearDay",
	"Before", "After", "Equal", "Add", "Sub", "Format", "UTC",
}

// method compiles a.M(…) on a duration or a date; there are no other calls.
func (c *compiler) method(n *ast.CallNode) node {
	m, ok := n.Callee.(*ast.MemberNode)
	if !ok {
		return c.refuse(n, "%s is not a function", textOf(n.Callee))
	}
	name, ok := m.Property.(*ast.StringNode)
	if !ok || !slices.Contains(methods, name.Value) {
		return c.refuse(n, "%s is not a function", textOf(n.Callee))
	}
	receiver, args, text := c.node(m.Node), c.nodes(n.Arguments), newLabel(n)
	return func(f *frame) any {
		v := receiver(f)
		if t, bad := v.(*trouble); bad {
			return t
		}
		switch v.(type) {
		case time.Duration, time.Time:
		default:
			return troublef("%s: %s has no functions", text, describe(v))
		}
		values := make([]any, len(args))
		for i, arg := range args {
			values[i] = arg(f)
			if t, bad := values[i].(*trouble); bad {
				return t
			}
		}
		f.spend(stepWork)
		return apply(f, func(_ *frame, args []any) (any, error) {
			in := make([]reflect.Value, len(args))
			for i, a := range args {
				in[i] = reflect.ValueOf(a)
			}
			return reflect.ValueOf(v).MethodByName(name.Value).Call(in)[0].Interface(), nil
		}, values, text)
	}
}
