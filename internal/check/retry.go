package check

import (
	"fmt"
	"slices"
	"time"
)

// RetryStrategy says how long the waits between attempts are.
type RetryStrategy string

// The strategies. The zero value is [RetryNone].
const (
	RetryNone        RetryStrategy = ""
	RetryFixed       RetryStrategy = "fixed"       // Base each time
	RetryLinear      RetryStrategy = "linear"      // Base, 2·Base, 3·Base …
	RetryExponential RetryStrategy = "exponential" // Base, 2·Base, 4·Base …
)

// RetryStrategies lists every strategy, as people write them.
var RetryStrategies = []string{"none", string(RetryFixed), string(RetryLinear), string(RetryExponential)}

// Retry says whether a slot that failed is tried again before it counts as
// failed. The zero value asks for one attempt only.
type Retry struct {
	Strategy RetryStrategy
	// Base is the wait after the first attempt, 1 s to 10 min.
	Base time.Duration
	// Max is the number of attempts after the first, 1 to 10.
	Max int
	// MaxDuration is the time from the end of the first attempt after which no
	// other begins, up to 10 min.
	MaxDuration time.Duration
	// Cap bounds a single wait; 0 does not.
	Cap time.Duration
	// Jitter is by how many percent a wait may be longer or shorter, 0 to 100.
	Jitter int
	// Elsewhere asks for another location of the check where it has one.
	Elsewhere bool
	// OnlyNetwork tries again where the network was at fault, not where an
	// answer was.
	OnlyNetwork bool
}

// Bounds and defaults of retries.
const (
	DefaultRetryBase        = 5 * time.Second
	DefaultRetryMax         = 2
	DefaultRetryMaxDuration = 10 * time.Minute
	MaxRetries              = 10
	MaxRetryDuration        = 10 * time.Minute
)

func (r Retry) faults() []Fault {
	if r.Strategy == RetryNone {
		if r != (Retry{}) {
			return []Fault{{"retry", "has no strategy, and says more than that; use one of fixed, linear and exponential"}}
		}
		return nil
	}
	var fs []Fault
	add := func(path, format string, args ...any) {
		fs = append(fs, Fault{"retry." + path, fmt.Sprintf(format, args...)})
	}
	if !slices.Contains(RetryStrategies[1:], string(r.Strategy)) {
		add("strategy", "%q is not a strategy; use one of %q", string(r.Strategy), RetryStrategies)
	}
	if r.Base < time.Second || r.Base > MaxRetryDuration {
		add("base", "%s is out of range; use 1s to %s", r.Base, MaxRetryDuration)
	}
	if r.Max < 1 || r.Max > MaxRetries {
		add("max", "%d is out of range; use 1 to %d, or strategy: none", r.Max, MaxRetries)
	}
	if r.MaxDuration < time.Second || r.MaxDuration > MaxRetryDuration {
		add("max_duration", "%s is out of range; use 1s to %s", r.MaxDuration, MaxRetryDuration)
	}
	if r.Cap != 0 && (r.Cap < time.Second || r.Cap > MaxRetryDuration) {
		add("cap", "%s is out of range; use 1s to %s", r.Cap, MaxRetryDuration)
	}
	if r.Jitter < 0 || r.Jitter > 100 {
		add("jitter", "%d%% is out of range; use 0%% to 100%%", r.Jitter)
	}
	return fs
}
