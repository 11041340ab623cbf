package netrunner_test

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/netrunner"
)

// zone is what the test's name server knows.
const zone = `
shop.example.      300 IN A     192.0.2.2
shop.example.      60  IN A     192.0.2.1
shop.example.      300 IN AAAA  2001:db8::1
www.shop.example.  300 IN CNAME shop.example.
shop.example.      300 IN MX    10 mail.shop.example.
shop.example.      300 IN NS    ns1.shop.example.
shop.example.      300 IN TXT   "v=spf1 " "-all"
shop.example.      300 IN SOA   ns1.shop.example. admin.shop.example. 7 3600 600 86400 300
_imap._tcp.shop.example. 300 IN SRV 1 2 993 mail.shop.example.
shop.example.      300 IN CAA   0 issue "ca.example"
1.2.0.192.in-addr.arpa. 300 IN PTR shop.example.
`

// nameServer serves the zone by UDP and TCP at one port until the test ends.
// adapt may change an answer.
func nameServer(t *testing.T, adapt func(w dns.ResponseWriter, m *dns.Msg)) string {
	t.Helper()
	var records []dns.RR
	p := dns.NewZoneParser(strings.NewReader(zone), "", "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		records = append(records, rr)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Authoritative = true
		known := false
		for _, rr := range records {
			if !strings.EqualFold(rr.Header().Name, q.Question[0].Name) {
				continue
			}
			known = true
			if rr.Header().Rrtype == q.Question[0].Qtype || rr.Header().Rrtype == dns.TypeCNAME {
				m.Answer = append(m.Answer, rr)
			}
		}
		if !known {
			m.Rcode = dns.RcodeNameError
		}
		if adapt != nil {
			adapt(w, m)
		}
		_ = w.WriteMsg(m)
	})
	l, pc := bothWays(t)
	for _, s := range []*dns.Server{{Listener: l, Handler: handler}, {PacketConn: pc, Handler: handler}} {
		ready := make(chan struct{})
		s.NotifyStartedFunc = func() { close(ready) }
		done := make(chan error, 1)
		go func() { done <- s.ActivateAndServe() }()
		<-ready
		t.Cleanup(func() {
			_ = s.Shutdown()
			<-done
		})
	}
	return l.Addr().String()
}

// bothWays listens by TCP and UDP at one port.
func bothWays(t *testing.T) (net.Listener, net.PacketConn) {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if pc, err := net.ListenPacket("udp", l.Addr().String()); err == nil {
			return l, pc
		}
		l.Close() // somebody else's UDP socket has the port
	}
	t.Fatal("no port is free by both TCP and UDP")
	return nil, nil
}

func TestDNSRecords(t *testing.T) {
	server := nameServer(t, nil)
	for _, row := range []struct{ name, typ, want string }{
		{"shop.example", "A", `answers == ["192.0.2.1", "192.0.2.2"] && ttl == 60 && authoritative`},
		{"SHOP.example.", "AAAA", `answers[0] == "2001:db8::1"`},
		{"www.shop.example", "CNAME", `"shop.example" in answers`},
		{"shop.example", "MX", `any(answers, # matches "^10 mail")`},
		{"shop.example", "NS", `answers == ["ns1.shop.example"]`},
		{"shop.example", "TXT", `"v=spf1 -all" in answers`},
		{"shop.example", "SOA", `answers[0] startsWith "ns1.shop.example admin.shop.example 7 "`},
		{"_imap._tcp.shop.example", "SRV", `answers == ["1 2 993 mail.shop.example"]`},
		{"shop.example", "CAA", `answers[0] contains "ca.example"`},
		{"192.0.2.1", "PTR", `answers == ["shop.example"]`},
		{"none.example", "A", `rcode == "NXDOMAIN" && len(answers) == 0 && (ttl ?? -1) == -1`},
	} {
		for _, protocol := range []string{"udp", "tcp"} {
			spec := &check.DNS{Lines: expecting(row.want, "time.total < 20s", "ip == '127.0.0.1'"), Name: row.name, Type: row.typ, Server: server, Protocol: protocol}
			res := run(t, netrunner.Options{}, spec)
			if res.Outcome != jobs.Passed {
				t.Errorf("%s %s by %s: %+v", row.name, row.typ, protocol, res.Fault)
				continue
			}
			if r := res.Evidence.Response; r.Proto != "dns/"+protocol || r.RemoteAddr != server || !strings.Contains(r.Excerpt, ";; ") {
				t.Errorf("%s %s by %s: evidence %+v", row.name, row.typ, protocol, r)
			}
		}
	}
}

