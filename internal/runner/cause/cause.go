// Package cause finds words for what went wrong between a runner and its
// target: a name that does not resolve, a connection that does not come about,
// a certificate that does not hold. It owns the distinction of the target's
// fault from our own exhaustion. It refuses to know any protocol above TLS.
package cause

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// Exhausted reports whether a connection failed for want of something that is
// ours.
func Exhausted(err error) bool {
	for _, e := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Lookup says why a host's name did not resolve.
func Lookup(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return fmt.Sprintf("host %q does not resolve: the location's resolver knows no address for it (NXDOMAIN or no record)", err.Name)
	case err.IsTimeout:
		return fmt.Sprintf("host %q does not resolve: the location's resolver did not answer in time", err.Name)
	}
	return fmt.Sprintf("host %q does not resolve: %s", err.Name, err.Err)
}

// Dial says why no connection to host came about; the address that was tried is
// named where it is known.
func Dial(err error, host string) string {
	to := host
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Addr != nil {
		to = dial.Addr.String()
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("connection to %s refused", to)
	case errors.Is(err, syscall.ETIMEDOUT):
		return fmt.Sprintf("connection to %s timed out: nothing answers at that address", to)
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return fmt.Sprintf("no route from this location to %s", to)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return fmt.Sprintf("a firewall of this location forbids the connection to %s", to)
	}
	return fmt.Sprintf("no connection to %s: %s", to, Reason(err))
}

// Closed reports whether the far end went away, be it politely. text is what
// err says.
func Closed(err error, text string) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		strings.Contains(text, "server closed")
}

// Reason is the innermost text of a network error.
func Reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return strings.TrimPrefix(err.Error(), "net/http: HTTP/1.x transport connection broken: ")
}

// Size is a number of bytes for people.
func Size(n int64) string {
	switch {
	case n < 1<<10:
		return strconv.FormatInt(n, 10) + " B"
	case n < 1<<20:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	case n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	}
	return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + " MiB"
}

// Short is a text that fits into a message.
func Short(s string) string {
	const most = 120
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// DeniedError marks what the egress policy said, among all the errors of a
// dial.
type DeniedError struct{ error }

func (e DeniedError) Unwrap() error { return e.error }

// Guard marks the errors of control, which may be nil; see [net.Dialer.Control].
func Guard(control func(network, address string, c syscall.RawConn) error) func(string, string, syscall.RawConn) error {
	if control == nil {
		return nil
	}
	return func(network, address string, c syscall.RawConn) error {
		if err := control(network, address, c); err != nil {
			return DeniedError{err}
		}
		return nil
	}
}
