package subscription

import (
	"time"

	"github.com/probefleet/probefleet/internal/alert"
)

// Subscriber is who is told, as an installation's own people see them. Zero
// times are of what did not happen.
type Subscriber struct {
	ID, Page string
	Kind     Kind
	Address  string
	State    State
	Reason   string // why it was dropped
	Choice
	Created, ConfirmedAt, DroppedAt, FailingSince, ToldAt time.Time
}

// Counts are the subscribers of a page. Failing are among Confirmed.
type Counts struct{ Confirmed, Pending, Failing, Dropped int }

// Filter chooses subscribers of a page.
type Filter struct {
	Page string
	// State is a [State], "failing", or "" for any.
	State string
	// After is the id of the last one of the list before.
	After string
	Limit int
}

// DeliveryFilter chooses messages to the subscribers of a page; what is empty
// but the page does not matter.
type DeliveryFilter struct {
	Page, State string
	Before      time.Time
	Limit       int
}

// Sent is a message to a subscriber with what became of it.
type Sent struct {
	ID, Subscription, Page string // no subscription: they have left
	Kind                   Kind
	Key                    string
	Job                    Job
	State                  alert.Fate
	Created, Due, Settled  time.Time
	Tries, Status          int
	Error                  string
	// Events is how many it tells, About the first of them, What the last one.
	Events int
	About  string
	What   What
}
