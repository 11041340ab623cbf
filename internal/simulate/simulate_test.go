package simulate

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/capacity"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
)

// At the same share of busy slots ours is the cheapest of those that are in
// time where metrics arrive quickly.
func TestOursIsCheapWhereMetricsAreQuick(t *testing.T) {
	s, p := Reference()
	s.Signal = Signal{Every: 15 * time.Second, Delay: 5 * time.Second, Loss: 0.02}
	makers, err := Choose([]string{"ours@0.75", "keda@0.75"})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := Compare(t.Context(), s, p, makers, Seeds(1, 5))
	if err != nil {
		t.Fatal(err)
	}
	if our, other := rows[0], rows[1]; our.TaskHours.Mean >= other.TaskHours.Mean || our.Late.Mean > 0.001 {
		t.Errorf("ours takes %.1f task-hours and is late in %.5f of all cases; keda takes %.1f", our.TaskHours.Mean, our.Late.Mean, other.TaskHours.Mean)
	}
}

// Where all slots begin together no policy helps.
func TestAlignedSlotsRuinAnyPolicy(t *testing.T) {
	s, p := Reference()
	s.Length, s.Incident = time.Hour, Incident{}
	spread, err := Run(t.Context(), s, newOurs(p), 1)
	if err != nil {
		t.Fatal(err)
	}
	s.Checks = []Group{Checks(5000, 5*time.Minute, "local", true)}
	aligned, err := Run(t.Context(), s, newOurs(p), 1)
	if err != nil {
		t.Fatal(err)
	}
	if spread.LateShare() > 0.001 || aligned.LateShare() < 0.1 {
		t.Errorf("late: %.4f spread by hash, %.4f aligned", spread.LateShare(), aligned.LateShare())
	}
}

// anyScenario is small, and has everything that may go wrong.
func anyScenario(r *rand.Rand) (Scenario, Promise) {
	s, _ := Reference()
	s.Length = time.Duration(10+r.IntN(40)) * time.Minute
	s.Allowed = time.Duration(1+r.IntN(90)) * time.Second
	s.Checks = nil
	for range 1 + r.IntN(3) {
		s.Checks = append(s.Checks, Checks(1+r.IntN(400), time.Duration(1+r.IntN(120))*time.Second, "here", r.IntN(3) == 0))
	}
	s.Service = LogNormal("any", time.Duration(50+r.IntN(8000))*time.Millisecond, r.Float64(), time.Minute)
	s.Fleet = Fleet{
		Slots: 1 + r.IntN(6), Start: r.IntN(30), Min: r.IntN(3), Max: 3 + r.IntN(200),
		Boot: time.Duration(r.IntN(120)) * time.Second, Drain: time.Duration(r.IntN(90)) * time.Second,
		Kills: 200 * r.Float64(), Spot: 200 * r.Float64(), Notice: time.Duration(r.IntN(120)) * time.Second,
		Storm: Storm{At: s.Length / 2, Share: r.Float64()}, Price: 0.04,
	}
	s.Fleet.BootSpread = time.Duration(r.Float64() * float64(s.Fleet.Boot))
	s.Queue = Queue{Visibility: time.Duration(r.IntN(60)) * time.Second, Receives: 1 + r.IntN(5), Poison: 0.1 * r.Float64()}
	s.Signal = Signal{
		Every: time.Duration(5+r.IntN(60)) * time.Second, Delay: time.Duration(r.IntN(120)) * time.Second, Loss: 0.5 * r.Float64(),
		Dark: s.Length / 3, DarkFor: time.Duration(r.IntN(5)) * time.Minute,
	}
	s.Incident = Incident{At: s.Length / 4, For: s.Length / 4, Share: r.Float64(), Timeout: time.Duration(1+r.IntN(60)) * time.Second}
	return s, PromiseOf(s, 0.3+0.7*r.Float64())
}

