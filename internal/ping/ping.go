// Package ping holds what jobs say when they call: a Ping, what a heartbeat is
// known by, and when somebody was there to be called. It refuses to know what
// that means for the job (heartbeat), how calls come in (console) and where they
// are kept (store).
package ping

import (
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// Signal is what a call says.
type Signal string

// The signals of a call.
const (
	Started Signal = "start" // the run has begun
	Ended   Signal = "end"   // it has ended, with an exit code
	Failed  Signal = "fail"  // it has ended, and failed
)

// MaxBody is what is kept of a call's body.
const MaxBody = 4 << 10

// Ping is one call of a job.
type Ping struct {
	At       time.Time
	Signal   Signal
	ExitCode int
	// Body is the start of what was sent, as valid UTF-8, and Size how long it
	// was.
	Body string
	Size int64
	// Address is where the call came from.
	Address string
}

// Span is a time in which nobody was there to be called: after From and up to
// To.
type Span struct{ From, To time.Time }

// Watch is what is known of a heartbeat.
type Watch struct {
	Check check.Check
	// Since is from when on calls are waited for: the heartbeat was given its
	// address then, or is active again. The zero time says that it has none.
	Since time.Time
	// Pings are in order: those since the slot before and, of those before it,
	// at least the newest start and the newest end.
	Pings []Ping
	// Away has the spans since the oldest of Pings and Since in which calls were
	// missed, in order and apart from each other.
	Away []Span
}
