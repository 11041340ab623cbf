package people

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Log-ins that may fail: so many at once, then one each so often.
var (
	// of one name from one network
	perPair = allowance{10, 30 * time.Second}
	// from one network, whatever the names
	perNetwork = allowance{40, 10 * time.Second}
	// of one name from all browsers and networks in which its owner never was
	perStranger = allowance{100, time.Minute}
	// of one name from a browser in which its owner was
	perDevice = allowance{20, 15 * time.Second}
)

type allowance struct {
	burst int
	every time.Duration
}

// maxThrottled bounds the memory that strangers can make the console use.
const maxThrottled = 20_000

// throttle counts log-ins that fail. It is in memory: each console counts for
// itself, and anew after a restart.
type throttle struct {
	mu   sync.Mutex
	each map[string]*rate.Limiter
}

// attempt is one log-in before its outcome is known.
type attempt struct {
	name, network string
	// device names a browser in which the owner of the name was before, "" for
	// any other.
	device string
	// known is whether the owner was in this network before.
	known bool
}

type bucket struct {
	key string
	allowance
}

// buckets are what the attempt counts in. Where the owner was before, what
// strangers do elsewhere does not count: nobody locks them out.
func (a attempt) buckets() []bucket {
	if a.device != "" {
		return []bucket{{"d " + a.name + " " + a.device, perDevice}}
	}
	list := []bucket{{"p " + a.name + " " + a.network, perPair}, {"n " + a.network, perNetwork}}
	if !a.known {
		list = append(list, bucket{"s " + a.name, perStranger})
	}
	return list
}

// take counts the attempt as one that fails, and answers how long to wait
// where there were too many; such a one is not counted.
func (t *throttle) take(a attempt, now time.Time) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var held []*rate.Reservation
	for _, b := range a.buckets() {
		r := t.limiter(b, now).ReserveN(now, 1)
		held = append(held, r)
		wait = max(wait, r.DelayFrom(now))
	}
	if wait > 0 {
		for _, r := range held {
			r.CancelAt(now)
		}
	}
	return wait
}

// pass forgets the failures of one who is in.
func (t *throttle) pass(a attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range a.buckets() {
		if b.allowance != perStranger && b.allowance != perNetwork {
			delete(t.each, b.key)
		}
	}
}

func (t *throttle) limiter(b bucket, now time.Time) *rate.Limiter {
	one := t.each[b.key]
	if one == nil {
		if t.each == nil || len(t.each) >= maxThrottled {
			t.forget(now)
		}
		one = rate.NewLimiter(rate.Every(b.every), b.burst)
		t.each[b.key] = one
	}
	return one
}

// forget drops what is as good as new, and everything where that is not enough.
func (t *throttle) forget(now time.Time) {
	kept := map[string]*rate.Limiter{}
	for key, one := range t.each {
		if one.TokensAt(now) < float64(one.Burst()) {
			kept[key] = one
		}
	}
	if len(kept) >= maxThrottled {
		clear(kept)
	}
	t.each = kept
}
