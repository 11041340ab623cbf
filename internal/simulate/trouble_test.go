package simulate

import (
	"testing"
	"time"
)

// steady is five jobs a second of a second each on ten tasks of one slot:
// nothing waits unless something happens to a task.
func steady() Scenario {
	second := Distribution{values: new([quantiles]int32), mean: 1000}
	for i := range second.values {
		second.values[i] = 1000
	}
	return Scenario{
		Length: 10 * time.Minute, Allowed: 2500 * time.Millisecond, Checks: []Group{Checks(300, time.Minute, "x", false)}, Service: second,
		Fleet: Fleet{Slots: 1, Start: 10, Min: 10, Max: 10}, Queue: Queue{Visibility: 10 * time.Second, Receives: 5}, Signal: Signal{Every: time.Minute},
	}
}

var unmoved = policyFunc(func(Seen) (int, bool) { return 0, false })

func play(t *testing.T, s Scenario, p Policy) Result {
	t.Helper()
	r, err := Run(t.Context(), s, p, 7)
	if err != nil {
		t.Fatal(err)
	}
	if sum := r.OnTime + r.Late + r.Expired + r.Dead + r.Waiting; sum != r.Arrived || r.Arrived != 3000 {
		t.Errorf("%d of 3000 arrived, and %d are somewhere", r.Arrived, sum)
	}
	return r
}

// TestKillsAndTheirRedelivery: what a task ran that is killed without a word is
// seen again after the visibility timeout, and not before; with a notice, what
// the notice is too short for is seen again at once.
func TestKillsAndTheirRedelivery(t *testing.T) {
	if r := play(t, steady(), unmoved); r.Killed+r.Redelivered+r.Late > 0 {
		t.Errorf("with nothing the matter: %+v", r)
	}
	s := steady()
	s.Fleet.Kills = 1000
	killed := play(t, s, unmoved)
	if killed.Killed < 30 || killed.Redelivered == 0 || killed.Redelivered > killed.Killed {
		t.Errorf("%d kills, %d messages seen again", killed.Killed, killed.Redelivered)
	}
	if killed.Late == 0 || killed.Late > killed.Redelivered || killed.Longest < s.Queue.Visibility {
		t.Errorf("%d late of %d seen again, the longest wait %s: the visibility timeout is %s", killed.Late, killed.Redelivered, killed.Longest, s.Queue.Visibility)
	}
	s = steady()
	s.Fleet.Spot, s.Fleet.Notice = 1000, 30*time.Second
	if r := play(t, s, unmoved); r.Killed < 30 || r.Redelivered+r.Late > 0 {
		t.Errorf("spot with time to finish: %d taken, %d messages seen again, %d late", r.Killed, r.Redelivered, r.Late)
	}
	s.Fleet.Notice = 0
	if r := play(t, s, unmoved); r.Redelivered == 0 || r.Late > 0 || r.Longest >= s.Queue.Visibility {
		t.Errorf("spot without time: %d messages seen again, %d late, longest wait %s", r.Redelivered, r.Late, r.Longest)
	}
	s = steady()
	s.Fleet.Storm = Storm{At: 5 * time.Minute, Share: 0.5}
	s.Fleet.Boot = 20 * time.Second
	if r := play(t, s, unmoved); r.Minutes[5].Wait < r.Minutes[4].Wait+time.Second || r.Minutes[6].Wait > r.Minutes[4].Wait {
		t.Errorf("a storm in the sixth minute that takes half of the tasks for 20 s: %+v", r.Minutes)
	}
}

// TestPoisonComesBackUntilItIsDead, after as many deliveries as it is given, a
// visibility timeout apart.
func TestPoisonComesBackUntilItIsDead(t *testing.T) {
	s := steady()
	s.Queue.Poison = 0.01
	r := play(t, s, unmoved)
	if r.Dead < 10 || r.Redelivered < 5*r.Dead || r.Redelivered > 5*(r.Dead+r.Waiting) {
		t.Errorf("%d dead after %d deliveries made again, %d wait: each is delivered 5 times", r.Dead, r.Redelivered, r.Waiting)
	}
}

// TestMetricsAreLateAndLost: a reading reaches the policy after the delay, a
// share of them never, and none in the dark.
func TestMetricsAreLateAndLost(t *testing.T) {
	for _, delay := range []time.Duration{0, 2 * time.Minute} {
		s := steady()
		s.Fleet.Max, s.Signal.Delay = 20, delay
		more := policyFunc(func(Seen) (int, bool) { return 20, true })
		r := play(t, s, more)
		// The first reading is of the end of the first minute.
		for i, m := range r.Minutes {
			if want := time.Duration(i)*time.Minute > delay; (m.Tasks == 20) != want {
				t.Errorf("with a delay of %s there are %d tasks at the end of minute %d", delay, m.Tasks, i+1)
			}
		}
	}
	read := func(change func(*Signal)) []time.Duration {
		s := steady()
		s.Signal.Every = time.Second
		change(&s.Signal)
		var at []time.Duration
		play(t, s, policyFunc(func(seen Seen) (int, bool) {
			at = append(at, seen.At)
			return 0, false
		}))
		return at
	}
	if n := len(read(func(*Signal) {})); n != 599 {
		t.Errorf("%d of 599 readings arrive where none is lost", n)
	}
	if n := len(read(func(s *Signal) { s.Loss = 0.3 })); n < 380 || n > 460 {
		t.Errorf("%d of 599 readings arrive where three in ten are lost", n)
	}
	if n := len(read(func(s *Signal) { s.Loss = 1 })); n != 0 {
		t.Errorf("%d readings arrive where all are lost", n)
	}
	dark := read(func(s *Signal) { s.Dark, s.DarkFor = 4*time.Minute, time.Minute })
	if len(dark) != 599-60 {
		t.Errorf("%d readings arrive of 539", len(dark))
	}
	for _, at := range dark {
		if at >= 4*time.Minute && at < 5*time.Minute {
			t.Errorf("a reading of %s came out of the dark", at)
		}
	}
}
