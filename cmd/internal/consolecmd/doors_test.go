package consolecmd

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/probefleet/probefleet/internal/access"
)

// doorsOf are the pages and forms of the console with the least role that may
// use them.
var doorsOf = map[string]access.Role{
	"GET /{$}": access.Viewer, "GET /checks": access.Viewer, "GET /checks/{id}": access.Viewer, "GET /checks/{id}/definition": access.Viewer,
	"POST /checks/{id}/run": access.Editor, "POST /checks/{id}/switch": access.Editor, "GET /triggers/{id}": access.Viewer,
	"GET /runs/{id}": access.Viewer, "GET /runs/{id}/files/{n}": access.Viewer, "GET /events": access.Viewer,
	"GET /incidents": access.Viewer, "GET /incidents/{id}": access.Viewer, "GET /incidents/new": access.Editor, "POST /incidents": access.Editor,
	"POST /incidents/{id}/updates": access.Editor, "POST /incidents/{id}/describe": access.Editor, "POST /incidents/{id}/postmortem": access.Editor, "POST /incidents/{id}/merge": access.Editor,
	"GET /maintenance": access.Viewer, "POST /maintenance": access.Editor, "POST /maintenance/{id}/cancel": access.Editor,
	"GET /alerts": access.Viewer, "GET /alerts/deliveries/{id}": access.Viewer, "POST /alerts/channels/{name}/test": access.Admin,
	"GET /fleet": access.Viewer, "GET /fleet/dead-letters/{id}": access.Viewer, "POST /fleet/dead-letters": access.Editor, "POST /fleet/pins": access.Admin,
	"GET /settings": access.Admin, "GET /settings/tokens": access.Admin, "POST /settings/tokens": access.Admin, "POST /settings/tokens/{id}/revoke": access.Admin,
	"GET /settings/people": access.Admin, "POST /settings/people": access.Admin, "POST /settings/people/{name}": access.Admin, "POST /settings/people/{name}/reset": access.Admin,
	"GET /settings/audit": access.Admin,
	"GET /subscribers":    access.Editor, "GET /subscribers/{slug}": access.Editor, "POST /subscribers/{slug}/remove": access.Admin, "POST /subscribers/{slug}/export": access.Admin,
}

// doorForm finds the pages and forms that people need a right for, and everybody's.
var doorForm = regexp.MustCompile(`\.(Page|Open)\("((?:GET|POST) [^"]+)"`)

// doors are the patterns that the rooms of the console serve, by whether a right
// is needed.
func doors(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, room := range []string{"pages", "login"} {
		files, err := filepath.Glob("../../../internal/console/" + room + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range doorForm.FindAllStringSubmatch(string(text), -1) {
				if !strings.HasSuffix(file, "_test.go") {
					all[m[2]] = m[1] == "Page"
				}
			}
		}
	}
	if len(all) < 40 {
		t.Fatalf("only %d pages and forms are found in the sources", len(all))
	}
	return all
}

// routes are the addresses that can be looked at.
func (w *town) routes(t *testing.T) []string {
	t.Helper()
	var list []string
	for pattern := range doors(t) {
		if path, ok := strings.CutPrefix(pattern, "GET "); ok {
			list = append(list, strings.TrimSuffix(path, "{$}"))
		}
	}
	slices.Sort(list)
	return list
}

// Each role opens the pages and uses the forms that it may, and no other; who is
// not logged in is led to the log-in, and changes nothing.
func TestDoorsByRole(t *testing.T) {
	c := serve(t, People{})
	subscriber(t, c.db) // makes the page "told"
	browsers := map[access.Role]*browser{}
	for _, role := range access.Roles {
		browsers[role] = c.as(t, role)
	}
	nobody := c.browser(t)
	for pattern, needsRight := range doors(t) {
		least, known := doorsOf[pattern]
		if !needsRight {
			continue // everybody's: the log-in and one's own account
		}
		if !known {
			t.Errorf("%s is served, and not in doorsOf: say which role may use it", pattern)
			continue
		}
		method, path, _ := strings.Cut(pattern, " ")
		path = strings.NewReplacer("{$}", "", "{id}", "00000000-0000-5000-8000-000000000000", "{name}", "nobody", "{slug}", "told", "{n}", "0").Replace(path)
		ask := func(b *browser) answer {
			if method == "POST" {
				return b.form(path, url.Values{"nonsense": {"yes"}})
			}
			return b.get(path)
		}
		for i, role := range access.Roles {
			may := i >= slices.Index(access.Roles, least)
			if a := ask(browsers[role]); (a.StatusCode != http.StatusForbidden) != may || a.StatusCode >= http.StatusInternalServerError {
				t.Errorf("%s by %s: %d", pattern, role, a.StatusCode)
			}
		}
		if a := ask(nobody); a.StatusCode != http.StatusSeeOther && a.StatusCode != http.StatusUnauthorized || a.StatusCode == http.StatusSeeOther && !strings.HasPrefix(a.Header.Get("Location"), "/login") {
			t.Errorf("%s by nobody: %d %s", pattern, a.StatusCode, a.Header.Get("Location"))
		}
	}
	for pattern := range doorsOf {
		if !doors(t)[pattern] {
			t.Errorf("%s is not served any more: take it out of doorsOf", pattern)
		}
	}
}

// An editor redrives dead letters and does not discard them: neither by the form
// that offers it to others nor by the API. An admin does.
func TestWhoDiscardsDeadLetters(t *testing.T) {
	w := settle(t, plainly)
	letters := func() int {
		_, n, err := w.db.DeadResults(t.Context(), 10)
		w.must(err)
		return n
	}
	path := ""
	for _, p := range w.pages {
		if p.name == "dead-letter" {
			path = p.path
		}
	}
	id := path[strings.LastIndex(path, "/")+1:]
	discard := url.Values{"do": {"discard"}, "id": {id}}
	for _, form := range []url.Values{discard, {"do": {"discard"}, "which": {"all"}, "sure": {"yes"}}} {
		if a := w.as(t, access.Editor).form("/fleet/dead-letters", form); a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "your role may redrive dead letters, not discard them") {
			t.Errorf("an editor's form: %d %s", a.StatusCode, a.body)
		}
	}
	if a := w.as(t, access.Editor).send("POST", "/api/v1/dlq/discard", "application/json", `{"all":true}`, "Sec-Fetch-Site", "same-origin"); a.StatusCode != http.StatusForbidden {
		t.Errorf("an editor's request: %d", a.StatusCode)
	}
	if a := w.as(t, access.Viewer).form("/fleet/dead-letters", discard); a.StatusCode != http.StatusForbidden {
		t.Errorf("a viewer's form: %d", a.StatusCode)
	}
	for role, offered := range map[access.Role][2]bool{access.Viewer: {}, access.Editor: {true, false}, access.Admin: {true, true}} {
		for _, page := range []string{"/fleet", path} {
			body := w.as(t, role).get(page).body
			if strings.Contains(body, `value="redrive"`) != offered[0] || strings.Contains(body, `value="discard"`) != offered[1] {
				t.Errorf("%s is not offered on %s what they may: redrive %t, discard %t", role, page, offered[0], offered[1])
			}
		}
	}
	if n := letters(); n != 1 {
		t.Fatalf("%d dead letters are left, want the one that nobody could discard", n)
	}
	if a := w.as(t, access.Admin).form("/fleet/dead-letters", discard); a.StatusCode != http.StatusSeeOther || letters() != 0 {
		t.Errorf("an admin's form: %d, %d letters are left", a.StatusCode, letters())
	}
}
