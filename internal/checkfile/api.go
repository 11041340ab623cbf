package checkfile

import (
	"net/http"
	"net/textproto"
	"regexp"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	yaml "go.yaml.in/yaml/v4"
)

var requestKeys = []string{"method", "url", "headers", "query", "body", "json", "auth", "follow_redirects", "max_redirects", "max_body"}

// headerName is a token of RFC 9110, section 5.6.2.
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// hasControl reports whether s cannot be the value of a header.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// api decodes what is special to an API check.
func (o *object) api() *check.API {
	return &check.API{
		Request:  o.request(),
		Expect:   o.assertions("expect", check.KindAPI),
		Degraded: o.assertions("degraded", check.KindAPI),
	}
}

func (o *object) request() check.Request {
	r := check.Request{Method: http.MethodGet, MaxRedirects: check.DefaultMaxRedirects, MaxBody: check.DefaultMaxBody}
	n := o.value("request")
	o.place("request", n, true)
	if n.Kind == yaml.ScalarNode {
		url, ok := o.d.expanded(n, "request")
		r.URL = url
		o.d.at["request.url"] = n
		if !ok {
			o.d.at["request.url"] = nil
		}
		return r
	}
	q, ok := o.d.object(n, "request", "request", requestKeys)
	if !ok {
		o.d.at["request"] = nil
		return r
	}
	q.text("method", &r.Method)
	q.text("url", &r.URL)
	r.Headers = q.headers()
	r.Query = q.strings("query")
	q.text("body", &r.Body)
	q.json(&r)
	r.Auth = q.auth()
	q.size("max_body", &r.MaxBody)
	q.redirects(&r)
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

// strings reads names and values, nil where there are none.
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
		if v, ok := o.d.expanded(f.value, m.path+f.name); ok {
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

// json makes the body of `json:`, and the header that goes with it.
func (o *object) json(r *check.Request) {
	f := o.field("json")
	if f == nil {
		return
	}
	if o.has("body") {
		o.d.fault(f.key, "the request has both body: and json:; leave one of the two out")
		return
	}
	body, ok := o.d.jsonText(f.value, "request.json")
	if !ok {
		return
	}
	r.Body = body
	if r.Headers == nil {
		r.Headers = map[string]string{}
	}
	for name := range r.Headers {
		if strings.EqualFold(name, "content-type") {
			return
		}
	}
	r.Headers["content-type"] = "application/json"
}

func (o *object) auth() *check.Auth {
	n := o.value("auth")
	if n == nil {
		return nil
	}
	a, ok := o.d.object(n, "request.auth", "request.auth", []string{"bearer", "basic"})
	if !ok {
		return nil
	}
	if a.has("bearer") == a.has("basic") {
		if 2*len(a.fields) == len(a.node.Content) { // else an unknown key was reported
			o.d.fault(a.node, "request.auth wants one of `bearer: TOKEN` and `basic: {user: NAME, password: WORD}`")
		}
		return nil
	}
	auth := &check.Auth{}
	if a.has("bearer") {
		a.text("bearer", &auth.Bearer)
		if a.d.at["request.auth.bearer"] != nil && (auth.Bearer == "" || hasControl(auth.Bearer)) {
			o.d.fault(a.value("bearer"), "request.auth.bearer is empty or has a control character; write the token")
		}
		return auth
	}
	b, ok := o.d.object(a.value("basic"), "request.auth.basic", "request.auth.basic", []string{"user", "password"})
	if !ok {
		return nil
	}
	b.text("user", &auth.User)
	b.text("password", &auth.Password)
	switch {
	case !b.has("user"):
		o.d.fault(b.node, "request.auth.basic has no user; write basic: {user: NAME, password: WORD}")
	case strings.Contains(auth.User, ":"):
		o.d.fault(b.value("user"), "request.auth.basic.user contains a colon, which basic authentication cannot send")
	case auth.User == "" && auth.Password == "" && o.d.at["request.auth.basic.user"] != nil:
		o.d.fault(b.node, "request.auth.basic is empty; write a user and a password")
	}
	return auth
}
