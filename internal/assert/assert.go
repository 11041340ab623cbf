// Package assert judges what was observed: one line of the assertion language
// and one observation make one verdict. It owns that language: the names that
// each kind of check offers, what a missing value means, how values compare,
// and the words in which a failure shows both sides. It refuses clocks, random
// numbers, files and the network: a verdict is a function of the line and the
// observation.
//
// The language is that of github.com/expr-lang/expr, whose parser, type
// checker and functions are used, with these differences:
//
//   - Durations are written bare: time.total < 800ms.
//   - A value that is absent (a JSON path, a header, the TLS names of a plain
//     connection) or null never makes a comparison hold, != and `not`
//     included: the assertion fails and says what is missing. Logic is
//     three-valued: `missing || true` holds, `missing && false` does not.
//     Absence itself is tested by == nil and != nil, or by 'name' in json;
//     `??` gives a default: (json.retries ?? 0) < 3.
//   - Whole JSON numbers are exact whatever their size.
//   - Header names are compared without regard to case.
//   - keys, values and toPairs are in the order of the keys.
//   - now and timezone, byte strings and $env are left out.
//
// Work and memory of one evaluation are bounded (see [frame]), whatever the
// line and the observation.
package assert

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/conf"
	"github.com/probefleet/probefleet/internal/check"
)

// MaxLength is the number of bytes an assertion may have.
const MaxLength = 4096

// maxNodes bounds the parts of one assertion, and with them its recursion.
const maxNodes = 1000

// Assertion is a compiled line. It is immutable: any number of goroutines may
// evaluate it at once.
type Assertion struct {
	source string
	root   ast.Node
	run    node
	// code and slots serve explanations: how each part is evaluated, and where
	// the variables of `let` live.
	code  map[ast.Node]node
	slots map[*ast.VariableDeclaratorNode]int
	// why are words for parts that say only yes or no.
	why map[ast.Node]node
	// secrets and steps are the names that it uses.
	secrets, steps []string
	// columns maps positions of the rewritten source to the source.
	columns columns
}

// CompileError says why a line is not an assertion of its kind.
type CompileError struct {
	// Column is where the fault is, counted in characters from 1.
	Column int
	// Message is for people and says what would be right.
	Message string
}

func (e *CompileError) Error() string {
	return fmt.Sprintf("column %d: %s", e.Column, e.Message)
}

// Compile parses src and checks its types against the names of kind. The
// error is a *[CompileError].
func Compile(kind check.Kind, src string) (*Assertion, error) {
	a, err := compile(kind, src)
	if err != nil {
		return nil, err
	}
	return a, nil
}

func compile(kind check.Kind, src string) (a *Assertion, err *CompileError) {
	names := namesOf(kind)
	switch {
	case names == nil:
		return nil, &CompileError{1, fmt.Sprintf("there are no assertions for checks of kind %q", kind)}
	case !utf8.ValidString(src):
		return nil, &CompileError{1, "is not valid UTF-8"}
	case strings.TrimSpace(src) == "":
		return nil, &CompileError{1, "is empty; write a condition such as " + names.example}
	case len(src) > MaxLength:
		return nil, &CompileError{1, fmt.Sprintf("is %d bytes long; at most %d", len(src), MaxLength)}
	}
	// The parser and the checker are not ours: a defect there must not take a
	// worker down.
	defer func() {
		if r := recover(); r != nil {
			a, err = nil, &CompileError{1, fmt.Sprintf("cannot be understood: %v", r)}
		}
	}()
	rewritten, cols := rewriteDurations(src)
	config, ok := names.configs.Get().(*conf.Config)
	if !ok {
		config = names.config()
	}
	tree, failure := checker.ParseCheck(rewritten, config)
	names.configs.Put(config) // not after a panic: nobody knows what it left
	if failure != nil {
		return nil, names.explainCompile(src, cols, failure)
	}
	c := &compiler{names: names, code: map[ast.Node]node{}, slots: map[*ast.VariableDeclaratorNode]int{}, why: map[ast.Node]node{}}
	run := c.node(tree.Node)
	if c.fault == nil && kind != templates {
		c.wantBool(tree.Node)
	}
	if c.fault != nil {
		c.fault.Column = cols.original(c.fault.Column-1) + 1
		return nil, c.fault
	}
	return &Assertion{
		source: src, root: tree.Node, run: run, code: c.code, slots: c.slots, why: c.why,
		secrets: c.secrets, steps: c.steps, columns: cols,
	}, nil
}

// config is what expr's checker is told: the names, and which of its functions
// are not for us. The checker changes nothing in it but a cache of types, so
// that it may be used again.
func (n *names) config() *conf.Config {
	c := conf.CreateNew()
	c.MaxNodes = maxNodes
	c.WithEnv(n.env)
	for _, name := range withheld {
		c.Disabled[name] = true
		delete(c.Builtins, name)
	}
	n.functions(c)
	return c
}

// withheld are the functions of expr whose result is no function of the
// observation: they read the clock, or the machine's time zone files.
var withheld = []string{"now", "timezone"}
