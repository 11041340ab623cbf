package apirunner

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/cause"
)

// fault is an error that has its class and words already.
type fault struct {
	class   jobs.FaultClass
	message string
	excuse  bool // it is ours: it says nothing about the target
}

func (f *fault) Error() string { return f.message }

func ours(message string) error {
	return &fault{class: jobs.FaultInternal, message: message, excuse: true}
}

func redirectFault(format string, args ...any) error {
	return &fault{class: jobs.FaultRedirect, message: fmt.Sprintf(format, args...)}
}

// conclude writes err into the result, with the step's name, and returns its
// words.
func (a *attempt) conclude(res *jobs.Result, err error) string {
	f := a.explain(err)
	message := a.hidden.Hide(f.message)
	switch said := jobs.InStep(a.spec.ID, message); {
	case res.Outcome != "": // an earlier step has settled it
	case f.excuse:
		res.Excuse(f.class, said)
	default:
		res.Fail(f.class, said)
	}
	return message
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
	// TLS 1.3 refuses a client's certificate after the handshake.
	var alert *net.OpError
	if errors.As(err, &alert) && alert.Op == "remote error" {
		said := strings.TrimPrefix(alert.Err.Error(), "tls: ")
		return &fault{class: jobs.FaultTLS, message: fmt.Sprintf("%s refused the TLS handshake: %s", a.target.Host, said)}
	}
	switch a.watch.at() {
	case preparing, resolving, connecting:
		return &fault{class: jobs.FaultConnect, message: cause.Dial(err, a.target.Host)}
	case shaking:
		return &fault{class: jobs.FaultTLS, message: cause.TLS(err, a.target.Host, time.Now())}
	}
	return &fault{class: jobs.FaultProtocol, message: a.explainProtocol(err)}
}

// explainProtocol speaks of an exchange over a connection that stood.
func (a *attempt) explainProtocol(err error) string {
	text := cause.Reason(err)
	switch {
	case strings.Contains(text, "headers exceeded"), strings.Contains(text, "header list larger"):
		return fmt.Sprintf("response headers are larger than the cap of %s", cause.Size(MaxHeader))
	case text == "connection error: PROTOCOL_ERROR": // all that net/http says of a flood
		return fmt.Sprintf("server broke the HTTP/2 protocol, or its headers are far larger than the cap of %s", cause.Size(MaxHeader))
	case strings.Contains(text, `malformed HTTP response "\x15\x03`):
		return fmt.Sprintf("%s speaks TLS: write https:// in place of http://", a.target.Host)
	case strings.Contains(text, "malformed HTTP"):
		return fmt.Sprintf("%s does not answer in HTTP: %s", a.target.Host, cause.Short(text))
	case a.answer == nil && cause.Closed(err, text):
		return "server closed the connection before answering"
	case cause.Closed(err, text):
		return fmt.Sprintf("server closed the connection in the middle of the body, after %s", cause.Size(a.body.size))
	}
	return "not a valid HTTP answer: " + cause.Short(text)
}

// overdue replaces the error of an attempt whose time was up, unless it has
// words of its own.
func (a *attempt) overdue(err error, timeout time.Duration) error {
	var said *fault
	if errors.As(err, &said) {
		return err
	}
	if a.target == nil {
		return &fault{class: jobs.FaultTimeout, message: fmt.Sprintf("no complete answer within %s: the OAuth2 token had not come", timeout)}
	}
	host, at := a.target.Host, ""
	// TLS 1.3 refuses a client's certificate after the handshake.
	var alert *net.OpError
	if errors.As(err, &alert) && alert.Op == "remote error" {
		said := strings.TrimPrefix(alert.Err.Error(), "tls: ")
		return &fault{class: jobs.FaultTLS, message: fmt.Sprintf("%s refused the TLS handshake: %s", a.target.Host, said)}
	}
	switch a.watch.at() {
	case preparing, resolving:
		at = fmt.Sprintf("the name %q was not resolved", a.target.Hostname())
	case connecting:
		at = fmt.Sprintf("%s had not accepted the connection", host)
	case shaking:
		at = fmt.Sprintf("the TLS handshake with %s was not done", host)
	case waiting:
		at = "the request was sent, nothing had come back"
	case receiving:
		at = "headers had begun, their end was missing"
		if a.answer != nil {
			at = fmt.Sprintf("headers had arrived, body was at %s", cause.Size(a.body.size))
		}
	}
	if n := len(a.chain) - 1; n > 0 {
		at += fmt.Sprintf(" (after %d redirects)", n)
	}
	return &fault{class: jobs.FaultTimeout, message: fmt.Sprintf("no complete answer within %s: %s", timeout, at)}
}

// tooManyRedirects names the way that was gone; of a long one its ends.
func (a *attempt) tooManyRedirects(location string) error {
	next := location
	if to, err := a.target.Parse(location); err == nil {
		next = show(to)
	}
	next = cause.Short(next)
	what := fmt.Sprintf("more than %d redirects", a.spec.Request.MaxRedirects)
	for _, u := range a.chain {
		if u == next {
			what += ", in a loop"
			break
		}
	}
	way := append(a.chain[:len(a.chain):len(a.chain)], next)
	if len(way) > 6 {
		way = append(append(way[:3:3], "…"), way[len(way)-2:]...)
	}
	return redirectFault("%s: %s", what, strings.Join(way, " → "))
}
