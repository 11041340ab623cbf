package simulate

import "math/bits"

// wheel holds the ends of attempts: a calendar queue with a bucket a
// millisecond, each a list through the slots, so that to add one and to take
// one cost the same however many there are, and nothing is allocated. No end
// is further ahead than the wheel is long.
type wheel struct {
	heads []int32 // first slot of a bucket, -1 for none
	next  []int32 // by slot
	full  []uint64
	mask  int32
	count int
}

func newWheel(longest int32) *wheel {
	size := int32(64)
	for size <= longest {
		size *= 2
	}
	w := &wheel{heads: make([]int32, size), full: make([]uint64, size/64), mask: size - 1}
	for i := range w.heads {
		w.heads[i] = -1
	}
	return w
}

// grow makes room for slots up to n.
func (w *wheel) grow(n int) {
	for len(w.next) < n {
		w.next = append(w.next, -1)
	}
}

func (w *wheel) add(slot, at int32) {
	b := at & w.mask
	w.next[slot] = w.heads[b]
	w.heads[b] = slot
	w.full[b>>6] |= 1 << (b & 63)
	w.count++
}

// first is the time of the earliest end at or after now.
func (w *wheel) first(now int32) int32 {
	if w.count == 0 {
		return never
	}
	b := now & w.mask
	word, offset := b>>6, b&63
	if rest := w.full[word] >> offset; rest != 0 {
		return now + int32(bits.TrailingZeros64(rest))
	}
	passed := 64 - offset
	for i := 1; i <= len(w.full); i++ {
		v := w.full[(int(word)+i)%len(w.full)]
		if v != 0 {
			return now + passed + int32(bits.TrailingZeros64(v))
		}
		passed += 64
	}
	return never
}

// take empties the bucket of a time and gives its first slot; the others follow
// by next.
func (w *wheel) take(at int32) int32 {
	b := at & w.mask
	slot := w.heads[b]
	w.heads[b] = -1
	w.full[b>>6] &^= 1 << (b & 63)
	return slot
}
