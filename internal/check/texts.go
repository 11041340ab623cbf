package check

import (
	"fmt"
	"maps"
	"slices"
)

// Map is r with every text that may be a template replaced by what f makes of
// it, in a fixed order, up to the first error. path names the text in the words
// of the check file, from the request on ("headers[\"x-id\"]"). r itself stays
// as it is. Bodies of [BodyJSON] and variables of GraphQL are texts of JSON:
// their paths are "json" and "graphql.variables".
func (r Request) Map(f func(path, value string) (string, error)) (Request, error) {
	m := mapper{f: f}
	m.text("url", &r.URL)
	if r.BodyType == BodyJSON {
		m.text("json", &r.Body)
	} else {
		m.text("body", &r.Body)
	}
	r.Headers = m.pairs("headers", r.Headers)
	r.Query = m.pairs("query", r.Query)
	r.Fields = slices.Clone(r.Fields)
	for i := range r.Fields {
		field, at := &r.Fields[i], fmt.Sprintf("%s[%q]", r.BodyType, r.Fields[i].Name)
		m.text(at, &field.Value)
		m.text(at+".name", &field.Name)
		m.text(at+".file", &field.File)
		m.text(at+".type", &field.ContentType)
	}
	if r.GraphQL != nil {
		g := *r.GraphQL
		m.text("graphql.query", &g.Query)
		m.text("graphql.variables", &g.Variables)
		m.text("graphql.operation", &g.Operation)
		r.GraphQL = &g
	}
	if r.Auth != nil {
		r.Auth = m.auth(*r.Auth)
	}
	if r.TLS != nil {
		t := *r.TLS
		m.text("tls.ca", &t.CA)
		m.text("tls.cert", &t.Cert)
		m.text("tls.key", &t.Key)
		m.text("tls.server_name", &t.ServerName)
		r.TLS = &t
	}
	m.text("proxy", &r.Proxy)
	return r, m.err
}

// mapper calls f until it fails.
type mapper struct {
	f   func(path, value string) (string, error)
	err error
}

func (m *mapper) text(path string, value *string) {
	if m.err != nil || *value == "" {
		return
	}
	made, err := m.f(path, *value)
	if err != nil {
		m.err = fmt.Errorf("%s: %w", path, err)
		return
	}
	*value = made
}

func (m *mapper) pairs(path string, values map[string]string) map[string]string {
	values = maps.Clone(values)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := values[name]
		m.text(fmt.Sprintf("%s[%q]", path, name), &v)
		values[name] = v
	}
	return values
}

func (m *mapper) auth(a Auth) *Auth {
	m.text("auth.bearer", &a.Bearer)
	m.text("auth.basic.user", &a.User)
	m.text("auth.basic.password", &a.Password)
	if a.OAuth2 != nil {
		o := *a.OAuth2
		m.text("auth.oauth2.token_url", &o.TokenURL)
		m.text("auth.oauth2.client_id", &o.ClientID)
		m.text("auth.oauth2.client_secret", &o.ClientSecret)
		m.text("auth.oauth2.audience", &o.Audience)
		o.Scopes = slices.Clone(o.Scopes)
		for i := range o.Scopes {
			m.text(fmt.Sprintf("auth.oauth2.scopes[%d]", i), &o.Scopes[i])
		}
		a.OAuth2 = &o
	}
	return &a
}

// Texts are all templates of an API check, nil where its texts are none.
func (a *API) Texts() []string {
	if !a.Templates {
		return nil
	}
	var out []string
	for _, s := range a.Steps {
		_, _ = s.Request.Map(func(_, value string) (string, error) { // it never fails here
			out = append(out, value)
			return value, nil
		})
	}
	return out
}
