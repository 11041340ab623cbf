package netrunner

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/cause"
)

// fault is an error that has its class and words already.
type fault struct {
	class   jobs.FaultClass
	message string
	excuse  bool // it is ours: it says nothing about the target
	silence bool // nothing answered, which may be what is expected
}

func (f *fault) Error() string { return f.message }

func (f *fault) write(res *jobs.Result) {
	if f.excuse {
		res.Excuse(f.class, f.message)
		return
	}
	res.Fail(f.class, f.message)
}

func ours(message string) error {
	return &fault{class: jobs.FaultInternal, message: message, excuse: true}
}

func theirs(class jobs.FaultClass, format string, args ...any) error {
	return &fault{class: class, message: fmt.Sprintf(format, args...)}
}

// explain finds class and words for an error: what was said before, then our
// own limits, then by the stage that it ended.
func (a *attempt) explain(err error) *fault {
	var said *fault
	if errors.As(err, &said) {
		return said
	}
	var denied cause.DeniedError
	if errors.As(err, &denied) {
		return &fault{class: jobs.FaultEgress, message: denied.Error()}
	}
	if cause.Exhausted(err) {
		return &fault{class: jobs.FaultInternal, excuse: true, message: "this worker has no more sockets or memory for a connection: " + cause.Reason(err)}
	}
	var lookup *net.DNSError
	if errors.As(err, &lookup) {
		return &fault{class: jobs.FaultDNS, message: cause.Lookup(lookup)}
	}
	switch a.clock.at() {
	case preparing, resolving, connecting:
		return &fault{class: jobs.FaultConnect, message: cause.Dial(err, a.target), silence: true}
	case shaking:
		return &fault{class: jobs.FaultTLS, message: cause.TLS(err, a.target, time.Now())}
	}
	if errors.Is(err, syscall.ECONNREFUSED) { // as UDP says it, on the first read
		return &fault{class: jobs.FaultConnect, message: cause.Dial(err, a.target), silence: true}
	}
	if cause.Closed(err, "") {
		return &fault{class: jobs.FaultProtocol, message: a.target + " closed the connection before answering"}
	}
	return &fault{class: jobs.FaultProtocol, message: "not a valid answer: " + cause.Short(cause.Reason(err))}
}

// isTimeout reports whether a read or a write ended by the deadline.
func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// overdue replaces the error of an attempt whose time was up, unless it has
// words of its own.
func (a *attempt) overdue(err error, timeout time.Duration) error {
	var said *fault
	if errors.As(err, &said) {
		return err
	}
	at, silence := "", false
	switch a.clock.at() {
	case preparing, resolving:
		at = fmt.Sprintf("the name in %s was not resolved", a.target)
	case connecting:
		at, silence = a.target+" had not accepted the connection", true
	case shaking:
		at = fmt.Sprintf("the TLS handshake with %s was not done", a.target)
	case waiting:
		at, silence = fmt.Sprintf("%s had not answered", a.target), a.remote == nil
	case receiving:
		at = fmt.Sprintf("the answer of %s had begun, its end was missing", a.target)
	}
	return &fault{class: jobs.FaultTimeout, silence: silence, message: fmt.Sprintf("no complete answer within %s: %s", timeout, at)}
}
