package apirunner

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
)

const redacted = "(redacted)"

// minSecret is the length from which a credential is hidden wherever it shows
// up: hiding shorter ones would eat words of the answer.
const minSecret = 6

// isSecret reports whether a header of a request carries credentials, by its
// name.
func isSecret(name string) bool {
	name = strings.ToLower(name)
	if name == "cookie" || name == "cookie2" {
		return true
	}
	for _, part := range []string{"auth", "token", "secret", "api-key", "apikey", "password", "session"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// echoed are headers of requests, and tokens, that a careless server sends.
var echoed = map[string]bool{
	"authorization": true, "proxy-authorization": true, "cookie": true,
	"x-api-key": true, "x-auth-token": true,
}

// secrets are the credentials that a check sends, in whatever step. A server
// may echo them.
type secrets struct {
	replacer *strings.Replacer
}

func secretsOf(spec *check.API) secrets {
	var known []string
	for _, s := range spec.Steps {
		known = append(known, credentials(s.Request)...)
	}
	if known == nil {
		return secrets{}
	}
	return secrets{strings.NewReplacer(known...)}
}

// credentials are pairs of what a request sends and what is shown for it.
func credentials(r check.Request) []string {
	var known []string
	add := func(s string) {
		if len(s) >= minSecret {
			known = append(known, s, redacted)
			if e := url.QueryEscape(s); e != s {
				known = append(known, e, redacted)
			}
		}
	}
	basic := func(user, password string) {
		add(base64.StdEncoding.EncodeToString([]byte(user + ":" + password)))
		add(password)
	}
	if a := r.Auth; a != nil {
		add(a.Bearer)
		basic(a.User, a.Password)
	}
	if u, err := url.Parse(r.URL); err == nil && u.User != nil {
		password, _ := u.User.Password()
		basic(u.User.Username(), password)
	}
	for name, value := range r.Headers {
		if isSecret(name) {
			add(value)
			if _, credentials, ok := strings.Cut(value, " "); ok {
				add(credentials)
			}
		}
	}
	return known
}

func (s secrets) hide(text string) string {
	if s.replacer == nil {
		return text
	}
	return s.replacer.Replace(text)
}

// headers are those of an answer, names in lower case, equal ones joined by
// ", ", without credentials: a cookie keeps its name and attributes.
func (s secrets) headers(h http.Header) map[string]string {
	out := make(map[string]string, len(h))
	for name, values := range h {
		name = strings.ToLower(name)
		switch {
		case name == "set-cookie":
			shown := make([]string, len(values))
			for i, v := range values {
				shown[i] = cookie(v)
			}
			out[name] = strings.Join(shown, ", ")
		case name == "location" || name == "content-location":
			out[name] = s.hide(withoutUser(strings.Join(values, ", ")))
		case echoed[name]:
			out[name] = redacted
		default:
			out[name] = s.hide(strings.Join(values, ", "))
		}
	}
	return out
}

// cookie is a Set-Cookie line without the value.
func cookie(line string) string {
	pair, attributes, more := strings.Cut(line, ";")
	name, _, ok := strings.Cut(pair, "=")
	if !ok {
		return redacted
	}
	if !more {
		return name + "=" + redacted
	}
	return name + "=" + redacted + ";" + attributes
}

var userinfo = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*@`)

func withoutUser(location string) string { return userinfo.ReplaceAllString(location, "$1//") }

// show is a URL without user and password.
func show(u *url.URL) string {
	if u.User == nil {
		return u.String()
	}
	plain := *u
	plain.User = nil
	return plain.String()
}
