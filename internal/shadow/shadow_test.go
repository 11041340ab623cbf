package shadow

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/jobs"
)

func near(got, want, by float64) bool { return math.Abs(got-want) <= by }

// Against sums of binomial coefficients that can be done by hand.
func TestMcNemar(t *testing.T) {
	for _, row := range []struct {
		b, c int
		want float64
	}{
		{0, 0, 1},
		{3, 3, 1},
		{0, 1, 1},            // 2·1/2
		{0, 5, 2. / 32},      // 2·1/2⁵
		{6, 0, 2. / 64},      // the other way round
		{1, 7, 18. / 256},    // 2·(1+8)/2⁸
		{2, 10, 158. / 4096}, // 2·(1+12+66)/2¹²
		{5, 15, 43400. / 1048576},
	} {
		if got := McNemar(row.b, row.c); !near(got, row.want, 1e-12) {
			t.Errorf("%d to %d: %.15f, want %.15f", row.b, row.c, got, row.want)
		}
	}
}

// None of 300 bounds the share below 1 %, and 298 are not enough; the other
// values are of printed tables of Clopper's and Pearson's limits.
func TestUpper(t *testing.T) {
	for _, row := range []struct {
		k, n int
		want float64
	}{
		{0, 300, 1 - math.Pow(0.05, 1./300)},
		{0, 1, 0.95},
		{0, 20, 0.13911},
		{1, 20, 0.21611},
		{5, 100, 0.10225},
		{10, 10, 1},
		{0, 0, 1},
	} {
		if got := Upper(row.k, row.n); !near(got, row.want, 5e-6) {
			t.Errorf("%d of %d: %.6f, want %.6f", row.k, row.n, got, row.want)
		}
	}
	if Upper(0, 300) >= 0.01 || Upper(0, 298) < 0.01 {
		t.Errorf("none of 300: %.5f, of 298: %.5f", Upper(0, 300), Upper(0, 298))
	}
	// What the bound means, by the sum itself.
	for _, row := range [][2]int{{3, 50}, {17, 400}, {90, 100}} {
		p, sum := Upper(row[0], row[1]), 0.0
		for i := range row[0] + 1 {
			a, _ := math.Lgamma(float64(row[1] + 1))
			b, _ := math.Lgamma(float64(i + 1))
			c, _ := math.Lgamma(float64(row[1] - i + 1))
			sum += math.Exp(a - b - c + float64(i)*math.Log(p) + float64(row[1]-i)*math.Log1p(-p))
		}
		if !near(sum, 0.05, 1e-9) {
			t.Errorf("%v: %.9f of all cases have so few", row, sum)
		}
	}
}

// Quantiles as every table of Student's t has them.
func TestStudent(t *testing.T) {
	for degrees, want := range map[float64]float64{1: 12.7062, 2: 4.30265, 10: 2.22814, 30: 2.04227, 299: 1.96793, 1e6: 1.95997} {
		if got := student(0.975, degrees); !near(got, want, 5e-5) {
			t.Errorf("%g degrees: %.5f, want %.5f", degrees, got, want)
		}
	}
}

var start = time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)

func pair(i int, before, after jobs.Outcome, took, tookNew time.Duration) Pair {
	return Pair{JobID: fmt.Sprintf("job-%03d", i), CheckID: "a", Location: "here", Slot: start.Add(time.Duration(i) * time.Second), Old: before, New: after, OldTook: took, NewTook: tookNew}
}

// Each sort of pair, counted by hand.
func TestCompare(t *testing.T) {
	const ok, bad, slow, unsure, late = jobs.Passed, jobs.Failed, jobs.Degraded, jobs.Inconclusive, jobs.Expired
	r := Compare([]Pair{
		pair(0, ok, ok, time.Second, 2*time.Second),
		pair(1, ok, slow, time.Second, 8*time.Second), // degraded both ways is no disagreement
		pair(2, bad, bad, time.Second, time.Minute),   // and what failed says nothing of speed
		pair(3, ok, bad, time.Second, time.Second),
		pair(4, ok, unsure, time.Second, 0),
		pair(5, bad, unsure, time.Second, 0),
		pair(6, bad, ok, time.Second, time.Second),
		pair(7, unsure, unsure, 0, 0), // nobody saw anything
		pair(8, late, ok, 0, time.Second),
		pair(9, ok, late, time.Second, 0),
		pair(0, ok, ok, time.Second, 2*time.Second), // delivered twice
	})
	if r.Pairs != 7 || r.Worse != 3 || r.Better != 1 || r.Timed != 2 || !near(r.P, 0.625, 1e-12) || !near(r.Rate, 4./7, 1e-12) {
		t.Errorf("%+v", r)
	}
	// ln 2 and ln 8: mean ln 4, deviation ln 2·√2; t(1) = 12.7062.
	if half := 12.7062 * math.Ln2; !near(r.Ratio, 4, 1e-9) || !near(math.Log(r.RatioHigh), math.Log(4)+half, 1e-3) || !near(math.Log(r.RatioLow), math.Log(4)-half, 1e-3) {
		t.Errorf("ratio %.3f, %g to %g", r.Ratio, r.RatioLow, r.RatioHigh)
	}
	if len(r.Disagreements) != 4 || r.Disagreements[0].JobID != "job-006" {
		t.Errorf("disagreements: %+v", r.Disagreements)
	}
	if empty := Compare(nil); empty.P != 1 || empty.Ratio != 0 || empty.RateHigh != 0 {
		t.Errorf("nothing: %+v", empty)
	}
}

// The order of pairs says nothing; and where both are alike, the bounds hold as
// often as they say.
func TestBoundsHold(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 29))
	const rate, slower, worlds = 0.02, 1.1, 400
	missedRate, missedRatio := 0, 0
	for range worlds {
		var pairs []Pair
		for i := range 200 {
			after := jobs.Passed
			if r.Float64() < rate {
				after = jobs.Failed
			}
			took := time.Duration(1e9 * math.Exp(r.NormFloat64()))
			pairs = append(pairs, pair(i, jobs.Passed, after, took, time.Duration(float64(took)*slower*math.Exp(0.3*r.NormFloat64()))))
		}
		a := Compare(pairs)
		r.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
		if diff := cmp.Diff(a, Compare(pairs)); diff != "" {
			t.Fatal(diff)
		}
		if a.RateHigh < rate {
			missedRate++
		}
		if a.RatioLow > slower || a.RatioHigh < slower {
			missedRatio++
		}
	}
	if missedRate > worlds*8/100 || missedRatio > worlds*8/100 || missedRatio == 0 {
		t.Errorf("of %d worlds the rate lies above its bound in %d, the ratio outside of its interval in %d", worlds, missedRate, missedRatio)
	}
}
