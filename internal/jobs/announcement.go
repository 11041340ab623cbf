package jobs

import "time"

// Announcement is what a worker says of itself, at its start, every few seconds
// and at its end.
type Announcement struct {
	Worker   Worker
	Location string
	// Lanes has one entry per class that the worker serves.
	Lanes []LaneState
	// Reads is the highest version of jobs that the worker reads, Writes the
	// highest version of results that it writes. It knows every one below.
	Reads, Writes int
	// StartedAt and SentAt are by the worker's clock.
	StartedAt, SentAt time.Time
	// Leaving says that the worker takes no more jobs and ends.
	Leaving bool
	// Unknown is what a newer release has said here and this one does not
	// understand; see check.Check.
	Unknown string
}

// LaneState is how many jobs of a class a worker may run at a time, and how
// many it runs now.
type LaneState struct {
	Class       Class
	Slots, Busy int
}
