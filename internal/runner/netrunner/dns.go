package netrunner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"github.com/miekg/dns"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/cause"
)

// udpSize is what an answer over UDP may take; see dnsflagday.net/2020.
const udpSize = 1232

// dns asks a name server, over TCP again where the answer over UDP is cut.
func (a *attempt) dns(ctx context.Context, s *check.DNS) error {
	server, control := s.Server, a.runner.control
	if server == "" {
		own, err := a.runner.nameServer()
		if err != nil {
			return err
		}
		server, control = own, nil // the location's own, whatever checks may dial
	}
	a.target = "name server " + server
	question, err := question(s)
	if err != nil {
		return err
	}
	protocols := []string{s.Protocol}
	if s.Protocol == "udp" {
		protocols = append(protocols, "tcp")
	}
	for _, protocol := range protocols {
		answer, err := a.ask(ctx, control, protocol, server, s.IPFamily, question)
		if err != nil {
			return err
		}
		a.answered(answer, question.Question[0].Qtype, protocol)
		if !answer.Truncated {
			return nil
		}
	}
	return theirs(jobs.FaultProtocol, "%s cuts its answer short even over TCP", a.target)
}

// nameServer is the first that this machine asks.
func (r *Runner) nameServer() (string, error) {
	if len(r.o.NameServers) > 0 {
		return r.o.NameServers[0], nil
	}
	c, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil || len(c.Servers) == 0 {
		return "", ours("this worker has no name server of its own in /etc/resolv.conf: name one with `server:`")
	}
	return net.JoinHostPort(c.Servers[0], c.Port), nil
}

func question(s *check.DNS) (*dns.Msg, error) {
	name := s.Name
	if _, err := netip.ParseAddr(name); err == nil && s.Type == "PTR" {
		if name, err = dns.ReverseAddr(name); err != nil {
			return nil, ours("the address cannot be asked for: " + err.Error())
		}
	}
	typ, known := dns.StringToType[s.Type]
	if !known {
		return nil, ours(fmt.Sprintf("the record type %q is not known to this worker", s.Type))
	}
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), typ)
	return m.SetEdns0(udpSize, false), nil
}

// ask sends the question once and reads its answer; what answers another
// question is passed over.
func (a *attempt) ask(ctx context.Context, control func(network, address string, c syscall.RawConn) error, protocol, server string, family int, question *dns.Msg) (*dns.Msg, error) {
	c, err := a.dialBy(ctx, control, protocol, server, family)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	d := &dns.Conn{Conn: c, UDPSize: udpSize}
	if err := d.WriteMsg(question); err != nil {
		return nil, err
	}
	for {
		answer, err := d.ReadMsg()
		switch {
		case err != nil && answer != nil || errors.Is(err, dns.ErrShortRead):
			return nil, theirs(jobs.FaultProtocol, "%s does not answer in DNS: %s", a.target, cause.Short(err.Error()))
		case err != nil:
			return nil, err
		case answer.Id == question.Id && answer.Response && sameQuestion(answer, question):
			a.clock.enter(receiving)
			return answer, nil
		}
	}
}

// sameQuestion reports whether an answer is to question; a server that
// understood nothing of it repeats none.
func sameQuestion(answer, question *dns.Msg) bool {
	if len(answer.Question) == 0 {
		return answer.Rcode != dns.RcodeSuccess
	}
	q, p := answer.Question[0], question.Question[0]
	return strings.EqualFold(q.Name, p.Name) && q.Qtype == p.Qtype && q.Qclass == p.Qclass
}

// answered keeps an answer: of the records those that were asked for, in
// order, so that a server's rotation does not change them.
func (a *attempt) answered(m *dns.Msg, typ uint16, protocol string) {
	n := &a.seen
	n.Rcode, n.Authoritative, n.Answers = rcode(m.Rcode), m.Authoritative, nil
	var all strings.Builder
	fmt.Fprintf(&all, ";; %s\n", n.Rcode)
	for _, rr := range m.Answer {
		all.WriteString(rr.String() + "\n")
		if rr.Header().Rrtype != typ {
			continue
		}
		if ttl := int(rr.Header().Ttl); len(n.Answers) == 0 || ttl < n.TTL {
			n.TTL = ttl
		}
		n.Answers = append(n.Answers, record(rr))
	}
	slices.Sort(n.Answers)
	a.kept.Proto, a.kept.Excerpt, a.kept.Size = "dns/"+protocol, excerpt(all.String()), int64(m.Len())
}

func rcode(code int) string {
	if s, ok := dns.RcodeToString[code]; ok {
		return s
	}
	return fmt.Sprintf("RCODE%d", code)
}

// record is what a record says, without its name, type and TTL; names are
// without the dot at their end.
func record(rr dns.RR) string {
	switch r := rr.(type) {
	case *dns.TXT:
		return strings.Join(r.Txt, "")
	case *dns.CNAME:
		return undotted(r.Target)
	case *dns.NS:
		return undotted(r.Ns)
	case *dns.PTR:
		return undotted(r.Ptr)
	case *dns.MX:
		return fmt.Sprintf("%d %s", r.Preference, undotted(r.Mx))
	case *dns.SRV:
		return fmt.Sprintf("%d %d %d %s", r.Priority, r.Weight, r.Port, undotted(r.Target))
	case *dns.SOA:
		return fmt.Sprintf("%s %s %d %d %d %d %d", undotted(r.Ns), undotted(r.Mbox), r.Serial, r.Refresh, r.Retry, r.Expire, r.Minttl)
	}
	return strings.TrimPrefix(rr.String(), rr.Header().String())
}

func undotted(name string) string {
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}
