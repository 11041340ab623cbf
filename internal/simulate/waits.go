package simulate

import (
	"math/bits"
	"time"
)

// waits is a histogram of milliseconds with buckets that are at most a 64th
// wide: exact up to 127 ms, within 1.6 % above.
type waits struct {
	counts [27 * 64]int
	n      int
	max    int32
}

func (w *waits) add(v int32) {
	w.counts[bucketOf(v)]++
	w.n++
	w.max = max(w.max, v)
}

func bucketOf(v int32) int {
	if v < 64 {
		return int(v)
	}
	shift := bits.Len32(uint32(v)) - 7
	return (shift+1)*64 + int(v>>shift) - 64
}

// upper is the largest value of a bucket.
func upper(bucket int) int32 {
	if bucket < 64 {
		return int32(bucket)
	}
	shift, v := bucket/64-1, int64(bucket%64+64)
	return int32(min((v+1)<<shift-1, never))
}

// quantile is the smallest bucket's upper end under which a share p of the
// values lies.
func (w *waits) quantile(p float64) time.Duration {
	if w.n == 0 {
		return 0
	}
	want, seen := int(p*float64(w.n)+0.999999), 0
	for b, n := range w.counts {
		if seen += n; seen >= want {
			return time.Duration(min(upper(b), w.max)) * time.Millisecond
		}
	}
	return time.Duration(w.max) * time.Millisecond
}
