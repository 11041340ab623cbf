package subscription

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/statuspage"
)

// Job is what a delivery is for.
type Job string

// The jobs of deliveries.
const (
	JobConfirm Job = "confirm"
	JobKnown   Job = "known"
	JobEvents  Job = "events"
)

// Void is the fate of a message that nobody is to be told any more: the page
// shows nothing of it, or takes no subscriptions. The others are those of
// alerts.
const Void alert.Fate = "void"

// Delivery is one try to tell a subscriber something.
type Delivery struct {
	ID           string
	Subscription string
	Page         statuspage.Page
	Kind         Kind
	Address      string
	// Secret signs messages to a webhook.
	Secret string
	// Server is what carries mail, nil where the page names no e-mail channel
	// that there is.
	Server   *alert.Email
	Key      string
	Job      Job
	Try      int
	Created  time.Time
	Lease    string
	Events   []Event
	Services map[string]Service
	// FailingSince is when messages to the address began to fail, zero where the
	// last one did not.
	FailingSince time.Time
	// ConfirmUntil is when a pending subscription is forgotten.
	ConfirmUntil time.Time
}

// Outcome is what became of a try.
type Outcome struct {
	alert.Outcome
	// Theirs says that it failed by the address's own fault, and not by ours or
	// by the way between.
	Theirs bool
	// Gone says that the address asks to be left alone.
	Gone bool
	// Void says that there was nothing to be told.
	Void bool
}

// How long the messages to an address have to fail until it is dropped: where
// it says so itself, and where it cannot be reached, which may be our fault.
const (
	dropAfter        = 3 * 24 * time.Hour
	dropSilenceAfter = 14 * 24 * time.Hour
)

// Fate is what is done after a try.
type Fate struct {
	State alert.Fate
	Next  time.Time // of a further try
	// Failing is since when the address fails, zero where it does not.
	Failing time.Time
	// Drop is why the subscription is dropped, "" where it is not.
	Drop string
}

// Settle says what is done after a try.
func (d Delivery) Settle(o Outcome) Fate {
	if o.Void {
		return Fate{State: Void, Failing: d.FailingSince}
	}
	var f Fate
	a := alert.Delivery{Try: d.Try, Created: d.Created, Message: alert.Message{Key: d.Key}}
	f.State, f.Next = a.Settle(o.Outcome)
	if f.State == alert.Done {
		return f
	}
	f.Failing = d.FailingSince
	if o.Theirs && f.Failing.IsZero() {
		f.Failing = o.At
	}
	if o.Gone {
		f.State, f.Next, f.Drop = alert.GivenUp, time.Time{}, "its receiver answered that it is gone (410)"
		return f
	}
	after := dropAfter
	if o.Status == 0 {
		after = dropSilenceAfter
	}
	if o.Theirs && f.State == alert.GivenUp && o.At.Sub(f.Failing) >= after {
		f.Drop = "messages to it failed for days; the last time: " + line(o.Error, 300)
	}
	return f
}

// Letter is a message as mail.
type Letter struct {
	Key, To, Subject, Text, HTML string
	At                           time.Time
	// Unsubscribe is the address of RFC 8058.
	Unsubscribe string
}

// Post is a message to a webhook.
type Post struct {
	Key, URL, Secret string
	Body             []byte
}

// Key names what is told to one subscriber: the same events have the same one,
// and of confirmations each has its own.
func Key(subscription string, job Job, events []Event, now time.Time) string {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, subscription, job) // a hash takes everything
	if job != JobEvents {
		_, _ = fmt.Fprintln(h, now.UnixMicro())
	}
	for _, e := range events {
		_, _ = fmt.Fprintln(h, e.Key)
	}
	return "sub_" + hex.EncodeToString(h.Sum(nil)[:16])
}
