package schedule

import (
	"fmt"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// tried are attempts by their outcomes, ten seconds apart. A failed one is the
// network's, and "assertion" one that failed by an assertion.
func tried(outcomes ...jobs.Outcome) []Tried {
	var all []Tried
	for i, o := range outcomes {
		t := Tried{JobID: fmt.Sprintf("job-%d", i), Outcome: o, Ended: then.Add(time.Duration(i) * 10 * time.Second)}
		switch o {
		case jobs.Failed:
			t.Class = jobs.FaultConnect
		case "assertion":
			t.Outcome, t.Class = jobs.Failed, jobs.FaultAssertion
		}
		all = append(all, t)
	}
	return all
}

func TestAgain(t *testing.T) {
	const failed, unsure, assertion = jobs.Failed, jobs.Inconclusive, jobs.Outcome("assertion")
	none := check.Retry{}
	fixed := check.Retry{Strategy: check.RetryFixed, Base: 5 * time.Second, Max: 2, MaxDuration: time.Minute}
	linear := check.Retry{Strategy: check.RetryLinear, Base: 5 * time.Second, Max: 10, MaxDuration: 10 * time.Minute, Cap: 12 * time.Second}
	exponential := check.Retry{Strategy: check.RetryExponential, Base: 2 * time.Second, Max: 10, MaxDuration: 10 * time.Minute}
	short := check.Retry{Strategy: check.RetryFixed, Base: 5 * time.Second, Max: 10, MaxDuration: 14 * time.Second}
	network, elsewhere := fixed, fixed
	network.OnlyNetwork, elsewhere.Elsewhere = true, true
	stop := Attempt{After: -1}
	for _, row := range []struct {
		name   string
		policy check.Retry
		tried  []Tried
		want   Attempt
	}{
		{"nothing was tried", fixed, nil, stop},
		{"passed", fixed, tried(jobs.Passed), stop},
		{"degraded", fixed, tried(jobs.Degraded), stop},
		{"expired", fixed, tried(jobs.Expired), stop},
		{"failed, and no retry is asked for", none, tried(failed), stop},
		{"failed", fixed, tried(failed), Attempt{5 * time.Second, false, true}},
		{"failed twice", fixed, tried(failed, failed), Attempt{5 * time.Second, false, true}},
		{"failed as often as may be", fixed, tried(failed, failed, failed), stop},
		{"passed at last", fixed, tried(failed, jobs.Passed), stop},
		{"expired at last", fixed, tried(failed, jobs.Expired), stop},
		{"elsewhere", elsewhere, tried(failed), Attempt{5 * time.Second, true, true}},
		{"an assertion, where only the network counts", network, tried(assertion), stop},
		{"an assertion after the network", network, tried(failed, assertion), stop},
		{"the network", network, tried(failed), Attempt{5 * time.Second, false, true}},
		{"an assertion", fixed, tried(assertion), Attempt{5 * time.Second, false, true}},
		{"linear", linear, tried(failed, failed), Attempt{10 * time.Second, false, true}},
		{"linear, capped", linear, tried(failed, failed, failed), Attempt{12 * time.Second, false, true}},
		{"exponential", exponential, tried(failed, failed, failed, failed), Attempt{16 * time.Second, false, true}},
		{"within the time", short, tried(failed), Attempt{5 * time.Second, false, true}},
		{"past the time", short, tried(failed, failed), stop},
		{"nothing is known", none, tried(unsure), Attempt{2 * time.Second, true, false}},
		{"nothing is known yet", fixed, tried(unsure, unsure), Attempt{8 * time.Second, true, false}},
		{"nothing will be known", fixed, tried(unsure, unsure, unsure), stop},
		{"failed after nothing was known", fixed, tried(unsure, failed), Attempt{5 * time.Second, false, true}},
		{"a retry could not look", none, tried(failed, unsure), Attempt{2 * time.Second, true, true}},
		{"what could not look uses up no retry", fixed, tried(failed, unsure, failed), Attempt{5 * time.Second, false, true}},
	} {
		got, again := Again(row.policy, row.tried)
		if !again {
			got = stop
		}
		if got != row.want {
			t.Errorf("%s: %+v, want %+v", row.name, got, row.want)
		}
	}
}

// A wait with jitter is the same for everyone who computes it, lies within its
// share, and differs from job to job.
func TestJitter(t *testing.T) {
	p := check.Retry{Strategy: check.RetryFixed, Base: 10 * time.Second, Max: 1, MaxDuration: time.Minute, Jitter: 20}
	seen := map[time.Duration]bool{}
	low, high := time.Hour, time.Duration(0)
	for i := range 2000 {
		one := []Tried{{JobID: fmt.Sprintf("job-%d", i), Outcome: jobs.Failed}}
		a, _ := Again(p, one)
		b, _ := Again(p, one)
		if a != b || a.After < 8*time.Second || a.After > 12*time.Second {
			t.Fatalf("%+v, then %+v", a, b)
		}
		seen[a.After] = true
		low, high = min(low, a.After), max(high, a.After)
	}
	if len(seen) < 500 || low > 8100*time.Millisecond || high < 11900*time.Millisecond {
		t.Errorf("%d different waits from %s to %s", len(seen), low, high)
	}
	p.Jitter, p.Base = 100, 10*time.Minute
	for i := range 2000 {
		if a, ok := Again(p, []Tried{{JobID: fmt.Sprint(i), Outcome: jobs.Failed}}); ok && a.After < 0 {
			t.Fatalf("%s", a.After)
		}
	}
}

func TestRetryExpires(t *testing.T) {
	for _, c := range []struct{ every, due, want time.Duration }{
		{10 * time.Minute, time.Minute, 10 * time.Minute},
		{10 * time.Second, time.Minute, 90 * time.Second},
	} {
		if got := RetryExpires(then, c.every, then.Add(c.due)).Sub(then); got != c.want {
			t.Errorf("every %s, due after %s: expires after %s, want %s", c.every, c.due, got, c.want)
		}
	}
}
