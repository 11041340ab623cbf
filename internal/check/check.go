// Package check holds what we watch: a Check, its Kind and the Spec of that
// kind. It owns the meaning of these values and their validation. It refuses
// to know how they are written by people (checkfile), how they travel (codec)
// and how they are run (runner).
package check

import "time"

// Kind says which sort of runner a check needs.
type Kind string

// The kinds of check.
const (
	KindAPI       Kind = "api"
	KindBrowser   Kind = "browser"
	KindTCP       Kind = "tcp"
	KindDNS       Kind = "dns"
	KindTLS       Kind = "tls"
	KindICMP      Kind = "icmp"
	KindGRPC      Kind = "grpc"
	KindWebSocket Kind = "websocket"
	KindHeartbeat Kind = "heartbeat"
)

// Kinds lists every kind, in the order in which people should read them.
var Kinds = []Kind{KindAPI, KindBrowser, KindTCP, KindDNS, KindTLS, KindICMP, KindGRPC, KindWebSocket, KindHeartbeat}

// Check is one thing that is watched from one or more locations. The zero
// value is not valid; see [Check.Validate].
type Check struct {
	// ID is stable for the life of the check; see [ValidID] for its form.
	ID string
	// Name is what people read. At most 200 characters.
	Name string
	// Description is free text, at most 500 characters.
	Description string
	// Group is the heading under which pages show the check; may be empty.
	Group string
	// Tags are free words, used for filtering.
	Tags []string
	// Every is the interval between slots, 1 s to 24 h.
	Every time.Duration
	// Timeout bounds one attempt from start to end, 100 ms to 10 min.
	Timeout time.Duration
	// Locations names the places from which the check runs; at least one.
	Locations []string
	// Active checks are scheduled; inactive ones keep their history only.
	Active bool
	// Muted checks run and are shown, but never alert.
	Muted bool
	// Public checks appear on the status dashboard.
	Public bool
	// Retry says whether a slot that failed is tried again.
	Retry Retry
	// Alert says when failing is an outage.
	Alert Alert
	// Objective is what is promised of it.
	Objective Objective
	// DependsOn names checks without which this one cannot pass: while one of
	// them has an outage, nobody is alerted of this one's.
	DependsOn []string
	// Maintenance has the windows in which failing does not count.
	Maintenance []Maintenance
	// Spec is what is done and expected; its type decides the Kind.
	Spec Spec
	// Unknown is what a newer release has said of the check and this one does
	// not understand, "" where there is nothing: an opaque text of package
	// codec, to be passed on with the check as it is.
	Unknown string
}

// Kind is the kind of the check's spec, or "" where there is none.
func (c Check) Kind() Kind {
	if c.Spec == nil {
		return ""
	}
	return c.Spec.Kind()
}

// Spec is the part of a check that differs by kind: *[API], *[Browser], *[TCP]
// and so on, a type for each of [Kinds].
type Spec interface {
	Kind() Kind
	faults() []Fault
	// texts are the strings of the spec that faults does not look into.
	texts() []text
}
