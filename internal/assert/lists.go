package assert

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// visitor is one of the functions that visit the items of a list: the list,
// what to do with an item (may be nil), and the third argument (may be nil).
type visitor func(f *frame, items []any, do, extra node, text *label) any

// visitors are the functions with a predicate. Trouble in a predicate makes
// the result trouble, unless another item decides it.
var visitors = map[string]visitor{
	"all":           decide(false, false),
	"any":           decide(true, true),
	"none":          decide(true, false),
	"one":           one,
	"count":         count,
	"filter":        filter,
	"map":           mapped,
	"find":          find(false, true),
	"findIndex":     find(false, false),
	"findLast":      find(true, true),
	"findLastIndex": find(true, false),
	"sum":           sum,
	"groupBy":       groupBy,
	"sortBy":        sortBy,
	"reduce":        reduce,
}

// visit compiles a call of a visitor.
func (c *compiler) visit(n *ast.BuiltinNode, run visitor) node {
	source := c.node(n.Arguments[0])
	var do, extra node
	if len(n.Arguments) > 1 {
		c.inside++
		do = c.node(n.Arguments[1])
		if yesNo[n.Name] {
			do = c.condition(n.Arguments[1].(*ast.PredicateNode).Node)
		}
		c.inside--
	}
	if len(n.Arguments) > 2 {
		extra = c.node(n.Arguments[2])
	}
	text, of := newLabel(n), newLabel(n.Arguments[0])
	return func(f *frame) any {
		v := source(f)
		if t, bad := v.(*trouble); bad {
			return t
		}
		items, ok := listOf(v)
		if !ok {
			return troublef("%s is %s, not a list", of, describe(v))
		}
		if extra != nil {
			if t, bad := extra(f).(*trouble); bad {
				return t
			}
		}
		f.spend(stepWork * len(items))
		f.scopes = append(f.scopes, scope{})
		out := run(f, items, do, extra, text)
		f.scopes = f.scopes[:len(f.scopes)-1]
		return out
	}
}

// yesNo has the functions whose predicate is a condition.
var yesNo = map[string]bool{
	"all": true, "none": true, "any": true, "one": true, "filter": true, "count": true,
	"find": true, "findIndex": true, "findLast": true, "findLastIndex": true,
}

// at evaluates do for one item.
func (f *frame) at(items []any, i int, do node) any {
	f.spend(stepWork)
	s := f.top()
	s.item, s.index = items[i], i
	if do == nil {
		if items[i] == nil {
			return missingf("item %d is null", i)
		}
		return items[i]
	}
	return do(f)
}

// decide visits until an item gives `on`; the result is then `result`, else
// its contrary.
func decide(on, result bool) visitor {
	return func(f *frame, items []any, do, _ node, _ *label) any {
		var unsure *trouble
		for i := range items {
			switch v := f.at(items, i, do).(type) {
			case bool:
				if v == on {
					return result
				}
			case *trouble:
				if unsure == nil {
					unsure = v
				}
			}
		}
		if unsure != nil {
			return unsure
		}
		return !result
	}
}

// chosen is the indexes of the items that do holds for, or trouble.
func chosen(f *frame, items []any, do node) ([]int, *trouble) {
	var out []int
	for i := range items {
		switch v := f.at(items, i, do).(type) {
		case bool:
			if v {
				out = append(out, i)
			}
		case *trouble:
			return nil, v
		default:
			return nil, troublef("item %d is %s, not true or false", i, show(v))
		}
	}
	return out, nil
}

func one(f *frame, items []any, do, _ node, _ *label) any {
	is, t := chosen(f, items, do)
	if t != nil {
		return t
	}
	return len(is) == 1
}

func count(f *frame, items []any, do, _ node, _ *label) any {
	is, t := chosen(f, items, do)
	if t != nil {
		return t
	}
	return len(is)
}

func filter(f *frame, items []any, do, _ node, _ *label) any {
	is, t := chosen(f, items, do)
	if t != nil {
		return t
	}
	f.take(16 * len(is))
	out := make([]any, len(is))
	for i, at := range is {
		out[i] = items[at]
	}
	return out
}

func mapped(f *frame, items []any, do, _ node, _ *label) any {
	f.take(16 * len(items))
	out := make([]any, len(items))
	for i := range items {
		v := f.at(items, i, do)
		if t, bad := v.(*trouble); bad {
			return t
		}
		out[i] = v
	}
	return out
}

func find(backwards, item bool) visitor {
	return func(f *frame, items []any, do, _ node, text *label) any {
		for n := range items {
			i := n
			if backwards {
				i = len(items) - 1 - n
			}
			switch v := f.at(items, i, do).(type) {
			case *trouble:
				return v
			case bool:
				switch {
				case !v:
				case !item:
					return i
				default:
					return f.at(items, i, nil)
				}
			}
		}
		return missingf("%s finds nothing", text)
	}
}

func sum(f *frame, items []any, do, _ node, text *label) any {
	var total any = 0
	for i := range items {
		v := f.at(items, i, do)
		if t, bad := v.(*trouble); bad {
			return t
		}
		if i == 0 {
			if _, number := real64(v); !number {
				total = v
				continue
			}
		}
		total = arithmetic("+", total, v, text)
		if t, bad := total.(*trouble); bad {
			return t
		}
	}
	return total
}

func groupBy(f *frame, items []any, do, _ node, text *label) any {
	out := map[any][]any{}
	for i := range items {
		switch k := f.at(items, i, do).(type) {
		case *trouble:
			return k
		case string, int, float64, bool:
			f.take(64)
			out[k] = append(out[k], items[i])
		default:
			return troublef("%s: items cannot be grouped by %s", text, describe(k))
		}
	}
	return out
}

func sortBy(f *frame, items []any, do, extra node, text *label) any {
	descending := false
	if extra != nil {
		switch v := extra(f); v {
		case "asc":
		case "desc":
			descending = true
		default:
			return troublef(`%s: the order is "asc" or "desc", not %s`, text, show(v))
		}
	}
	keys := mapped(f, items, do, nil, text)
	if t, bad := keys.(*trouble); bad {
		return t
	}
	at := make([]int, len(items))
	for i := range at {
		at[i] = i
	}
	var unsure *trouble
	ks := keys.([]any)
	slices.SortStableFunc(at, func(i, j int) int {
		f.spend(stepWork)
		c, ok := order(ks[i], ks[j])
		if !ok && unsure == nil {
			unsure = troublef("%s: %s and %s have no order", text, describe(ks[i]), describe(ks[j]))
		}
		if descending {
			return -c
		}
		return c
	})
	if unsure != nil {
		return unsure
	}
	out := make([]any, len(at))
	for i, j := range at {
		out[i] = items[j]
	}
	return out
}

func reduce(f *frame, items []any, do, extra node, text *label) any {
	start := 0
	var acc any
	switch {
	case extra != nil:
		acc = extra(f)
	case len(items) == 0:
		return missingf("%s is missing: the list is empty and no first value is given", text)
	default:
		acc, start = f.at(items, 0, nil), 1
	}
	for i := start; i < len(items); i++ {
		if t, bad := acc.(*trouble); bad {
			return t
		}
		f.top().acc = acc
		acc = f.at(items, i, do)
	}
	return acc
}
