package shadow

import "math"

// McNemar is the two-sided p-value of McNemar's exact test: of n = b+c pairs
// that disagree, each goes either way with the same probability if nothing
// differs, so that b is binomial with one half. Without disagreements it is 1.
func McNemar(b, c int) float64 {
	n := b + c
	if n == 0 || b == c {
		return 1
	}
	return min(1, 2*atMost(min(b, c), n, 0.5))
}

// Upper is the upper bound of a share of which k of n were seen, at 95 %: the
// share at which so few, or fewer, would be seen in one case of twenty (Clopper
// and Pearson 1934, one-sided). For k = 0 it is 1-0.05^(1/n): none of 300
// bounds it below 1 %.
func Upper(k, n int) float64 {
	if n <= 0 || k >= n {
		return 1
	}
	return solve(func(p float64) bool { return atMost(k, n, p) > 1-Confidence }, 0, 1)
}

// atMost is the probability of k or fewer of n, each with probability p: the
// regularised incomplete beta function says it without a sum.
func atMost(k, n int, p float64) float64 {
	if k >= n {
		return 1
	}
	return beta(1-p, float64(n-k), float64(k+1))
}

// student is the quantile of Student's t distribution, for p of at least one
// half.
func student(p, degrees float64) float64 {
	below := func(t float64) bool {
		return 1-beta(degrees/(degrees+t*t), degrees/2, 0.5)/2 < p
	}
	high := 1.0
	for below(high) && high < 1e9 {
		high *= 2
	}
	return solve(below, 0, high)
}

// solve is where a condition that holds at low and not at high ends.
func solve(holds func(float64) bool, low, high float64) float64 {
	for range 200 {
		middle := low + (high-low)/2
		if middle == low || middle == high {
			break
		}
		if holds(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// beta is the regularised incomplete beta function I_x(a, b), by the continued
// fraction of DLMF 8.17.22, evaluated from the front (Lentz), on that side of
// the mean where it converges quickly.
func beta(x, a, b float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2):
		return 1 - beta(1-x, b, a)
	}
	lab, _ := math.Lgamma(a + b)
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log1p(-x)) / a
	const tiny, precise = 1e-300, 1e-15
	floor := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	value, c, d := 1.0, 1.0, 0.0
	for i := 1; i < 100_000; i++ {
		m := float64(i / 2)
		var term float64
		if i%2 == 0 {
			term = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		} else {
			term = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		d = 1 / floor(1+term*d)
		c = floor(1 + term/c)
		value *= c * d
		if math.Abs(c*d-1) < precise {
			break
		}
	}
	return front / value
}