// Whatever happens: every job that arrived is in exactly one place, what
// arrived is what the schedule says, nothing is below zero, and the same seed
// gives the same result.
func TestNothingIsLost(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 32))
		s, p := anyScenario(r)
		m := Makers()[r.IntN(4)]
		got, err := Run(t.Context(), s, m.Make(p), seed)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if sum := got.OnTime + got.Late + got.Expired + got.Dead + got.Waiting; sum != got.Arrived {
			t.Errorf("seed %d, %s: %d arrived, and %d are somewhere: %+v", seed, m.Name, got.Arrived, sum, got)
		}
		planned := 0
		for _, g := range s.Checks {
			for _, phase := range g.phases {
				planned += int((ms(s.Length)-1-phase)/ms(g.Every)) + 1
			}
		}
		if got.Arrived != planned {
			t.Errorf("seed %d: %d arrived, the schedule has %d", seed, got.Arrived, planned)
		}
		for _, n := range []int{got.OnTime, got.Late, got.Expired, got.Dead, got.Waiting, got.Overdue, got.Waiting - got.Overdue, got.Redelivered, got.Killed, int(got.P99), int(got.Longest - got.P99)} {
			if n < 0 {
				t.Errorf("seed %d: a number is below zero: %+v", seed, got)
			}
		}
		if got.TaskHours < 0 || got.Busy < 0 || got.Busy > 1 || len(got.Minutes) != int(s.Length/time.Minute) {
			t.Errorf("seed %d: %.2f task-hours, %.2f busy, %d minutes", seed, got.TaskHours, got.Busy, len(got.Minutes))
		}
		again, err := Run(t.Context(), s, m.Make(p), seed)
		if err != nil || !reflect.DeepEqual(got, again) {
			t.Errorf("seed %d: the same seed gives %+v, then %+v, %v", seed, got, again, err)
		}
	}
}

// One message at a time: what the model says can be worked out by hand.
func TestByHand(t *testing.T) {
	second := Distribution{values: new([quantiles]int32), mean: 1000}
	for i := range second.values {
		second.values[i] = 1000
	}
	fixed := policyFunc(func(Seen) (int, bool) { return 0, false })
	base := Scenario{
		Length: time.Minute, Allowed: 2500 * time.Millisecond, Checks: []Group{Checks(6, time.Minute, "x", true)}, Service: second,
		Fleet: Fleet{Slots: 1, Start: 1, Max: 9, Price: 60}, Queue: Queue{Visibility: 10 * time.Second, Receives: 3}, Signal: Signal{Every: time.Minute},
	}
	run := func(change func(*Scenario)) Result {
		t.Helper()
		s := base
		change(&s)
		r, err := Run(t.Context(), s, fixed, 1)
		if err != nil {
			t.Fatal(err)
		}
		r.Minutes, r.busy = nil, 0
		return r
	}
	for name, row := range map[string]struct {
		change func(*Scenario)
		want   Result
	}{
		// Six jobs at once, a second each: they wait 0 to 5 s.
		"one slot": {func(*Scenario) {}, Result{
			Arrived: 6, OnTime: 3, Late: 3, P99: 5 * time.Second, Longest: 5 * time.Second, TaskHours: 1. / 60, Busy: 0.1, Cost: 1,
		}},
		"six slots": {func(s *Scenario) { s.Fleet.Slots = 6 }, Result{Arrived: 6, OnTime: 6, TaskHours: 1. / 60, Busy: 6. / 360, Cost: 1}},
		"nobody":    {func(s *Scenario) { s.Fleet.Start = 0 }, Result{Arrived: 6, Waiting: 6, Overdue: 6}},
		// Poison is tried three times, 10 s after the end of each.
		"poison": {func(s *Scenario) { s.Queue.Poison = 1; s.Fleet.Slots = 6 }, Result{
			Arrived: 6, Dead: 6, Redelivered: 18, TaskHours: 1. / 60, Busy: 18. / 360, Cost: 1,
		}},
		// All attempts hang for longer than is simulated.
		"an incident": {func(s *Scenario) {
			s.Incident = Incident{For: time.Minute, Share: 1, Timeout: 2 * time.Minute}
		}, Result{Arrived: 6, Waiting: 6, Overdue: 5, TaskHours: 1. / 60, Cost: 1}},
		// The only task gets its notice at 1.5 s: it ends with its job at 2 s;
		// another one boots for 10 s.
		"a storm": {func(s *Scenario) {
			s.Fleet.Storm, s.Fleet.Notice, s.Fleet.Boot = Storm{At: 1500 * time.Millisecond, Share: 1}, 30*time.Second, 10*time.Second
		}, Result{
			Arrived: 6, OnTime: 2, Late: 4, P99: 14500 * time.Millisecond, Longest: 14500 * time.Millisecond,
			TaskHours: (2 + 58.5) / 3600, Busy: 6 / 60.5, Cost: 60.5 / 60,
		}},
		// Without notice the job that it runs goes back to the queue.
		"a storm without notice": {func(s *Scenario) {
			s.Fleet.Storm, s.Fleet.Boot = Storm{At: 1500 * time.Millisecond, Share: 1}, 10*time.Second
		}, Result{
			Arrived: 6, OnTime: 1, Late: 5, Redelivered: 1, P99: 15500 * time.Millisecond, Longest: 15500 * time.Millisecond,
			TaskHours: 60. / 3600, Busy: 6. / 60, Cost: 1,
		}},
	} {
		got := run(row.change)
		near := func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }
		if !near(got.TaskHours, row.want.TaskHours) || !near(got.Busy, row.want.Busy) || !near(got.Cost, row.want.Cost) {
			t.Errorf("%s: %.6f task-hours, %.6f busy, %.6f cost; want %.6f, %.6f, %.6f", name, got.TaskHours, got.Busy, got.Cost, row.want.TaskHours, row.want.Busy, row.want.Cost)
		}
		got.TaskHours, got.Busy, got.Cost = row.want.TaskHours, row.want.Busy, row.want.Cost
		if !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s:\n%+v, want\n%+v", name, got, row.want)
		}
	}
}

