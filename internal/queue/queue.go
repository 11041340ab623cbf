// Package queue holds the life of a message between send and delete, as a
// standard SQS queue defines it: at-least-once, unordered, hidden while it is
// being worked on. It owns the Consume loop. It refuses to know any vendor
// (sqsqueue does) and what a message says (codec does).
package queue

import (
	"context"
	"time"
)

// Limits of a standard SQS queue.
const (
	// MaxBatch is the number of entries of one call.
	MaxBatch = 10
	// MaxBytes caps one message, and one whole batch, attributes included.
	MaxBytes = 1 << 20
	// MaxWait is the longest long poll.
	MaxWait = 20 * time.Second
	// MaxDelay is the longest Outgoing.Delay.
	MaxDelay = 900 * time.Second
	// MaxVisibility is the longest time a message stays hidden after receipt.
	MaxVisibility = 12 * time.Hour
)

// Outgoing is a message to be sent.
type Outgoing struct {
	Body string
	// Attributes are string attributes, for cheap classification only: the
	// body is what is believed.
	Attributes map[string]string
	// Delay hides the message at first, whole seconds, 0 to [MaxDelay].
	Delay time.Duration
}

// Message is a message that was received and not yet deleted.
type Message struct {
	ID         string
	Body       string
	Attributes map[string]string
	// Handle is the receipt handle of this delivery; a later delivery has
	// another.
	Handle string
	// Receives counts deliveries, this one included.
	Receives int
	// SentAt is by the queue's clock, ReceivedAt by ours.
	SentAt, ReceivedAt time.Time
}

// Extension changes how long a message stays hidden, counted from now.
type Extension struct {
	Message Message
	// Visibility is whole seconds; 0 releases the message at once.
	Visibility time.Duration
}

// Sender puts messages on one queue.
type Sender interface {
	// SendBatch sends up to [MaxBatch] messages. The slice has one entry per
	// message, nil where it was accepted; the error speaks of the whole call,
	// and then nothing is known of any message.
	SendBatch(ctx context.Context, ms []Outgoing) ([]error, error)
}

// Receiver takes messages from one queue.
type Receiver interface {
	// Receive returns 0 to max (at most [MaxBatch]) messages, waiting up to
	// wait (at most [MaxWait]) for the first. They are hidden from others for
	// visibility.
	Receive(ctx context.Context, max int, wait, visibility time.Duration) ([]Message, error)
	// DeleteBatch deletes up to [MaxBatch] messages; errors as in SendBatch.
	DeleteBatch(ctx context.Context, ms []Message) ([]error, error)
	// ExtendBatch changes the visibility of up to [MaxBatch] messages; errors
	// as in SendBatch. An entry's error wraps [ErrLeaseLost] where the queue
	// says that this delivery no longer holds its message.
	ExtendBatch(ctx context.Context, es []Extension) ([]error, error)
}

// Names of the queues of one installation. Each has a dead-letter queue of
// the same name with "-dlq" at its end.

// JobsName is the queue of the jobs of a class at a location.
func JobsName(prefix, location, class string) string {
	return prefix + "-jobs-" + location + "-" + class
}

// ResultsName is the queue of all results.
func ResultsName(prefix string) string { return prefix + "-results" }

// ShadowName is the queue of copies of what is sent to a queue: jobs for
// candidate workers, and what they found. Nothing in it counts.
func ShadowName(name string) string { return name + "-shadow" }

// ShadowRetention is how long a copy of a job is kept: one that no candidate has
// taken by then compares with nothing any more.
const ShadowRetention = time.Hour

// DeadLetterName is the dead-letter queue of a queue.
func DeadLetterName(name string) string { return name + "-dlq" }
