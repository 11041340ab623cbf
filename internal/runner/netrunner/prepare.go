package netrunner

import (
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/redact"
	"github.com/probefleet/probefleet/internal/template"
)

// filled is a spec with its templates filled in.
func filled(spec check.Spec, values *template.Values) (check.Spec, error) {
	fill := func(_, value string) (string, error) { return values.Fill(value) }
	var err error
	switch s := spec.(type) {
	case *check.TCP:
		if s.Templates {
			var t check.TCP
			t, err = s.Map(fill)
			spec = &t
		}
	case *check.WebSocket:
		if s.Templates {
			var w check.WebSocket
			w, err = s.Map(fill)
			spec = &w
		}
	}
	if err != nil {
		return nil, ours("the check cannot be filled in: " + err.Error())
	}
	return spec, nil
}

// leastCredential is the length from which a credential is hidden wherever it
// shows up: hiding shorter ones would eat words of the answer.
const leastCredential = 6

// hideCredentials hides what the headers of a handshake send to say who asks: a
// server may echo it.
func (a *attempt) hideCredentials(headers map[string]string) {
	for name, value := range headers {
		if !redact.Credential(name) || len(value) < leastCredential {
			continue
		}
		a.hidden.Add(value)
		if _, credentials, ok := strings.Cut(value, " "); ok && len(credentials) >= leastCredential {
			a.hidden.Add(credentials)
		}
	}
}