type policyFunc func(Seen) (int, bool)

func (f policyFunc) Want(s Seen) (int, bool) { return f(s) }

// A policy that divides by the number of tasks never leaves zero; ours does.
func TestFromZero(t *testing.T) {
	s, p := Reference()
	s.Length, s.Incident = 30*time.Minute, Incident{}
	s.Fleet.Start, s.Fleet.Min, p.Min = 0, 0, 0
	for _, m := range Makers() {
		r, err := Run(t.Context(), s, m.Make(p), 1)
		if err != nil {
			t.Fatal(err)
		}
		stuck := m.Name == "backlog" || m.Name == "load"
		if (r.Actions() == 0) != stuck {
			t.Errorf("%s changed a fleet of none %d times", m.Name, r.Actions())
		}
	}
}

// The phases are those of the schedule, to the millisecond.
func TestArrivalsAreTheSchedule(t *testing.T) {
	var checks []check.Check
	for _, id := range []string{"a", "b", "c", "d"} {
		checks = append(checks, check.Check{ID: id, Active: id != "d", Every: 20 * time.Second, Locations: []string{"here", "there"}, Spec: &check.API{}})
	}
	checks[1].Every = 30 * time.Second
	groups := Of(checks, "here", jobs.ClassAPI, false)
	if len(Of(checks, "here", jobs.ClassBrowser, false))+len(Of(checks, "nowhere", jobs.ClassAPI, false)) > 0 {
		t.Error("checks of another class or location are there")
	}
	a := newArrivals(groups)
	var got, want []time.Duration
	for a.next < ms(10*time.Minute) {
		now := a.next
		a.take(now, func(_, n int) {
			for range n {
				got = append(got, time.Duration(now)*time.Millisecond)
			}
		})
	}
	epoch := time.Unix(0, 0)
	for _, c := range checks[:3] {
		for slot := range schedule.Slots(c.ID, "here", c.Every, epoch.Add(-1), epoch.Add(10*time.Minute-1)) {
			want = append(want, slot.Sub(epoch))
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestChoose(t *testing.T) {
	for name, want := range map[string]string{"": "is no policy", "best": "use some of backlog, load, keda, ours", "ours@2": "share", "backlog@0.5": "which has none", "load@": "share"} {
		if _, err := Choose([]string{name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
	list, err := Choose([]string{"ours@0.5", "ours", "keda"})
	if err != nil {
		t.Fatal(err)
	}
	// What the scheduler does by itself is what is simulated as ours.
	for i, busy := range []float64{0.5, capacity.Usual(1).Busy} {
		if o := list[i].Make(Promise{Slots: 1, Busy: 0.9}).(*ours); o.policy.Busy != busy {
			t.Errorf("%s keeps %g busy, want %g", list[i].Name, o.policy.Busy, busy)
		}
	}
	if k := list[2].Make(Promise{Slots: 10, Busy: 0.9}).(*keda); k.length != 9 {
		t.Errorf("keda has a task for every %g messages, want 9", k.length)
	}
}

// Every fault is named, at once.
func TestFaults(t *testing.T) {
	err := Scenario{}.Validate()
	for _, want := range []string{"the length", "the allowed wait", "no checks", "service times", "slots", "delivered 0 times", "metrics"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %q: %v", want, err)
		}
	}
	if _, err := Run(t.Context(), Scenario{}, nil, 1); err == nil {
		t.Error("a scenario of nothing was played")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, p := Reference()
	if _, err := Compare(ctx, s, p, Makers(), Seeds(1, 2)); err == nil {
		t.Error("a comparison that nobody waits for went on")
	}
}

// The distributions are what their parameters say.
func TestServiceTimes(t *testing.T) {
	d := LogNormal("x", time.Second, 0.5, time.Minute)
	if mean := d.Mean().Seconds(); mean < 1.12 || mean > 1.14 { // exp(σ²/2) = 1.133
		t.Errorf("mean %.3f", mean)
	}
	var list []time.Duration
	for i := range 1000 {
		list = append(list, time.Duration(i+1)*time.Millisecond)
	}
	m, err := Measured("x", list)
	if err != nil || m.values[0] != 1 || m.values[quantiles-1] != 1000 || m.values[quantiles/2] < 498 || m.values[quantiles/2] > 502 {
		t.Errorf("%v, %d to %d", err, m.values[0], m.values[quantiles-1])
	}
	if _, err := Measured("x", list[:3]); err == nil {
		t.Error("three durations are a distribution")
	}
}

// Buckets are in order, without a gap, and at most a 64th wide.
func TestWaits(t *testing.T) {
	for v := int32(0); v < 1<<20; v++ {
		b := bucketOf(v)
		if upper(b) < v || b > 0 && upper(b-1) >= v || float64(upper(b)-v) > float64(v)/64 {
			t.Fatalf("%d is in the bucket up to %d", v, upper(b))
		}
	}
	var w waits
	w.add(never)
	if w.quantile(0.5) != never*time.Millisecond {
		t.Errorf("the longest wait is %s", w.quantile(0.5))
	}
}

// The pictures are XML that stands alone, and the numbers JSON.
func TestPictures(t *testing.T) {
	s, p := Reference()
	s.Length = 2 * time.Hour
	rows, err := Compare(t.Context(), s, p, Makers(), Seeds(1, 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, picture := range []string{Timeline(s, rows), Frontier(s, rows)} {
		if !wellFormed(picture) || strings.Contains(picture, "NaN") || strings.Contains(picture, "Inf") || strings.Count(picture, "<polyline") < 4 {
			t.Errorf("picture: %.2000s", picture)
		}
	}
	if _, err := json.Marshal(rows); err != nil {
		t.Error(err)
	}
}
