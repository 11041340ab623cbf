package assert

import "fmt"

// Budgets of one evaluation. A unit of work is about one byte looked at or a
// part of a step; the budget is used up in a few seconds at worst. Memory is
// in bytes, roughly.
const (
	workBudget   = 1 << 29
	memoryBudget = 64 << 20
	stepWork     = 32
	regexpWork   = 12 // units a byte: 32 MiB, the largest body, is within the budget once
)

// frame is the state of one evaluation.
type frame struct {
	seen   *observation
	vars   []any
	scopes []scope
	work   int
	memory int
}

// scope is one level of a function that visits the items of a list.
type scope struct {
	item, acc any
	index     int
}

func newFrame(o *observation) *frame {
	return &frame{seen: o, work: workBudget, memory: memoryBudget}
}

// exhausted is thrown where a budget is used up.
type exhausted string

// spend takes n units from the work budget.
func (f *frame) spend(n int) {
	if f.work -= n; f.work < 0 || n < 0 {
		panic(exhausted("the assertion takes too long: it visits too many values; use fewer nested lists"))
	}
}

// take takes n bytes from the memory budget.
func (f *frame) take(n int) {
	f.spend(n)
	if f.memory -= n; f.memory < 0 || n < 0 {
		panic(exhausted(fmt.Sprintf("the assertion needs too much memory: more than %d MiB", memoryBudget>>20)))
	}
}

func (f *frame) top() *scope { return &f.scopes[len(f.scopes)-1] }

// weigh estimates the bytes of v with everything in it; what is in it twice
// counts twice. It spends the work of looking.
func (f *frame) weigh(v any) int {
	f.spend(1)
	total := 16
	switch v := v.(type) {
	case string:
		total += len(v)
	case []any:
		for _, e := range v {
			total += f.weigh(e)
			f.within(total)
		}
	case map[string]any:
		for k, e := range v {
			total += 16 + len(k) + f.weigh(e)
			f.within(total)
		}
	case map[any][]any:
		for _, e := range v {
			total += 16 + f.weigh(e)
			f.within(total)
		}
	case []string:
		for _, e := range v {
			total += 16 + len(e)
		}
	case []int:
		total += 8 * len(v)
	case headers:
		for k, e := range v {
			total += 32 + len(k) + len(e)
		}
	}
	return total
}

// within stops a weighing that has gone beyond every budget.
func (f *frame) within(total int) {
	if total > workBudget {
		f.take(total)
	}
}

// guard runs n and turns a panic into trouble: an exhausted budget, or a
// function of expr that does not like its argument.
func guard(f *frame, n node) (v any) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exhausted:
			v = troublef("%s", string(r))
		default:
			v = troublef("cannot be evaluated: %v", r)
		}
	}()
	return n(f)
}
