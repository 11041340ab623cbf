package checkfile

import (
	"github.com/probefleet/probefleet/internal/check"
)

// net writes what a check of the network looks at, under the name of its kind.
// A kind that is not here does not come back as it was, and that is said.
func (m *mapping) net(spec check.Spec) {
	of := newMapping()
	var lines check.Lines
	switch s := spec.(type) {
	case *check.TCP:
		lines = s.Lines
		of.text("address", s.Address)
		of.number("ip_family", int64(s.IPFamily), 0)
		of.tlsClient(s.TLS)
		(&requestWriter{s.Templates}).text(of, "send", s.Send)
		of.text("until", s.Until)
		of.number("max_body", s.MaxBody, check.DefaultMaxBody)
	case *check.DNS:
		lines = s.Lines
		of.text("name", s.Name)
		of.number("ip_family", int64(s.IPFamily), 0)
		of.text("type", s.Type)
		of.text("server", s.Server)
		if s.Protocol != "udp" {
			of.text("protocol", s.Protocol)
		}
	case *check.TLS:
		lines = s.Lines
		of.text("address", s.Address)
		of.number("ip_family", int64(s.IPFamily), 0)
		of.text("server_name", s.ServerName)
		of.flag("skip_verify", s.SkipVerify, false)
	case *check.ICMP:
		lines = s.Lines
		of.text("host", s.Host)
		of.number("ip_family", int64(s.IPFamily), 0)
		of.number("count", int64(s.Count), check.DefaultPings)
	case *check.GRPC:
		lines = s.Lines
		of.text("address", s.Address)
		of.number("ip_family", int64(s.IPFamily), 0)
		of.tlsClient(s.TLS)
		of.text("service", s.Service)
	case *check.WebSocket:
		lines = s.Lines
		w := &requestWriter{s.Templates}
		w.text(of, "url", s.URL)
		of.number("ip_family", int64(s.IPFamily), 0)
		w.pairs(of, "headers", s.Headers)
		of.texts("protocols", s.Protocols)
		of.flag("skip_verify", s.SkipVerify, false)
		w.text(of, "send", s.Send)
		of.number("max_body", s.MaxBody, check.DefaultMaxBody)
	}
	m.put(string(spec.Kind()), of.node)
	m.texts("expect", lines.Expect)
	m.texts("degraded", lines.Degraded)
}

func (m *mapping) tlsClient(t *check.TLSClient) {
	switch {
	case t == nil:
	case *t == (check.TLSClient{}):
		m.flag("tls", true, false)
	default:
		of := newMapping()
		of.text("server_name", t.ServerName)
		of.flag("skip_verify", t.SkipVerify, false)
		m.put("tls", of.node)
	}
}
