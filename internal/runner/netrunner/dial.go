package netrunner

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/probefleet/probefleet/internal/assert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// dial connects to address by TCP. The connection's reads and writes end
// with ctx.
func (a *attempt) dial(ctx context.Context, address string, family int) (net.Conn, error) {
	return a.dialBy(ctx, a.runner.control, "tcp", address, family)
}

func (a *attempt) dialBy(ctx context.Context, control func(network, address string, c syscall.RawConn) error, network, address string, family int) (net.Conn, error) {
	if family != 0 {
		network += strconv.Itoa(family)
	}
	d := net.Dialer{Resolver: a.runner.o.Resolver, KeepAlive: -1, Control: control}
	c, err := d.DialContext(httptrace.WithClientTrace(ctx, a.clock.trace()), network, address)
	a.dialled = err
	if err != nil {
		return nil, err
	}
	a.remote = c.RemoteAddr()
	a.seen.Connected = true
	a.clock.enter(waiting)
	context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) }) // its own is done with it, or closed it
	return c, nil
}

// gate keeps a library that dials in a goroutine of its own from touching the
// attempt after it has given up waiting for it.
type gate struct {
	mu     sync.Mutex
	isShut bool
}

// pass dials, unless the gate is shut.
func (g *gate) pass(dial func() (net.Conn, error)) (net.Conn, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.isShut {
		return nil, net.ErrClosed
	}
	return dial()
}

// shut waits for a dial that is under way.
func (g *gate) shut() {
	g.mu.Lock()
	g.isShut = true
	g.mu.Unlock()
}

// shake makes a connection a TLS one. The certificates are kept as evidence
// before they are judged, so that it is there where they do not hold.
func (a *attempt) shake(ctx context.Context, c net.Conn, as check.TLSClient, address string, protocols ...string) (*tls.Conn, error) {
	name := as.ServerName
	if name == "" {
		name, _, _ = net.SplitHostPort(address) // validated
	}
	name = strings.TrimSuffix(name, ".")
	a.clock.enter(shaking)
	t := tls.Client(c, &tls.Config{
		ServerName: name, NextProtos: protocols,
		InsecureSkipVerify: true, // VerifyConnection does it, unless the check says otherwise
		VerifyConnection: func(s tls.ConnectionState) error {
			err := a.verify(s, name)
			a.certificates(s, err == nil)
			if as.SkipVerify {
				return nil
			}
			return err
		},
	})
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	a.clock.enter(waiting)
	return t, nil
}

// verify is what crypto/tls does by itself where it is not told otherwise.
func (a *attempt) verify(s tls.ConnectionState, name string) error {
	if len(s.PeerCertificates) == 0 {
		return fmt.Errorf("%s sent no certificate", a.target)
	}
	o := x509.VerifyOptions{Roots: a.runner.o.RootCAs, DNSName: name, Intermediates: x509.NewCertPool()}
	for _, c := range s.PeerCertificates[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(o)
	return err
}

// certificates keeps what a connection says of itself.
func (a *attempt) certificates(s tls.ConnectionState, verified bool) {
	if len(s.PeerCertificates) == 0 {
		return
	}
	leaf := s.PeerCertificates[0]
	names := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	a.kept.TLS = &jobs.TLS{
		Version: tls.VersionName(s.Version), Issuer: leaf.Issuer.String(), Subject: leaf.Subject.String(), NotAfter: leaf.NotAfter.UTC(),
	}
	a.seen.TLS = assert.NetTLS{
		DaysLeft: days(leaf.NotAfter, time.Now()), Version: a.kept.TLS.Version, Issuer: a.kept.TLS.Issuer, Subject: a.kept.TLS.Subject,
		Names: names, Chain: len(s.PeerCertificates), Verified: verified,
	}
}

// chain writes the certificates that were sent, one a line.
func chain(certificates []*x509.Certificate) string {
	var b strings.Builder
	for i, c := range certificates {
		fmt.Fprintf(&b, "%d: %s, issued by %s, valid %s to %s", i, c.Subject, c.Issuer, c.NotBefore.UTC().Format(time.DateOnly), c.NotAfter.UTC().Format(time.DateOnly))
		if len(c.DNSNames) > 0 {
			fmt.Fprintf(&b, ", for %s", strings.Join(c.DNSNames, " "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
