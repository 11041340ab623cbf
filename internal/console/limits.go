package console

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limit is how often somebody may ask: so often a second in the long run, and
// so many times at once. The zero value is no limit.
type Limit struct {
	PerSecond float64
	Burst     int
}

// maxLimiters bounds the memory that strangers can make the console use.
const maxLimiters = 10_000

// limits holds one limiter for everybody who asks.
type limits struct {
	Limit
	mu   sync.Mutex
	each map[string]*rate.Limiter
}

// take counts one request of who, and says how long to wait where that is one
// too many.
func (l *limits) take(who string, now time.Time) (wait time.Duration) {
	if l.PerSecond <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.each[who]
	if one == nil {
		if l.each == nil || len(l.each) >= maxLimiters {
			l.forget(now)
		}
		one = rate.NewLimiter(rate.Limit(l.PerSecond), max(1, l.Burst))
		l.each[who] = one
	}
	r := one.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// forget drops those that have not asked for a while: they begin anew with the
// same right. Where everybody asks, everybody begins anew.
func (l *limits) forget(now time.Time) {
	kept := map[string]*rate.Limiter{}
	for who, one := range l.each {
		if one.TokensAt(now) < float64(one.Burst()) {
			kept[who] = one
		}
	}
	if len(kept) >= maxLimiters {
		clear(kept)
	}
	l.each = kept
}
