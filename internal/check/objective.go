package check

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Objective is a promise about a check: so much of what is measured over a time
// is up. The zero value promises nothing.
type Objective struct {
	// Target is the promised share in millionths: 999000 is 99.9 %.
	Target int
	// Window is the time over which it is promised, whole days.
	Window time.Duration
	// Policy names the way of counting: slots-v1 or strict-v1.
	Policy string
}

// Bounds and defaults of objectives. The longest rule of its alerts looks back
// three days.
const (
	DefaultObjectiveWindow = 30 * 24 * time.Hour
	MinObjectiveWindow     = 7 * 24 * time.Hour
	MaxObjectiveWindow     = 90 * 24 * time.Hour
	DefaultObjectivePolicy = "slots-v1"
)

// ObjectivePolicies are the ways of counting that an objective may have.
var ObjectivePolicies = []string{"slots-v1", "strict-v1"}

// IsZero reports whether nothing is promised.
func (o Objective) IsZero() bool { return o == Objective{} }

// Share is the target as a share, 0 to 1.
func (o Objective) Share() float64 { return float64(o.Target) / 1e6 }

// Percent writes the target as people do: 99.9%.
func (o Objective) Percent() string {
	return fmt.Sprintf("%v%%", math.Round(o.Share()*1e6)/1e4)
}

// objectiveFaults lists what is wrong with the objective of c.
func (c Check) objectiveFaults() []Fault {
	o := c.Objective
	if o.IsZero() {
		return nil
	}
	var fs []Fault
	add := func(path, format string, args ...any) {
		fs = append(fs, Fault{path, fmt.Sprintf(format, args...)})
	}
	if o.Target < 500_000 || o.Target > 999_990 {
		add("objective.target", "%s is out of range; use 50%% to 99.999%%", o.Percent())
	}
	if o.Window < MinObjectiveWindow || o.Window > MaxObjectiveWindow || o.Window%(24*time.Hour) != 0 {
		add("objective.window", "%s is no time for an objective; use whole days, 7d to 90d", o.Window)
	}
	if !slices.Contains(ObjectivePolicies, o.Policy) {
		add("objective.policy", "%q is no policy for an objective; use slots-v1, or strict-v1 where degraded is down", o.Policy)
	}
	return fs
}
