package store_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/store"
)

// TestWhatIsReadAgainIsWhatThereIs holds one who asks again and again, and is
// told only what changed, against others who ask for the first time each, and
// against the views: whatever is recorded, in whatever order, and whatever
// becomes of the checks. What was answered before stays as it was.
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
				SELECT run_id, check_id, location, slot - (attempt % 2) * interval '2 minutes', attempt + 10, 'failed', 'timeout', 'late', finished_at, latency_us, now() FROM latest WHERE NOT conclusive LIMIT 1
				ON CONFLICT DO NOTHING`)
		},
		"and by a run": func() { do(t, url, `DELETE FROM undecided`) },
	}
	names := []string{"a result", "a result", "a result", "a result", "a result", "a check is changed", "a check is removed", "a slot is decided by the time", "and by a run"}
	const newest = `SELECT l.check_id || ' ' || l.location || ' ' || l.conclusive || ' ' || l.run_id || ' ' || l.attempt || ' ' || l.outcome FROM `
	readings := []struct {
		name, view string
		ask        func(*store.Store) (any, []status.Check, error)
	}{
		{"public", newest + `public_latest l`, func(s *store.Store) (any, []status.Check, error) {
			list, err := s.PublicChecks(t.Context())
			return list, list, err
		}},
		{"active", newest + `latest_known l JOIN checks c ON c.id = l.check_id AND l.location = ANY (c.locations) WHERE c.active AND c.removed_at IS NULL`, func(s *store.Store) (any, []status.Check, error) {
			list, err := s.Statuses(t.Context())
			return list, list, err
		}},
		{"overview", newest + `latest_known l JOIN checks c ON c.id = l.check_id AND l.location = ANY (c.locations) WHERE c.removed_at IS NULL`, func(s *store.Store) (any, []status.Check, error) {
			list, err := s.Overview(t.Context())
			var all []status.Check
			for _, w := range list {
				all = append(all, w.Check)
			}
			return list, all, err
		}},
	}
	var answered []status.Check // what was told last, and in words
	var said []string
	for i := range 250 {
		what := names[rnd.IntN(len(names))]
		steps[what]()
		first, err := store.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		before, words := answered, said
		for _, r := range readings {
			got, list, err := r.ask(s)
			if err != nil {
				t.Fatal(err)
			}
			want, _, err := r.ask(first)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%s, after step %d, %s:\n%+v\nwant\n%+v", r.name, i, what, got, want)
			}
			answered, said = list, inWords(list)
			if want := column(t, url, r.view); !slices.Equal(said, want) {
				t.Fatalf("%s, after step %d, %s:\n%q\nthe view has\n%q", r.name, i, what, said, want)
			}
		}
		if got := inWords(before); !slices.Equal(got, words) {
			t.Fatalf("step %d, %s, changed an answer given before:\n%q\nit was\n%q", i, what, got, words)
		}
		first.Close()
		// What was stored is long ago by the next step.
		do(t, url, `UPDATE latest SET changed_at = changed_at - interval '1 minute'`)
	}
	if all, err := s.Overview(t.Context()); err != nil || !slices.ContainsFunc(all, func(w kept.Watched) bool { return len(w.Conclusive) > 0 && len(w.Last) > 0 }) {
		t.Errorf("nothing came of it: %+v, %v", all, err)
	}
}

// inWords are the newest runs of checks, as the test asks the views for them.
func inWords(checks []status.Check) (lines []string) {
	for _, c := range checks {
		for conclusive, runs := range map[bool][]status.Run{false: c.Last, true: c.Conclusive} {
			for _, r := range runs {
				lines = append(lines, fmt.Sprintf("%s %s %t %s %d %s", c.ID, r.Location, conclusive, r.RunID, r.Attempt, r.Outcome))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// column is what a statement answers, in order.
func column(t *testing.T, url, statement string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}
