package socks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/egress"
	"github.com/probefleet/probefleet/internal/egress/socks"
)

func serve(t *testing.T, control socks.Control) *socks.Server {
	t.Helper()
	s, err := socks.Listen(t.Context(), control)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// echo is a server that gives back what it is sent, once all was sent.
func echo(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				data, _ := io.ReadAll(c)
				c.Write(data)
			}()
		}
	}()
	return l.Addr().String()
}

// through asks s for a destination and returns the connection with the code
// of the answer.
func through(t *testing.T, s *socks.Server, host string, port int) (*net.TCPConn, byte) {
	t.Helper()
	return ask(t, s, append(append([]byte{5, 1, 0, 5, 1, 0, 3, byte(len(host))}, host...), byte(port>>8), byte(port)))
}

func ask(t *testing.T, s *socks.Server, request []byte) (*net.TCPConn, byte) {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write(request); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 12)
	if _, err := io.ReadFull(c, answer); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(answer[:3], []byte{5, 0, 5}) {
		t.Fatalf("answer % x", answer)
	}
	return c.(*net.TCPConn), answer[3]
}

func split(t *testing.T, addr string) (string, int) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return host, n
}

func TestBytesPassBothWays(t *testing.T) {
	s := serve(t, egress.NewPolicy(egress.Private, nil).Control)
	_, port := split(t, echo(t))
	for _, host := range []string{"127.0.0.1", "localhost", "shop.LOCALHOST"} {
		c, code := through(t, s, host, port)
		if code != 0 {
			t.Fatalf("%s: code %d, %v", host, code, s.Why(fmt.Sprintf("%s:%d", host, port)))
		}
		sent := strings.Repeat("to and fro ", 50_000)
		go func() {
			io.WriteString(c, sent)
			c.CloseWrite()
		}()
		got, err := io.ReadAll(c)
		if err != nil || string(got) != sent {
			t.Errorf("%s: %d bytes came back of %d, %v", host, len(got), len(sent), err)
		}
	}
	// Addresses may come as such.
	if _, code := ask(t, s, []byte{5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, byte(port >> 8), byte(port)}); code != 0 {
		t.Errorf("an IPv4 address: code %d", code)
	}
}

func TestPolicyHolds(t *testing.T) {
	s := serve(t, egress.NewPolicy(nil, nil).Control)
	addr := echo(t)
	_, port := split(t, addr)
	for _, host := range []string{"127.0.0.1", "localhost", "::1", "169.254.169.254", "::ffff:127.0.0.1"} {
		c, code := through(t, s, host, port)
		if code != 2 {
			t.Errorf("%s: code %d, want 2", host, code)
		}
		if rest, _ := io.ReadAll(c); len(rest) > 0 {
			t.Errorf("%s: %q was said after the refusal", host, rest)
		}
		denied := new(egress.DeniedError)
		if err := s.Why(net.JoinHostPort(host, strconv.Itoa(port))); !errors.As(err, &denied) || !errors.As(err, new(*socks.DeniedError)) {
			t.Errorf("%s: why %v, want it denied", host, err)
		}
	}
}

func TestWhy(t *testing.T) {
	s := serve(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_, port := split(t, addr)
	l.Close()
	if _, code := through(t, s, "127.0.0.1", port); code != 5 || !errors.Is(s.Why(addr), syscall.ECONNREFUSED) {
		t.Errorf("code %d, why %v, want it refused", code, s.Why(addr))
	}
	unknown := new(net.DNSError)
	if _, code := through(t, s, "No-Such-Host.invalid", 80); code != 1 || !errors.As(s.Why("no-such-host.invalid:80"), &unknown) {
		t.Errorf("code %d, why %v, want no such host", code, s.Why("no-such-host.invalid:80"))
	}
	// What works again is forgotten.
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, code := through(t, s, "127.0.0.1", port); code != 0 || s.Why(addr) != nil {
		t.Errorf("code %d, why %v, want neither", code, s.Why(addr))
	}
}

func TestOtherCommandsAreRefused(t *testing.T) {
	s := serve(t, nil)
	for name, command := range map[string]byte{"BIND": 2, "UDP ASSOCIATE": 3} {
		if _, code := ask(t, s, []byte{5, 1, 0, 5, command, 0, 1, 127, 0, 0, 1, 0, 80}); code != 7 {
			t.Errorf("%s: code %d, want 7", name, code)
		}
	}
}

// A client that hangs up while its destination does not answer must not leave
// a dial behind, nor must Close wait for one.
func TestHangingUpEndsTheDial(t *testing.T) {
	dialled := make(chan struct{}, 2)
	release := make(chan struct{})
	s := serve(t, func(string, string, syscall.RawConn) error {
		dialled <- struct{}{}
		<-release
		return nil
	})
	blackhole := netip.MustParseAddr("240.0.0.1")
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	ip := blackhole.As4()
	c.Write(append(append([]byte{5, 1, 0, 5, 1, 0, 1}, ip[:]...), 0, 80))
	<-dialled
	c.Close()
	close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	select {
	case <-closed:
	case <-ctx.Done():
		t.Fatal("Close waits for a dial that nobody wants")
	}
}

func FuzzGreeting(f *testing.F) {
	f.Add([]byte{5, 1, 0, 5, 1, 0, 3, 1, 'a', 0, 80})
	f.Add([]byte{5, 0})
	f.Add([]byte{4, 1, 0, 80, 127, 0, 0, 1, 0})
	denied := errors.New("nothing is dialled")
	s, err := socks.Listen(context.Background(), func(string, string, syscall.RawConn) error { return denied })
	if err != nil {
		f.Fatal(err)
	}
	defer s.Close()
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 7 && data[6] == 3 {
			return // a name would be looked up
		}
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		c.Write(data)
		c.(*net.TCPConn).CloseWrite()
		if _, err := io.Copy(io.Discard, c); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
			t.Errorf("% x: no end", data)
		}
	})
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
