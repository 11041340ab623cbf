package checkfile

import (
	"fmt"
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	yaml "go.yaml.in/yaml/v4"
)

// bodyKeys are the keys of a request of which it has at most one.
var bodyKeys = []string{"body", "json", "form", "multipart", "graphql"}

var requestKeys = []string{
	"method", "url", "headers", "query", "body", "json", "form", "multipart", "graphql", "auth",
	"follow_redirects", "max_redirects", "max_body", "ip_family", "http", "tls", "proxy", "timeouts",
}

// RequestKeys are the keys that a request may have.
func RequestKeys() []string { return slices.Clone(requestKeys) }

// headerName is a token of RFC 9110, section 5.6.2.
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// hasControl reports whether s cannot be the value of a header. Of a template
// only what it becomes could say.
func hasControl(s string) bool {
	return !strings.Contains(s, "{{") && strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

func (o *object) request() check.Request {
	r := check.Request{Method: http.MethodGet, MaxRedirects: check.DefaultMaxRedirects, MaxBody: check.DefaultMaxBody}
	n, path := o.value("request"), o.path+"request"
	o.place("request", n, true)
	if n.Kind == yaml.ScalarNode {
		url, ok := o.d.templated(n, path)
		r.URL = url
		o.d.at[path+".url"] = n
		if !ok {
			o.d.at[path+".url"] = nil
		}
		return r
	}
	q, ok := o.d.object(n, path, path, requestKeys)
	if !ok {
		o.d.at[path] = nil
		return r
	}
	q.text("method", &r.Method)
	q.template("url", &r.URL)
	r.Headers = q.headers()
	r.Query = q.strings("query")
	q.body(&r)
	r.Auth = q.auth()
	q.size("max_body", &r.MaxBody)
	q.redirects(&r)
	q.number("ip_family", &r.IPFamily)
	q.text("http", &r.HTTP)
	r.TLS = q.tls()
	q.template("proxy", &r.Proxy)
	q.waits(&r.Waits)
	return r
}

// redirects reads the two keys that say how many are followed.
func (o *object) redirects(r *check.Request) {
	follow := true
	o.flag("follow_redirects", &follow)
	o.number("max_redirects", &r.MaxRedirects)
	if follow {
		return
	}
	if o.has("max_redirects") && r.MaxRedirects != 0 {
		o.d.fault(o.field("max_redirects").key, "max_redirects says how many are followed, and follow_redirects: false says none; leave one of the two out")
	}
	r.MaxRedirects = 0
}

// tls reads what is asked of the server's certificate, and our own one.
func (o *object) tls() *check.TLSSettings {
	n := o.value("tls")
	if n == nil {
		return nil
	}
	path := o.path + "tls"
	t, ok := o.d.object(n, path, path, []string{"skip_verify", "ca", "cert", "key", "server_name"})
	o.place("tls", n, ok)
	if !ok {
		return nil
	}
	var s check.TLSSettings
	t.flag("skip_verify", &s.SkipVerify)
	t.template("ca", &s.CA)
	t.template("cert", &s.Cert)
	t.template("key", &s.Key)
	t.template("server_name", &s.ServerName)
	for name, text := range map[string]string{"ca": s.CA, "cert": s.Cert, "key": s.Key} {
		if text != "" && !strings.Contains(text, "{{") && !strings.Contains(text, "-----BEGIN ") {
			o.d.fault(t.value(name), "%s.%s is not PEM; write -----BEGIN …, or name a secret: \"{{ secrets.name }}\"", path, name)
		}
	}
	return &s
}

// waits reads the timeouts by phase.
func (o *object) waits(w *check.Waits) {
	n := o.value("timeouts")
	if n == nil {
		return
	}
	path := o.path + "timeouts"
	t, ok := o.d.object(n, path, path, []string{"dns", "connect", "tls", "first_byte", "download"})
	if !ok {
		return
	}
	t.duration("dns", &w.DNS)
	t.duration("connect", &w.Connect)
	t.duration("tls", &w.TLS)
	t.duration("first_byte", &w.FirstByte)
	t.duration("download", &w.Download)
}

// strings reads names and texts, nil where there are none.
func (o *object) strings(name string) map[string]string {
	n := o.value(name)
	if n == nil {
		return nil
	}
	m, ok := o.d.object(n, o.path+name, o.path+name, nil)
	if !ok || len(m.fields) == 0 {
		return nil
	}
	out := make(map[string]string, len(m.fields))
	for _, f := range m.fields {
		if v, ok := o.d.templated(f.value, m.path+f.name); ok {
			out[f.name] = v
		}
	}
	return out
}

// headers are checked here: a name or value that cannot be sent is better
// found now than at every run.
func (o *object) headers() map[string]string {
	out := o.strings("headers")
	if out == nil {
		return nil
	}
	seen := map[string]string{}
	m, _ := o.d.object(o.value("headers"), o.path+"headers", o.path+"headers", nil)
	for _, f := range m.fields {
		name := textproto.CanonicalMIMEHeaderKey(f.name)
		switch {
		case !headerName.MatchString(f.name):
			o.d.fault(f.key, "%q is not the name of a header; use letters, digits and '-'", f.name)
		case seen[name] != "":
			o.d.fault(f.key, "the header %s is there twice, as %s and %s", name, seen[name], f.name)
		case hasControl(out[f.name]):
			o.d.fault(f.value, "the value of the header %s has a line break or another control character; remove it", f.name)
		}
		seen[name] = f.name
	}
	return out
}

// auth reads one of the ways to say who asks.
func (o *object) auth() *check.Auth {
	n := o.value("auth")
	if n == nil {
		return nil
	}
	path := o.path + "auth"
	a, ok := o.d.object(n, path, path, []string{"bearer", "basic", "oauth2"})
	if !ok {
		return nil
	}
	if len(a.fields) != 1 {
		if 2*len(a.fields) == len(a.node.Content) { // else an unknown key was reported
			o.d.fault(a.node, "%s wants one of `bearer: TOKEN`, `basic: {user: NAME, password: WORD}` and `oauth2: {token_url: URL, client_id: ID, client_secret: WORD}`", path)
		}
		return nil
	}
	auth := &check.Auth{}
	switch {
	case a.has("oauth2"):
		auth.OAuth2 = a.oauth2()
		if auth.OAuth2 == nil {
			return nil
		}
	case a.has("basic"):
		a.basic(auth)
	default:
		a.template("bearer", &auth.Bearer)
		if a.d.at[path+".bearer"] != nil && (auth.Bearer == "" || hasControl(auth.Bearer)) {
			o.d.fault(a.value("bearer"), "%s.bearer is empty or has a control character; write the token", path)
		}
	}
	return auth
}

func (o *object) basic(auth *check.Auth) {
	path := o.path + "basic"
	b, ok := o.d.object(o.value("basic"), path, path, []string{"user", "password"})
	if !ok {
		return
	}
	b.template("user", &auth.User)
	b.template("password", &auth.Password)
	switch {
	case !b.has("user"):
		o.d.fault(b.node, "%s has no user; write basic: {user: NAME, password: WORD}", path)
	case strings.Contains(auth.User, ":") && !strings.Contains(auth.User, "{{"):
		o.d.fault(b.value("user"), "%s.user contains a colon, which basic authentication cannot send", path)
	case auth.User == "" && auth.Password == "" && o.d.at[path+".user"] != nil:
		o.d.fault(b.node, "%s is empty; write a user and a password", path)
	}
}

func (o *object) oauth2() *check.OAuth2 {
	path := o.path + "oauth2"
	g, ok := o.d.object(o.value("oauth2"), path, path, []string{"token_url", "client_id", "client_secret", "scopes", "audience", "in_body"})
	o.place("oauth2", o.value("oauth2"), ok)
	if !ok {
		return nil
	}
	grant := &check.OAuth2{}
	g.template("token_url", &grant.TokenURL)
	g.template("client_id", &grant.ClientID)
	g.template("client_secret", &grant.ClientSecret)
	g.template("audience", &grant.Audience)
	g.flag("in_body", &grant.InBody)
	items, ok := g.list("scopes")
	if ok && len(items) > maxItems {
		o.d.fault(g.value("scopes"), "%s.scopes has %d items; at most %d", path, len(items), maxItems)
		return grant
	}
	for i, n := range items {
		if s, ok := o.d.templated(n, fmt.Sprintf("%s.scopes[%d]", path, i)); ok {
			grant.Scopes = append(grant.Scopes, s)
		}
	}
	return grant
}
