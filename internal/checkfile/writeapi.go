package checkfile

import (
	"maps"
	"slices"

	yaml "go.yaml.in/yaml/v4"

	"github.com/probefleet/probefleet/internal/check"
)

// requestWriter writes the requests of an API check. Where their texts are
// templates they are written as they are, else so that nothing in them is one.
type requestWriter struct{ templates bool }

func (w *requestWriter) str(s string) *yaml.Node {
	if w.templates {
		return plain(s)
	}
	return str(s)
}

func (w *requestWriter) text(m *mapping, key, value string) {
	if value != "" {
		m.put(key, w.str(value))
	}
}

func (w *requestWriter) pairs(m *mapping, key string, values map[string]string) {
	if len(values) == 0 {
		return
	}
	p := newMapping()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		p.node.Content = append(p.node.Content, plain(name), w.str(values[name]))
	}
	m.put(key, p.node)
}

func (w *requestWriter) check(m *mapping, a *check.API) {
	if a.Single() {
		w.step(m, a.Steps[0])
	} else {
		steps := make([]*yaml.Node, len(a.Steps))
		for i, s := range a.Steps {
			step := newMapping()
			step.text("id", s.ID)
			w.step(step, s)
			step.flag("always", s.Always, false)
			steps[i] = step.node
		}
		m.put("steps", sequence(steps...))
	}
	m.flag("expect_failure", a.ExpectFailure, false)
}

func (w *requestWriter) step(m *mapping, s check.APIStep) {
	r, q := s.Request, newMapping()
	if r.Method != "GET" {
		q.text("method", r.Method)
	}
	w.text(q, "url", r.URL)
	headers := maps.Clone(r.Headers)
	if r.BodyType == check.BodyJSON && headers["content-type"] == "application/json" {
		delete(headers, "content-type") // it comes with json:
	}
	w.pairs(q, "headers", headers)
	w.pairs(q, "query", r.Query)
	w.body(q, r)
	if r.Auth != nil {
		q.put("auth", w.auth(r.Auth))
	}
	if r.MaxRedirects == 0 {
		q.flag("follow_redirects", false, true)
	} else {
		q.number("max_redirects", int64(r.MaxRedirects), check.DefaultMaxRedirects)
	}
	q.number("max_body", r.MaxBody, check.DefaultMaxBody)
	q.number("ip_family", int64(r.IPFamily), 0)
	q.text("http", r.HTTP)
	if r.TLS != nil {
		q.put("tls", w.tls(r.TLS))
	}
	w.text(q, "proxy", r.Proxy)
	if r.Waits != (check.Waits{}) {
		t := newMapping()
		t.duration("dns", r.Waits.DNS, 0)
		t.duration("connect", r.Waits.Connect, 0)
		t.duration("tls", r.Waits.TLS, 0)
		t.duration("first_byte", r.Waits.FirstByte, 0)
		t.duration("download", r.Waits.Download, 0)
		q.put("timeouts", t.node)
	}
	m.put("request", q.node)
	m.texts("expect", s.Expect)
	m.texts("degraded", s.Degraded)
}

func (w *requestWriter) body(q *mapping, r check.Request) {
	switch r.BodyType {
	case check.BodyRaw:
		w.text(q, "body", r.Body)
	case check.BodyJSON:
		q.put("json", jsonNode(r.Body))
	case check.BodyForm, check.BodyMultipart:
		q.put(string(r.BodyType), w.fields(r.Fields))
	case check.BodyGraphQL:
		g := newMapping()
		w.text(g, "query", r.GraphQL.Query)
		if r.GraphQL.Variables != "" {
			g.put("variables", jsonNode(r.GraphQL.Variables))
		}
		w.text(g, "operation", r.GraphQL.Operation)
		q.put("graphql", g.node)
	}
}

// jsonNode is a JSON text as YAML, of which JSON is a part; nil where it is
// none: then the check does not come back as it was, and that is said.
func jsonNode(text string) *yaml.Node {
	var doc yaml.Node
	if yaml.Unmarshal([]byte(text), &doc) != nil || len(doc.Content) != 1 {
		return nil
	}
	return doc.Content[0]
}

// fields writes the fields of a form; equal names become a list.
func (w *requestWriter) fields(fields []check.Field) *yaml.Node {
	m := newMapping()
	values := map[string][]*yaml.Node{}
	for _, f := range fields {
		v := w.str(f.Value)
		if f.File != "" || f.ContentType != "" {
			part := newMapping()
			part.put("value", v)
			w.text(part, "file", f.File)
			w.text(part, "type", f.ContentType)
			v = part.node
		}
		values[f.Name] = append(values[f.Name], v)
	}
	for _, f := range fields {
		switch vs := values[f.Name]; len(vs) {
		case 0: // written with the first of the name
		case 1:
			m.node.Content = append(m.node.Content, plain(f.Name), vs[0])
		default:
			m.node.Content = append(m.node.Content, plain(f.Name), sequence(vs...))
		}
		values[f.Name] = nil
	}
	return m.node
}

func (w *requestWriter) auth(a *check.Auth) *yaml.Node {
	m := newMapping()
	switch {
	case a.OAuth2 != nil:
		g := newMapping()
		w.text(g, "token_url", a.OAuth2.TokenURL)
		w.text(g, "client_id", a.OAuth2.ClientID)
		w.text(g, "client_secret", a.OAuth2.ClientSecret)
		if len(a.OAuth2.Scopes) > 0 {
			var items []*yaml.Node
			for _, s := range a.OAuth2.Scopes {
				items = append(items, w.str(s))
			}
			g.put("scopes", sequence(items...))
		}
		w.text(g, "audience", a.OAuth2.Audience)
		g.flag("in_body", a.OAuth2.InBody, false)
		m.put("oauth2", g.node)
	case a.User == "" && a.Password == "":
		w.text(m, "bearer", a.Bearer)
	default:
		basic := newMapping()
		basic.put("user", w.str(a.User))
		w.text(basic, "password", a.Password)
		m.put("basic", basic.node)
	}
	return m.node
}

func (w *requestWriter) tls(t *check.TLSSettings) *yaml.Node {
	m := newMapping()
	m.flag("skip_verify", t.SkipVerify, false)
	w.text(m, "ca", t.CA)
	w.text(m, "cert", t.Cert)
	w.text(m, "key", t.Key)
	w.text(m, "server_name", t.ServerName)
	return m.node
}
