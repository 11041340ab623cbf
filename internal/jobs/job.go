// Package jobs holds one attempt of one slot: the Job that is asked of a
// worker and the Result that comes back. It owns their ids and outcomes. It
// refuses to know their bytes (codec), their transport (queue) and what they
// mean for a service's state (status).
package jobs

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// Class divides the queues of a location by service time: a browser check
// takes about a hundred times as long as an API check.
type Class string

// The classes of jobs.
const (
	ClassAPI     Class = "api"
	ClassBrowser Class = "browser"
)

// Classes lists every class.
var Classes = []Class{ClassAPI, ClassBrowser}

// ClassOf is the class of queue on which a check of kind k travels.
func ClassOf(k check.Kind) Class {
	if k == check.KindBrowser {
		return ClassBrowser
	}
	return ClassAPI
}

// Job asks for one attempt of one slot. It is self-contained: whoever runs it
// needs no database.
type Job struct {
	// ID names the attempt, RunID the slot; see [AttemptID] and [RunID].
	ID, RunID string
	// Check is a snapshot, taken when the job was sent, without what is no
	// concern of the worker's: its retries.
	Check    check.Check
	Location string
	// Slot is the time for which the run was planned.
	Slot time.Time
	// Attempt counts from 1.
	Attempt int
	// SentAt is when the scheduler sent the job.
	SentAt time.Time
	// ExpiresAt is the time after which the job is not started any more.
	ExpiresAt time.Time
	// TraceParent is a W3C trace context, or "".
	TraceParent string
	// Reply is the version in which the result is to be written: the highest
	// that every recorder reads. 0 counts as 1.
	Reply int
	// Unknown is what a newer release has said of the job, besides its check;
	// see [check.Check].
	Unknown string
}

// New makes the job of an attempt, ids included.
func New(c check.Check, location string, slot time.Time, attempt int, sentAt, expiresAt time.Time) Job {
	slot = slot.UTC()
	c.Retry = check.Retry{}
	return Job{
		ID:        AttemptID(c.ID, location, slot, attempt),
		RunID:     RunID(c.ID, location, slot),
		Check:     c,
		Location:  location,
		Slot:      slot,
		Attempt:   attempt,
		SentAt:    sentAt.UTC(),
		ExpiresAt: expiresAt.UTC(),
	}
}

// RunID is the UUIDv5 (RFC 9562, section 5.5) of check, location and slot:
// computed, never drawn, so that every scheduler gives a slot the same id.
func RunID(checkID, location string, slot time.Time) string {
	return uuid5(fmt.Sprintf("run\n%s\n%s\n%d", checkID, location, slot.UnixNano()))
}

// AttemptID is the UUIDv5 of check, location, slot and attempt.
func AttemptID(checkID, location string, slot time.Time, attempt int) string {
	return uuid5(fmt.Sprintf("attempt\n%s\n%s\n%d\n%d", checkID, location, slot.UnixNano(), attempt))
}

// namespace is the UUID under which probefleet's names are hashed:
// the UUIDv5 of "https://github.com/probefleet/probefleet" in the URL
// namespace of RFC 9562.
var namespace = hash5([16]byte{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8},
	"https://github.com/probefleet/probefleet")

func uuid5(name string) string {
	u := hash5(namespace, name)
	var b [36]byte
	hex.Encode(b[0:8], u[0:4])
	hex.Encode(b[9:13], u[4:6])
	hex.Encode(b[14:18], u[6:8])
	hex.Encode(b[19:23], u[8:10])
	hex.Encode(b[24:36], u[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

func hash5(space [16]byte, name string) (u [16]byte) {
	sum := sha1.Sum(append(space[:], name...))
	copy(u[:], sum[:16])
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return u
}
