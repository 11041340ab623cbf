package apirunner

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// What a kernel says that has no network, no sockets or a firewall: a test
// cannot bring these about on every machine.
func TestExplainTheKernel(t *testing.T) {
	for errno, want := range map[syscall.Errno]struct {
		class  jobs.FaultClass
		excuse bool
		words  string
	}{
		syscall.ECONNREFUSED:  {jobs.FaultConnect, false, "connection to 192.0.2.1:80 refused"},
		syscall.ETIMEDOUT:     {jobs.FaultConnect, false, "connection to 192.0.2.1:80 timed out"},
		syscall.EHOSTUNREACH:  {jobs.FaultConnect, false, "no route from this location to 192.0.2.1:80"},
		syscall.ENETUNREACH:   {jobs.FaultConnect, false, "no route from this location to 192.0.2.1:80"},
		syscall.EPERM:         {jobs.FaultConnect, false, "a firewall of this location"},
		syscall.ENETDOWN:      {jobs.FaultConnect, false, "no connection to 192.0.2.1:80: connect: network is down"},
		syscall.EMFILE:        {jobs.FaultInternal, true, "no more sockets"},
		syscall.ENFILE:        {jobs.FaultInternal, true, "no more sockets"},
		syscall.ENOBUFS:       {jobs.FaultInternal, true, "no more sockets"},
		syscall.EADDRNOTAVAIL: {jobs.FaultInternal, true, "no more sockets"},
	} {
		a := newAttempt(New(Options{}), &check.APIStep{}, secrets{}, cookies{})
		a.target = &url.URL{Scheme: "http", Host: "shop.example"}
		a.watch.enter(connecting)
		err := fmt.Errorf("wrapped: %w", &net.OpError{
			Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80},
			Err: os.NewSyscallError("connect", errno),
		})
		got := a.explain(err)
		if got.class != want.class || got.excuse != want.excuse || !strings.Contains(got.message, want.words) {
			t.Errorf("%v: got %+v, want %+v", errno, *got, want)
		}
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		20 * time.Second: "seconds",
		time.Minute:      "1 minute",
		59 * time.Minute: "59 minutes",
		90 * time.Minute: "1 hour",
		47 * time.Hour:   "1 day",
		80 * time.Hour:   "3 days",
	} {
		if got := ago(d); got != want {
			t.Errorf("ago(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1 KiB", 12 << 10: "12 KiB", 1<<20 - 1: "1023 KiB",
		2 << 20: "2 MiB", 2<<20 + 1<<19: "2.5 MiB", 2<<20 + 1: "2.0 MiB",
	} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestNamesOf(t *testing.T) {
	for want, c := range map[string]*x509.Certificate{
		"no host at all":           {},
		"a.example, b.example":     {DNSNames: []string{"a.example", "b.example"}},
		"a.example, 192.0.2.1":     {DNSNames: []string{"a.example"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}},
		"a.a, b.a, c.a and 2 more": {DNSNames: []string{"a.a", "b.a", "c.a", "d.a", "e.a"}},
	} {
		if got := namesOf(c); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
