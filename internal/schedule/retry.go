package schedule

import (
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// Tried is one attempt that a slot has had.
type Tried struct {
	// JobID is the attempt's: what chance there is in a wait comes from it.
	JobID   string
	Outcome jobs.Outcome
	Class   jobs.FaultClass
	Ended   time.Time
}

// Attempt is one that a slot is to have.
type Attempt struct {
	// After is how long after now it is due.
	After time.Duration
	// Elsewhere asks for another location than that of the last attempt.
	Elsewhere bool
	// Asked says that the check asks for it because the slot has failed; else
	// it is made because nothing is known yet.
	Asked bool
}

// Again decides whether a slot is tried again after what it has had, in order,
// and when. An attempt that was inconclusive is made again wherever that is
// possible; one that failed is where p asks for it. Everything else settles the
// slot. It is a pure function: whoever decides twice decides the same.
func Again(p check.Retry, tried []Tried) (Attempt, bool) {
	if len(tried) == 0 {
		return Attempt{}, false
	}
	failed, inconclusive := 0, 0
	for _, t := range tried {
		switch t.Outcome {
		case jobs.Failed:
			failed++
		case jobs.Inconclusive:
			inconclusive++
		}
	}
	last := tried[len(tried)-1]
	switch last.Outcome {
	case jobs.Inconclusive:
		wait, again := rerun(inconclusive)
		return Attempt{wait, true, failed > 0}, again
	case jobs.Failed:
		if p.Strategy == check.RetryNone || failed > p.Max || p.OnlyNetwork && !last.Class.Network() {
			return Attempt{}, false
		}
		wait := retryWait(p, failed, last.JobID)
		if last.Ended.Sub(tried[0].Ended)+wait > p.MaxDuration {
			return Attempt{}, false
		}
		return Attempt{wait, p.Elsewhere, true}, true
	}
	return Attempt{}, false
}

// retryWait is how long to wait after the n-th attempt that failed.
func retryWait(p check.Retry, n int, jobID string) time.Duration {
	wait := p.Base
	switch p.Strategy {
	case check.RetryLinear:
		wait *= time.Duration(n)
	case check.RetryExponential:
		wait <<= min(n-1, check.MaxRetries)
	}
	if p.Cap > 0 {
		wait = min(wait, p.Cap)
	}
	// From -1 to 1, in steps of a thousandth.
	chance := time.Duration(hash(retrySeed, jobID, "")%2001) - 1000
	return wait + wait*time.Duration(p.Jitter)/100*chance/1000
}

// RetryExpires is the time after which a retry that was due is not started any
// more: it follows its own waits, not the interval of the slots.
func RetryExpires(slot time.Time, every time.Duration, due time.Time) time.Time {
	own, regular := due.Add(minExpiry), Expires(slot, every)
	if own.After(regular) {
		return own
	}
	return regular
}
