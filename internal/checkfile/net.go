package checkfile

import (
	"net"
	"slices"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	yaml "go.yaml.in/yaml/v4"
)

// netKinds are the checks that are written under the name of their kind, with
// an example of the short form.
var netKinds = []struct {
	kind    check.Kind
	example string
}{
	{check.KindTCP, "tcp: \"example.com:5432\""},
	{check.KindDNS, "dns: example.com"},
	{check.KindTLS, "tls: example.com"},
	{check.KindICMP, "icmp: example.com"},
	{check.KindGRPC, "grpc: \"example.com:8443\""},
	{check.KindWebSocket, "websocket: \"wss://example.com/live\""},
	{check.KindHeartbeat, "heartbeat: 24h"},
}

// netKeys are the keys of a check that are named for its kind.
func netKeys() []string {
	keys := make([]string, len(netKinds))
	for i, k := range netKinds {
		keys[i] = string(k.kind)
	}
	return keys
}

// netKind is the kind of a check that is written under its name. ours is false
// where the check is of another sort; the kind is "" where a fault was
// reported.
func (o *object) netKind() (kind check.Kind, ours bool) {
	var key *field
	for i := range o.fields {
		f := &o.fields[i]
		if !slices.Contains(netKeys(), f.name) {
			continue
		}
		if key != nil {
			o.d.fault(f.key, "the check has both %s: and %s:; make two of it", key.name, f.name)
			return "", true
		}
		key = f
	}
	if said := o.value("kind"); said != nil {
		name, ok := o.d.expanded(said, "kind")
		switch {
		case !ok:
			return "", true
		case key == nil:
			return o.keyless(name)
		case name != key.name:
			o.d.fault(key.key, "%s: is for checks of that kind, and this is `kind: %s`; leave kind out", key.name, name)
			return "", true
		}
	}
	if key == nil {
		return "", false
	}
	before := len(o.d.loader.faults)
	for _, f := range o.fields {
		if slices.Contains([]string{"request", "steps", "viewport"}, f.name) {
			o.d.fault(f.key, "%s: is for API and browser checks, and this is a %s check", f.name, key.name)
		}
	}
	if len(o.d.loader.faults) > before {
		return "", true
	}
	return check.Kind(key.name), true
}

// keyless is netKind of a check that says its kind, and nothing under it.
func (o *object) keyless(name string) (kind check.Kind, ours bool) {
	for _, k := range netKinds {
		if string(k.kind) == name {
			o.d.fault(o.node, "a %s check says under `%s:` what it looks at, such as `%s`", name, name, k.example)
			return "", true
		}
	}
	return "", false
}

// net decodes what is special to a check of the network.
func (o *object) net(kind check.Kind) check.Spec {
	lines := check.Lines{Expect: o.assertions("expect", kind), Degraded: o.assertions("degraded", kind)}
	n := o.value(string(kind))
	o.place(string(kind), n, true)
	switch kind {
	case check.KindTCP:
		return o.tcp(n, lines)
	case check.KindDNS:
		return o.dns(n, lines)
	case check.KindTLS:
		return o.tlsSpec(n, lines)
	case check.KindICMP:
		return o.icmp(n, lines)
	case check.KindGRPC:
		return o.grpc(n, lines)
	case check.KindWebSocket:
		return o.websocket(n, lines)
	}
	return nil
}

// part opens the value of a key, or reads its short form: a text for the field
// named first. Where it is not understood check.Validate's opinion of it is not
// asked for.
func (o *object) part(kind check.Kind, n *yaml.Node, first string, into *string, more ...string) (*object, bool) {
	return o.partBy(o.d.expanded, kind, n, first, into, more)
}

// templatedPart is part where the field named first may be a template.
func (o *object) templatedPart(kind check.Kind, n *yaml.Node, first string, into *string, more ...string) (*object, bool) {
	return o.partBy(o.d.templated, kind, n, first, into, more)
}

func (o *object) partBy(fill func(*yaml.Node, string) (string, bool), kind check.Kind, n *yaml.Node, first string, into *string, more []string) (*object, bool) {
	path := string(kind)
	if n.Kind == yaml.ScalarNode {
		v, ok := fill(n, path)
		*into = v
		o.place(path+"."+first, n, ok)
		return nil, false
	}
	p, ok := o.d.object(n, path, path, append([]string{first, "ip_family"}, more...))
	if !ok {
		o.place(path, nil, false)
		return nil, false
	}
	p.read(first, func(n *yaml.Node, path string) bool {
		v, ok := fill(n, path)
		if ok {
			*into = v
		}
		return ok
	})
	return p, true
}

