package status

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
	"time"
)

// Histogram counts latencies in buckets that grow with them: whole
// microseconds up to 64, and from there on 32 buckets to each doubling. Two
// are added up without loss. The zero value is empty.
//
// A quantile is the middle of its bucket, and so at most [HistogramError] away
// from the latency that it stands for, relative to it.
type Histogram struct {
	counts map[int]int64
	total  int64
}

// HistogramError is how far a quantile may be off, relative to it: 1/64.
const HistogramError = 1.0 / 64

// histogramLinear is the number of microseconds that have a bucket each, and
// half of it the number of buckets of a doubling.
const histogramLinear = 64

// Add counts n latencies of d; n may be negative, to take them back.
func (h *Histogram) Add(d time.Duration, n int64) { h.add(bucketOf(d), n) }

func (h *Histogram) add(bucket int, n int64) {
	if h.counts == nil {
		h.counts = map[int]int64{}
	}
	if h.counts[bucket] += n; h.counts[bucket] == 0 {
		delete(h.counts, bucket)
	}
	h.total += n
}

// Merge adds everything that o counts.
func (h *Histogram) Merge(o Histogram) {
	for b, n := range o.counts {
		h.add(b, n)
	}
}

// Count is the number of latencies.
func (h *Histogram) Count() int64 { return h.total }

// Quantile is the latency that the share q of all, 0 to 1, does not exceed, and
// false where there is none.
func (h *Histogram) Quantile(q float64) (time.Duration, bool) {
	if h.total <= 0 {
		return 0, false
	}
	rank := max(1, int64(math.Ceil(min(1, max(0, q))*float64(h.total))))
	for _, b := range slices.Sorted(maps.Keys(h.counts)) {
		if rank -= h.counts[b]; rank <= 0 {
			return middle(b), true
		}
	}
	return 0, false
}

// Equal reports whether both count the same.
func (h Histogram) Equal(o Histogram) bool { return maps.Equal(h.counts, o.counts) }

func bucketOf(d time.Duration) int {
	us := uint64(max(0, d.Microseconds()))
	if us < histogramLinear {
		return int(us)
	}
	shift := bits.Len64(us) - bits.Len64(histogramLinear-1)
	return shift*histogramLinear/2 + int(us>>shift)
}

func middle(bucket int) time.Duration {
	if bucket < histogramLinear {
		return time.Duration(bucket) * time.Microsecond
	}
	shift := bucket/(histogramLinear/2) - 1
	low := uint64(bucket%(histogramLinear/2)+histogramLinear/2) << shift
	return time.Duration(low+(1<<shift-1)/2) * time.Microsecond
}

const histogramVersion = 1

// MarshalBinary writes the version, and then for each bucket its distance to
// the one before and its count. An empty histogram is written as well.
func (h Histogram) MarshalBinary() ([]byte, error) {
	b := []byte{histogramVersion}
	last := 0
	for _, bucket := range slices.Sorted(maps.Keys(h.counts)) {
		b = binary.AppendUvarint(b, uint64(bucket-last))
		b = binary.AppendVarint(b, h.counts[bucket])
		last = bucket
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary wrote; nothing at all is an empty
// histogram.
func (h *Histogram) UnmarshalBinary(b []byte) error {
	*h = Histogram{}
	if len(b) == 0 {
		return nil
	}
	if b[0] != histogramVersion {
		return fmt.Errorf("a histogram of version %d; this build reads version %d", b[0], histogramVersion)
	}
	bucket := 0
	for b = b[1:]; len(b) > 0; {
		step, n := binary.Uvarint(b)
		if n <= 0 || step > 1<<16 {
			return fmt.Errorf("a histogram is cut off")
		}
		count, m := binary.Varint(b[n:])
		if m <= 0 {
			return fmt.Errorf("a histogram is cut off")
		}
		bucket += int(step)
		h.add(bucket, count)
		b = b[n+m:]
	}
	return nil
}
