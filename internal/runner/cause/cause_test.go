package cause

import (
	"crypto/x509"
	"net"
	"testing"
	"time"
)

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
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
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
