// Package shadow compares two releases of the worker by what they found in the
// same jobs: a released one, whose results count, and a candidate, whose
// results are kept apart. It owns the statistics, which are exact where they
// can be, and says with each what it rests on. It refuses to know where the
// pairs come from (store) and what follows from them (promotion).
package shadow

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
)

// Pair is one job with what both found.
type Pair struct {
	JobID, CheckID, Location string
	Slot                     time.Time
	// Old is the outcome that counts, New that of the candidate.
	Old, New jobs.Outcome
	// OldTook and NewTook are how long the attempts took, 0 where that is not
	// known.
	OldTook, NewTook time.Duration
	// Why is the candidate's reason where it did not pass.
	Why string
}

// Report is what pairs say of a candidate, at a confidence of 95 %.
type Report struct {
	// Pairs are those that say something: neither was too old to start, and at
	// least one of the two saw the target.
	Pairs int `json:"pairs"`
	// Worse are pairs in which the candidate alone failed, or could not look.
	// Better are the reverse.
	Worse  int `json:"worse"`
	Better int `json:"better"`
	// P is the probability of a difference between Worse and Better that is at
	// least as large, were the two releases alike: McNemar's exact test, two
	// sided.
	P float64 `json:"p"`
	// Rate is the share of pairs that disagree, RateLow and RateHigh its bounds:
	// each alone holds with 95 % (Clopper and Pearson, one-sided).
	Rate     float64 `json:"rate"`
	RateLow  float64 `json:"rate_low"`
	RateHigh float64 `json:"rate_high"`
	// Timed are the pairs of which both took a known time and did not fail.
	// Ratio is the geometric mean of the candidate's duration over the other's,
	// RatioLow and RatioHigh its 95 % interval by Student's t on the logarithms.
	// All three are 0 where there are fewer than two.
	Timed     int     `json:"timed"`
	Ratio     float64 `json:"ratio"`
	RatioLow  float64 `json:"ratio_low"`
	RatioHigh float64 `json:"ratio_high"`
	// Disagreements are the newest that disagree, the newest first, at most
	// [Shown].
	Disagreements []Pair `json:"-"`
}

// Shown is how many disagreements a report names.
const Shown = 20

// Confidence of every bound and interval.
const Confidence = 0.95

// Compare makes a report of pairs, in whatever order they come. A job that
// occurs twice counts once.
func Compare(pairs []Pair) Report {
	pairs = slices.Clone(pairs)
	slices.SortFunc(pairs, func(a, b Pair) int {
		return cmp.Or(b.Slot.Compare(a.Slot), cmp.Compare(a.JobID, b.JobID))
	})
	pairs = slices.CompactFunc(pairs, func(a, b Pair) bool { return a.JobID == b.JobID })
	var r Report
	var logs []float64
	for _, p := range pairs {
		if p.Old == jobs.Expired || p.New == jobs.Expired || !p.Old.Conclusive() && !p.New.Conclusive() {
			continue
		}
		r.Pairs++
		good := func(o jobs.Outcome) bool { return o == jobs.Passed || o == jobs.Degraded }
		worse := p.Old.Conclusive() && !p.New.Conclusive() || good(p.Old) && p.New == jobs.Failed
		better := !p.Old.Conclusive() && p.New.Conclusive() || p.Old == jobs.Failed && good(p.New)
		switch {
		case worse:
			r.Worse++
		case better:
			r.Better++
		}
		if (worse || better) && len(r.Disagreements) < Shown {
			r.Disagreements = append(r.Disagreements, p)
		}
		if good(p.Old) && good(p.New) && p.OldTook > 0 && p.NewTook > 0 {
			logs = append(logs, math.Log(p.NewTook.Seconds()/p.OldTook.Seconds()))
		}
	}
	r.P = McNemar(r.Worse, r.Better)
	if r.Pairs > 0 {
		differ := r.Worse + r.Better
		r.Rate = float64(differ) / float64(r.Pairs)
		r.RateLow, r.RateHigh = 1-Upper(r.Pairs-differ, r.Pairs), Upper(differ, r.Pairs)
	}
	r.Timed = len(logs)
	if len(logs) > 1 {
		mean, half := interval(logs)
		r.Ratio, r.RatioLow, r.RatioHigh = math.Exp(mean), math.Exp(mean-half), math.Exp(mean+half)
	}
	return r
}

// interval is the mean of values, and half the width of its interval.
func interval(values []float64) (mean, half float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	squares := 0.0
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return mean, student(1-(1-Confidence)/2, n-1) * math.Sqrt(squares/(n-1)/n)
}
