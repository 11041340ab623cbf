package netrunner_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/egress"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/netrunner"
)

// redis answers PING as that server does.
func redis(c net.Conn) {
	lines := bufio.NewReader(c)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		if strings.TrimSpace(line) == "PING" {
			_, _ = io.WriteString(c, "+PONG\r\n")
		}
	}
}

func TestTCPConnects(t *testing.T) {
	address := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	res := run(t, netrunner.Options{}, &check.TCP{Address: address, MaxBody: 1 << 10})
	wantPassed(t, res)
	r := res.Evidence.Response
	if r == nil || r.RemoteAddr != address || r.Proto != "tcp" || res.Timings.Connect <= 0 || res.Timings.Total < res.Timings.Connect || len(res.Verdicts) != 1 {
		t.Errorf("evidence %+v, timings %+v, verdicts %+v", r, res.Timings, res.Verdicts)
	}
}

func TestTCPSendsAndExpects(t *testing.T) {
	address := listen(t, redis)
	res := run(t, netrunner.Options{}, &check.TCP{
		Lines:   expecting("body == \"+PONG\\r\\n\"", "size == 7", "time.connect < 10s", "time.first_byte > 0s", "ip == '127.0.0.1'"),
		Address: address, Send: "PING\r\n", MaxBody: 1 << 10,
	})
	wantPassed(t, res)
	if x := res.Evidence.Response.Excerpt; x != "+PONG\r\n" {
		t.Errorf("excerpt %q", x)
	}
	res = run(t, netrunner.Options{}, &check.TCP{Lines: expecting("body startsWith '-ERR'"), Address: address, Send: "PING\r\n", MaxBody: 1 << 10})
	wantFault(t, res, jobs.FaultAssertion, `body startsWith '-ERR' (got "+PONG\r\n")`)
}

// What ends the answer: a text, the first line, the end of the connection, and
// never more than the cap.
func TestTCPAnswersEnd(t *testing.T) {
	banner := listen(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "220 mail\r\n250-SIZE\r\n250 OK\r\nmore")
		_, _ = io.Copy(io.Discard, c)
	})
	for until, want := range map[string]string{"": `body == "220 mail\r\n"`, "250 OK": `body endsWith "250 OK"`, "\r\n250 ": `body endsWith "SIZE\r\n250 "`} {
		wantPassed(t, run(t, netrunner.Options{}, &check.TCP{Lines: expecting(want), Address: banner, Until: until, MaxBody: 1 << 10}))
	}
	closes := listen(t, func(c net.Conn) { _, _ = io.WriteString(c, "bye") })
	wantPassed(t, run(t, netrunner.Options{}, &check.TCP{Lines: expecting("body == 'bye'"), Address: closes, MaxBody: 1 << 10}))
	wantFault(t, run(t, netrunner.Options{}, &check.TCP{Address: closes, Until: "OK", MaxBody: 1 << 10}),
		jobs.FaultProtocol, "closed the connection after 3 B", `without "OK"`)
	endless := listen(t, func(c net.Conn) {
		for {
			if _, err := c.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	wantFault(t, run(t, netrunner.Options{}, &check.TCP{Address: endless, Until: "OK", MaxBody: 1 << 20}), jobs.FaultBody, "larger than the cap of 1 MiB")
}

func TestTCPFaults(t *testing.T) {
	port := closedPort(t)
	wantFault(t, run(t, netrunner.Options{}, &check.TCP{Address: port, MaxBody: 1}), jobs.FaultConnect, "connection to "+port+" refused")
	wantFault(t, run(t, netrunner.Options{}, &check.TCP{Address: "no-such-host.invalid:80", MaxBody: 1}), jobs.FaultDNS, "no-such-host.invalid")
	silent := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	res := runFor(t, netrunner.Options{}, &check.TCP{Address: silent, Until: "OK", MaxBody: 1 << 10}, 2*time.Second)
	wantFault(t, res, jobs.FaultTimeout, "within 2s", silent+" had not answered")
	half := listen(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "half")
		_, _ = io.Copy(io.Discard, c)
	})
	res = runFor(t, netrunner.Options{}, &check.TCP{Address: half, Until: "OK", MaxBody: 1 << 10}, 2*time.Second)
	wantFault(t, res, jobs.FaultTimeout, `did not send "OK" in time: 4 B had come`)
}

