package jobs

import "time"

// Trigger is a run that somebody asked for: an attempt apart from every slot
// of the schedule.
type Trigger struct {
	// AttemptID is the id of its job; Slot when it was asked for.
	AttemptID         string
	CheckID, Location string
	Slot              time.Time
	// ExpiresAt is the time after which it is not started any more.
	ExpiresAt time.Time
	// Fate says what became of it before it ran: see the Fates.
	Fate Fate
}

// Fate is what the scheduler did with what it was asked for.
type Fate string

// The fates of a trigger.
const (
	FateWaiting Fate = ""        // the scheduler has not seen to it yet
	FateSent    Fate = "sent"    // its job is on a queue, or beyond
	FateExpired Fate = "expired" // no queue took it in time
	FateHeld    Fate = "held"    // its workers are too old for the check
	FateGone    Fate = "gone"    // the check was paused or removed meanwhile
)
