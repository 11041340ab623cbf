package codec

import (
	"fmt"

	"github.com/probefleet/probefleet/internal/check"
)

// kindsV1 are the kinds of check that version 1 knows.
var kindsV1 = []check.Kind{check.KindAPI, check.KindBrowser}

// netV2 holds the spec of a check of the network, under the name of its kind.
// Version 1 has none of them.
type netV2 struct {
	TCP       *tcpV2       `json:"tcp,omitempty"`
	DNS       *dnsV2       `json:"dns,omitempty"`
	TLS       *tlsCheckV2  `json:"tls,omitempty"`
	ICMP      *icmpV2      `json:"icmp,omitempty"`
	GRPC      *grpcV2      `json:"grpc,omitempty"`
	WebSocket *websocketV2 `json:"websocket,omitempty"`
	Heartbeat *heartbeatV2 `json:"heartbeat,omitempty"`
}

type linesV2 struct {
	Expect   []string `json:"expect,omitempty"`
	Degraded []string `json:"degraded,omitempty"`
}

type tlsClientV2 struct {
	ServerName string `json:"server_name,omitempty"`
	SkipVerify bool   `json:"skip_verify,omitempty"`
}

type tcpV2 struct {
	Address  string       `json:"address"`
	IPFamily int          `json:"ip_family,omitempty"`
	TLS      *tlsClientV2 `json:"tls,omitempty"`
	Send     string       `json:"send,omitempty"`
	Until    string       `json:"until,omitempty"`
	MaxBody  int64        `json:"max_body,omitempty"`
	// Templates says that Send is one.
	Templates bool `json:"templates,omitempty"`
	linesV2
}

type dnsV2 struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Server   string `json:"server,omitempty"`
	Protocol string `json:"protocol"`
	IPFamily int    `json:"ip_family,omitempty"`
	linesV2
}

type tlsCheckV2 struct {
	Address  string `json:"address"`
	IPFamily int    `json:"ip_family,omitempty"`
	tlsClientV2
	linesV2
}

type icmpV2 struct {
	Host     string `json:"host"`
	IPFamily int    `json:"ip_family,omitempty"`
	Count    int    `json:"count"`
	linesV2
}

type grpcV2 struct {
	Address  string       `json:"address"`
	IPFamily int          `json:"ip_family,omitempty"`
	TLS      *tlsClientV2 `json:"tls,omitempty"`
	Service  string       `json:"service,omitempty"`
	linesV2
}

type websocketV2 struct {
	URL        string            `json:"url"`
	IPFamily   int               `json:"ip_family,omitempty"`
	Headers    map[string]string `json:"headers,omitempty"`
	Protocols  []string          `json:"protocols,omitempty"`
	SkipVerify bool              `json:"skip_verify,omitempty"`
	Send       string            `json:"send,omitempty"`
	MaxBody    int64             `json:"max_body,omitempty"`
	Templates  bool              `json:"templates,omitempty"`
	linesV2
}

type heartbeatV2 struct {
	Period micros `json:"period_us"`
	Grace  micros `json:"grace_us"`
	linesV2
}

// newNetV2 is the spec of a check of the network, and its kind; "" where it is
// none of them.
func newNetV2(spec check.Spec) (w netV2, kind check.Kind) {
	switch s := spec.(type) {
	case *check.TCP:
		if s != nil {
			w.TCP = &tcpV2{s.Address, s.IPFamily, (*tlsClientV2)(s.TLS), s.Send, s.Until, s.MaxBody, s.Templates, linesV2(s.Lines)}
			kind = check.KindTCP
		}
	case *check.DNS:
		if s != nil {
			w.DNS = &dnsV2{s.Name, s.Type, s.Server, s.Protocol, s.IPFamily, linesV2(s.Lines)}
			kind = check.KindDNS
		}
	case *check.TLS:
		if s != nil {
			w.TLS = &tlsCheckV2{s.Address, s.IPFamily, tlsClientV2(s.TLSClient), linesV2(s.Lines)}
			kind = check.KindTLS
		}
	case *check.ICMP:
		if s != nil {
			w.ICMP = &icmpV2{s.Host, s.IPFamily, s.Count, linesV2(s.Lines)}
			kind = check.KindICMP
		}
	case *check.GRPC:
		if s != nil {
			w.GRPC = &grpcV2{s.Address, s.IPFamily, (*tlsClientV2)(s.TLS), s.Service, linesV2(s.Lines)}
			kind = check.KindGRPC
		}
	case *check.WebSocket:
		if s != nil {
			w.WebSocket = &websocketV2{s.URL, s.IPFamily, distinctKeys(s.Headers), s.Protocols, s.SkipVerify, s.Send, s.MaxBody, s.Templates, linesV2(s.Lines)}
			kind = check.KindWebSocket
		}
	case *check.Heartbeat:
		if s != nil {
			w.Heartbeat = &heartbeatV2{microsOf(s.Period), microsOf(s.Grace), linesV2(s.Lines)}
			kind = check.KindHeartbeat
		}
	}
	return w, kind
}

// spec is the spec of a kind, nil where it is not there.
func (w netV2) spec(kind check.Kind) check.Spec {
	switch {
	case kind == check.KindTCP && w.TCP != nil:
		s := w.TCP
		return &check.TCP{Lines: s.lines(), Address: s.Address, IPFamily: s.IPFamily, TLS: (*check.TLSClient)(s.TLS), Send: s.Send, Until: s.Until, MaxBody: s.MaxBody, Templates: s.Templates}
	case kind == check.KindDNS && w.DNS != nil:
		s := w.DNS
		return &check.DNS{Lines: s.lines(), Name: s.Name, Type: s.Type, Server: s.Server, Protocol: s.Protocol, IPFamily: s.IPFamily}
	case kind == check.KindTLS && w.TLS != nil:
		s := w.TLS
		return &check.TLS{Lines: s.lines(), Address: s.Address, IPFamily: s.IPFamily, TLSClient: check.TLSClient(s.tlsClientV2)}
	case kind == check.KindICMP && w.ICMP != nil:
		s := w.ICMP
		return &check.ICMP{Lines: s.lines(), Host: s.Host, IPFamily: s.IPFamily, Count: s.Count}
	case kind == check.KindGRPC && w.GRPC != nil:
		s := w.GRPC
		return &check.GRPC{Lines: s.lines(), Address: s.Address, IPFamily: s.IPFamily, TLS: (*check.TLSClient)(s.TLS), Service: s.Service}
	case kind == check.KindWebSocket && w.WebSocket != nil:
		s := w.WebSocket
		return &check.WebSocket{
			Lines: s.lines(), URL: s.URL, IPFamily: s.IPFamily, Headers: someKeys(s.Headers), Protocols: some(s.Protocols),
			SkipVerify: s.SkipVerify, Send: s.Send, MaxBody: s.MaxBody, Templates: s.Templates,
		}
	case kind == check.KindHeartbeat && w.Heartbeat != nil:
		s := w.Heartbeat
		return &check.Heartbeat{Lines: s.lines(), Period: s.Period.duration(), Grace: s.Grace.duration()}
	}
	return nil
}

func (w linesV2) lines() check.Lines {
	return check.Lines{Expect: some(w.Expect), Degraded: some(w.Degraded)}
}

// lostKind says that version 1 does not know a kind, "" where it does.
func lostKind(kind check.Kind) string {
	for _, k := range kindsV1 {
		if k == kind {
			return ""
		}
	}
	return fmt.Sprintf("the kind %q of its check", kind)
}