// Without expectations an answer is expected that is one.
func TestDNSDefaults(t *testing.T) {
	server := nameServer(t, nil)
	wantPassed(t, run(t, netrunner.Options{NameServers: []string{server}}, &check.DNS{Name: "shop.example", Type: "A", Protocol: "udp"}))
	res := run(t, netrunner.Options{}, &check.DNS{Name: "none.example", Type: "A", Protocol: "udp", Server: server})
	wantFault(t, res, jobs.FaultAssertion, "rcode", "NXDOMAIN")
	res = run(t, netrunner.Options{}, &check.DNS{Name: "shop.example", Type: "PTR", Protocol: "udp", Server: server})
	wantFault(t, res, jobs.FaultAssertion, "len(answers) > 0")
}

// An answer that is cut over UDP is asked for again over TCP.
func TestDNSTruncated(t *testing.T) {
	var asked atomic.Int32
	server := nameServer(t, func(w dns.ResponseWriter, m *dns.Msg) {
		asked.Add(1)
		if w.LocalAddr().Network() == "udp" {
			m.Truncated, m.Answer = true, nil
		}
	})
	res := run(t, netrunner.Options{}, &check.DNS{Lines: expecting("len(answers) == 2"), Name: "shop.example", Type: "A", Protocol: "udp", Server: server})
	wantPassed(t, res)
	if asked.Load() != 2 || res.Evidence.Response.Proto != "dns/tcp" {
		t.Errorf("asked %d times, %s", asked.Load(), res.Evidence.Response.Proto)
	}
	always := nameServer(t, func(_ dns.ResponseWriter, m *dns.Msg) { m.Truncated = true })
	wantFault(t, run(t, netrunner.Options{}, &check.DNS{Name: "shop.example", Type: "A", Protocol: "tcp", Server: always}), jobs.FaultProtocol, "cuts its answer short")
}

// Answers to other questions, such as somebody else's guesses, are passed over.
func TestDNSForeignAnswers(t *testing.T) {
	server := nameServer(t, func(w dns.ResponseWriter, m *dns.Msg) {
		for _, change := range []func(*dns.Msg){
			func(f *dns.Msg) { f.Id++ },
			func(f *dns.Msg) { f.Question[0].Name = "evil.example." },
			func(f *dns.Msg) { f.Response = false },
		} {
			f := m.Copy()
			f.Answer, f.Rcode = nil, dns.RcodeRefused
			change(f)
			_ = w.WriteMsg(f)
		}
	})
	wantPassed(t, run(t, netrunner.Options{}, &check.DNS{Lines: expecting("len(answers) == 2"), Name: "shop.example", Type: "A", Protocol: "udp", Server: server}))
}

func TestDNSFaults(t *testing.T) {
	port := closedPort(t)
	wantFault(t, run(t, netrunner.Options{}, &check.DNS{Name: "shop.example", Type: "A", Protocol: "tcp", Server: port}), jobs.FaultConnect, "refused")
	wantFault(t, run(t, netrunner.Options{}, &check.DNS{Name: "shop.example", Type: "A", Protocol: "udp", Server: port}), jobs.FaultConnect, "refused")
	wantFault(t, run(t, netrunner.Options{}, &check.DNS{Name: "shop.example", Type: "A", Protocol: "udp", Server: "no-such-host.invalid:53"}), jobs.FaultDNS, "no-such-host.invalid")
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent := pc.LocalAddr().String()
	res := runFor(t, netrunner.Options{}, &check.DNS{Name: "shop.example", Type: "A", Protocol: "udp", Server: silent}, 100*time.Millisecond)
	wantFault(t, res, jobs.FaultTimeout, "within 100ms", "name server "+silent+" had not answered")
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = pc.WriteTo(append(buf[:2:2], []byte{0x81, 0x80, 0, 1, 0, 9, 0, 0, 0, 0, 3, 'x'}...), from)
			_ = n
		}
	}()
	t.Cleanup(func() { _ = pc.Close() })
	wantFault(t, run(t, netrunner.Options{}, &check.DNS{Name: "shop.example", Type: "A", Protocol: "udp", Server: silent}), jobs.FaultProtocol, "does not answer in DNS")
	http := listen(t, func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) })
	wantFault(t, run(t, netrunner.Options{}, &check.DNS{Name: "shop.example", Type: "A", Protocol: "tcp", Server: http}), jobs.FaultProtocol)
}
