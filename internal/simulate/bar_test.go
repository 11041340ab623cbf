package simulate

import (
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
// reference, and of fleets a tenth and twice its size, what the scheduler does
// by itself is late less often than each of the others, at no more than a
// twentieth more task-hours.
func TestOursIsLessLate(t *testing.T) {
	for name, s := range map[string]Scenario{
		"the reference":      referenceWith(func(*Scenario) {}),
		"a tenth of it":      referenceWith(func(s *Scenario) { s.Checks = browserChecks(500) }),
		"twice as many jobs": referenceWith(func(s *Scenario) { s.Checks = browserChecks(10_000) }),
	} {
		rows := compare(t, name, s)
		our := rows[0]
		for _, other := range rows[1:] {
			if our.Late.Mean >= other.Late.Mean {
				t.Errorf("%s: ours is late in %.5f of all cases, %s in %.5f", name, our.Late.Mean, other.Policy, other.Late.Mean)
			}
			if our.TaskHours.Mean > 1.05*other.TaskHours.Mean {
				t.Errorf("%s: ours takes %.1f task-hours, %s %.1f", name, our.TaskHours.Mean, other.Policy, other.TaskHours.Mean)
			}
		}
	}
}

// TestOtherLoads holds what is left of that where the load is another one. Who
// looks at what is in flight is less late in a harsher incident, and on a fleet
// of a single task; it is never cheaper by more than a twentieth. Who leaves
// every eighth job lie is.
func TestOtherLoads(t *testing.T) {
	for name, s := range map[string]Scenario{
		"half of the attempts hang": referenceWith(func(s *Scenario) {
			s.Checks, s.Incident.Share = browserChecks(1500), 0.5
		}),
		"intervals of three kinds": referenceWith(func(s *Scenario) {
			s.Checks = []Group{Checks(200, time.Minute, "a", false), Checks(500, 5*time.Minute, "b", false), Checks(1500, 15*time.Minute, "c", false)}
		}),
		"short calls on tasks of 20 slots": referenceWith(func(s *Scenario) {
			s.Checks, s.Service, s.Fleet.Slots = []Group{Checks(600, time.Minute, "local", false)}, APITimes(), 20
		}),
	} {
		rows := compare(t, name, s)
		our, backlog, load, keda := rows[0], rows[1], rows[2], rows[3]
		if our.Late.Mean >= load.Late.Mean || 5*our.Late.Mean >= backlog.Late.Mean {
			t.Errorf("%s: ours is late in %.5f of all cases, load in %.5f, backlog in %.5f", name, our.Late.Mean, load.Late.Mean, backlog.Late.Mean)
		}
		if our.TaskHours.Mean > 1.05*load.TaskHours.Mean || our.TaskHours.Mean > 1.05*keda.TaskHours.Mean {
			t.Errorf("%s: ours takes %.1f task-hours, load %.1f, keda %.1f", name, our.TaskHours.Mean, load.TaskHours.Mean, keda.TaskHours.Mean)
		}
	}
}
