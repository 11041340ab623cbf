package codec

import (
	"fmt"

	"github.com/probefleet/probefleet/internal/check"
)

// apiV2 is the spec of an API check in version 2: a list of steps.
type apiV2 struct {
	Steps         []apiStepV2 `json:"steps"`
	Templates     bool        `json:"templates,omitempty"`
	ExpectFailure bool        `json:"expect_failure,omitempty"`
}

func (a apiV2) fault() (field, reason string) {
	if len(a.Steps) == 0 {
		return "steps", "is missing or empty"
	}
	return "", ""
}

type apiStepV2 struct {
	ID       string    `json:"id,omitempty"`
	Request  requestV2 `json:"request"`
	Expect   []string  `json:"expect,omitempty"`
	Degraded []string  `json:"degraded,omitempty"`
	Always   bool      `json:"always,omitempty"`
}

// requestV2 begins with the fields of version 1.
type requestV2 struct {
	Method       string            `json:"method"`
	URL          string            `json:"url"`
	Headers      map[string]string `json:"headers,omitempty"`
	Query        map[string]string `json:"query,omitempty"`
	Body         string            `json:"body,omitempty"`
	Auth         *authV2           `json:"auth,omitempty"`
	MaxRedirects int               `json:"max_redirects,omitempty"`
	MaxBody      int64             `json:"max_body,omitempty"`

	BodyType check.BodyType `json:"body_type,omitempty"`
	Fields   []fieldV2      `json:"fields,omitempty"`
	GraphQL  *graphQLV2     `json:"graphql,omitempty"`
	IPFamily int            `json:"ip_family,omitempty"`
	HTTP     string         `json:"http,omitempty"`
	TLS      *tlsSettingsV2 `json:"tls,omitempty"`
	Proxy    string         `json:"proxy,omitempty"`
	Waits    waitsV2        `json:"waits,omitzero"`
}

type authV2 struct {
	Bearer   string    `json:"bearer,omitempty"`
	User     string    `json:"user,omitempty"`
	Password string    `json:"password,omitempty"`
	OAuth2   *oauth2V2 `json:"oauth2,omitempty"`
}

type fieldV2 struct {
	Name        string `json:"name"`
	Value       string `json:"value,omitempty"`
	File        string `json:"file,omitempty"`
	ContentType string `json:"content_type,omitempty"`
}

type graphQLV2 struct {
	Query     string `json:"query"`
	Variables string `json:"variables,omitempty"`
	Operation string `json:"operation,omitempty"`
}

type oauth2V2 struct {
	TokenURL     string   `json:"token_url"`
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret,omitempty"`
	Scopes       []string `json:"scopes,omitempty"`
	Audience     string   `json:"audience,omitempty"`
	InBody       bool     `json:"in_body,omitempty"`
}

type tlsSettingsV2 struct {
	SkipVerify bool   `json:"skip_verify,omitempty"`
	CA         string `json:"ca,omitempty"`
	Cert       string `json:"cert,omitempty"`
	Key        string `json:"key,omitempty"`
	ServerName string `json:"server_name,omitempty"`
}

type waitsV2 struct {
	DNS       micros `json:"dns_us,omitempty"`
	Connect   micros `json:"connect_us,omitempty"`
	TLS       micros `json:"tls_us,omitempty"`
	FirstByte micros `json:"first_byte_us,omitempty"`
	Download  micros `json:"download_us,omitempty"`
}

func newAPIV2(s *check.API) *apiV2 {
	return &apiV2{Steps: each(s.Steps, newAPIStepV2), Templates: s.Templates, ExpectFailure: s.ExpectFailure}
}

func newAPIStepV2(s check.APIStep) apiStepV2 {
	return apiStepV2{ID: s.ID, Request: newRequestV2(s.Request), Expect: s.Expect, Degraded: s.Degraded, Always: s.Always}
}

func newRequestV2(r check.Request) requestV2 {
	w := requestV2{
		Method: r.Method, URL: r.URL, Headers: distinctKeys(r.Headers), Query: distinctKeys(r.Query),
		Body: r.Body, MaxRedirects: r.MaxRedirects, MaxBody: r.MaxBody,
		BodyType: r.BodyType, Fields: each(r.Fields, func(f check.Field) fieldV2 { return fieldV2(f) }),
		GraphQL:  (*graphQLV2)(r.GraphQL),
		IPFamily: r.IPFamily, HTTP: r.HTTP, TLS: (*tlsSettingsV2)(r.TLS), Proxy: r.Proxy,
		Waits: waitsV2{
			DNS: microsOf(r.Waits.DNS), Connect: microsOf(r.Waits.Connect), TLS: microsOf(r.Waits.TLS),
			FirstByte: microsOf(r.Waits.FirstByte), Download: microsOf(r.Waits.Download),
		},
	}
	if a := r.Auth; a != nil {
		w.Auth = &authV2{Bearer: a.Bearer, User: a.User, Password: a.Password, OAuth2: (*oauth2V2)(a.OAuth2)}
	}
	return w
}

