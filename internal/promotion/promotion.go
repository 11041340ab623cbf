// Package promotion decides what becomes of the stages of a service: evidence
// and policy in, promote, hold or roll back out, with the reasons. It is pure:
// the same observations give the same plan, in whatever order they come. It
// refuses to look at anything by itself (the deployer observes) and to carry
// anything out.
package promotion

import "time"

// Service is what is rolled forward: its stages in order, that which takes
// commits from the trunk first.
type Service struct {
	Name   string
	Stages []Stage
}

// Stage is one place that runs a commit of the service.
type Stage struct {
	Name  string
	Gates Gates
	// Bake is what a commit has to show here before it may go on; nil for
	// nothing.
	Bake *Bake
	// Alarms are the names of what must be quiet here.
	Alarms []string
	// Timeout is how long a deploy may take until it counts as failed.
	Timeout time.Duration
}

// Gates are what a commit has to pass to enter a stage, beside those that
// every stage has: trunk, newer, steady, hold, rejected, train, and bake,
// checks and alarms where the stages name any.
type Gates struct {
	Hours     *Hours
	Freezes   []Freeze
	Incidents *IncidentGate
	CI        bool
	// Approvals is how many people have to approve of the commit.
	Approvals int
	Shadow    *ShadowGate
}

// ShadowGate is what shadow runs of the commit's build have to show.
type ShadowGate struct {
	// Pairs is how many are needed to tell anything.
	Pairs int
	// Disagree is the largest share of pairs that may disagree, and Slower the
	// largest ratio of durations. Either has to be shown at 95 %.
	Disagree, Slower float64
}

// IncidentGate is shut while an incident of one of these impacts is open.
type IncidentGate struct{ Impacts []string }

// Bake is what a commit has to show in a stage: time, and at least so many
// conclusive runs of the checks with all of these tags from at least so many
// locations, of which no larger share than MaxFailed (0 to 1) failed.
type Bake struct {
	For       time.Duration
	Tags      []string
	Runs      int
	Locations int
	MaxFailed float64
	// GiveUp is how long a commit whose bake is not complete keeps newer ones
	// out of the stage.
	GiveUp time.Duration
}

// Gate names one of the questions that are asked before a promotion. Overrides
// name it too.
type Gate string

// The gates, in the order in which people read them.
const (
	GateTrunk     Gate = "trunk"     // the commit is on the trunk
	GateNewer     Gate = "newer"     // what runs is an ancestor of it
	GateSteady    Gate = "steady"    // what runs is known, and is one thing
	GateTrain     Gate = "train"     // what runs has had its bake, or has given its place up
	GateHold      Gate = "hold"      // nobody holds the stage
	GateRejected  Gate = "rejected"  // it was not rolled back from this stage
	GateCI        Gate = "ci"        // its build is green
	GateBake      Gate = "bake"      // it was long enough in the stage before, and seen often enough
	GateChecks    Gate = "checks"    // the checks passed there
	GateShadow    Gate = "shadow"    // candidate workers of its build found the same
	GateAlarms    Gate = "alarms"    // nothing fires, here and in the stage before
	GateIncidents Gate = "incidents" // no incident is open
	GateFreeze    Gate = "freeze"    // no freeze
	GateHours     Gate = "hours"     // it is a time to release
	GateApproval  Gate = "approval"  // people have approved
)

// GateNames are all gates.
func GateNames() []Gate {
	return []Gate{
		GateTrunk, GateNewer, GateSteady, GateTrain, GateHold, GateRejected, GateCI, GateBake,
		GateChecks, GateShadow, GateAlarms, GateIncidents, GateFreeze, GateHours, GateApproval,
	}
}

// Answer is what a gate says. Only pass lets a commit through.
type Answer string

// The answers.
const (
	Pass    Answer = "pass"
	Wait    Answer = "wait"    // not yet; it may open by itself
	Fail    Answer = "fail"    // no, until something changes
	Unknown Answer = "unknown" // what it needs to know could not be seen
)

// Verdict is the answer of one gate, with what it rests on.
type Verdict struct {
	Gate   Gate   `json:"gate"`
	Answer Answer `json:"answer"`
	// Reason is half a sentence, without a full stop.
	Reason   string   `json:"reason"`
	Evidence []string `json:"evidence,omitempty"`
	// OpensAt is the earliest time at which it may pass; absent where that
	// depends on more than time.
	OpensAt *time.Time `json:"opens_at,omitempty"`
	// Overridden says who let the commit through all the same, and why.
	Overridden string `json:"overridden,omitempty"`
}

// Passes reports whether the verdict lets a commit through.
func (v Verdict) Passes() bool { return v.Answer == Pass || v.Overridden != "" }

// Do is what is to be done about a stage.
type Do string

// What may be done.
const (
	// Nothing: there is nothing newer for the stage.
	Nothing Do = "nothing"
	// Hold: there is a newer commit, and a reason not to take it.
	Hold Do = "hold"
	// Promote: the gates let the commit through.
	Promote Do = "promote"
	// Continue a deploy that was begun, by us or by one who is gone.
	Continue Do = "continue"
	// Busy: another deployer is at work there.
	Busy Do = "busy"
	// RollBack to what ran before; no gate is asked.
	RollBack Do = "roll back"
)

// Plan is what is to be done about a service, at a time.
type Plan struct {
	Service string      `json:"service"`
	At      time.Time   `json:"at"`
	Stages  []StagePlan `json:"stages"`
}

// StagePlan is what is to be done about a stage, and why.
type StagePlan struct {
	Stage string `json:"stage"`
	// Running is the commit that runs, "" where that is not known or nothing
	// does; Since is when it came.
	Running string     `json:"running,omitempty"`
	Since   *time.Time `json:"since,omitempty"`
	Do      Do         `json:"do"`
	// Commit is what to promote, continue or roll back to; with Hold what
	// waits.
	Commit string `json:"commit,omitempty"`
	Reason string `json:"reason"`
	// Undo says that a deploy to continue is a rollback.
	Undo bool `json:"undo,omitempty"`
	// Verdicts are those of the gates that were asked for Commit.
	Verdicts []Verdict `json:"verdicts,omitempty"`
	// OpensAt is the earliest time at which all gates may pass.
	OpensAt *time.Time `json:"opens_at,omitempty"`
}
