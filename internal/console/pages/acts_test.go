package pages_test

import (
	"bufio"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/pages"
	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

// scoped lets in whoever says which scopes they have.
type scoped struct{}

func (scoped) Viewer(r *http.Request) (*web.Viewer, error) {
	v := &web.Viewer{Name: "anna", Role: "test"}
	for _, s := range strings.Fields(r.Header.Get("Scopes")) {
		v.Scopes = append(v.Scopes, access.Scope(s))
	}
	v.Actor = access.Actor{Kind: access.ActorPerson, ID: v.Name, Name: v.Name, Scopes: v.Scopes}
	return v, nil
}

// acting is a context in which somebody does everything.
func acting(ctx context.Context, name string) context.Context {
	return access.WithActor(ctx, access.Actor{Kind: access.ActorPerson, ID: "p", Name: name, Scopes: access.Scopes})
}

func (scoped) Challenge(http.ResponseWriter, *http.Request) error { return nil }

func small(id string) check.Check {
	return check.Check{
		ID: id, Name: id, Every: time.Minute, Timeout: time.Second, Locations: []string{"here"}, Active: true,
		Spec: check.OneRequest(check.Request{Method: "GET", URL: "https://shop.example/", MaxBody: 1}, []string{"status == 200"}, nil),
	}
}

func console1(t *testing.T) (*store.Store, *console.Console, http.Handler) {
	t.Helper()
	db := storetest.Store(t)
	dead := rows{"bad"}
	log := slog.New(slog.DiscardHandler)
	c := console.New(console.Options{
		Store: db, Tokens: db, Runs: db, Fleet: db, Registry: db, DeadQueues: dead, DeadRows: dead, QueuePrefix: "pf", Logger: log, Incidents: byHand{db},
		Ready: func(context.Context) error { return nil },
	})
	frame := web.New(web.Options{Door: scoped{}, Nav: pages.Nav, Logger: log})
	pages.Add(pages.Options{Frame: frame, Console: c, Records: db, Logger: log, Write: func(check.Check) ([]byte, error) { return []byte("id: a"), nil }})
	_, err := db.ApplySet(acting(t.Context(), "ben"), []check.Check{small("a"), small("b")}, store.ApplyOptions{Owner: "set"})
	must(t, err)
	return db, c, frame
}

func send(h http.Handler, scopes, method, path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Scopes", scopes)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Each page and each form against each scope: only the one that it needs opens
// it.
func TestScopesOfPages(t *testing.T) {
	_, _, h := console1(t)
	const none = "00000000-0000-5000-8000-000000000000"
	for _, c := range []struct {
		method, path string
		needs        access.Scope
	}{
		{"GET", "/", access.ChecksRead}, {"GET", "/checks", access.ChecksRead}, {"GET", "/checks/a", access.ChecksRead}, {"GET", "/checks/a/definition", access.ChecksRead},
		{"POST", "/checks/a/run", access.RunsTrigger}, {"POST", "/checks/a/switch", access.ChecksWrite}, {"GET", "/triggers/" + none, access.RunsRead},
		{"GET", "/runs/" + none, access.RunsRead}, {"GET", "/runs/" + none + "/files/0", access.RunsRead}, {"GET", "/incidents", access.RunsRead}, {"GET", "/incidents/" + none, access.RunsRead},
		{"GET", "/events", access.RunsRead}, {"GET", "/fleet", access.FleetRead}, {"GET", "/fleet/dead-letters/" + deadID, access.FleetRead}, {"POST", "/fleet/dead-letters", access.DLQRedrive}, {"POST", "/fleet/pins", access.FleetAdmin},
		{"GET", "/incidents/new", access.IncidentsWrite}, {"POST", "/incidents", access.IncidentsWrite}, {"POST", "/incidents/" + none + "/updates", access.IncidentsWrite},
		{"POST", "/incidents/" + none + "/describe", access.IncidentsWrite}, {"POST", "/incidents/" + none + "/postmortem", access.IncidentsWrite}, {"POST", "/incidents/" + none + "/merge", access.IncidentsWrite},
		{"GET", "/maintenance", access.RunsRead}, {"POST", "/maintenance", access.MaintenanceWrite}, {"POST", "/maintenance/" + none + "/cancel", access.MaintenanceWrite},
		{"GET", "/settings", access.TokensAdmin}, {"GET", "/settings/tokens", access.TokensAdmin}, {"POST", "/settings/tokens", access.TokensAdmin}, {"POST", "/settings/tokens/x/revoke", access.TokensAdmin},
	} {
		for _, s := range access.Scopes {
			w := send(h, string(s), c.method, c.path, url.Values{})
			if opened := w.Code != http.StatusForbidden; opened != (s == c.needs) || w.Code >= 500 {
				t.Errorf("%s %s with %s: %d", c.method, c.path, s, w.Code)
			}
		}
	}
	// Who may not do it does not see how.
	page := send(h, "checks:read", "GET", "/checks/a", nil).Body.String()
	for _, word := range []string{"Run now", ">Mute<", ">Pause<"} {
		if strings.Contains(page, word) {
			t.Errorf("a reader is offered %s", word)
		}
	}
}

func TestWhatPagesDo(t *testing.T) {
	db, _, h := console1(t)
	every := access.Join(access.Scopes)
	every = strings.ReplaceAll(every, ",", " ")
	do := func(path string, form url.Values, status int, says string) *httptest.ResponseRecorder {
		t.Helper()
		w := send(h, every, "POST", path, form)
		if w.Code != status || !strings.Contains(w.Body.String(), says) {
			t.Errorf("%s %v: %d %s", path, form, w.Code, w.Body)
		}
		return w
	}
	page := func(path, says string) string {
		t.Helper()
		w := send(h, every, "GET", path, nil)
		if w.Code != 200 || !strings.Contains(w.Body.String(), says) {
			t.Errorf("%s does not say %q: %d %s", path, says, w.Code, w.Body)
		}
		return w.Body.String()
	}

	// Switches, with who did it; the set stays.
	page("/checks/a", ">Mute<")
	do("/checks/a/switch", url.Values{"do": {"mute"}}, 303, "")
	page("/checks/a", ">Unmute<")
	do("/checks/a/switch", url.Values{"do": {"pause"}}, 303, "")
	if p := page("/checks/a", ">Resume<"); strings.Contains(p, "Run now") || !strings.Contains(p, "by anna · paused") || !strings.Contains(p, "by ben") || !strings.Contains(p, "<code>muted</code>") {
		t.Error(p)
	}
	page("/checks?state=paused", `href="/checks/a"`)
	do("/checks/a/run", nil, 404, "there is no active check")
	do("/checks/a/switch", url.Values{"do": {"resume"}}, 303, "")
	do("/checks/a/switch", url.Values{"do": {"unmute"}}, 303, "")
	do("/checks/a/switch", url.Values{"do": {"explode"}}, 422, "nothing is to be changed")
	do("/checks/zz/switch", url.Values{"do": {"pause"}}, 404, "there is no check")
	found, _, err := db.Catalogue(t.Context(), store.CheckFilter{IDs: []string{"a"}})
	if err != nil || len(found) != 1 || found[0].Owner != "set" {
		t.Errorf("%+v, %v", found, err)
	}

	// Run now.
	to := do("/checks/a/run", nil, 303, "").Header().Get("Location")
	page(to, "Waits for the scheduler")

	// Tokens: the secret is shown once.
	do("/settings/tokens", url.Values{"name": {"ci"}}, 422, "choose what it may do")
	do("/settings/tokens", url.Values{"name": {"ci"}, "scope": {"runs:read"}, "days": {"-1"}}, 422, "1 to 3650")
	do("/settings/tokens", url.Values{"name": {strings.Repeat("x", 101)}, "scope": {"runs:read"}}, 422, "more than 100")
	if w := send(h, "tokens:admin", "POST", "/settings/tokens", url.Values{"name": {"ci"}, "scope": {"runs:read"}}); w.Code != 422 || !strings.Contains(w.Body.String(), "lack runs:read") {
		t.Errorf("a scope was given by somebody without it: %d %s", w.Code, w.Body)
	}
	do("/settings/tokens", url.Values{"name": {"ci"}, "scope": {"runs:read"}, "days": {"30"}}, 200, `value="pf_`)
	list := page("/settings/tokens", "by anna")
	if strings.Contains(list, "pf_") {
		t.Error("the secret is shown again")
	}
	_, rest, _ := strings.Cut(list, `action="/settings/tokens/`)
	id, _, _ := strings.Cut(rest, "/revoke")
	do("/settings/tokens/"+id+"/revoke", nil, 303, "")
	page("/settings/tokens", "1 void token")
	do("/settings/tokens/nothing/revoke", nil, 404, "there is no token")

	// Dead letters.
	page("/fleet", "1 message")
	do("/fleet/dead-letters", url.Values{"do": {"discard"}}, 422, "choose some")
	do("/fleet/dead-letters", url.Values{"do": {"discard"}, "which": {"all"}}, 422, "yes, all of them")
	do("/fleet/dead-letters", url.Values{"do": {"burn"}, "id": {deadID}}, 422, "redrive or discard")
	do("/fleet/dead-letters", url.Values{"do": {"discard"}, "id": {deadID}}, 303, "")
}

// An open page is told when what it is about changes.
func TestEvents(t *testing.T) {
	_, c, h := console1(t)
	server := httptest.NewServer(h)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/events?about=check:a", nil)
	must(t, err)
	req.Header.Set("Scopes", "runs:read")
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || !strings.HasPrefix(kind, "text/event-stream") {
		t.Fatal(resp.StatusCode, kind)
	}
	lines := bufio.NewScanner(resp.Body)
	next := func() string {
		for lines.Scan() {
			if v, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return v
			}
		}
		t.Fatal("the stream ended: ", lines.Err())
		return ""
	}
	first := next()
	yes := true
	must(t, c.Switch(acting(ctx, "anna"), "a", console.Switches{Muted: &yes}))
	if second := next(); second == first {
		t.Errorf("nothing was told: %s", second)
	}
	for about, want := range map[string]int{"": 404, "nothing": 404, "trigger:none": 404} {
		if w := send(h, "runs:read", "GET", "/events?about="+about, nil); w.Code != want {
			t.Errorf("about %q: %d", about, w.Code)
		}
	}
}
