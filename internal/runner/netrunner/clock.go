package netrunner

import (
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
)

// stage is what an attempt is busy with.
type stage int

const (
	preparing stage = iota
	resolving
	connecting
	shaking   // hands, by TLS
	waiting   // for the first byte of an answer
	receiving // the rest of it
)

// clock sums the time spent in each stage. A stage that is cut short counts as
// far as it went. The net package calls its hooks from goroutines of its own.
type clock struct {
	mu           sync.Mutex
	start, since time.Time
	now          stage
	stopped      bool
	sum          jobs.Timings
}

func newClock() *clock {
	start := time.Now()
	return &clock{start: start, since: start}
}

// enter ends the present stage and begins another; nothing where it is the
// present one, as with the second of two parallel dials.
func (c *clock) enter(next stage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped || c.now == next {
		return
	}
	now := time.Now()
	c.account(now)
	c.now, c.since = next, now
}

func (c *clock) account(now time.Time) {
	spent := now.Sub(c.since)
	switch c.now {
	case resolving:
		c.sum.DNS += spent
	case connecting:
		c.sum.Connect += spent
	case shaking:
		c.sum.TLS += spent
	case waiting:
		c.sum.FirstByte += spent
	case receiving:
		c.sum.Download += spent
	}
}

// stop ends the present stage, which stays what [clock.at] reports.
func (c *clock) stop() jobs.Timings {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped {
		now := time.Now()
		c.account(now)
		c.sum.Total = now.Sub(c.start)
		c.stopped = true
	}
	return c.sum
}

func (c *clock) at() stage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// trace follows a dial.
func (c *clock) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { c.enter(resolving) },
		ConnectStart: func(string, string) { c.enter(connecting) },
	}
}
