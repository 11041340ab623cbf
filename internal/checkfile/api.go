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

var requestKeys = []string{"method", "url", "headers", "query", "body", "json", "auth", "follow_redirects", "max_redirects", "max_body"}

// headerName is a token of RFC 9110, section 5.6.2.
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// hasControl reports whether s cannot be the value of a header.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

var apiStepKeys = []string{"id", "request", "expect", "degraded"}

// api decodes what is special to an API check: one request, or steps.
func (o *object) api() *check.API {
	if !o.has("steps") {
		return check.OneRequest(o.request(), o.assertions("expect", check.KindAPI), o.assertions("degraded", check.KindAPI))
	}
	for _, f := range o.fields {
		if f.name != "steps" && slices.Contains(apiKeys, f.name) {
			o.d.fault(f.key, "%s: belongs to a step, as the check has steps:; move it into one of them", f.name)
		}
	}
	items, ok := o.list("steps")
	if !ok {
		o.d.at["steps"] = nil
	}
	a := &check.API{}
	for i, n := range items {
		a.Steps = append(a.Steps, o.d.apiStep(n, i))
	}
	return a
}

// apiStep decodes one step. Where it is not understood, its place is marked so
// that check.Validate's opinion of the rest is not asked for.
func (d *decoder) apiStep(n *yaml.Node, i int) check.APIStep {
	path := fmt.Sprintf("steps[%d]", i)
	d.at[path] = nil
	o, ok := d.object(n, path, "a step of an API check", apiStepKeys)
	if !ok {
		return check.APIStep{}
	}
	if !o.has("request") {
		if len(o.node.Content) == 2*len(o.fields) { // else an unknown key was reported
			d.fault(o.node, "%s has no request; write `request: https://example.com/`", path)
		}
		return check.APIStep{}
	}
	d.at[path] = o.node
	var s check.APIStep
	o.text("id", &s.ID)
	if !o.has("id") {
		d.fault(o.node, "%s has no id; name the step, such as `id: login`", path)
		d.at[path+".id"] = nil
	}
	s.Request = o.request()
	s.Expect, s.Degraded = o.assertions("expect", check.KindAPI), o.assertions("degraded", check.KindAPI)
	return s
}

func (o *object) request() check.Request {
	r := check.Request{Method: http.MethodGet, MaxRedirects: check.DefaultMaxRedirects, MaxBody: check.DefaultMaxBody}
	n, path := o.value("request"), o.path+"request"
	o.place("request", n, true)
	if n.Kind == yaml.ScalarNode {
		url, ok := o.d.expanded(n, path)
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
	body, ok := o.d.jsonText(f.value, o.path+"json")
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
	path := o.path + "auth"
	a, ok := o.d.object(n, path, path, []string{"bearer", "basic"})
	if !ok {
		return nil
	}
	if a.has("bearer") == a.has("basic") {
		if 2*len(a.fields) == len(a.node.Content) { // else an unknown key was reported
			o.d.fault(a.node, "%s wants one of `bearer: TOKEN` and `basic: {user: NAME, password: WORD}`", path)
		}
		return nil
	}
	auth := &check.Auth{}
	if a.has("bearer") {
		a.text("bearer", &auth.Bearer)
		if a.d.at[path+".bearer"] != nil && (auth.Bearer == "" || hasControl(auth.Bearer)) {
			o.d.fault(a.value("bearer"), "%s.bearer is empty or has a control character; write the token", path)
		}
		return auth
	}
	b, ok := o.d.object(a.value("basic"), path+".basic", path+".basic", []string{"user", "password"})
	if !ok {
		return nil
	}
	b.text("user", &auth.User)
	b.text("password", &auth.Password)
	switch {
	case !b.has("user"):
		o.d.fault(b.node, "%s.basic has no user; write basic: {user: NAME, password: WORD}", path)
	case strings.Contains(auth.User, ":"):
		o.d.fault(b.value("user"), "%s.basic.user contains a colon, which basic authentication cannot send", path)
	case auth.User == "" && auth.Password == "" && o.d.at[path+".basic.user"] != nil:
		o.d.fault(b.node, "%s.basic is empty; write a user and a password", path)
	}
	return auth
}
