package check

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Lines are the assertions of a check that is one observation.
type Lines struct {
	// Expect holds one assertion a line; any that does not hold makes the
	// attempt failed.
	Expect []string
	// Degraded holds assertions that make the attempt degraded where they do
	// not hold and nothing failed.
	Degraded []string
}

// Assertions are the lines of expect and of degraded.
func (l Lines) Assertions() (expect, degraded []string) { return l.Expect, l.Degraded }

func (l Lines) lines() []text {
	return append(list("expect", l.Expect), list("degraded", l.Degraded)...)
}

// TLSClient says how a connection is encrypted.
type TLSClient struct {
	// ServerName is asked for and has to be in the certificate; "" stands for
	// the host that is dialled.
	ServerName string
	// SkipVerify takes any certificate.
	SkipVerify bool
}

// TCP is the spec of a check that connects, and may send and read.
type TCP struct {
	Lines
	// Address is host:port.
	Address string
	// IPFamily is 4 or 6, or 0 for either.
	IPFamily int
	// TLS is nil for a plain connection.
	TLS *TLSClient
	// Send is written once the connection stands; "" sends nothing.
	Send string
	// Templates says that Send is a template, to be filled in where the check
	// runs; see package template.
	Templates bool
	// Until ends what is read: the text itself is the last of it. "" reads up
	// to the first line break, and only where Send or an assertion asks for an
	// answer. The end of the connection ends it too.
	Until string
	// MaxBody caps the bytes that are read, 1 to [MaxMaxBody]. A longer answer
	// fails the attempt.
	MaxBody int64
}

// TLS is the spec of a check that looks at a server's certificates.
type TLS struct {
	Lines
	// Address is host:port.
	Address  string
	IPFamily int
	// TLSClient says whose certificate it should be. With SkipVerify the
	// certificates are looked at as they are.
	TLSClient
}

// DNS is the spec of a check that asks a name server.
type DNS struct {
	Lines
	// Name is what is asked for; with the type PTR it may be an IP address.
	Name string
	// Type is one of [RecordTypes].
	Type string
	// Server is host:port, "" for the location's own resolver.
	Server string
	// Protocol is udp or tcp. An answer over UDP that is cut short is asked
	// for again over TCP.
	Protocol string
	IPFamily int
}

// RecordTypes lists the types of records that a DNS check may ask for.
var RecordTypes = []string{"A", "AAAA", "CNAME", "MX", "NS", "TXT", "SOA", "SRV", "CAA", "PTR"}

// ICMP is the spec of a check that pings a host.
type ICMP struct {
	Lines
	Host     string
	IPFamily int
	// Count is the number of echo requests, 1 to [MaxPings].
	Count int
}

// Bounds and defaults of an ICMP check.
const (
	DefaultPings = 3
	MaxPings     = 10
)

// GRPC is the spec of a check that asks a server for its health by
// grpc.health.v1.
type GRPC struct {
	Lines
	// Address is host:port.
	Address  string
	IPFamily int
	// TLS is nil for a plain connection.
	TLS *TLSClient
	// Service is what is asked for; "" is the server as a whole.
	Service string
}

// WebSocket is the spec of a check that opens a WebSocket, and may send and
// read one message.
type WebSocket struct {
	Lines
	// URL is absolute, ws or wss, at most 2048 bytes.
	URL      string
	IPFamily int
	Headers  map[string]string
	// Protocols are offered, the preferred one first.
	Protocols []string
	// SkipVerify takes any certificate.
	SkipVerify bool
	// Send is written as a text message; "" sends nothing. A message is read
	// where Send or an assertion asks for it.
	Send string
	// MaxBody caps the message that is read, 1 to [MaxMaxBody].
	MaxBody int64
	// Templates says that URL, Send and the values of Headers are templates, to
	// be filled in where the check runs; see package template.
	Templates bool
}

// Kind implements [Spec].
func (*TCP) Kind() Kind { return KindTCP }

// Kind implements [Spec].
func (*TLS) Kind() Kind { return KindTLS }

// Kind implements [Spec].
func (*DNS) Kind() Kind { return KindDNS }

// Kind implements [Spec].
func (*ICMP) Kind() Kind { return KindICMP }

// Kind implements [Spec].
func (*GRPC) Kind() Kind { return KindGRPC }

// Kind implements [Spec].
func (*WebSocket) Kind() Kind { return KindWebSocket }

func (t *TCP) faults() []Fault {
	fs := slices.Concat(netAddressFault("tcp.address", t.Address), familyFault("tcp", t.IPFamily), bodyFault("tcp", t.MaxBody))
	if t.TLS != nil {
		fs = append(fs, t.TLS.faults("tcp.tls")...)
	}
	return fs
}

