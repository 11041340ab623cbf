package cause

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"
)

// TLS finds words for a handshake with host that did not come about.
func TLS(err error, host string, now time.Time) string {
	var (
		name    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		alert   tls.AlertError
	)
	switch {
	case errors.As(err, &name):
		return fmt.Sprintf("certificate is for %s, not %s", namesOf(name.Certificate), name.Host)
	case errors.As(err, &unknown):
		return explainAuthority(unknown.Cert, host)
	case errors.As(err, &invalid):
		return explainInvalid(invalid, now)
	case errors.As(err, &record) && strings.HasPrefix(string(record.RecordHeader[:]), "HTTP/"):
		return fmt.Sprintf("%s answers in plain HTTP: write http:// in place of https://, or another port", host)
	case errors.As(err, &record):
		return fmt.Sprintf("%s does not speak TLS", host)
	case errors.As(err, &alert):
		return fmt.Sprintf("%s refused the TLS handshake: %s", host, strings.TrimPrefix(alert.Error(), "tls: "))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Sprintf("%s closed the connection during the TLS handshake", host)
	}
	return fmt.Sprintf("TLS handshake with %s did not succeed: %s", host, strings.TrimPrefix(Reason(err), "tls: "))
}

func explainAuthority(c *x509.Certificate, host string) string {
	if c == nil {
		return fmt.Sprintf("certificate of %s is signed by an unknown authority", host)
	}
	if c.Subject.String() == c.Issuer.String() && c.Subject.String() != "" {
		return fmt.Sprintf("certificate of %q is self-signed: signed by an unknown authority", titleOf(c))
	}
	return fmt.Sprintf("certificate of %q is signed by an unknown authority (%s): is the intermediate certificate missing?", titleOf(c), Short(c.Issuer.String()))
}

func explainInvalid(err x509.CertificateInvalidError, now time.Time) string {
	c := err.Cert
	if err.Reason != x509.Expired || c == nil {
		return "certificate is not valid: " + strings.TrimPrefix(err.Error(), "x509: ")
	}
	if now.Before(c.NotBefore) {
		return fmt.Sprintf("certificate of %q is not valid before %s", titleOf(c), c.NotBefore.UTC().Format(time.DateTime+" MST"))
	}
	return fmt.Sprintf("certificate of %q expired %s ago (%s)", titleOf(c), ago(now.Sub(c.NotAfter)), c.NotAfter.UTC().Format(time.DateOnly))
}

// titleOf is what people call a certificate.
func titleOf(c *x509.Certificate) string {
	switch {
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	case c.Subject.CommonName != "":
		return c.Subject.CommonName
	case len(c.IPAddresses) > 0:
		return c.IPAddresses[0].String()
	}
	return Short(c.Subject.String())
}

// namesOf lists the hosts that a certificate is for, the first three of them.
func namesOf(c *x509.Certificate) string {
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no host at all"
	}
	const most = 3
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

func ago(d time.Duration) string {
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}} {
		switch n := int(d / unit.size); {
		case n == 1:
			return "1 " + unit.name
		case n > 1:
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return "seconds"
}
