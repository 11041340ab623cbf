package netrunner_test

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/netrunner"
)

// shaken does its side of the handshake and waits for the end.
func shaken(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func TestTLSCertificates(t *testing.T) {
	a := newAuthority(t)
	address := a.secure(t, time.Now().AddDate(0, 0, 30), shaken)
	res := run(t, netrunner.Options{RootCAs: a.pool()}, &check.TLS{
		Lines: expecting("tls.days_left == 29", "tls.version == 'TLS 1.3'", "tls.issuer contains 'Test Authority'", "tls.subject == 'CN=shop.example'",
			"'www.shop.example' in tls.names", "tls.chain == 2", "tls.verified", "time.tls > 0s", "ip == '127.0.0.1'"),
		Address: address,
	})
	wantPassed(t, res)
	r := res.Evidence.Response
	if r == nil || r.TLS == nil || r.TLS.Subject != "CN=shop.example" || !strings.Contains(r.Excerpt, "1: CN=Test Authority") || res.Timings.TLS <= 0 {
		t.Errorf("evidence %+v, timings %+v", r, res.Timings)
	}
	res = run(t, netrunner.Options{RootCAs: a.pool()}, &check.TLS{Lines: expecting("tls.days_left > 60"), Address: address})
	wantFault(t, res, jobs.FaultAssertion, "tls.days_left > 60 (got 29)")
	wantPassed(t, run(t, netrunner.Options{RootCAs: a.pool()}, &check.TLS{Address: address, TLSClient: check.TLSClient{ServerName: "www.shop.example"}}))
}

// What does not hold has a name, keeps its certificate as evidence, and can be
// looked at all the same.
func TestTLSFaults(t *testing.T) {
	a := newAuthority(t)
	expired := a.secure(t, time.Now().Add(-73*time.Hour), shaken)
	fine := a.secure(t, time.Now().AddDate(0, 0, 30), shaken)
	for _, row := range []struct {
		spec  check.TLS
		roots netrunner.Options
		words string
	}{
		{check.TLS{Address: expired}, netrunner.Options{RootCAs: a.pool()}, `certificate of "shop.example" expired 3 days ago`},
		{check.TLS{Address: fine}, netrunner.Options{RootCAs: newAuthority(t).pool()}, "signed by an unknown authority"},
		{check.TLS{Address: fine, TLSClient: check.TLSClient{ServerName: "other.example"}}, netrunner.Options{RootCAs: a.pool()}, "not other.example"},
	} {
		res := run(t, row.roots, &row.spec)
		wantFault(t, res, jobs.FaultTLS, row.words)
		if r := res.Evidence.Response; r == nil || r.TLS == nil || r.TLS.Subject != "CN=shop.example" {
			t.Errorf("%s: evidence %+v", row.words, r)
		}
		row.spec.SkipVerify, row.spec.Lines = true, expecting("not tls.verified", "tls.days_left != 0")
		wantPassed(t, run(t, row.roots, &row.spec))
	}
	res := run(t, netrunner.Options{RootCAs: a.pool()}, &check.TLS{Address: expired, TLSClient: check.TLSClient{SkipVerify: true}})
	wantFault(t, res, jobs.FaultAssertion, "tls.days_left >= 0 (got -4)")
}

func TestTLSHandshakesThatFail(t *testing.T) {
	plain := listen(t, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") })
	wantFault(t, run(t, netrunner.Options{}, &check.TLS{Address: plain}), jobs.FaultTLS, "plain HTTP")
	gone := listen(t, func(net.Conn) {})
	wantFault(t, run(t, netrunner.Options{}, &check.TLS{Address: gone}), jobs.FaultTLS, "closed the connection during the TLS handshake")
	silent := listen(t, shaken)
	wantFault(t, runFor(t, netrunner.Options{}, &check.TLS{Address: silent}, time.Second), jobs.FaultTimeout, "handshake with "+silent+" was not done")
	a := newAuthority(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{a.leaf(t, time.Now().AddDate(0, 0, 30))}, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})
	if err != nil {
		t.Fatal(err)
	}
	old := serve(t, l, shaken)
	wantFault(t, run(t, netrunner.Options{RootCAs: a.pool()}, &check.TLS{Address: old}), jobs.FaultTLS, "protocol version")
	wantFault(t, run(t, netrunner.Options{}, &check.TLS{Address: closedPort(t)}), jobs.FaultConnect, "refused")
}
