// Package schedule says when a check is due: a pure function of check,
// location, interval and period, so that nothing is stored per slot and every
// scheduler computes the same. It owns the slots, their expiry and the split
// of checks into shards. It refuses to know the present time and what has
// been sent already (scheduler).
//
// A slot is the Unix epoch plus phase plus n times the interval, for any whole
// n. The hashes behind [Phase] and [Shard] never change: another hash would
// move every slot, and with it the ids of runs.
//
// Times are exact to the nanosecond within the years 1678 to 2261, the range
// of time.Time.UnixNano; what lies outside is taken as the end of that range.
// An interval of 0 or less has no slots.
package schedule

import (
	"iter"
	"math"
	"time"
)

// Phase is the offset of a check's slots at a location from the multiples of
// every: a hash, evenly spread over [0, every), so that neither a restart nor
// a full minute causes a stampede. It is in whole milliseconds where every is
// at least one: short to write, and exact in any store.
func Phase(checkID, location string, every time.Duration) time.Duration {
	unit := time.Millisecond
	if every < unit {
		unit = 1
	}
	if every <= 0 {
		return 0
	}
	return time.Duration(hash(phaseSeed, checkID, location)%uint64(every/unit)) * unit
}

// Slots are the check's slots at a location after `after` and up to `until`,
// that one included, in order and in UTC.
func Slots(checkID, location string, every time.Duration, after, until time.Time) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		first, n := span(checkID, location, every, after, until)
		for i := range n {
			if !yield(time.Unix(0, first+int64(i)*int64(every)).UTC()) {
				return
			}
		}
	}
}

// Count is the number of [Slots], without walking them. It is at most
// math.MaxInt.
func Count(checkID, location string, every time.Duration, after, until time.Time) int {
	_, n := span(checkID, location, every, after, until)
	return int(min(n, math.MaxInt))
}

// Next is the first slot after `after`, in UTC: the zero time where every is 0
// or less.
func Next(checkID, location string, every time.Duration, after time.Time) time.Time {
	if every <= 0 {
		return time.Time{}
	}
	ns := nanoseconds(after)
	return time.Unix(0, ns).Add(wait(Phase(checkID, location, every), every, ns)).UTC()
}

// span is the first slot in (after, until], in nanoseconds since the epoch,
// and the number of slots.
func span(checkID, location string, every time.Duration, after, until time.Time) (first int64, n uint64) {
	from, to := nanoseconds(after), nanoseconds(until)
	if every <= 0 || to <= from {
		return 0, 0
	}
	d := wait(Phase(checkID, location, every), every, from)
	// The difference of two int64 always fits into a uint64.
	room := uint64(to) - uint64(from)
	if uint64(d) > room {
		return 0, 0
	}
	return from + int64(d), (room-uint64(d))/uint64(every) + 1
}

// wait is how long after ns the next slot is, in (0, every].
func wait(phase, every time.Duration, ns int64) time.Duration {
	past := time.Duration(ns % int64(every)) // since a multiple of every
	if past < 0 {
		past += every
	}
	if past < phase {
		return phase - past
	}
	return phase - past + every
}

var (
	earliest = time.Unix(0, math.MinInt64)
	latest   = time.Unix(0, math.MaxInt64)
)

// nanoseconds is t.UnixNano within the range in which that is defined.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.Before(earliest):
		return math.MinInt64
	case t.After(latest):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// minExpiry leaves time for delivery where slots follow each other fast.
const minExpiry = 30 * time.Second

// Expires is the time after which the run of a slot is not started any more:
// when the next slot is due, and at least 30 s after slot.
func Expires(slot time.Time, every time.Duration) time.Time {
	return slot.Add(max(every, minExpiry))
}

// Shards is the number of parts into which checks are split; each is leased
// to one scheduler.
const Shards = 16

// Shard is the part to which a check belongs, 0 to [Shards]-1: the same for
// all of its locations, and independent of its phase.
func Shard(checkID string) int {
	return int(hash(shardSeed, checkID, "") % Shards)
}
