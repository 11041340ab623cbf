package apirunner

import (
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/redact"
)

// minSecret is the length from which a credential is hidden wherever it shows
// up: hiding shorter ones would eat words of the answer.
const minSecret = 6

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
		if redact.Credential(name) {
			add(value)
			if _, credentials, ok := strings.Cut(value, " "); ok {
				add(credentials)
			}
		}
	}
	return known
}

// show is a URL without user and password.
func show(u *url.URL) string {
	if u.User == nil {
		return u.String()
	}
	plain := *u
	plain.User = nil
	return plain.String()
}
