package store_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/store"
)

// TestWhatIsReadAgainIsWhatThereIs holds one who asks again and again, and is
// told only what changed, against others who ask for the first time each:
// whatever is recorded, in whatever order, and whatever becomes of the checks.
func TestWhatIsReadAgainIsWhatThereIs(t *testing.T) {
	s, url := open(t)
	rnd := rand.New(rand.NewPCG(7, 11))
	checks := []check.Check{named("a"), named("b"), named("c")}
	for i := range checks {
		checks[i].Locations = []string{"here", "there"}
	}
	apply(t, s, store.Applied{Created: []string{"a", "b", "c"}}, checks...)
	now := time.Now().UTC().Truncate(time.Minute)
	outcomes := []jobs.Outcome{jobs.Passed, jobs.Failed, jobs.Inconclusive, jobs.Degraded}
	steps := map[string]func(){
		"a result": func() {
			c := checks[rnd.IntN(len(checks))]
			r := result(c, c.Locations[rnd.IntN(len(c.Locations))], now.Add(-time.Duration(rnd.IntN(5))*time.Minute), outcomes[rnd.IntN(len(outcomes))], time.Second)
			r.Attempt = 1 + rnd.IntN(2)
			if _, err := s.RecordReceived(t.Context(), []jobs.Result{r}, nil); err != nil {
				t.Fatal(err)
			}
		},
		"a check is changed": func() {
			c := &checks[rnd.IntN(len(checks))]
			c.Public, c.Muted = rnd.IntN(3) > 0, rnd.IntN(2) > 0
			c.Locations = [][]string{{"here", "there"}, {"here"}, {"there", "elsewhere"}}[rnd.IntN(3)]
			if _, err := s.ApplyChecks(t.Context(), []check.Check{*c}); err != nil {
				t.Fatal(err)
			}
		},
		"a check is removed": func() {
			if _, err := s.RemoveChecks(t.Context(), []string{checks[rnd.IntN(len(checks))].ID}); err != nil {
				t.Fatal(err)
			}
		},
		"a slot is decided by the time": func() {
			do(t, url, `INSERT INTO undecided (run_id, check_id, location, slot, attempt, outcome, fault_class, fault_message, finished_at, latency_us, until)
				SELECT run_id, check_id, location, slot, attempt, 'failed', 'timeout', 'late', finished_at, latency_us, now() FROM latest WHERE NOT conclusive LIMIT 1
				ON CONFLICT DO NOTHING`)
		},
		"and by a run": func() { do(t, url, `DELETE FROM undecided`) },
	}
	names := []string{"a result", "a result", "a result", "a result", "a result", "a check is changed", "a check is removed", "a slot is decided by the time", "and by a run"}
	for i := range 250 {
		what := names[rnd.IntN(len(names))]
		steps[what]()
		first, err := store.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		for name, ask := range map[string]func(*store.Store) (any, error){
			"public":   func(s *store.Store) (any, error) { return s.PublicChecks(t.Context()) },
			"active":   func(s *store.Store) (any, error) { return s.Statuses(t.Context()) },
			"overview": func(s *store.Store) (any, error) { return s.Overview(t.Context()) },
		} {
			got, err := ask(s)
			if err != nil {
				t.Fatal(err)
			}
			want, err := ask(first)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%s, after step %d, %s:\n%+v\nwant\n%+v", name, i, what, got, want)
			}
		}
		first.Close()
	}
	if all, err := s.Overview(t.Context()); err != nil || !slices.ContainsFunc(all, func(w kept.Watched) bool { return len(w.Conclusive) > 0 && len(w.Last) > 0 }) {
		t.Errorf("nothing came of it: %+v, %v", all, err)
	}
}
