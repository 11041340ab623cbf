// Package driver holds the words in which a stage is looked at and changed:
// what runs, what is to run, how far it is. It refuses to know how: that is
// for the packages below it, one a technology.
package driver

import "time"

// Release is what a stage is to run.
type Release struct {
	Service, Stage string
	// Commit names it; Image is what runs for it, "" where the service has
	// none.
	Commit, Image string
}

// Running is what a stage runs.
type Running struct {
	// Commit is "" where nothing runs.
	Commit string
	// Since is when it came, zero where that is not known.
	Since time.Time
	// Mixed says that it is not all that runs: a deploy is under way, or was
	// interrupted.
	Mixed  bool
	Detail string
}

// State is how far a release is.
type State string

// The states of a release.
const (
	Pending State = "pending"
	Ready   State = "ready"
	Failed  State = "failed"
)

// Progress is how far a release is, and why.
type Progress struct {
	State  State
	Detail string
}
