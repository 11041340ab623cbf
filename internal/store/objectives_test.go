package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/store"
)

// A budget that burns is told once, does not end by silence, and ends when it
// was measured that it does. What was not measured is neither up nor down.
func TestBudgetsThatBurn(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	c.Locations = []string{"here"}
	c.Objective = check.Objective{Target: 999_000, Window: check.DefaultObjectiveWindow, Policy: check.DefaultObjectivePolicy}
	quiet := c
	quiet.ID, quiet.Objective = "nothing-promised", check.Objective{}
	apply(t, s, store.Applied{Created: []string{quiet.ID, c.ID}}, c, quiet)
	base := lately()
	do(t, url, `UPDATE check_history SET since = $1`, base)
	var all []jobs.Result
	add := func(from, before int, o jobs.Outcome) {
		for m := from; m < before; m++ {
			at := base.Add(time.Duration(m) * time.Minute)
			all = append(all, result(c, "here", at, o, time.Second), result(quiet, "here", at, o, time.Second))
		}
	}
	add(0, 61, jobs.Passed)
	add(61, 66, jobs.Failed)
	add(490, 510, jobs.Passed)
	record(t, s, store.Recorded{Stored: len(all)}, all...)
	must(t, s.Tally(t.Context()))
	look := func(minute int) []alert.Condition {
		t.Helper()
		now := base.Add(time.Duration(minute) * time.Minute)
		found, err := s.BurningBudgets(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		must(t, s.KeepConditions(t.Context(), alert.Budget, now, found))
		return found
	}
	if found := look(60); len(found) != 0 {
		t.Errorf("before anything failed: %+v", found)
	}
	found := look(66)
	if len(found) != 1 || found[0].CheckID != c.ID || !strings.Contains(found[0].Facts.Message, "83.3 times the allowed pace over the last 1h, measured 100 % of it") {
		t.Fatalf("while it burns: %+v", found)
	}
	found = look(486)
	if len(found) != 1 || !strings.Contains(found[0].Facts.Message, "is not known") {
		t.Errorf("after hours of silence: %+v", found)
	}
	if n := ask[int](t, url, `SELECT count(*)::int FROM alerts WHERE kind = 'budget' AND closed IS NULL AND turn = 1`); n != 1 {
		t.Errorf("%d alerts are open, want the one that was", n)
	}
	if found := look(510); len(found) != 0 {
		t.Errorf("when it is measured again: %+v", found)
	}
	promises, err := s.Promises(t.Context(), base.Add(510*time.Minute), []string{c.ID, quiet.ID, "unknown"})
	if err != nil || len(promises) != 1 {
		t.Fatal(promises, err)
	}
	p := promises[0]
	if a := p.Account; a.Up != 81 || a.Down != 5 || a.Expected != 510 {
		t.Errorf("account: %+v, want 81 up and 5 down of 510 that were due", a)
	}
	if left := p.Budget(p.Account).Left; left > -57 || left < -58 { // 5 of 0.086
		t.Errorf("%v of the budget is left", left)
	}
}
