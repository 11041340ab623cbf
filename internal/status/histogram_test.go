package status

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A quantile is never farther off than stated, whatever the latencies are.
func TestQuantilesAreAsExactAsStated(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		n := 1 + r.IntN(2000)
		all := make([]time.Duration, n)
		var whole, left, right Histogram
		for i := range all {
			all[i] = time.Duration(math.Exp(r.Float64()*20)) * time.Microsecond
			whole.Add(all[i], 1)
			if i%3 == 0 {
				left.Add(all[i], 1)
			} else {
				right.Add(all[i], 1)
			}
		}
		left.Merge(right)
		if !left.Equal(whole) || left.Count() != int64(n) {
			t.Fatalf("seed %d: the parts are not the whole", seed)
		}
		slices.Sort(all)
		for _, q := range []float64{0, .01, .5, .9, .95, .99, .999, 1} {
			want := all[max(0, int(math.Ceil(q*float64(n)))-1)]
			got, ok := whole.Quantile(q)
			if !ok || math.Abs(float64(got-want)) > HistogramError*float64(want) {
				t.Fatalf("seed %d: quantile %v is %s, stated as %s", seed, q, want, got)
			}
		}
		b, err := whole.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var back Histogram
		if err := back.UnmarshalBinary(b); err != nil || !back.Equal(whole) || back.Count() != whole.Count() {
			t.Fatalf("seed %d: it came back otherwise: %v", seed, err)
		}
		for _, d := range all {
			whole.Add(d, -1)
		}
		if _, ok := whole.Quantile(.5); ok || !whole.Equal(Histogram{}) {
			t.Fatalf("seed %d: something is left", seed)
		}
	}
}

func TestBucketsFollowOneAnother(t *testing.T) {
	last := -1
	for us := range int64(1 << 17) {
		b := bucketOf(time.Duration(us) * time.Microsecond)
		if b != last && b != last+1 {
			t.Fatalf("%d µs: bucket %d after %d", us, b, last)
		}
		last = b
	}
	if b := bucketOf(math.MaxInt64); middle(b) <= 0 || bucketOf(-time.Second) != 0 {
		t.Errorf("the ends: %s", middle(b))
	}
}

func TestBrokenHistograms(t *testing.T) {
	for _, b := range [][]byte{{2}, {1, 0x80}, {1, 5}, {1, 5, 0x80}, {1, 0xff, 0xff, 0xff, 0x7f, 2}} {
		var h Histogram
		if err := h.UnmarshalBinary(b); err == nil {
			t.Errorf("%v was read", b)
		}
	}
	var h Histogram
	if err := h.UnmarshalBinary(nil); err != nil || h.Count() != 0 {
		t.Errorf("nothing: %v", err)
	}
}
