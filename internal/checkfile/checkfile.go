// Package checkfile reads checks as people write them: YAML files, strictly.
// It owns the file format, its defaults and variables, and the words in which
// every fault of every file is reported at once, with its line and column. It
// refuses to know what happens to the checks; what a check may be is package
// check's to say, and what an assertion may be package assert's.
//
// A file:
//
//	vars: {base: "https://shop.example"}       # {{ vars.base }} in any text
//	environments: {staging: {base: "https://staging.shop.example"}}
//	defaults: {every: 1m, tags: [shop]}        # for the checks of this file
//	checks:
//	  - id: shop-home
//	    request: "{{ vars.base }}/"
//	    expect: ["status == 200", "time.total < 800ms"]
//	  - id: shop-log-in
//	    every: 5m
//	    steps:
//	      - open: "{{ vars.base }}/login"
//	      - fill: {selector: "#user", value: demo}
//	      - press: Enter
//	      - expect: {text: Welcome}
//
// A key of a check takes the place of the default; lists are not joined.
// Anchors and aliases work, merge keys (<<) do not. A file holds one document.
package checkfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/numeral"
	"github.com/probefleet/probefleet/internal/statuspage"
)

// Limits of what is read.
const (
	// MaxFile is the number of bytes of one file.
	MaxFile = 1 << 20
	// MaxChecks is the number of checks of one call of [Load].
	MaxChecks = 20_000
	// maxVisits bounds the values read from one file, those behind aliases
	// counted each time.
	maxVisits = 500_000
	// maxItems is the number of tags or locations of a check: every check has
	// its own copy of the defaults.
	maxItems = 100
	// maxFilled bounds the texts of one file after their templates are filled
	// in, in bytes.
	maxFilled = 32 << 20
	// maxDepth bounds the nesting of a file.
	maxDepth = 100
	// maxMessage is the number of characters from which on a fault is cut.
	maxMessage = 1200
	// maxSaid is the number of faults that [Faults.Error] writes out.
	maxSaid = 200
)

// Options change how files are read.
type Options struct {
	// Vars take the place of the files' own `vars:` of the same name, and add
	// to them.
	Vars map[string]string
	// ReadFile reads recordings and other files that checks name; nil stands
	// for os.ReadFile.
	ReadFile func(path string) ([]byte, error)
	// Environment names the `environments:` whose variables hold, "" for none.
	Environment string
}

// Fault is one thing that is wrong with a file.
type Fault struct {
	File string
	// Line and Column count from 1, columns in characters. Both are 0 where
	// the fault is the file as a whole.
	Line, Column int
	// Message is for people: what is wrong and what would be right.
	Message string
}

func (f Fault) Error() string {
	if f.Line == 0 {
		return f.File + ": " + f.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Message)
}

// Faults is everything that is wrong, sorted by place.
type Faults []Fault

// Error has one fault a line. Of more than 200 it says how many are left out.
func (fs Faults) Error() string {
	lines := make([]string, 0, len(fs))
	for i, f := range fs {
		if i == maxSaid {
			lines = append(lines, "and "+numeral.Of(len(fs)-maxSaid, "more fault")+"; correct these first")
			break
		}
		lines = append(lines, f.Error())
	}
	return strings.Join(lines, "\n")
}

// sorted orders faults by place and drops repetitions, which aliases and
// defaults make.
func (fs Faults) sorted() Faults {
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	seen := map[Fault]bool{}
	return slices.DeleteFunc(fs, func(f Fault) bool {
		again := seen[f]
		seen[f] = true
		return again
	})
}

// Parse reads one file's content; name is what faults call it. The error is
// [Faults], and there are no checks then.
func Parse(name string, data []byte, o Options) ([]check.Check, error) {
	l := newLoader(o)
	l.file(name, data)
	return l.result()
}

// File is all that check files hold.
type File struct {
	Checks []check.Check
	// Channels are those who are told.
	Channels []alert.Channel
	// Pages are the public ones.
	Pages []statuspage.Page
}

// ParseAll is [Parse] with the channels and pages of the file.
func ParseAll(name string, data []byte, o Options) (File, error) {
	l := newLoader(o)
	l.file(name, data)
	checks, err := l.result()
	return File{checks, l.channels, l.pages}, err
}

func newLoader(o Options) *loader {
	return &loader{options: o, ids: map[string]Fault{}, channelNames: map[string]Fault{}, pageSlugs: map[string]Fault{}}
}

// loader collects the checks and faults of all files.
type loader struct {
	options Options
	checks  []check.Check
	faults  Faults

	channels     []alert.Channel
	channelNames map[string]Fault // the place of each
	pages        []statuspage.Page
	pageSlugs    map[string]Fault // the place of each
	// ids has the place of each check's id.
	ids map[string]Fault
	// environments are those that the files know.
	environments []string
}

func (l *loader) result() ([]check.Check, error) {
	l.unknownEnvironment()
	l.circles()
	if len(l.faults) > 0 {
		return nil, l.faults.sorted()
	}
	return l.checks, nil
}

func (l *loader) fault(file string, line, column int, format string, args ...any) {
	message := []rune(fmt.Sprintf(format, args...))
	if len(message) > maxMessage {
		message = append(message[:maxMessage/2], []rune("…")...)
	}
	l.faults = append(l.faults, Fault{file, line, column, string(message)})
}