func (a *apiV2) spec() *check.API {
	return &check.API{Steps: each(a.Steps, apiStepV2.step), Templates: a.Templates, ExpectFailure: a.ExpectFailure}
}

func (w apiStepV2) step() check.APIStep {
	return check.APIStep{ID: w.ID, Request: w.Request.request(), Expect: some(w.Expect), Degraded: some(w.Degraded), Always: w.Always}
}

func (w requestV2) request() check.Request {
	r := check.Request{
		Method: w.Method, URL: w.URL, Headers: someKeys(w.Headers), Query: someKeys(w.Query),
		Body: w.Body, MaxRedirects: w.MaxRedirects, MaxBody: w.MaxBody,
		BodyType: w.BodyType, Fields: each(w.Fields, func(f fieldV2) check.Field { return check.Field(f) }),
		GraphQL:  (*check.GraphQL)(w.GraphQL),
		IPFamily: w.IPFamily, HTTP: w.HTTP, TLS: (*check.TLSSettings)(w.TLS), Proxy: w.Proxy,
		Waits: check.Waits{
			DNS: w.Waits.DNS.duration(), Connect: w.Waits.Connect.duration(), TLS: w.Waits.TLS.duration(),
			FirstByte: w.Waits.FirstByte.duration(), Download: w.Waits.Download.duration(),
		},
	}
	if a := w.Auth; a != nil {
		r.Auth = &check.Auth{Bearer: a.Bearer, User: a.User, Password: a.Password, OAuth2: (*check.OAuth2)(a.OAuth2)}
		if o := r.Auth.OAuth2; o != nil {
			o.Scopes = some(o.Scopes)
		}
	}
	return r
}

// upcastAPIV1 turns one request into the only step, which has no id.
func upcastAPIV1(w *apiV1) *apiV2 {
	if w == nil {
		return nil
	}
	r := w.Request
	var auth *authV2
	if a := r.Auth; a != nil {
		auth = &authV2{Bearer: a.Bearer, User: a.User, Password: a.Password}
	}
	return &apiV2{Steps: []apiStepV2{{
		Request: requestV2{
			Method: r.Method, URL: r.URL, Headers: r.Headers, Query: r.Query, Body: r.Body, Auth: auth,
			MaxRedirects: r.MaxRedirects, MaxBody: r.MaxBody,
		},
		Expect: w.Expect, Degraded: w.Degraded,
	}}}
}

// downcastAPIV2 is the way back; see downcastCheckV2.
func downcastAPIV2(w *apiV2) (down *apiV1, lost string) {
	switch {
	case w == nil:
		return nil, ""
	case len(w.Steps) != 1:
		return nil, fmt.Sprintf("the %d steps of its API check", len(w.Steps))
	case w.Steps[0].ID != "":
		return nil, fmt.Sprintf("the id %q of the step of its API check", w.Steps[0].ID)
	case w.Templates:
		return nil, "the templates of its API check"
	case w.ExpectFailure:
		return nil, "that its API check is expected to fail"
	case w.Steps[0].Always:
		return nil, "that the step of its API check is always run"
	}
	s := w.Steps[0]
	if lost := s.Request.lost(); lost != "" {
		return nil, "the " + lost + " of the request of its API check"
	}
	r := s.Request
	var auth *authV1
	if a := r.Auth; a != nil {
		auth = &authV1{Bearer: a.Bearer, User: a.User, Password: a.Password}
	}
	return &apiV1{
		Request: requestV1{
			Method: r.Method, URL: r.URL, Headers: r.Headers, Query: r.Query, Body: r.Body, Auth: auth,
			MaxRedirects: r.MaxRedirects, MaxBody: r.MaxBody,
		},
		Expect: s.Expect, Degraded: s.Degraded,
	}, ""
}

// lost is what a request has and version 1 has no room for, "" where there is
// nothing.
func (w requestV2) lost() string {
	switch {
	case w.BodyType != "":
		return fmt.Sprintf("type of body (%.20s)", string(w.BodyType))
	case len(w.Fields) > 0:
		return "fields"
	case w.GraphQL != nil:
		return "GraphQL"
	case w.Auth != nil && w.Auth.OAuth2 != nil:
		return "OAuth2 grant"
	case w.IPFamily != 0:
		return "family of addresses"
	case w.HTTP != "":
		return "version of HTTP"
	case w.TLS != nil:
		return "TLS settings"
	case w.Proxy != "":
		return "proxy"
	case w.Waits != waitsV2{}:
		return "timeouts by phase"
	}
	return ""
}
