package console

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/people"
	"github.com/probefleet/probefleet/internal/status"
)

// whole is a console with everything that it can serve.
func whole(t *testing.T) (*shelf, *ring, *past, *Console) {
	t.Helper()
	s, r, p := &shelf{checks: map[string]check.Check{}}, newRing(), &past{}
	y, _, _ := newYard()
	return s, r, p, New(Options{
		Store: s, Tokens: r, Runs: p, Shadows: pairs{}, Fleet: &places{}, Registry: &members{}, Incidents: &journal{}, Alerts: &board{}, DeadQueues: y, DeadRows: y, QueuePrefix: "pf",
		Desk: people.NewDesk(people.Options{Book: &roster{}}), Audit: &diary{}, Meters: &measured{},
		Logger: slog.New(slog.DiscardHandler),
	})
}

var update = flag.Bool("update", false, "write docs/openapi.json anew")

// The description in docs is that of the code.
func TestDescriptionIsCurrent(t *testing.T) {
	const file = "../../docs/openapi.json"
	data, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var object any
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	want, err := json.MarshalIndent(object, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("docs/openapi.json is not what the code says; run `go test ./internal/console -run TestDescriptionIsCurrent -update` (-code +file):\n%s", d)
	}
	_, _, _, c := whole(t)
	if w := ask(c.Handler(), "GET", "/api/v1/openapi.json", "", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"openapi":"3.1.0"`) {
		t.Errorf("%d %.200s", w.Code, w.Body)
	}
}

// operations of the description, as method and path, with their scope.
func described(t *testing.T, c *Console) map[string]access.Scope {
	t.Helper()
	all := map[string]access.Scope{}
	for path, item := range c.newAPI(http.NewServeMux()).OpenAPI().Paths {
		for method, o := range map[string]any{"GET": item.Get, "PUT": item.Put, "POST": item.Post, "DELETE": item.Delete, "PATCH": item.Patch} {
			data, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			var op *struct {
				Security []map[string][]access.Scope
			}
			if err := json.Unmarshal(data, &op); err != nil {
				t.Fatal(err)
			}
			if op == nil {
				continue
			}
			if len(op.Security) != 1 || len(op.Security[0]["token"]) != 1 || !slices.Contains(access.Scopes, op.Security[0]["token"][0]) {
				t.Errorf("%s %s needs %v, want exactly one known scope", method, path, op.Security)
				continue
			}
			all[method+" "+path] = op.Security[0]["token"][0]
		}
	}
	return all
}

// Every endpoint answers to its own scope and to no other: a new endpoint has
// to be put here.
func TestScopes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r, _, c := whole(t)
		want := map[string]access.Scope{
			"GET /api/v1/checks": access.ChecksRead, "GET /api/v1/checks/{id}": access.ChecksRead, "POST /api/v1/checks/plan": access.ChecksRead,
			"PUT /api/v1/checks": access.ChecksWrite, "DELETE /api/v1/checks/{id}": access.ChecksWrite, "PATCH /api/v1/checks/{id}": access.ChecksWrite,
			"GET /api/v1/runs": access.RunsRead, "GET /api/v1/runs/{id}": access.RunsRead, "GET /api/v1/status": access.RunsRead, "GET /api/v1/checks/{id}/objective": access.RunsRead,
			"GET /api/v1/channels": access.ChecksRead, "POST /api/v1/channels/plan": access.ChecksRead, "PUT /api/v1/channels": access.ChannelsAdmin,
			"DELETE /api/v1/channels/{name}": access.ChannelsAdmin, "POST /api/v1/channels/{name}/test": access.ChannelsAdmin,
			"GET /api/v1/alerts": access.RunsRead, "GET /api/v1/deliveries": access.RunsRead, "GET /api/v1/deliveries/{id}": access.RunsRead,
			"GET /api/v1/shadow":   access.RunsRead,
			"GET /api/v1/coverage": access.RunsRead, "GET /api/v1/triggers/{id}": access.RunsRead, "POST /api/v1/triggers": access.RunsTrigger,
			"GET /api/v1/fleet": access.FleetRead, "GET /api/v1/locations": access.FleetRead, "PUT /api/v1/fleet/pins": access.FleetAdmin,
			"GET /api/v1/dlq": access.FleetRead, "GET /api/v1/dlq/{id}": access.FleetRead, "GET /api/v1/dlq/moves": access.FleetRead,
			"POST /api/v1/dlq/redrive": access.DLQRedrive, "POST /api/v1/dlq/discard": access.FleetAdmin,
			"GET /api/v1/tokens": access.TokensAdmin, "POST /api/v1/tokens": access.TokensAdmin, "DELETE /api/v1/tokens/{id}": access.TokensAdmin,
			"GET /api/v1/people": access.PeopleAdmin, "POST /api/v1/people": access.PeopleAdmin, "PATCH /api/v1/people/{name}": access.PeopleAdmin,
			"POST /api/v1/people/{name}/reset": access.PeopleAdmin, "GET /api/v1/audit": access.AuditRead,
			"GET /api/v1/incidents": access.RunsRead, "GET /api/v1/incidents/{id}": access.RunsRead, "GET /api/v1/maintenance": access.RunsRead,
			"POST /api/v1/incidents": access.IncidentsWrite, "PATCH /api/v1/incidents/{id}": access.IncidentsWrite,
			"POST /api/v1/incidents/{id}/updates": access.IncidentsWrite, "POST /api/v1/incidents/{id}/merge": access.IncidentsWrite,
			"POST /api/v1/maintenance": access.MaintenanceWrite, "DELETE /api/v1/maintenance/{id}": access.MaintenanceWrite,
		}
		got := described(t, c)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("endpoints and their scopes (-want +got):\n%s", d)
		}
		for _, s := range access.Scopes {
			r.put("pf_"+string(s), access.Token{ID: string(s), Name: string(s), Scopes: []access.Scope{s}})
		}
		r.put("pf_none", access.Token{ID: "none", Name: "none"})
		h := c.Handler()
		for endpoint, scope := range got {
			method, path, _ := strings.Cut(endpoint, " ")
			path = strings.NewReplacer("{id}", "x", "{name}", "x").Replace(path)
			for _, s := range append(slices.Clone(access.Scopes), "none") {
				w := ask(h, method, path, "pf_"+string(s), "{}")
				refused := w.Code == http.StatusForbidden
				if refused == (s == scope) {
					t.Errorf("%s with %s alone: %d %.200s", endpoint, s, w.Code, w.Body)
				}
				if refused && !strings.Contains(w.Body.String(), string(scope)) {
					t.Errorf("%s with %s does not say what is missing: %s", endpoint, s, w.Body)
				}
			}
			for _, token := range []string{"", "wrong"} {
				w := ask(h, method, path, token, "{}")
				if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" || w.Header().Get("Content-Type") != "application/problem+json" {
					t.Errorf("%s with token %q: %d %v", endpoint, token, w.Code, w.Header())
				}
			}
		}
	})
}

func TestVoidTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r, _, c := whole(t)
		h := c.Handler()
		r.put("pf_expiring", access.Token{ID: "e", Name: "e", Scopes: access.Scopes, ExpiresAt: time.Now().Add(time.Hour)})
		if w := ask(h, "GET", "/api/v1/checks", "pf_expiring", ""); w.Code != http.StatusOK {
			t.Errorf("before: %d", w.Code)
		}
		time.Sleep(time.Hour)
		if w := ask(h, "GET", "/api/v1/checks", "pf_expiring", ""); w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "expired at") {
			t.Errorf("after: %d %s", w.Code, w.Body)
		}
		if r.touched != 1 {
			t.Errorf("%d uses were noted", r.touched)
		}
		r.away = fmt.Errorf("gone")
		if w := ask(h, "GET", "/api/v1/checks", testToken, ""); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("without the database: %d %s", w.Code, w.Body)
		}
	})
}

func TestTokensAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r, _, c := whole(t)
		later := time.Now().Add(time.Hour).UTC()
		made := api[CreatedToken](t, c, 200, "POST", "/api/v1/tokens", fmt.Sprintf(`{"name":"ci","scopes":["checks:read","tokens:admin"],"expires_at":%q}`, later.Format(time.RFC3339)))
		if !strings.HasPrefix(made.Secret, "pf_") || made.Name != "ci" || made.CreatedBy != "test" || !made.Valid {
			t.Errorf("%+v", made)
		}
		if len(r.tokens) != 2 || r.tokens[access.Hash(made.Secret)].ID != made.ID {
			t.Errorf("kept: %+v", r.tokens)
		}
		w := ask(c.Handler(), "GET", "/api/v1/tokens", made.Secret, "")
		if w.Code != http.StatusOK || strings.Contains(w.Body.String(), made.Secret) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		// A token gives nothing that it has not, and nothing for longer.
		for body, word := range map[string]string{
			`{"name":"x","scopes":["checks:write"],"expires_at":"2000-01-01T00:30:00Z"}`: "lack checks:write",
			`{"name":"x","scopes":["checks:read"]}`:                                      "outlive",
			`{"name":"x","scopes":["everything"]}`:                                       "not a scope",
			`{"name":"x","scopes":[]}`:                                                   "scopes",
			`{"name":" ","scopes":["checks:read"]}`:                                      "name",
			`{"name":"x","scopes":["checks:read"],"expires_at":"1999-01-01T00:00:00Z"}`:  "in the past",
		} {
			w := ask(c.Handler(), "POST", "/api/v1/tokens", made.Secret, body)
			if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), word) {
				t.Errorf("%s: %d %s, want %q", body, w.Code, w.Body, word)
			}
		}
		if len(r.tokens) != 2 {
			t.Errorf("%d tokens", len(r.tokens))
		}
		if w := ask(c.Handler(), "DELETE", "/api/v1/tokens/"+made.ID, testToken, ""); w.Code != http.StatusNoContent {
			t.Errorf("revoking: %d %s", w.Code, w.Body)
		}
		if w := ask(c.Handler(), "GET", "/api/v1/tokens", made.Secret, ""); w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "revoked") {
			t.Errorf("revoked, and: %d %s", w.Code, w.Body)
		}
		api[Problem](t, c, 404, "DELETE", "/api/v1/tokens/none", "")
	})
}

func TestRateLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing()
		r.put("pf_other", access.Token{ID: "other", Scopes: access.Scopes})
		c := New(Options{
			Store: &shelf{checks: map[string]check.Check{}}, Tokens: r, Logger: slog.New(slog.DiscardHandler),
			PerToken: Limit{PerSecond: 2, Burst: 3}, PerAddress: Limit{PerSecond: 100, Burst: 12},
		})
		h := c.Handler()
		count := func(token string, n int) (ok int) {
			for range n {
				w := ask(h, "GET", "/api/v1/checks", token, "")
				switch w.Code {
				case http.StatusOK:
					ok++
				case http.StatusTooManyRequests:
					if w.Header().Get("Retry-After") != "1" || w.Header().Get("Content-Type") != "application/problem+json" {
						t.Errorf("headers %v", w.Header())
					}
				default:
					t.Errorf("%d %s", w.Code, w.Body)
				}
			}
			return ok
		}
		if n := count(testToken, 5); n != 3 {
			t.Errorf("%d of 5 passed, want the burst of 3", n)
		}
		if n := count("pf_other", 2); n != 2 {
			t.Errorf("another token: %d of 2 passed", n)
		}
		time.Sleep(time.Second)
		if n := count(testToken, 5); n != 2 {
			t.Errorf("a second later %d of 5 passed, want 2", n)
		}
		time.Sleep(time.Minute)
		// An address that guesses is slowed down, whatever it sends.
		var refused int
		for range 20 {
			if w := ask(h, "GET", "/api/v1/checks", "guess", ""); w.Code == http.StatusTooManyRequests {
				refused++
			}
		}
		if refused != 8 {
			t.Errorf("%d of 20 guesses were refused, want 8", refused)
		}
	})
}

func TestLimitersAreBounded(t *testing.T) {
	l := limits{Limit: Limit{PerSecond: 1, Burst: 1}}
	now := time.Now()
	for i := range 3 * maxLimiters {
		l.take(fmt.Sprint(i), now)
	}
	if len(l.each) > maxLimiters {
		t.Errorf("%d limiters", len(l.each))
	}
	for remote, want := range map[string]string{
		"192.0.2.7:80": "192.0.2.7", "[2001:db8:1:2:3::4]:80": "2001:db8:1:2::/64", "[fe80::1%eth0]:80": "fe80::/64", "nonsense": "nonsense",
	} {
		if got := Network(remote); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}

func TestPlan(t *testing.T) {
	s, _, _, c := whole(t)
	wanted := func(w Wanted, checks ...check.Check) string {
		ds, err := Define(checks)
		if err != nil {
			t.Fatal(err)
		}
		w.Checks = ds
		data, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	shop := Wanted{Owner: "shop"}
	api[Applied](t, c, 200, "PUT", "/api/v1/checks", wanted(shop, home("a"), home("b"), home("c")))
	changed := home("a")
	changed.Every = 2 * time.Minute
	p := api[Plan](t, c, 200, "POST", "/api/v1/checks/plan", wanted(shop, changed, home("b"), home("new")))
	if d := cmp.Diff([]string{"new"}, p.Create); d != "" || len(p.Change) != 1 || p.Same != 1 || !slices.Equal(p.Delete, []string{"c"}) {
		t.Errorf("%+v", p)
	}
	if ch := p.Change[0]; ch.ID != "a" || len(ch.Changes) != 1 || ch.Changes[0].Path != "every" || *ch.Changes[0].Before != "1m0s" || *ch.Changes[0].After != "2m0s" {
		t.Errorf("%+v", ch)
	}
	if len(s.checks) != 3 || s.checks["a"].Every != time.Minute {
		t.Error("the plan was carried out")
	}
	// Of another set, and without one.
	p = api[Plan](t, c, 200, "POST", "/api/v1/checks/plan", wanted(Wanted{Owner: "blog"}, home("a")))
	if len(p.Owned) != 1 || p.Owned[0].Owner != "shop" || len(p.Delete) != 0 {
		t.Errorf("another set: %+v", p)
	}
	problem := api[Problem](t, c, 409, "PUT", "/api/v1/checks", wanted(Wanted{}, changed))
	if len(problem.Faults) != 1 || !strings.Contains(problem.Faults[0], `check "a" belongs to "shop"`) {
		t.Errorf("%+v", problem)
	}
	if p = api[Plan](t, c, 200, "POST", "/api/v1/checks/plan", wanted(Wanted{}, home("z"))); len(p.Delete) != 0 {
		t.Errorf("without a set something would be deleted: %+v", p)
	}
	// What is not named is not deleted, and not without a set.
	problem = api[Problem](t, c, 422, "PUT", "/api/v1/checks", wanted(Wanted{Delete: []string{"c"}}, home("a")))
	if !strings.Contains(strings.Join(problem.Faults, ""), "owner") {
		t.Errorf("%+v", problem)
	}
	api[Problem](t, c, 422, "PUT", "/api/v1/checks", wanted(Wanted{Owner: "shop", Delete: []string{"a"}}, home("a")))
	done := api[Applied](t, c, 200, "PUT", "/api/v1/checks", wanted(Wanted{Owner: "shop", Delete: []string{"c"}}, changed, home("b"), home("new")))
	if d := cmp.Diff(Applied{Created: []string{"new"}, Changed: []string{"a"}, Unchanged: []string{"b"}, Deleted: []string{"c"}}, done); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if p = api[Plan](t, c, 200, "POST", "/api/v1/checks/plan", wanted(shop, changed, home("b"), home("new"))); !p.Empty() || p.Same != 3 {
		t.Errorf("after the apply: %+v", p)
	}
}

func TestPagesOfChecks(t *testing.T) {
	s, _, _, c := whole(t)
	for i := range 25 {
		id := fmt.Sprintf("c%02d", i)
		s.checks[id] = home(id)
	}
	var ids []string
	after := ""
	for {
		page := api[Definitions](t, c, 200, "GET", "/api/v1/checks?limit=10&after="+after, "")
		for _, d := range page.Checks {
			var one struct{ ID string }
			if err := json.Unmarshal(d.Check, &one); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, one.ID)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if len(ids) != 25 || !slices.IsSorted(ids) {
		t.Errorf("%v", ids)
	}
	one := api[Definition](t, c, 200, "GET", "/api/v1/checks/c07", "")
	if one.Version == 0 || one.Revision != 3 {
		t.Errorf("%+v", one)
	}
	for _, query := range []string{"limit=0", "limit=1001", "limit=x", "active=perhaps"} {
		api[Problem](t, c, 422, "GET", "/api/v1/checks?"+query, "")
	}
	if w := ask(c.Handler(), "DELETE", "/api/v1/checks/c07", testToken, ""); w.Code != http.StatusNoContent || len(s.checks) != 24 {
		t.Errorf("deleting: %d %s", w.Code, w.Body)
	}
	for _, method := range []string{"GET", "DELETE"} {
		api[Problem](t, c, 404, method, "/api/v1/checks/c07", "")
	}
}

func TestRunsAPI(t *testing.T) {
	_, _, p, c := whole(t)
	const id = "7d0f5a3c-8a57-5a83-9d7c-0d6b7a3d2b1"
	for i := range 3 {
		p.list = append(p.list, StoredRun{
			ID: fmt.Sprint(id, i), CheckID: "a", Location: "here", Slot: changed.Add(-time.Duration(i) * time.Minute), Attempt: 1, Kind: "api",
			Outcome: jobs.Failed, FaultClass: jobs.FaultDNS, FaultMessage: "no such host", Latency: 1500 * time.Microsecond,
		})
	}
	page := api[Runs](t, c, 200, "GET", "/api/v1/runs?check=a&location=here&outcome=failed,degraded&since=2h&limit=2", "")
	if len(page.Runs) != 2 || page.Next == "" || page.Runs[0].LatencyMS != 1.5 || page.Runs[0].Fault.Class != jobs.FaultDNS {
		t.Errorf("%+v", page)
	}
	if f := p.asked; f.Check != "a" || f.Location != "here" || len(f.Outcomes) != 2 || f.Limit != 3 || time.Since(f.Since) < 2*time.Hour || time.Since(f.Until) > 0 {
		t.Errorf("asked %+v", f)
	}
	api[Runs](t, c, 200, "GET", "/api/v1/runs?since=2h&after="+page.Next, "")
	if !p.asked.Before.Equal(p.list[1].Slot) || p.asked.BeforeID != p.list[1].ID {
		t.Errorf("the next page asks %+v", p.asked)
	}
	for query, word := range map[string]string{
		"outcome=bad": "outcome", "since=yesterday": "since", "until=tomorrow": "until", "after=nonsense": "after", "limit=0": "limit", "since=9999h": "31 days",
	} {
		problem := api[Problem](t, c, 422, "GET", "/api/v1/runs?"+query, "")
		if !strings.Contains(strings.Join(problem.Faults, "\n"), word) {
			t.Errorf("%s: %+v", query, problem)
		}
	}
	p.list[0].DataVersion, p.list[0].Data = 2, []byte(`{"outcome":"failed"}`)
	if one := api[Run](t, c, 200, "GET", "/api/v1/runs/"+p.list[0].ID, ""); one.Version != 2 || !strings.Contains(string(one.Result), "failed") {
		t.Errorf("%+v", one)
	}
	api[Problem](t, c, 404, "GET", "/api/v1/runs/unknown", "")
}

func TestStatusAPI(t *testing.T) {
	_, _, p, c := whole(t)
	now := time.Now()
	p.states = []status.Check{
		{ID: "a", Every: time.Minute, Locations: []string{"here", "there"}, Conclusive: []status.Run{{Location: "here", Slot: now, Outcome: jobs.Failed, FaultMessage: "503"}}},
		{ID: "b", Every: time.Minute, Locations: []string{"here"}},
	}
	s := api[Status](t, c, 200, "GET", "/api/v1/status", "")
	if s.State != status.Outage || len(s.Checks) != 2 || s.Checks[0].State != status.Outage || s.Checks[1].State != status.NotMeasured {
		t.Errorf("%+v", s)
	}
	if l := s.Checks[0].Locations; len(l) != 2 || !l[0].Fresh || l[0].Fault.Message != "503" || l[1].Fresh {
		t.Errorf("%+v", l)
	}
}

func TestSwitches(t *testing.T) {
	s, _, _, c := whole(t)
	s.checks["a"] = home("a")
	h := c.Handler()
	if w := ask(h, "PATCH", "/api/v1/checks/a", testToken, `{"active": false, "muted": true}`); w.Code != http.StatusNoContent || s.checks["a"].Active || !s.checks["a"].Muted {
		t.Errorf("%d %s: %+v", w.Code, w.Body, s.checks["a"])
	}
	if w := ask(h, "PATCH", "/api/v1/checks/a", testToken, `{"active": true}`); w.Code != http.StatusNoContent || !s.checks["a"].Active || !s.checks["a"].Muted {
		t.Errorf("what was not named was changed too: %+v", s.checks["a"])
	}
	for body, want := range map[string]int{`{}`: http.StatusUnprocessableEntity, `{"active": "no"}`: http.StatusUnprocessableEntity} {
		if w := ask(h, "PATCH", "/api/v1/checks/a", testToken, body); w.Code != want {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	if w := ask(h, "PATCH", "/api/v1/checks/b", testToken, `{"muted": true}`); w.Code != http.StatusNotFound {
		t.Errorf("a check that is not there: %d", w.Code)
	}
}
