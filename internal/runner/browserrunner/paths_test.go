package browserrunner

import (
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// A part of a path is looked for below everything that the part before it
// leads to, also where one of them is by text and the other by the
// accessibility tree.
func TestPathsLookBelowEveryMatch(t *testing.T) {
	t.Parallel()
	s := site(t, map[string]string{"/": `
		<section><h2>Tea</h2></section>
		<section aria-label="Shelf"><h2>Tea</h2></section>
		<section aria-label="Shelf"><h2>Tea</h2><button onclick="out.textContent = 'bought'">Buy</button></section>
		<p id="out"></p>`})
	for _, path := range [][]string{
		{"section", "aria/Buy"},
		{"aria/Shelf", "aria/Buy"},
		{"aria/Shelf", "button"},
		{"xpath///section[h2]", `aria/Buy[role="button"]`},
		{"pierce/section", "text/Buy"},
	} {
		res := run(t, open(s.URL),
			within(15*time.Second, check.Step{Action: check.ActionClick, Selectors: [][]string{path}, Recorded: true}),
			within(15*time.Second, text("#out", "bought")))
		if passes(t, res); t.Failed() {
			t.Fatalf("path %q", path)
		}
	}
	// No element is found twice, though it is below two that match.
	inner := site(t, map[string]string{"/": `<div class="a"><div class="a"><button>one</button></div></div><p>there</p>`})
	passes(t, run(t, open(inner.URL), within(15*time.Second, check.Step{
		Action: check.ActionExpectCount, Selectors: [][]string{{".a", "aria/one"}}, Elements: &check.Elements{Operator: "==", Count: 1},
	})))
}
