// Package socks is the one way out of a browser: a SOCKS5 server (RFC 1928)
// on loopback that dials each destination through the egress policy of its
// location. Names are resolved here, so that the address which is judged is
// the address that is dialled. It owns the protocol and the memory of why a
// destination was not reached; it refuses to know URLs and HTTP: whatever a
// browser speaks, encrypted or not, passes as bytes. Of the commands it knows
// CONNECT alone: no UDP leaves, and nothing is listened for.
package socks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Control judges an address that is about to be dialled, as
// [net.Dialer.Control] does.
type Control = func(network, address string, c syscall.RawConn) error

const (
	// greetTimeout bounds what a client may take to say where it wants to go.
	greetTimeout = 10 * time.Second
	// dialTimeout bounds a dial; a browser that gives up ends it earlier.
	dialTimeout = time.Minute
	// maxFailures is the number of destinations whose failure is remembered.
	maxFailures = 1000
)

// DeniedError says that the policy forbids the destination.
type DeniedError struct{ Err error }

func (e *DeniedError) Error() string { return e.Err.Error() }
func (e *DeniedError) Unwrap() error { return e.Err }

// Server lets connections through. It serves until Close.
type Server struct {
	listener net.Listener
	dialer   net.Dialer
	ctx      context.Context
	cancel   context.CancelFunc
	work     sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	conns    map[net.Conn]struct{}
	failures map[string]error
}

// Listen starts a server on a free port of 127.0.0.1. control may be nil: then
// every address may be dialled.
func Listen(ctx context.Context, control Control) (*Server, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening the browser's way out: %w", err)
	}
	s := &Server{
		listener: l,
		dialer:   net.Dialer{Timeout: dialTimeout, KeepAlive: -1},
		conns:    make(map[net.Conn]struct{}),
		failures: make(map[string]error),
	}
	if control != nil {
		s.dialer.Control = func(network, address string, c syscall.RawConn) error {
			if err := control(network, address, c); err != nil {
				return &DeniedError{err}
			}
			return nil
		}
	}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.work.Go(s.accept)
	return s, nil
}

// Addr is host and port of the server.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Why says why the destination, host and port, was not reached when it was
// last asked for: a *[DeniedError], or the error of the dial. It is nil where
// the destination was reached, or never asked for.
func (s *Server) Why(destination string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures[strings.ToLower(destination)]
}

// Close ends every connection and returns when none is left.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.cancel()
	err := s.listener.Close()
	s.work.Wait()
	return err
}

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		switch {
		case err == nil:
			s.work.Go(func() { s.serve(c) })
		case errors.Is(err, net.ErrClosed):
			return
		default:
			// Out of file descriptors, most likely: others are closed soon.
			select {
			case <-time.After(50 * time.Millisecond):
			case <-s.ctx.Done():
				return
			}
		}
	}
}

// track makes Close end c; it reports whether there is still time for that.
func (s *Server) track(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *Server) drop(c net.Conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	_ = c.Close()
}

func (s *Server) serve(client net.Conn) {
	if !s.track(client) {
		return
	}
	defer s.drop(client)
	_ = client.SetDeadline(time.Now().Add(greetTimeout))
	destination, err := greet(client)
	if err != nil {
		return // it does not speak SOCKS5, or wants what is not given
	}
	_ = client.SetDeadline(time.Time{})
	target, err := s.dial(client, destination)
	s.note(destination, err)
	if err != nil {
		_, _ = client.Write(reply(codeOf(err)))
		return
	}
	if !s.track(target) {
		return
	}
	defer s.drop(target)
	if _, err := client.Write(reply(granted)); err != nil {
		return
	}
	relay(client, target)
}

// dial connects to the destination; a client that hangs up ends it.
func (s *Server) dial(client net.Conn, destination string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		// A client says nothing before it is answered: what ends this is its
		// end, or the deadline below.
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
			cancel()
		}
	}()
	target, err := s.dialer.DialContext(ctx, "tcp", localhost(destination))
	_ = client.SetReadDeadline(time.Unix(1, 0))
	<-watched
	_ = client.SetReadDeadline(time.Time{})
	if err == nil && ctx.Err() != nil {
		_ = target.Close()
		return nil, ctx.Err()
	}
	return target, err
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// localhost resolves names below .localhost as browsers do (RFC 6761).
func localhost(destination string) string {
	host, port, err := net.SplitHostPort(destination)
	if err == nil && strings.HasSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), ".localhost") {
		return net.JoinHostPort("localhost", port)
	}
	return destination
}

// note remembers how the last try to reach the destination went. Tries that
// the browser gave up say nothing.
func (s *Server) note(destination string, err error) {
	destination = strings.ToLower(destination)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		delete(s.failures, destination)
	case errors.Is(err, context.Canceled):
	default:
		if len(s.failures) >= maxFailures {
			clear(s.failures)
		}
		s.failures[destination] = err
	}
}

// relay carries bytes both ways until both sides have ended, or one broke.
func relay(a, b net.Conn) {
	var both sync.WaitGroup
	carry := func(to, from net.Conn) {
		_, err := io.Copy(to, from)
		if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
			_ = half.CloseWrite()
			return
		}
		_, _ = to.Close(), from.Close()
	}
	both.Go(func() { carry(a, b) })
	carry(b, a)
	both.Wait()
}
