package netrunner_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/netrunner"
)

// run makes one attempt with the check's timeout of 30 s.
func run(t *testing.T, o netrunner.Options, spec check.Spec) jobs.Result {
	t.Helper()
	return runFor(t, o, spec, 30*time.Second)
}

func runFor(t *testing.T, o netrunner.Options, spec check.Spec, timeout time.Duration) jobs.Result {
	t.Helper()
	slot := time.Date(2026, 10, 5, 12, 0, 0, 0, time.UTC)
	c := check.Check{ID: "shop", Name: "Shop", Timeout: timeout, Every: time.Minute, Locations: []string{"local"}, Spec: spec}
	if fs := c.Validate(); fs != nil {
		t.Fatalf("the check is not valid: %v", fs)
	}
	res, err := netrunner.New(o).Run(t.Context(), jobs.New(c, "local", slot, 1, slot, slot.Add(time.Minute)))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func expecting(lines ...string) check.Lines { return check.Lines{Expect: lines} }

func wantPassed(t *testing.T, res jobs.Result) {
	t.Helper()
	if res.Outcome != jobs.Passed {
		t.Errorf("outcome %s, fault %+v", res.Outcome, res.Fault)
	}
}

// wantFault checks that a run failed, with the class and all of the words.
func wantFault(t *testing.T, res jobs.Result, class jobs.FaultClass, words ...string) {
	t.Helper()
	if res.Outcome != jobs.Failed || res.Fault == nil || res.Fault.Class != class {
		t.Errorf("outcome %s, fault %+v; want failed, %s", res.Outcome, res.Fault, class)
		return
	}
	for _, w := range words {
		if !strings.Contains(res.Fault.Message, w) {
			t.Errorf("message %q lacks %q", res.Fault.Message, w)
		}
	}
}

// listen serves TCP until the test ends; every connection is closed after f,
// and at the end of the test.
func listen(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, l, f)
}

func serve(t *testing.T, l net.Listener, f func(net.Conn)) string {
	t.Helper()
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		conns []net.Conn
	)
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				f(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return l.Addr().String()
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// authority signs certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	return authority{key, sign(t, template, template, key, key)}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (a authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// leaf is a server's certificate for shop.example and 127.0.0.1 that ends at a
// time, sent with the authority's.
func (a authority) leaf(t *testing.T, until time.Time) tls.Certificate {
	t.Helper()
	key := newKey(t)
	c := sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "shop.example"}, DNSNames: []string{"shop.example", "www.shop.example"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: until.AddDate(0, 0, -90), NotAfter: until,
	}, a.cert, key, a.key)
	return tls.Certificate{Certificate: [][]byte{c.Raw, a.cert.Raw}, PrivateKey: key}
}

// secure serves TLS with a certificate of a that ends at a time.
func (a authority) secure(t *testing.T, until time.Time, f func(net.Conn)) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{a.leaf(t, until)}, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, l, f)
}
