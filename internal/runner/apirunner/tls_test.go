package apirunner_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/apirunner"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	a.cert, a.key = a.make(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Test Authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(24 * 365 * time.Hour),
	})
	a.pool.AddCert(a.cert)
	return a
}

// make signs c, by itself where there is no authority yet.
func (a *authority) make(t testing.TB, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(1)
	if c.NotBefore.IsZero() {
		c.NotBefore = time.Now().Add(-24 * 400 * time.Hour)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

// serveTLS serves h with a certificate signed by a.
func (a *authority) serveTLS(t testing.TB, c *x509.Certificate, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	cert, key := a.make(t, c)
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

var loopback = []net.IP{net.IPv4(127, 0, 0, 1)}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

func TestHTTP2AndTLSFacts(t *testing.T) {
	a := newAuthority(t)
	end := time.Now().Add(100*time.Hour + time.Minute).Truncate(time.Second)
	s := a.serveTLS(t, &x509.Certificate{Subject: pkix.Name{CommonName: "shop"}, IPAddresses: loopback, NotAfter: end}, hello)
	r := apirunner.New(apirunner.Options{RootCAs: a.pool})
	res := run(t, r, job(s.URL, expecting("tls.days_left == 4", "tls.version == 'TLS 1.3'", "body == 'hello'")))
	if res.Outcome != jobs.Passed {
		t.Fatalf("fault %+v", res.Fault)
	}
	got := res.Evidence.Response
	want := jobs.TLS{Version: "TLS 1.3", Issuer: "CN=Test Authority", Subject: "CN=shop", NotAfter: end.UTC()}
	if got.Proto != "HTTP/2.0" || got.TLS == nil || *got.TLS != want {
		t.Errorf("proto %q, TLS %+v", got.Proto, got.TLS)
	}
	if tm := res.Timings; tm.TLS <= 0 || tm.FirstByte <= 0 || tm.Connect <= 0 {
		t.Errorf("timings %+v", tm)
	}
}

func TestHTTP2Faults(t *testing.T) {
	a := newAuthority(t)
	s := a.serveTLS(t, &x509.Certificate{IPAddresses: loopback, NotAfter: time.Now().Add(time.Hour)}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/much", "/far-too-much":
			n := map[string]int{"/much": 65, "/far-too-much": 1000}[r.URL.Path]
			for i := range n {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("b", 1000))
			}
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/half":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case "/silent":
			<-r.Context().Done()
		}
	})
	r := apirunner.New(apirunner.Options{RootCAs: a.pool})
	wantFault(t, run(t, r, job(s.URL+"/much")), jobs.FaultProtocol, "larger than the cap of 64 KiB")
	wantFault(t, run(t, r, job(s.URL+"/far-too-much")), jobs.FaultProtocol, "larger than the cap of 64 KiB")
	wantFault(t, run(t, r, job(s.URL+"/abort")), jobs.FaultProtocol)
	wantFault(t, run(t, r, job(s.URL+"/half")), jobs.FaultProtocol)
	wantFault(t, run(t, r, job(s.URL+"/silent", within(2*time.Second))), jobs.FaultTimeout, "nothing had come back")
}

// However a run ends, its connections are closed.
func TestConnectionsAreClosed(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.make(t, &x509.Certificate{IPAddresses: loopback, NotAfter: time.Now().Add(time.Hour)})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			w.Header().Set("Location", "/large")
			w.WriteHeader(http.StatusFound)
			_, _ = io.WriteString(w, strings.Repeat("a", 1<<20))
		case "/large":
			_, _ = io.WriteString(w, strings.Repeat("a", 3<<20))
		case "/silent":
			<-r.Context().Done()
		}
	})
	for _, h2 := range []bool{false, true} {
		closed := make(chan struct{}, 10)
		s := httptest.NewUnstartedServer(handler)
		s.EnableHTTP2 = h2
		s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				closed <- struct{}{}
			}
		}
		s.StartTLS()
		r := apirunner.New(apirunner.Options{RootCAs: a.pool})
		run(t, r, job(s.URL+"/"))
		run(t, r, job(s.URL+"/redirect")) // two connections
		run(t, r, job(s.URL+"/silent", within(2*time.Second)))
		for range 4 {
			select {
			case <-closed:
			case <-time.After(time.Minute):
				t.Fatalf("HTTP/2 %v: a connection is still open", h2)
			}
		}
		s.Close()
	}
}

func TestCertificates(t *testing.T) {
	trusted, unknown := newAuthority(t), newAuthority(t)
	day := 24 * time.Hour
	now := time.Now()
	r := apirunner.New(apirunner.Options{RootCAs: trusted.pool})
	for name, row := range map[string]struct {
		by    *authority
		cert  *x509.Certificate
		words []string
	}{
		"expired": {trusted, &x509.Certificate{DNSNames: []string{"shop.example"}, IPAddresses: loopback, NotAfter: now.Add(-3*day - time.Hour)},
			[]string{`certificate of "shop.example" expired 3 days ago (` + now.Add(-3*day-time.Hour).UTC().Format(time.DateOnly) + ")"}},
		"not yet valid": {trusted, &x509.Certificate{IPAddresses: loopback, NotBefore: now.Add(day), NotAfter: now.Add(2 * day)},
			[]string{`certificate of "127.0.0.1" is not valid before ` + now.Add(day).UTC().Format(time.DateOnly)}},
		"wrong name": {trusted, &x509.Certificate{DNSNames: []string{"a.example"}, NotAfter: now.Add(day)},
			[]string{"certificate is for a.example, not 127.0.0.1"}},
		"unknown authority": {unknown, &x509.Certificate{Subject: pkix.Name{CommonName: "shop"}, IPAddresses: loopback, NotAfter: now.Add(day)},
			[]string{`certificate of "shop" is signed by an unknown authority`}},
		"self-signed": {&authority{}, &x509.Certificate{Subject: pkix.Name{CommonName: "own"}, IPAddresses: loopback, NotAfter: now.Add(day)},
			[]string{`certificate of "own" is self-signed`, "signed by an unknown authority"}},
		"not for servers": {trusted, &x509.Certificate{IPAddresses: loopback, NotAfter: now.Add(day), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}},
			[]string{"certificate is not valid"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := row.by.serveTLS(t, row.cert, hello)
			res := run(t, r, job(s.URL))
			wantFault(t, res, jobs.FaultTLS, row.words...)
			if res.Timings.TLS <= 0 {
				t.Errorf("timings %+v", res.Timings)
			}
		})
	}
}

func TestNoTLSAtAll(t *testing.T) {
	r := apirunner.New(apirunner.Options{})
	plain := serve(t, hello)
	wantFault(t, run(t, r, job(strings.Replace(plain.URL, "http://", "https://", 1))), jobs.FaultTLS, "answers in plain HTTP", "http://")

	shut := raw(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) })
	wantFault(t, run(t, r, job("https://"+shut)), jobs.FaultTLS, "closed the connection during the TLS handshake")

	ssh := raw(t, func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n"); hold(c) })
	wantFault(t, run(t, r, job("https://"+ssh)), jobs.FaultTLS, "does not speak TLS")

	a := newAuthority(t)
	cert, key := a.make(t, &x509.Certificate{IPAddresses: loopback, NotAfter: time.Now().Add(time.Hour)})
	old := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	old.Config.ErrorLog = log.New(io.Discard, "", 0)
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
	old.StartTLS()
	defer old.Close()
	wantFault(t, run(t, r, job(old.URL)), jobs.FaultTLS, "TLS handshake", "version")
}
