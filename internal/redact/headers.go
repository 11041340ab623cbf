package redact

import (
	"regexp"
	"strings"
)

// Credential reports whether a header of a request carries credentials, by its
// name.
func Credential(name string) bool {
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

// Headers are those of an answer, names in lower case, equal ones joined by
// ", ", without credentials and without what hidden knows: a cookie keeps its
// name and attributes.
func Headers(h map[string][]string, hidden *Redactor) map[string]string {
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
			out[name] = Mark
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
		return Mark
	}
	if !more {
		return name + "=" + Mark
	}
	return name + "=" + Mark + ";" + attributes
}

var userinfo = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*@`)

func withoutUser(location string) string { return userinfo.ReplaceAllString(location, "$1//") }
