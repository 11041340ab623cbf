package jobs

import (
	"fmt"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// Outcome is how an attempt ended.
type Outcome string

// The outcomes of an attempt. A slot that has none is missing.
const (
	// Passed: every expectation held.
	Passed Outcome = "passed"
	// Degraded: every expectation held, a `degraded` condition did not.
	Degraded Outcome = "degraded"
	// Failed: the target's doing.
	Failed Outcome = "failed"
	// Inconclusive: our own doing; says nothing about the target.
	Inconclusive Outcome = "inconclusive"
	// Expired: the job was too old to be started.
	Expired Outcome = "expired"
)

// Outcomes lists every outcome.
var Outcomes = []Outcome{Passed, Degraded, Failed, Inconclusive, Expired}

// Conclusive reports whether the outcome says something about the target.
func (o Outcome) Conclusive() bool {
	return o == Passed || o == Degraded || o == Failed
}

// FaultClass says where a fault lies, for machines; Fault.Message is for
// people.
type FaultClass string

// The classes of faults of a target (outcome failed)...
const (
	FaultDNS       FaultClass = "dns"       // the host does not resolve
	FaultConnect   FaultClass = "connect"   // no TCP connection
	FaultTLS       FaultClass = "tls"       // handshake or certificate
	FaultTimeout   FaultClass = "timeout"   // deadline of check or step
	FaultProtocol  FaultClass = "protocol"  // not valid HTTP, or cut off
	FaultRedirect  FaultClass = "redirect"  // too many, or to a bad place
	FaultBody      FaultClass = "body"      // larger than the cap, or undecodable
	FaultAssertion FaultClass = "assertion" // an expectation did not hold
	FaultStep      FaultClass = "step"      // a browser step did not succeed
	FaultPage      FaultClass = "page"      // the page crashed
	FaultEgress    FaultClass = "egress"    // the location may not dial the target
	FaultLate      FaultClass = "late"      // the job of a heartbeat did not call in time
	FaultJob       FaultClass = "job"       // it called, and said that it failed
)

// ... and of ourselves (outcomes inconclusive and expired).
const (
	FaultNoBrowser FaultClass = "no_browser" // this worker has no browser
	FaultBrowser   FaultClass = "browser"    // the browser itself went away
	FaultInternal  FaultClass = "internal"   // a defect or an exhausted resource
	FaultLocation  FaultClass = "location"   // the location's own network or DNS is away
	FaultSecret    FaultClass = "secret"     // a secret that the check names is not here
	FaultWaiting   FaultClass = "waiting"    // a heartbeat that nobody had to call yet
	FaultAway      FaultClass = "away"       // the console was away when a heartbeat was due
	FaultExpired   FaultClass = "expired"    // past Job.ExpiresAt before the start
)

// Network reports whether a fault of that class lies between us and the
// target: the network, its names, the handshake, an answer that was cut off.
func (c FaultClass) Network() bool {
	switch c {
	case FaultDNS, FaultConnect, FaultTLS, FaultTimeout, FaultProtocol:
		return true
	}
	return false
}

// Fault is why an attempt did not pass, in words that a person can act on.
type Fault struct {
	Class   FaultClass
	Message string
}

// Result is the answer to one Job.
type Result struct {
	JobID, RunID string
	CheckID      string
	Kind         check.Kind
	Location     string
	Slot         time.Time
	Attempt      int

	Outcome Outcome
	// Fault is nil where the outcome is passed.
	Fault *Fault

	// Stamps show lateness: when the job was sent, received, started and
	// finished. ReceivedAt to FinishedAt are by the worker's clock.
	SentAt, ReceivedAt, StartedAt, FinishedAt time.Time

	Timings Timings
	// Verdicts has one entry per assertion that was judged, in the order of
	// the check: step by step, expect, then degraded.
	Verdicts []Verdict
	// Steps has one entry per step that was begun; none for an API check that
	// is a single request.
	Steps    []StepResult
	Evidence Evidence
	Worker   Worker

	// TraceParent is the W3C trace context of the worker's span, or "". It is
	// of the message, and not stored.
	TraceParent string
}

// Timings are the phases of the attempt, or of one of its steps. Those that did
// not happen are 0. For a browser flow only Total is set: the time
// until a browser was ready is in Evidence.Visit. Durations are
// monotonic.
type Timings struct {
	DNS, Connect, TLS, FirstByte, Download time.Duration
	// Total is the whole, redirects included.
	Total time.Duration
}

// Verdict is the judgement of one assertion.
type Verdict struct {
	// Step is the id of the API check's step, "" for a single request and for
	// a browser flow.
	Step string
	Expr string
	OK   bool
	// Degraded marks an assertion of the check's `degraded` list.
	Degraded bool
	// Message shows both sides where the assertion does not hold:
	// `status == 200 (got 503)`.
	Message string
}

// StepResult is how one step of a browser flow or of an API check went.
type StepResult struct {
	// Name describes a browser step, and is the id of an API step.
	Name string
	// Action is that of a browser step, "" for an API step.
	Action   check.Action
	Duration time.Duration
	// Timings are the phases of an API step; zero for a browser step.
	Timings Timings
	OK      bool
	// Error says why a step did not succeed.
	Error string

	// The rest is of browser steps, and evidence only.

	// At is when the step began, since the flow did.
	At time.Duration
	// Selector is the alternative of the step's selectors that was taken, and
	// Element what it found: `<button id="buy">`.
	Selector, Element string
	// Instead names what was there where the step did not find what it looked
	// for, such as the buttons of the page.
	Instead []string
	// Optional marks a step that did not succeed and was allowed not to.
	Optional bool
}

// Plain is r without what only readers of version 2 and later understand, and
// which is evidence only.
func (r Result) Plain() Result {
	r.Steps = slices.Clone(r.Steps)
	for i := range r.Steps {
		s := &r.Steps[i]
		s.At, s.Selector, s.Element, s.Instead, s.Optional = 0, "", "", nil, false
	}
	r.Evidence.Visit = nil
	return r
}

// Evidence is what was seen.
type Evidence struct {
	Response  *Response
	Page      *Page
	Console   []ConsoleEntry
	Artifacts []Artifact
	Visit     *Visit // of a browser check
}

// Response is the last HTTP response of an API check.
type Response struct {
	Status  int
	Proto   string
	Headers map[string]string // names in lower case
	// Excerpt is the start of the body, as valid UTF-8, at most 4 KiB.
	Excerpt string
	// Size counts the decoded body bytes that were read.
	Size       int64
	RemoteAddr string
	URL        string // after redirects
	Redirects  int
	TLS        *TLS
}

// TLS describes the connection of the last response.
type TLS struct {
	Version  string
	Issuer   string
	Subject  string
	NotAfter time.Time
}

// Page is where a browser flow ended.
type Page struct {
	URL, Title string
}

// ConsoleEntry is one error or warning of the page's console, or an uncaught
// exception.
type ConsoleEntry struct {
	Level string // error, warning, exception
	Text  string
	URL   string
	Line  int
}

// Artifact is a file kept in the object store.
type Artifact struct {
	Name        string
	ContentType string
	Key         string // in the object store; "" where storing it was not possible
	Size        int64
}

// Worker says who ran the attempt.
type Worker struct {
	ID      string
	Build   string
	Browser string // name and version of the browser, "" for other kinds
}

// ResultFor is an empty result that answers j: every field that identifies
// the attempt is copied from it.
func ResultFor(j Job) Result {
	return Result{
		JobID: j.ID, RunID: j.RunID, CheckID: j.Check.ID, Kind: j.Check.Kind(),
		Location: j.Location, Slot: j.Slot, Attempt: j.Attempt, SentAt: j.SentAt,
	}
}

// Conclude sets Outcome and Fault from the verdicts, unless a fault was set
// before: the first expectation that does not hold fails the attempt, else the
// first `degraded` condition that does not hold degrades it.
func (r *Result) Conclude() {
	if r.Outcome != "" {
		return
	}
	r.Outcome = Passed
	for _, v := range r.Verdicts {
		switch {
		case v.OK:
		case !v.Degraded:
			r.Outcome, r.Fault = Failed, &Fault{FaultAssertion, InStep(v.Step, v.Message)}
			return
		case r.Outcome == Passed:
			r.Outcome, r.Fault = Degraded, &Fault{FaultAssertion, InStep(v.Step, v.Message)}
		}
	}
}

// InStep names the step of which a message speaks: `step "orders": …`. The
// message stays as it is where there is no step.
func InStep(step, message string) string {
	if step == "" {
		return message
	}
	return fmt.Sprintf("step %q: %s", step, message)
}

// Fail sets outcome failed with its cause.
func (r *Result) Fail(class FaultClass, message string) {
	r.Outcome, r.Fault = Failed, &Fault{class, message}
}

// Excuse sets outcome inconclusive with its cause: the fault is ours.
func (r *Result) Excuse(class FaultClass, message string) {
	r.Outcome, r.Fault = Inconclusive, &Fault{class, message}
}

// Recorded counts what became of results that were offered to the store.
type Recorded struct {
	// Stored results are new, Duplicates had been stored before.
	Stored, Duplicates int
	// Dead results are refused by the database for ever; they are kept apart,
	// whole, with the reason.
	Dead int
}