// A check may want a port to be shut; any other expectation that does not hold
// leaves the connection's own fault.
func TestTCPExpectsSilence(t *testing.T) {
	port := closedPort(t)
	res := run(t, netrunner.Options{}, &check.TCP{Lines: expecting("not connected"), Address: port, MaxBody: 1})
	wantPassed(t, res)
	res = run(t, netrunner.Options{}, &check.TCP{Lines: expecting("connected || time.total < 0s"), Address: port, MaxBody: 1})
	wantFault(t, res, jobs.FaultConnect, "refused")
	res = run(t, netrunner.Options{}, &check.TCP{Lines: expecting("time.total < 10s"), Address: port, MaxBody: 1})
	wantFault(t, res, jobs.FaultConnect, "refused")
	open := listen(t, func(net.Conn) {})
	res = run(t, netrunner.Options{}, &check.TCP{Lines: expecting("not connected"), Address: open, MaxBody: 1})
	wantFault(t, res, jobs.FaultAssertion, "not connected")
}

func TestTCPOverTLS(t *testing.T) {
	a := newAuthority(t)
	address := a.secure(t, time.Now().AddDate(0, 0, 30), redis)
	spec := &check.TCP{Lines: expecting("body startsWith '+PONG'", "tls.days_left == 29", "tls.verified"), Address: address, Send: "PING\n", TLS: &check.TLSClient{}, MaxBody: 1 << 10}
	wantPassed(t, run(t, netrunner.Options{RootCAs: a.pool()}, spec))
	wantFault(t, run(t, netrunner.Options{}, spec), jobs.FaultTLS, "signed by an unknown authority")
}

// Every address is judged by the egress policy before it is dialled, names
// that lead elsewhere included.
func TestEgress(t *testing.T) {
	touched := make(chan string, 10)
	address := listen(t, func(net.Conn) { touched <- "tcp" })
	_, port, _ := net.SplitHostPort(address)
	shut := netrunner.Options{Control: egress.NewPolicy(nil, nil).Control}
	for _, spec := range []check.Spec{
		&check.TCP{Address: address, MaxBody: 1},
		&check.TCP{Address: "localhost:" + port, MaxBody: 1},
		&check.TCP{Address: "[::ffff:127.0.0.1]:" + port, MaxBody: 1},
		&check.TLS{Address: address},
		&check.DNS{Name: "shop.example", Type: "A", Protocol: "udp", Server: address},
		&check.DNS{Name: "shop.example", Type: "A", Protocol: "tcp", Server: address},
		&check.GRPC{Address: address},
		&check.WebSocket{URL: "ws://" + address, MaxBody: 1},
		&check.WebSocket{URL: "wss://localhost:" + port, MaxBody: 1},
		&check.ICMP{Host: "127.0.0.1", Count: 1},
		&check.ICMP{Host: "localhost", Count: 1},
		&check.ICMP{Host: "169.254.169.254", Count: 1},
	} {
		res := run(t, shut, spec)
		wantFault(t, res, jobs.FaultEgress, "forbids")
		// What is expected of a silent target does not hide what the policy says.
		if s, ok := spec.(*check.TCP); ok {
			s.Lines = expecting("not connected")
			wantFault(t, run(t, shut, s), jobs.FaultEgress, "forbids")
		}
	}
	select {
	case what := <-touched:
		t.Errorf("%s was dialled", what)
	default:
	}
	named := egress.NewPolicy([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, nil)
	wantPassed(t, run(t, netrunner.Options{Control: named.Control}, &check.TCP{Address: address, MaxBody: 1}))
}

// A run that is cancelled from outside has no result.
func TestCancelled(t *testing.T) {
	address := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	for _, spec := range []check.Spec{
		&check.TCP{Address: address, Until: "OK", MaxBody: 1 << 10},
		&check.TLS{Address: address},
		&check.DNS{Name: "shop.example", Type: "A", Protocol: "tcp", Server: address},
		&check.GRPC{Address: address},
		&check.WebSocket{URL: "ws://" + address, MaxBody: 1},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("the worker stops")
		time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
		slot := time.Now()
		c := check.Check{ID: "c", Timeout: time.Minute, Every: time.Minute, Spec: spec}
		_, err := netrunner.New(netrunner.Options{}).Run(ctx, jobs.New(c, "l", slot, 1, slot, slot))
		if !errors.Is(err, why) {
			t.Errorf("%s: %v", spec.Kind(), err)
		}
	}
}