func (o *object) tcp(n *yaml.Node, lines check.Lines) check.Spec {
	t := &check.TCP{Lines: lines, MaxBody: check.DefaultMaxBody}
	if p, ok := o.part(check.KindTCP, n, "address", &t.Address, "tls", "send", "until", "max_body"); ok {
		p.number("ip_family", &t.IPFamily)
		t.TLS = p.tlsClient()
		p.template("send", &t.Send)
		p.text("until", &t.Until)
		p.size("max_body", &t.MaxBody)
	}
	if t.Templates = o.d.runtime; !t.Templates {
		if plain, err := t.Map(unescaped); err == nil { // a text with a fault was reported
			return &plain
		}
	}
	return t
}

func (o *object) dns(n *yaml.Node, lines check.Lines) check.Spec {
	q := &check.DNS{Lines: lines, Type: "A", Protocol: "udp"}
	if p, ok := o.part(check.KindDNS, n, "name", &q.Name, "type", "server", "protocol"); ok {
		p.number("ip_family", &q.IPFamily)
		p.text("type", &q.Type)
		q.Type = strings.ToUpper(q.Type)
		p.text("server", &q.Server)
		q.Server = withPort(q.Server, "53")
		p.text("protocol", &q.Protocol)
	}
	return q
}

func (o *object) tlsSpec(n *yaml.Node, lines check.Lines) check.Spec {
	t := &check.TLS{Lines: lines}
	if p, ok := o.part(check.KindTLS, n, "address", &t.Address, "server_name", "skip_verify"); ok {
		p.number("ip_family", &t.IPFamily)
		p.text("server_name", &t.ServerName)
		p.flag("skip_verify", &t.SkipVerify)
	}
	t.Address = withPort(t.Address, "443")
	return t
}

func (o *object) icmp(n *yaml.Node, lines check.Lines) check.Spec {
	i := &check.ICMP{Lines: lines, Count: check.DefaultPings}
	if p, ok := o.part(check.KindICMP, n, "host", &i.Host, "count"); ok {
		p.number("ip_family", &i.IPFamily)
		p.number("count", &i.Count)
	}
	return i
}

func (o *object) grpc(n *yaml.Node, lines check.Lines) check.Spec {
	g := &check.GRPC{Lines: lines}
	if p, ok := o.part(check.KindGRPC, n, "address", &g.Address, "tls", "service"); ok {
		p.number("ip_family", &g.IPFamily)
		g.TLS = p.tlsClient()
		p.text("service", &g.Service)
	}
	return g
}

func (o *object) websocket(n *yaml.Node, lines check.Lines) check.Spec {
	w := &check.WebSocket{Lines: lines, MaxBody: check.DefaultMaxBody}
	if p, ok := o.templatedPart(check.KindWebSocket, n, "url", &w.URL, "headers", "protocols", "skip_verify", "send", "max_body"); ok {
		p.number("ip_family", &w.IPFamily)
		if p.has("headers") {
			w.Headers = p.headers()
		}
		p.texts("protocols", &w.Protocols)
		p.flag("skip_verify", &w.SkipVerify)
		p.template("send", &w.Send)
		p.size("max_body", &w.MaxBody)
	}
	if w.Templates = o.d.runtime; !w.Templates {
		if plain, err := w.Map(unescaped); err == nil { // a text with a fault was reported
			return &plain
		}
	}
	return w
}

// tlsClient reads `tls: true` or `tls: {server_name: …}`, nil where it is not
// there or false.
func (o *object) tlsClient() *check.TLSClient {
	n := o.value("tls")
	if n == nil {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		on := false
		o.flag("tls", &on)
		if !on {
			return nil
		}
		return &check.TLSClient{}
	}
	o.place("tls", n, true)
	t := &check.TLSClient{}
	if p, ok := o.d.object(n, o.path+"tls", o.path+"tls", []string{"server_name", "skip_verify"}); ok {
		p.text("server_name", &t.ServerName)
		p.flag("skip_verify", &t.SkipVerify)
	}
	return t
}

// withPort adds a port to an address that has none.
func withPort(address, port string) string {
	bare := strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
	switch {
	case address == "":
		return ""
	case net.ParseIP(bare) != nil, !strings.Contains(address, ":"):
		return net.JoinHostPort(bare, port)
	}
	return address
}