func (t *TLS) faults() []Fault {
	return slices.Concat(netAddressFault("tls.address", t.Address), familyFault("tls", t.IPFamily), t.TLSClient.faults("tls"))
}

func (d *DNS) faults() []Fault {
	fs := familyFault("dns", d.IPFamily)
	_, notIP := netip.ParseAddr(d.Name)
	switch {
	case d.Type == "PTR" && notIP == nil:
	case !validName(d.Name):
		fs = append(fs, Fault{"dns.name", fmt.Sprintf("%q is not a name; write one such as example.com", d.Name)})
	}
	if !slices.Contains(RecordTypes, d.Type) {
		fs = append(fs, Fault{"dns.type", fmt.Sprintf("%q is not a type; use one of %s", d.Type, strings.Join(RecordTypes, ", "))})
	}
	if d.Server != "" {
		fs = append(fs, netAddressFault("dns.server", d.Server)...)
	}
	if d.Protocol != "udp" && d.Protocol != "tcp" {
		fs = append(fs, Fault{"dns.protocol", fmt.Sprintf("%q is not known; use udp or tcp", d.Protocol)})
	}
	return fs
}

func (p *ICMP) faults() []Fault {
	fs := familyFault("icmp", p.IPFamily)
	if !validHost(p.Host) {
		fs = append(fs, Fault{"icmp.host", fmt.Sprintf("%q is not a host; write a name or an IP address, without a port", p.Host)})
	}
	if p.Count < 1 || p.Count > MaxPings {
		fs = append(fs, Fault{"icmp.count", fmt.Sprintf("%d is out of range; use 1 to %d", p.Count, MaxPings)})
	}
	return fs
}

func (g *GRPC) faults() []Fault {
	fs := slices.Concat(netAddressFault("grpc.address", g.Address), familyFault("grpc", g.IPFamily))
	if g.TLS != nil {
		fs = append(fs, g.TLS.faults("grpc.tls")...)
	}
	return fs
}

func (w *WebSocket) faults() []Fault {
	fs := slices.Concat(familyFault("websocket", w.IPFamily), bodyFault("websocket", w.MaxBody))
	return append(fs, w.socketFault()...)
}

func (t *TCP) texts() []text {
	ts := []text{{"tcp.send", t.Send}, {"tcp.until", t.Until}}
	return append(ts, t.lines()...)
}

func (t *TLS) texts() []text  { return t.lines() }
func (d *DNS) texts() []text  { return d.lines() }
func (p *ICMP) texts() []text { return p.lines() }
func (g *GRPC) texts() []text { return append(g.lines(), text{"grpc.service", g.Service}) }
func (w *WebSocket) texts() []text {
	ts := []text{{"websocket.url", w.URL}, {"websocket.send", w.Send}}
	ts = append(ts, pairs("websocket.headers", w.Headers)...)
	return slices.Concat(ts, list("websocket.protocols", w.Protocols), w.lines())
}

func (c TLSClient) faults(at string) []Fault {
	if c.ServerName != "" && !validHost(c.ServerName) {
		return []Fault{{at + ".server_name", fmt.Sprintf("%q is not a host name", c.ServerName)}}
	}
	return nil
}

func familyFault(at string, family int) []Fault {
	if family == 0 || family == 4 || family == 6 {
		return nil
	}
	return []Fault{{at + ".ip_family", fmt.Sprintf("%d is not a family of addresses; use 4 or 6, or leave it out for either", family)}}
}

func bodyFault(at string, most int64) []Fault {
	if most >= 1 && most <= MaxMaxBody {
		return nil
	}
	return []Fault{{at + ".max_body", fmt.Sprintf("%d bytes is out of range; use 1 to %d", most, MaxMaxBody)}}
}

// netAddressFault says what is wrong with host:port.
func netAddressFault(at, address string) []Fault {
	host, port, err := net.SplitHostPort(address)
	n, notNumber := strconv.Atoi(port)
	switch {
	case address == "":
		return []Fault{{at, "is missing; write host:port, such as example.com:443"}}
	case err != nil:
		return []Fault{{at, fmt.Sprintf("%q is not host:port; write it as example.com:443, an IPv6 address in brackets: [2001:db8::1]:443", address)}}
	case !validHost(host):
		return []Fault{{at, fmt.Sprintf("%q has no host that could be dialled; write a name or an IP address", address)}}
	case notNumber != nil || n < 1 || n > 65535:
		return []Fault{{at, fmt.Sprintf("%q has no port; use 1 to 65535", address)}}
	}
	return nil
}

// validHost reports whether host is an IP address or may be a host's name.
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return validName(host)
}

// validName reports whether name may be asked for: labels of 1 to 63 printable
// characters with dots between them, 253 in all (RFC 1035, section 2.3.4).
func validName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`/:@\"'[]`, r) }) {
			return false
		}
	}
	return true
}
