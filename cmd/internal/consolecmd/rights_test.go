package consolecmd

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/status"
)

// routes is every operation of the API with the least role that may do it. A
// change has a body with which it succeeds; "-" is one of none.
var routes = map[string]struct {
	role access.Role
	body string
}{
	"GET /api/v1/incidents":                        {access.Viewer, ""},
	"GET /api/v1/incidents/{id}":                   {access.Viewer, ""},
	"POST /api/v1/incidents":                       {access.Editor, `{"title":"Slow"}`},
	"POST /api/v1/incidents/{id}/updates":          {access.Editor, `{"phase":"identified","body":"It is the cache."}`},
	"PATCH /api/v1/incidents/{id}":                 {access.Editor, `{"title":"Very slow"}`},
	"POST /api/v1/incidents/{id}/merge":            {access.Editor, `{"into":"OTHER"}`},
	"GET /api/v1/maintenance":                      {access.Viewer, ""},
	"POST /api/v1/maintenance":                     {access.Editor, `{"title":"Move","checks":["shop"],"from":"2999-01-01T00:00:00Z","to":"2999-01-01T01:00:00Z"}`},
	"DELETE /api/v1/maintenance/{id}":              {access.Editor, "-"},
	"GET /api/v1/checks":                           {access.Viewer, ""},
	"GET /api/v1/checks/{id}":                      {access.Viewer, ""},
	"POST /api/v1/checks/plan":                     {access.Viewer, ""},
	"PUT /api/v1/checks":                           {access.Editor, `{"checks":[CHECK]}`},
	"DELETE /api/v1/checks/{id}":                   {access.Editor, "-"},
	"PATCH /api/v1/checks/{id}":                    {access.Editor, `{"muted":true}`},
	"POST /api/v1/checks/{id}/ping-address":        {access.Editor, "-"},
	"GET /api/v1/checks/{id}/pings":                {access.Viewer, ""},
	"GET /api/v1/channels":                         {access.Viewer, ""},
	"POST /api/v1/channels/plan":                   {access.Viewer, ""},
	"PUT /api/v1/channels":                         {access.Admin, `{"channels":[{"name":"ops","webhook":{"url":"https://hooks.example/a"}}]}`},
	"POST /api/v1/channels/{name}/test":            {access.Admin, "-"},
	"DELETE /api/v1/channels/{name}":               {access.Admin, "-"},
	"GET /api/v1/pages":                            {access.Viewer, ""},
	"POST /api/v1/pages/plan":                      {access.Viewer, ""},
	"PUT /api/v1/pages":                            {access.Editor, `{"pages":[{"slug":"shop","title":"Shop"}]}`},
	"DELETE /api/v1/pages/{slug}":                  {access.Editor, "-"},
	"GET /api/v1/pages/{slug}/subscribers":         {access.Editor, ""},
	"GET /api/v1/pages/{slug}/deliveries":          {access.Editor, ""},
	"DELETE /api/v1/subscribers/{id}":              {access.Admin, "-"},
	"GET /api/v1/alerts":                           {access.Viewer, ""},
	"GET /api/v1/deliveries":                       {access.Viewer, ""},
	"GET /api/v1/deliveries/{id}":                  {access.Viewer, ""},
	"POST /api/v1/pages/{slug}/subscribers/export": {access.Admin, "-"},

	"GET /api/v1/runs":                  {access.Viewer, ""},
	"GET /api/v1/runs/{id}":             {access.Viewer, ""},
	"GET /api/v1/status":                {access.Viewer, ""},
	"GET /api/v1/checks/{id}/objective": {access.Viewer, ""},
	"GET /api/v1/shadow":                {access.Viewer, ""},
	"GET /api/v1/coverage":              {access.Viewer, ""},
	"GET /api/v1/triggers/{id}":         {access.Viewer, ""},
	"POST /api/v1/triggers":             {access.Editor, `{"checks":["shop"]}`},
	"GET /api/v1/fleet":                 {access.Viewer, ""},
	"GET /api/v1/locations":             {access.Viewer, ""},
	"PUT /api/v1/fleet/pins":            {access.Admin, `{"location":"local","class":"api","version":1}`},
	"GET /api/v1/dlq":                   {access.Viewer, ""},
	"GET /api/v1/dlq/{id}":              {access.Viewer, ""},
	"GET /api/v1/dlq/moves":             {access.Viewer, ""},
	"POST /api/v1/dlq/redrive":          {access.Editor, `{"all":true}`},
	"POST /api/v1/dlq/discard":          {access.Admin, `{"all":true}`},
	"GET /api/v1/tokens":                {access.Admin, ""},
	"POST /api/v1/tokens":               {access.Admin, `{"name":"ci","scopes":["checks:read"]}`},
	"DELETE /api/v1/tokens/{id}":        {access.Admin, "-"},
	"GET /api/v1/people":                {access.Admin, ""},
	"POST /api/v1/people":               {access.Admin, `{"name":"new","role":"viewer"}`},
	"PATCH /api/v1/people/{name}":       {access.Admin, `{"role":"editor"}`},
	"POST /api/v1/people/{name}/reset":  {access.Admin, "-"},
	"GET /api/v1/audit":                 {access.Admin, ""},
}

