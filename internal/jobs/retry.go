package jobs

import "time"

// Retry is an attempt that is to be made for a slot: because the one before
// says nothing about the target, or because the check asks for another where
// one has failed.
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
	// Asked says that the check asks for it. Its outcome then counts for the
	// slot wherever it is made.
	Asked bool
	// DueAt is when it is to be made.
	DueAt time.Time
}
