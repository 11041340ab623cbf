// Package alert decides who is told of what, and when. It owns channels, the
// rules by which they are told, and the words of messages. It is pure: what is
// due is a function of what is wrong, of what was told before and of the time.
// It refuses to know how a message travels (notify), where anything is kept
// (store), and whether something is wrong at all (status).
package alert

import (
	"fmt"
	"time"
)

// Kind is a sort of thing that may be wrong.
type Kind string

// The kinds of alerts. Those of [Certificate] have days left, and are told once
// for each threshold of a channel.
const (
	Outage      Kind = "outage"       // of a check, by its own rules
	Degraded    Kind = "degraded"     // a check without an outage
	Certificate Kind = "certificate"  // one that ends soon
	Location    Kind = "location"     // a place that cannot look any more
	Coverage    Kind = "coverage"     // a check that is not measured any more
	DeadLetters Kind = "dead_letters" // messages that nobody could handle
	Budget      Kind = "budget"       // an error budget that burns too fast
)

// Kinds lists every kind.
var Kinds = []Kind{Outage, Degraded, Certificate, Location, Coverage, DeadLetters, Budget}

// Recovery is the end of all others, among what a channel is sent.
const Recovery Kind = "recovery"

// Alert is one thing that is wrong, or was.
type Alert struct {
	// ID is the same for as long as it is the same thing: the incident's for an
	// outage.
	ID   string
	Kind Kind
	// CheckID, Tags and Group are of the check that it is about, "" and nil
	// where it is about none.
	CheckID string
	Tags    []string
	Group   string
	// Name is what people call what is wrong: the check's name, a location, a
	// queue.
	Name string
	// Turn counts how often it began again.
	Turn int
	// Opened and Closed are when it began and ended; the zero time while it
	// lasts. Noted and ClosedNoted are when we learnt of that.
	Opened, Closed, Noted, ClosedNoted time.Time
	// Retracted says that it never was, as results that came late have shown.
	Retracted bool
	// Hush says why nobody is to be told now, "" where they are. Hushed is what
	// it was when it was last looked at.
	Hush, Hushed string
	Facts        Facts
	Rule         Rule
}

// Open reports whether it lasts.
func (a Alert) Open() bool { return a.Closed.IsZero() }

// Facts are what is known of an alert besides its times.
type Facts struct {
	// Message says what is wrong, for people. It may hold what strangers wrote.
	Message   string   `json:"message,omitempty"`
	Class     string   `json:"class,omitempty"`
	Locations []string `json:"locations,omitempty"`
	Failed    int      `json:"failed,omitempty"`
	Flaps     int      `json:"flaps,omitempty"`
	// Ends is when a certificate does.
	Ends time.Time `json:"ends,omitzero"`
}

// Rule is what a check says of its alerts; the zero value leaves everything to
// the channels.
type Rule struct {
	// Channels are told; where none is named, tags decide.
	Channels []string
	// Remind is the time between reminders, 0 for what the channel says, and
	// Reminders their greatest number, 0 for any.
	Remind    time.Duration
	Reminders int
	// Urgent passes quiet hours.
	Urgent bool
}

// What is told of an alert.
type What string

// What may be told.
const (
	TellOpened    What = "opened"
	TellReminder  What = "reminder"
	TellClosed    What = "closed"
	TellRetracted What = "retracted"
	// TellWithheld stands in the log alone: a begin was tried and did not arrive,
	// as far as we know, before nobody was to be told any more.
	TellWithheld What = "withheld"
)

// Told is one thing that a channel was told, or is being told, of an alert.
type Told struct {
	Channel, AlertID string
	CheckID          string // "" for an alert of no check
	Turn             int
	What             What
	// N is the number of the reminder, and of a certificate the threshold.
	N int
	// Thread is that of the message.
	Thread string
	At     time.Time
}

// Sent is what is known of the messages of a channel.
type Sent struct {
	// Busy says that one is not delivered yet: what follows waits for it.
	Busy bool
	// At are the times of the last ones, the oldest first: those of the time
	// over which a channel's rate counts.
	At []time.Time
	// Items counts what they told within [StormTime].
	Items int
}

// certificateDays are the days that a certificate has left at t, rounded down.
func certificateDays(ends, t time.Time) int { return int(ends.Sub(t).Hours() / 24) }

// subject names an alert for a title.
func (a Alert) subject() string {
	if a.Name != "" {
		return a.Name
	}
	return a.CheckID
}

// Line says in one line what the alert is about, and since when.
func (a Alert) Line() string {
	switch a.Kind {
	case Outage:
		return fmt.Sprintf("%s is down", a.subject())
	case Degraded:
		return fmt.Sprintf("%s is degraded", a.subject())
	case Certificate:
		return fmt.Sprintf("the certificate of %s ends soon", a.subject())
	case Location:
		return fmt.Sprintf("location %s is unhealthy", a.subject())
	case Budget:
		return fmt.Sprintf("the error budget of %s burns too fast", a.subject())
	case Coverage:
		return fmt.Sprintf("%s is not measured", a.subject())
	case DeadLetters:
		return fmt.Sprintf("there are dead letters in %s", a.subject())
	}
	return a.subject()
}
