package apirunner

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/redact"
)

const redacted = redact.Mark

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

// credentials are what a request sends to say who asks. A server may echo them.
func credentials(r check.Request) []string {
	var known []string
	add := func(s string) {
		if len(s) >= minSecret {
			known = append(known, s)
		}
	}
	basic := func(user, password string) {
		add(base64.StdEncoding.EncodeToString([]byte(user + ":" + password)))
		add(password)
	}
	if a := r.Auth; a != nil {
		add(a.Bearer)
		basic(a.User, a.Password)
		if a.OAuth2 != nil {
			basic(a.OAuth2.ClientID, a.OAuth2.ClientSecret)
		}
	}
	if r.TLS != nil {
		add(r.TLS.Key)
	}
	if u, err := url.Parse(r.Proxy); err == nil && u.User != nil {
		password, _ := u.User.Password()
		basic(u.User.Username(), password)
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

// shownHeaders are those of an answer, names in lower case, equal ones joined by
// ", ", without credentials: a cookie keeps its name and attributes.
func shownHeaders(h http.Header, hidden *redact.Redactor) map[string]string {
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
			out[name] = hidden.Hide(withoutUser(strings.Join(values, ", ")))
		case echoed[name]:
			out[name] = redacted
		default:
			out[name] = hidden.Hide(strings.Join(values, ", "))
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
