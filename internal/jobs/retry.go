package jobs

import "time"

// Retry is an attempt that is to be made for a slot, because the one before
// says nothing about the target, or not enough.
type Retry struct {
	CheckID string
	// Location is whose slot it is.
	Location string
	Slot     time.Time
	// Attempt is the one to be made, at least 2.
	Attempt int
	// AvoidLocation is where it should not be made; "" asks for Location.
	AvoidLocation string
	// SentTo is where it is made, "" while that is not decided.
	SentTo string
}
