package notify

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/alert"
)

// mailServer is an SMTP server over TCP, which speaks STARTTLS and wants a
// password after it.
type mailServer struct {
	address string
	roots   *x509.CertPool
	letters chan letter
}

type letter struct {
	from, data, auth string
	to               []string
	encrypted        bool
}

func newMailServer(t *testing.T, starttls bool) *mailServer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, _ := x509.ParseCertificate(der)
	s := &mailServer{roots: x509.NewCertPool(), letters: make(chan letter, 10)}
	s.roots.AddCert(parsed)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s.address = l.Addr().String()
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(c, config, starttls)
		}
	}()
	return s
}

func (s *mailServer) talk(c net.Conn, config *tls.Config, starttls bool) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	say := func(format string, args ...any) { fmt.Fprintf(c, format+"\r\n", args...) }
	say("220 test ESMTP")
	var m letter
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		switch verb := strings.ToUpper(strings.Fields(line + " ")[0]); verb {
		case "EHLO":
			say("250-test")
			if starttls && !m.encrypted {
				say("250 STARTTLS")
			} else {
				say("250 AUTH PLAIN")
			}
		case "STARTTLS":
			say("220 go on")
			secure := tls.Server(c, config)
			c, in, m = secure, bufio.NewReader(secure), letter{encrypted: true}
		case "AUTH":
			m.auth = line
			say("235 welcome")
		case "MAIL":
			m.from = line
			say("250 ok")
		case "RCPT":
			m.to = append(m.to, line)
			say("250 ok")
		case "DATA":
			say("354 go on")
			var data strings.Builder
			for {
				l, err := in.ReadString('\n')
				if err != nil || l == ".\r\n" {
					break
				}
				data.WriteString(l)
			}
			m.data = data.String()
			s.letters <- m
			say("250 kept")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func TestEmail(t *testing.T) {
	s := newMailServer(t, true)
	n := newNotifier(func(o *Options) { o.Roots = s.roots })
	c := alert.Channel{Email: &alert.Email{
		Server: s.address, From: "Probes <probes@example.com>", To: []string{"Ops <ops@example.com>", "b@example.com"}, User: "probes", Password: "{{ secrets.password }}",
	}}
	over := message(alert.TellClosed)
	over.Key = "another"
	for _, m := range []alert.Message{message(alert.TellOpened), over} {
		if o := send(n, c, m); o.Error != "" {
			t.Fatal(o.Error)
		}
	}
	first, second := <-s.letters, <-s.letters
	if !first.encrypted || first.auth == "" || len(first.to) != 2 || strings.Contains(fmt.Sprint(first.to), "victim") {
		t.Errorf("the letter went to %q, encrypted %t, by %q", first.to, first.encrypted, first.auth)
	}
	a, parts := read(t, first.data)
	b, _ := read(t, second.data)
	if a.Get("Bcc") != "" || strings.ContainsAny(a.Get("Subject"), "\r\n") {
		t.Errorf("a name has made headers: %v", a)
	}
	if a.Get("References") == "" || a.Get("References") != b.Get("References") || a.Get("Message-Id") == b.Get("Message-Id") {
		t.Errorf("no thread: %q and %q, %q and %q", a.Get("References"), b.Get("References"), a.Get("Message-Id"), b.Get("Message-Id"))
	}
	if !strings.Contains(parts["text/plain"], "status == 200 (got 503)") {
		t.Errorf("text part: %s", parts["text/plain"])
	}
	if page := parts["text/html"]; strings.Contains(page, "<script") || !strings.Contains(page, "&lt;script&gt;") {
		t.Errorf("HTML part: %s", page)
	}
}

// A server that does not encrypt gets no letter and no password.
func TestEmailIsEncryptedOrNotSent(t *testing.T) {
	s := newMailServer(t, false)
	n := newNotifier(func(o *Options) { o.Roots = s.roots })
	c := alert.Channel{Email: &alert.Email{Server: s.address, From: "a@example.com", To: []string{"b@example.com"}}}
	if o := send(n, c, message(alert.TellOpened)); o.Error == "" || len(s.letters) > 0 {
		t.Errorf("%+v, %d letters", o, len(s.letters))
	}
	c.Email.TLS = "none"
	if o := send(n, c, message(alert.TellOpened)); o.Error != "" || len(s.letters) != 1 {
		t.Errorf("%+v, %d letters", o, len(s.letters))
	}
	strict := newNotifier()
	secure := newMailServer(t, true)
	c.Email.TLS, c.Email.Server = "", secure.address
	if o := send(strict, c, message(alert.TellOpened)); o.Error == "" || len(secure.letters) > 0 {
		t.Errorf("a certificate of nobody is trusted: %+v", o)
	}
}

// read takes a letter apart.
func read(t *testing.T, data string) (mail.Header, map[string]string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextPart()
		if err == io.EOF {
			return m.Header, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		body, _ := io.ReadAll(p)
		parts[kind] = string(body)
	}
}
