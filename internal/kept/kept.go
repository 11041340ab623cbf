// Package kept holds the shapes in which the database keeps checks and runs, for
// package store, which reads and writes them, and for those who ask it. It
// refuses to know how they are kept, and how they are shown.
package kept

import (
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/numeral"
	"github.com/probefleet/probefleet/internal/status"
)

// Applied lists the ids of the checks of an apply by what became of them, each
// list in order.
type Applied struct {
	Created, Changed, Unchanged, Deleted []string
}

// ApplyOptions say for whom checks are applied.
type ApplyOptions struct {
	// Owner is the apply set to which the checks belong from then on; "" leaves
	// those without an owner without one.
	Owner string
	// TakeOver allows to change checks that belong to another set.
	TakeOver bool
	// Delete names checks that are taken away; they have to belong to Owner.
	Delete []string
}

// OwnedError lists checks that belong to another set, with its name.
type OwnedError struct{ Owners map[string]string }

func (e *OwnedError) Error() string {
	return numeral.Of(len(e.Owners), "check") + " " + numeral.Pick(len(e.Owners), "belongs", "belong") + " to another set"
}

// Check is a check in codec's shape.
type Check struct {
	ID, Owner string
	Version   int
	Spec      []byte
	Revision  int64
}

// CheckFilter chooses checks; what is empty does not matter.
type CheckFilter struct {
	IDs                               []string
	Kind, Group, Tag, Location, Owner string
	// Text is looked for in id and name, in any case.
	Text   string
	Active *bool
	// After continues a list after that id; Limit 0 is no limit.
	After string
	Limit int
}

// Revision is a definition that a check had.
type Revision struct {
	// Since is from when on it counted, By who made it, "" where that is not
	// known.
	Since time.Time
	By    string
	// Active is whether the check was scheduled then, neither paused nor
	// removed.
	Active  bool
	Version int
	Spec    []byte
}

// Watched is a check with its newest runs, paused ones too.
type Watched struct {
	status.Check
	Active, Muted bool
	Owner         string
}

// Run is one attempt: what is searched, and the whole result in codec's shape
// where that was asked for.
type Run struct {
	ID, RunID, CheckID, Location string
	Slot                         time.Time
	Attempt                      int
	Kind                         string
	Outcome                      jobs.Outcome
	FaultClass                   jobs.FaultClass
	FaultMessage                 string
	// StartedAt is the zero time where it was not started.
	StartedAt, FinishedAt, StoredAt time.Time
	Latency                         time.Duration
	Worker                          string
	// Origin is the location whose slot it is, where that is another one.
	Origin      string
	DataVersion int
	Data        []byte
}

// RunFilter chooses runs; what is empty does not matter.
type RunFilter struct {
	Check, Location string
	Outcomes        []jobs.Outcome
	// Since and Until bound the slots; Until is not among them.
	Since, Until time.Time
	// Before continues a list after the run with that slot and id.
	Before   time.Time
	BeforeID string
	Limit    int
}

// IncidentFilter chooses incidents; what is empty does not matter.
type IncidentFilter struct {
	Check string
	Open  bool
	// Since leaves out what was over before, Before what began then or later.
	Since, Before time.Time
	// Retracted asks for those as well that never were, or were merged.
	Retracted bool
	Limit     int // 0 stands for 100
}

// Activity is what was measured at a location within a while.
type Activity struct {
	Location string
	status.Counts
	// Wait is from sending to receiving a job, Run from start to end: half of
	// the runs, 95 and 99 of a hundred took no longer.
	Wait, Run Percentiles
	// Overdue is how long ago the slot was due for which the location has no
	// result, of the check that waits longest; 0 where none does.
	Overdue time.Duration
	// OverdueCheck is that check.
	OverdueCheck string
}

// Percentiles of durations.
type Percentiles struct{ P50, P95, P99 time.Duration }

// TriggerRequest is a wish for runs apart from the schedule.
type TriggerRequest struct {
	ID, RequestedBy string
	Runs            []jobs.Trigger
}

// TriggeredRun is one run that was asked for; its outcome is "" while there is
// no result.
type TriggeredRun struct {
	RequestID, RequestedBy string
	RequestedAt, ExpiresAt time.Time
	Fate                   jobs.Fate
	Run                    Run
}

// Change changes a check in place.
type Change func(*check.Check)

// Attempt is one stored attempt with its result.
type Attempt struct {
	// Location is the one whose slot it is.
	Location string
	Result   jobs.Result
}
