package simulate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/capacity"
)

func referenceWith(change func(*Scenario)) Scenario {
	s, _ := Reference()
	change(&s)
	return s
}

func browserChecks(n int) []Group {
	return []Group{Checks(n, 5*time.Minute, "local", false)}
}

// compare plays a load over twenty seeds under what the scheduler does by
// itself and under the others, each as it is usually set; ours is the first.
func compare(t *testing.T, name string, s Scenario) []Row {
	t.Helper()
	makers, err := Choose([]string{"ours", "backlog", "load", "keda"})
	if err != nil {
		t.Fatal(err)
	}
	if makers[0].Busy != capacity.Usual(1).Busy {
		t.Fatalf("ours aims at %g, the scheduler at %g", makers[0].Busy, capacity.Usual(1).Busy)
	}
	p := PromiseOf(s, OthersBusy)
	s.Fleet.Start = p.Quiet(s.Rate())
	rows, err := Compare(t.Context(), s, p, makers, Seeds(1, 20))
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	_ = Text(&table, rows)
	t.Logf("%s, %.1f jobs a second:\n%s", name, s.Rate(), table.String())
	return rows
}

// TestOursIsLessLate is what the fleet is built on: over twenty seeds of the
// reference, of fleets a tenth and twice its size, of a harsher incident, of
// several intervals and of a fleet of one task, what the scheduler does by
// itself, with what it measures, is late less often than each of the others, at no more than a twentieth
// more task-hours. Who is named beside a load is cheaper than that on it, and
// late more than twice as often.
func TestOursIsLessLate(t *testing.T) {
	for _, load := range []struct {
		name    string
		s       Scenario
		cheaper []string
	}{
		{name: "the reference", s: referenceWith(func(*Scenario) {})},
		{name: "a tenth of it", s: referenceWith(func(s *Scenario) { s.Checks = browserChecks(500) })},
		{name: "twice as many jobs", s: referenceWith(func(s *Scenario) { s.Checks = browserChecks(10_000) })},
		{name: "half of the attempts hang", s: referenceWith(func(s *Scenario) {
			s.Checks, s.Incident.Share = browserChecks(1500), 0.5
		})},
		{name: "intervals of three kinds", cheaper: []string{"backlog"}, s: referenceWith(func(s *Scenario) {
			s.Checks = []Group{Checks(200, time.Minute, "local 1m0s", false), Checks(500, 5*time.Minute, "local 5m0s", false), Checks(1500, 15*time.Minute, "local 15m0s", false)}
		})},
		{name: "short calls on a task of 20 slots", cheaper: []string{"backlog", "load"}, s: referenceWith(func(s *Scenario) {
			s.Checks, s.Service, s.Fleet.Slots = []Group{Checks(600, time.Minute, "local", false)}, APITimes(), 20
		})},
	} {
		rows := compare(t, load.name, load.s)
		our := rows[0]
		for _, other := range rows[1:] {
			cheaper := slices.Contains(load.cheaper, other.Policy)
			if most := other.Late.Mean; our.Late.Mean >= most || cheaper && 2*our.Late.Mean >= most {
				t.Errorf("%s: ours is late in %.5f of all cases, %s in %.5f", load.name, our.Late.Mean, other.Policy, most)
			}
			if !cheaper && our.TaskHours.Mean > 1.05*other.TaskHours.Mean {
				t.Errorf("%s: ours takes %.1f task-hours, %s %.1f", load.name, our.TaskHours.Mean, other.Policy, other.TaskHours.Mean)
			}
		}
	}
}
