package jobs

import "time"

// DeadReason says why a message became a dead letter.
type DeadReason string

// The reasons of dead letters.
const (
	// DeadVersion: no reader knew its version.
	DeadVersion DeadReason = "unsupported_version"
	// DeadDecode: it is no message, or not one for its queue.
	DeadDecode DeadReason = "decode"
	// DeadLocation: it is a job for another location.
	DeadLocation DeadReason = "location"
	// DeadHandler: it could be read, and its handling ended with an error.
	DeadHandler DeadReason = "handler"
	// DeadPanic: its handling ended with a panic.
	DeadPanic DeadReason = "panic"
	// DeadMaxReceives: it was received too often and nobody said why: those
	// who held it died, or could not tell.
	DeadMaxReceives DeadReason = "max_receives"
)

// DeadLetter is what the last holder of a message says before the message
// becomes a dead letter: a queue cannot note on a message why it failed.
type DeadLetter struct {
	// Queue and MessageID name the message, as its queue does.
	Queue, MessageID string
	Reason           DeadReason
	// Error is in words.
	Error string
	// Worker gave the message up At, by its clock.
	Worker string
	At     time.Time
}
