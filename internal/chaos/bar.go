package chaos

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// Variables of the environment that choose the form of the bars.
const (
	// FormVariable is short or full; where it is neither, only what costs
	// little is run.
	FormVariable = "PROBEFLEET_BARS"
	// SeedVariable replays one seed.
	SeedVariable = "SEED"
)

// Form says how thoroughly the bars are run.
type Form struct{ short, full bool }

// FormOf reads the form from the environment.
func FormOf(getenv func(string) string) Form {
	v := getenv(FormVariable)
	return Form{short: v == "short", full: v == "full"}
}

// Asked reports whether bars are run at all, not just their cheapest tests.
func (f Form) Asked() bool { return f.short || f.full }

// Full reports whether bars are run in full: then what takes long is a fault.
func (f Form) Full() bool { return f.full }

// N chooses a number by the form.
func (f Form) N(little, short, full int) int {
	switch {
	case f.full:
		return full
	case f.short:
		return short
	}
	return little
}

// Span chooses a time by the form.
func (f Form) Span(short, full time.Duration) time.Duration {
	if f.full {
		return full
	}
	return short
}

// Seed is the seed that is asked for, or the given one; replay says which.
func Seed(given uint64) (seed uint64, replay bool) {
	if s, err := strconv.ParseUint(os.Getenv(SeedVariable), 10, 64); err == nil {
		return s, true
	}
	return given, false
}

// Mark begins the line of a bar in the output of its test.
const Mark = "bar: "

// Report writes the line of a bar: whether it passed, its name, its figure,
// and the seed that replays it.
func Report(w io.Writer, ok bool, name, figure string, seed uint64) {
	word := "PASS"
	if !ok {
		word = "FAIL"
	}
	fmt.Fprintf(w, "\n%s%s %s: %s (seed %d)\n", Mark, word, name, figure, seed)
}