// operations of the description that the console serves, with their scopes.
func operations(t *testing.T, b *browser) map[string]access.Scope {
	t.Helper()
	var description struct {
		Paths map[string]map[string]struct {
			Security []map[string][]access.Scope
		}
	}
	if err := json.Unmarshal([]byte(b.get("/api/v1/openapi.json").body), &description); err != nil {
		t.Fatal(err)
	}
	all := map[string]access.Scope{}
	for path, methods := range description.Paths {
		for method, o := range methods {
			if len(o.Security) != 1 || len(o.Security[0]["token"]) != 1 {
				t.Fatalf("%s %s needs %v, want exactly one scope", method, path, o.Security)
			}
			all[strings.ToUpper(method)+" "+path] = o.Security[0]["token"][0]
		}
	}
	return all
}

// Each role and each scope does what it may, and nothing else: every operation
// of the description is asked for by everybody.
func TestRoleMatrix(t *testing.T) {
	c := serve(t, People{})
	described := operations(t, c.browser(t))
	if got, want := slices.Sorted(maps.Keys(described)), slices.Sorted(maps.Keys(routes)); !slices.Equal(got, want) {
		t.Errorf("the API has\n%s\nwhich should be, with their roles, in routes:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	type asker struct {
		name    string
		send    func(method, path string) answer
		allowed func(route string, scope access.Scope) bool
	}
	var askers []asker
	for i, role := range access.Roles {
		b := c.as(t, role)
		askers = append(askers, asker{
			"role " + string(role),
			func(method, path string) answer {
				return b.send(method, path, "application/json", `{"nonsense":true}`, "Sec-Fetch-Site", "same-origin")
			},
			func(route string, _ access.Scope) bool { return i >= slices.Index(access.Roles, routes[route].role) },
		})
	}
	nobody := c.browser(t)
	for _, s := range append(slices.Clone(access.Scopes), "none") {
		secret := "pf_" + string(s)
		if err := c.db.CreateToken(t.Context(), access.Token{ID: string(s), Name: string(s), Scopes: []access.Scope{s}}, access.Hash(secret)); err != nil {
			t.Fatal(err)
		}
		askers = append(askers, asker{
			"scope " + string(s),
			func(method, path string) answer {
				return nobody.send(method, path, "application/json", `{"nonsense":true}`, "Authorization", "Bearer "+secret)
			},
			func(_ string, scope access.Scope) bool { return s == scope },
		})
	}
	for route, scope := range described {
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{id}", "x", "{name}", "x", "{slug}", "x").Replace(path)
		for _, a := range askers {
			status := a.send(method, path).StatusCode
			if status == http.StatusUnauthorized || (status == http.StatusForbidden) == a.allowed(route, scope) {
				t.Errorf("%s by %s: %d", route, a.name, status)
			}
		}
		if status := nobody.send(method, path, "", "").StatusCode; status != http.StatusUnauthorized {
			t.Errorf("%s by nobody: %d", route, status)
		}
	}
}

// Every change through the API is in the audit log, with whose it was.
func TestEveryChangeIsWrittenDown(t *testing.T) {
	c := serve(t, People{})
	b := c.as(t, access.Admin)
	defined, err := console.Define([]check.Check{{
		ID: "shop", Name: "Shop", Every: time.Minute, Timeout: time.Second, Locations: []string{"local"}, Active: true,
		Spec: &check.Browser{Width: 800, Height: 600, Expect: []string{"title != ''"}, Steps: []check.Step{{Action: check.ActionOpen, Value: "http://example.com/"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	shop, err := json.Marshal(defined[0])
	if err != nil {
		t.Fatal(err)
	}
	change := func(route, path, body string) {
		t.Helper()
		method, _, _ := strings.Cut(route, " ")
		before, err := c.db.Audit(t.Context(), access.EntryFilter{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		a := b.send(method, path, "application/json", strings.Trim(body, "-"), "Sec-Fetch-Site", "same-origin")
		if a.StatusCode/100 != 2 {
			t.Errorf("%s does not succeed: %d %s", route, a.StatusCode, a.body)
			return
		}
		after, _ := c.db.Audit(t.Context(), access.EntryFilter{Limit: 1000})
		if len(after) == len(before) {
			t.Errorf("%s is not in the audit log", route)
			return
		}
		if e := after[0]; e.Actor != "admin" || e.ActorKind != access.ActorPerson || e.Address != "127.0.0.1" || e.Action == "" {
			t.Errorf("%s is written down as %+v", route, e)
		}
		if strings.Contains(fmt.Sprint(after[0]), testPassword) {
			t.Errorf("%s: a secret is written down", route)
		}
	}
	ids := map[string]string{
		"DELETE /api/v1/tokens/{id}": "tok", "PATCH /api/v1/people/{name}": "viewer", "POST /api/v1/people/{name}/reset": "viewer", "DELETE /api/v1/checks/{id}": "shop",
	}
	if err := c.db.CreateToken(t.Context(), access.Token{ID: "tok"}, [32]byte{9}); err != nil {
		t.Fatal(err)
	}
	incident := func(title string) string {
		id, err := c.db.OpenIncident(t.Context(), status.Report{Title: title, Impact: status.ImpactOutage})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	one, other := incident("one"), incident("other")
	planned, err := c.db.PlanMaintenance(t.Context(), status.Planned{
		Title: "x", Checks: []string{"x"}, Maintenance: check.Maintenance{From: time.Now().Add(time.Hour), To: time.Now().Add(2 * time.Hour)},
	})
	if err != nil {
		t.Fatal(err)
	}
	ids["POST /api/v1/incidents/{id}/updates"], ids["PATCH /api/v1/incidents/{id}"], ids["POST /api/v1/incidents/{id}/merge"] = one, one, one
	ids["DELETE /api/v1/maintenance/{id}"] = planned
	beat := check.Check{
		ID: "beat", Name: "Beat", Every: time.Minute, Timeout: time.Second, Locations: []string{check.HeartbeatLocation}, Active: true,
		Spec: &check.Heartbeat{Period: time.Minute, Grace: time.Minute},
	}
	if _, err := c.db.ApplyChecks(t.Context(), []check.Check{beat}); err != nil {
		t.Fatal(err)
	}
	ids["PATCH /api/v1/checks/{id}"], ids["POST /api/v1/checks/{id}/ping-address"] = "beat", "beat"
	ids["POST /api/v1/channels/{name}/test"], ids["DELETE /api/v1/channels/{name}"] = "ops", "ops"
	ids["DELETE /api/v1/pages/{slug}"] = "shop"
	ids["DELETE /api/v1/subscribers/{id}"], ids["POST /api/v1/pages/{slug}/subscribers/export"] = subscriber(t, c.db), "told"
	// What is done to one thing comes in this order.
	first := []string{"PUT /api/v1/checks", "POST /api/v1/triggers", "PUT /api/v1/channels", "PUT /api/v1/pages"}
	last := []string{"DELETE /api/v1/channels/{name}", "POST /api/v1/incidents/{id}/merge", "DELETE /api/v1/checks/{id}"}
	var others []string
	for route := range routes {
		if routes[route].body != "" && !slices.Contains(first, route) && !slices.Contains(last, route) {
			others = append(others, route)
		}
	}
	for _, route := range slices.Concat(first, others, last) {
		_, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{id}", ids[route], "{name}", ids[route], "{slug}", ids[route]).Replace(path)
		change(route, path, strings.NewReplacer("CHECK", string(shop), "OTHER", other).Replace(routes[route].body))
	}
	for route, r := range routes {
		if method, _, _ := strings.Cut(route, " "); method != "GET" && r.body == "" && !strings.HasSuffix(route, "/plan") {
			t.Errorf("%s changes something, and is not tried: give it a body", route)
		}
	}
}
