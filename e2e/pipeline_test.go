package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/checkfile"
)

const shopChecks = "../examples/checks/shop.yaml"

// TestPipeline runs the example checks through every part as separate
// processes, with two workers, and reads what came of it from Postgres, from
// the JSON API and from the page in a browser.
func TestPipeline(t *testing.T) {
	f := newFleet(t)
	shopURL := f.shop(t)
	first, second := f.worker(t, "first"), f.worker(t, "second")
	// How quick this machine is as it is now is not what is looked at.
	text, err := os.ReadFile(shopChecks)
	if err != nil {
		t.Fatal(err)
	}
	const quick, patient = "time.total < 2s", "time.total < 1m"
	if !strings.Contains(string(text), quick) {
		t.Fatalf("no check of the examples says %q", quick)
	}
	dir := folder(t)
	if err := os.CopyFS(dir, os.DirFS(filepath.Dir(shopChecks))); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, filepath.Base(shopChecks))
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), quick, patient)), 0o600); err != nil {
		t.Fatal(err)
	}
	f.apply(t, "-var", "base="+shopURL, file)

	checks, err := checkfile.Load([]string{file}, checkfile.Options{Vars: map[string]string{"base": shopURL}})
	if err != nil {
		t.Fatal(err)
	}
	want := func(id string) string {
		switch {
		case strings.Contains(id, "gift"):
			return "failed"
		case strings.Contains(id, "recommend"):
			return "degraded"
		}
		return "passed"
	}
	eventually(t, 4*time.Minute, func() error {
		seen, decided := f.outcomes(t), 0
		for id, counts := range seen {
			if counts[want(id)] > 0 {
				decided++
			}
		}
		return expectf(decided == len(checks), "%d of %d checks have the outcome that they should: %v", decided, len(checks), seen)
	})
	for id, counts := range f.outcomes(t) {
		// A machine that is too busy for a browser says so, and nothing of the target.
		delete(counts, "inconclusive")
		if delete(counts, want(id)); len(counts) > 0 {
			t.Errorf("check %s: also %v, want only %s", id, counts, want(id))
		}
	}
	if n := f.count(t, `SELECT count(*) FROM (SELECT id FROM runs GROUP BY id HAVING count(*) > 1) twice`); n != 0 {
		t.Errorf("%d attempts are stored twice", n)
	}
	if n := f.count(t, `SELECT count(*) FROM runs WHERE data IS NULL OR data_version NOT IN (1, 2)`); n != 0 {
		t.Errorf("%d runs have no JSON of a known version", n)
	}

	eventually(t, 2*time.Minute, func() error {
		page, err := get(f.statusURL + "/api/v1/status")
		if err != nil {
			return err
		}
		return statusHolds(page, len(checks))
	})
	pageShows(t, f.statusURL, "Shop status", "Outage", "Gift cards")
	f.stopAll(t, first, second)
}

// statusHolds looks at the answer of /api/v1/status.
func statusHolds(page string, checks int) error {
	var s struct {
		Checks []struct {
			ID, Name, Kind, State, Outcome string
			LastRunAt                      *time.Time `json:"last_run_at"`
		}
	}
	if err := json.Unmarshal([]byte(page), &s); err != nil {
		return err
	}
	if len(s.Checks) != checks {
		return expectf(false, "%d checks in the status, want %d", len(s.Checks), checks)
	}
	kinds := map[string]int{}
	for _, c := range s.Checks {
		want := map[string]string{"passed": "operational", "degraded": "degraded", "failed": "outage"}[c.Outcome]
		if c.LastRunAt == nil || c.State != want || c.Name == "" {
			return expectf(false, "check %+v, want state %q", c, want)
		}
		kinds[c.Kind]++
	}
	return expectf(kinds["api"] >= 3 && kinds["browser"] >= 2, "kinds of checks: %v", kinds)
}

// pageShows opens url in a real Chromium, by a browser check of our own, and
// expects each text there.
func pageShows(t testing.TB, url string, texts ...string) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "checks:\n  - id: page\n    kind: browser\n    every: 10m\n    timeout: 3m\n    steps:\n      - open: %q\n", url)
	for _, text := range texts {
		fmt.Fprintf(&b, "      - expect: {text: %q}\n        timeout: 1m\n", text)
	}
	b.WriteString("    expect: [\"console_errors == 0\"]\n")
	dir := folder(t)
	file := filepath.Join(dir, "page.yaml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, nil, "probefleet", "test", "-artifacts", dir, file)
	<-p.done
	if p.err != nil {
		t.Errorf("the page %s in Chromium: %v\n%s", url, p.err, p.log)
	}
}
