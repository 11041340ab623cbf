package codec

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// sampleFullAPI uses all that version 2 added to requests.
func sampleFullAPI() check.Check {
	c := sampleAPI()
	base := check.Request{Method: "POST", URL: "https://{{ secrets.host }}/", MaxRedirects: 3, MaxBody: 1 << 20}
	json, form, multipart, graph := base, base, base, base
	json.BodyType, json.Body = check.BodyJSON, `{"id":"{{ steps.form.json.id }}"}`
	json.Auth = &check.Auth{OAuth2: &check.OAuth2{
		TokenURL: "https://id.example/token", ClientID: "probe", ClientSecret: "{{ secrets.client }}",
		Scopes: []string{"read", "write"}, Audience: "shop", InBody: true,
	}}
	form.BodyType, form.Fields = check.BodyForm, []check.Field{{Name: "q", Value: "a b"}, {Name: "q"}}
	form.IPFamily, form.HTTP, form.Proxy = 6, "1.1", "http://proxy.example:3128"
	multipart.BodyType = check.BodyMultipart
	multipart.Fields = []check.Field{{Name: "f", Value: "x,y", File: "a.csv", ContentType: "text/csv"}}
	multipart.TLS = &check.TLSSettings{SkipVerify: true, CA: "PEM", Cert: "{{ secrets.cert }}", Key: "{{ secrets.key }}", ServerName: "shop.example"}
	graph.BodyType, graph.GraphQL = check.BodyGraphQL, &check.GraphQL{Query: "query Q { a }", Variables: `{"id":1}`, Operation: "Q"}
	graph.Waits = check.Waits{DNS: time.Second, Connect: 2 * time.Second, TLS: 3 * time.Second, FirstByte: 4 * time.Second, Download: 5 * time.Second}
	c.Spec = &check.API{Templates: true, ExpectFailure: true, Steps: []check.APIStep{
		{ID: "form", Request: form}, {ID: "json", Request: json}, {ID: "multipart", Request: multipart},
		{ID: "graph", Request: graph, Always: true},
	}}
	return c
}

// Each field that version 2 added to a request, set by itself, keeps the check
// from readers that would send something else.
func TestEveryNewFieldOfARequestNeedsVersionTwo(t *testing.T) {
	old := map[string]bool{"Method": true, "URL": true, "Headers": true, "Query": true, "Body": true, "Auth": true, "MaxRedirects": true, "MaxBody": true}
	specs := map[string]func(*check.API){
		"Templates":     func(a *check.API) { a.Templates = true },
		"ExpectFailure": func(a *check.API) { a.ExpectFailure = true },
		"Always":        func(a *check.API) { a.Steps[0].Always = true },
		"OAuth2":        func(a *check.API) { a.Steps[0].Request.Auth = &check.Auth{OAuth2: &check.OAuth2{}} },
	}
	typ := reflect.TypeFor[check.Request]()
	for f := range typ.Fields() {
		if !old[f.Name] {
			specs[f.Name] = func(a *check.API) {
				fill(reflect.ValueOf(&a.Steps[0].Request).Elem().FieldByIndex(f.Index), "x")
			}
		}
	}
	for name, set := range specs {
		t.Run(name, func(t *testing.T) {
			c := sampleAPI()
			set(c.Spec.(*check.API))
			_, err := EncodeJobAt(1, sampleJob(c))
			if e, ok := errors.AsType[*CannotDowncastError](err); !ok || e.Lost == "" {
				t.Errorf("got %v, want that it would lose something", err)
			}
			if j, r := JobVersionOf(c), ResultVersionOf(c); j != 2 || r != 1 {
				t.Errorf("job version %d, result version %d", j, r)
			}
			if version, _, err := EncodeCheck(c); err != nil || version != 2 {
				t.Errorf("is stored in version %d, %v", version, err)
			}
		})
	}
}
