package status

import (
	"math"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// People are told once of what goes on, not of what is within the budget, and
// silence neither begins nor ends it.
func TestBurnsOver(t *testing.T) {
	begin := time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)
	minutes := func(from, before int, o jobs.Outcome) (slots []Slot) {
		for m := from; m < before; m++ {
			slots = append(slots, Slot{Location: "here", At: begin.Add(time.Duration(m) * time.Minute), By: Attempt{Number: 1, Outcome: o}})
		}
		return slots
	}
	join := func(parts ...[]Slot) (all []Slot) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	c := check.Check{ID: "a", Every: time.Minute, Objective: check.Objective{Target: 990_000, Window: check.DefaultObjectiveWindow, Policy: "slots-v1"}}
	o, promised := ObjectiveOf(c)
	if !promised {
		t.Fatal("nothing is promised")
	}
	strict := o
	strict.Policy = StrictV1
	inMaintenance := c
	inMaintenance.Maintenance = []check.Maintenance{{From: begin, To: begin.Add(48 * time.Hour)}}
	day := 24 * 60
	for name, row := range map[string]struct {
		objective Objective
		check     check.Check
		slots     []Slot
		want      int
	}{
		"all passed":          {o, c, minutes(0, day, jobs.Passed), 0},
		"ten minutes":         {o, c, join(minutes(0, 300, jobs.Passed), minutes(300, 320, jobs.Failed), minutes(320, day, jobs.Passed)), 1},
		"two times":           {o, c, join(minutes(0, 300, jobs.Passed), minutes(300, 330, jobs.Failed), minutes(330, 1000, jobs.Passed), minutes(1000, 1030, jobs.Failed), minutes(1030, day, jobs.Passed)), 2},
		"silence between":     {o, c, join(minutes(0, 300, jobs.Passed), minutes(300, 330, jobs.Failed), minutes(1000, 1030, jobs.Failed), minutes(1030, day, jobs.Passed)), 1},
		"inconclusive":        {o, c, join(minutes(0, 300, jobs.Passed), minutes(300, 600, jobs.Inconclusive), minutes(600, day, jobs.Passed)), 0},
		"degraded is up":      {o, c, join(minutes(0, 300, jobs.Passed), minutes(300, 400, jobs.Degraded), minutes(400, day, jobs.Passed)), 0},
		"degraded, strictly":  {strict, c, join(minutes(0, 300, jobs.Passed), minutes(300, 400, jobs.Degraded), minutes(400, day, jobs.Passed)), 1},
		"failed while it may": {o, inMaintenance, join(minutes(0, 300, jobs.Passed), minutes(300, 400, jobs.Failed), minutes(400, day, jobs.Passed)), 0},
	} {
		if got := row.objective.BurnsOver(NewRules(row.check, time.Time{}), begin, begin.Add(time.Duration(day)*time.Minute), row.slots); got != row.want {
			t.Errorf("%s: told %d times, want %d", name, got, row.want)
		}
	}
}

// Each rule is met by a share of a budget of thirty days, as the book has it, and
// looks over a twelfth of its time whether it goes on.
func TestBurnsAreThoseOfTheBook(t *testing.T) {
	const month = 30 * 24 * time.Hour
	want := map[string]float64{"fast": .02, "medium": .05, "slow": .1, "creeping": .1}
	for i, b := range Burns {
		if used := b.Rate * float64(b.Long) / float64(month); math.Abs(used-want[b.Name]) > 1e-9 {
			t.Errorf("%s is met by %v of the budget, want %v", b.Name, used, want[b.Name])
		}
		if b.Short*12 != b.Long {
			t.Errorf("%s looks over %s whether it goes on, want a twelfth of %s", b.Name, b.Short, b.Long)
		}
		if i > 0 && b.Rate >= Burns[i-1].Rate {
			t.Errorf("%s is not slower than the rule before it", b.Name)
		}
	}
	if len(Burns) != len(want) {
		t.Errorf("%d rules, want %d", len(Burns), len(want))
	}
}
