package consolecmd

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/pagetest"
)

// phone and desk are the widths at which pages are looked at.
const (
	phone = 375
	desk  = 1440
)

// views are those of a page: phone and desktop, by day and by night.
func views(name string) []pagetest.View {
	return []pagetest.View{
		{Width: phone, Height: 812, Shot: name + "-phone-light"}, {Width: phone, Height: 812, Dark: true, Shot: name + "-phone-dark"},
		{Width: desk, Height: 900, Shot: name + "-desktop-light"}, {Width: desk, Height: 900, Dark: true, Shot: name + "-desktop-dark"},
	}
}

// session is the cookie of somebody of a role, "" for nobody.
func (c *served) session(t *testing.T, role access.Role) string {
	t.Helper()
	if role == "" {
		return ""
	}
	u, err := url.Parse(c.url)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range c.as(t, role).Jar.Cookies(u) {
		if k.Name == "probefleet_session" {
			return k.Name + "=" + k.Value
		}
	}
	t.Fatalf("%s has no session", role)
	return ""
}

func (c *served) sessions(t *testing.T) map[access.Role]string {
	t.Helper()
	all := map[access.Role]string{"": ""}
	for _, role := range access.Roles {
		all[role] = c.session(t, role)
	}
	return all
}

// unpaged are addresses that answer no page: they lead elsewhere, or are files,
// streams, forms and what they change.
var unpaged = []string{"/", "/settings", "/events", "/login/provider", "/runs/{id}/files/{n}"}

// Every page of the console, on a phone and on a desktop: no wider than the view,
// nothing from elsewhere, within its own policy, nothing executed, and light.
// With PROBEFLEET_SHOTS=FOLDER pictures are taken, by night too.
func TestEveryPage(t *testing.T) {
	w := settle(t, plainly)
	b, sessions := pagetest.Start(t), w.sessions(t)
	shots := os.Getenv(pagetest.ShotsVariable) != ""
	for _, p := range w.pages {
		for _, v := range views(p.name) {
			if v.Dark && !shots {
				continue // colours change nothing else
			}
			v.Cookie = sessions[p.as]
			s := b.Open(t, w.url+p.path, v)
			if len(s.Executed)+len(s.Violations)+len(s.Elsewhere) > 0 {
				t.Errorf("%s: executed %q, violations %q, from elsewhere %q", p.path, s.Executed, s.Violations, s.Elsewhere)
			}
			if s.Overflow {
				t.Errorf("%s (%s) is wider than %d", p.path, p.name, v.Width)
			}
			if s.Status >= http.StatusInternalServerError || s.Status == 0 || s.Bytes == 0 || s.Bytes > 400<<10 {
				t.Errorf("%s answers %d, and weighs %d bytes", p.path, s.Status, s.Bytes)
			}
		}
	}
	t.Logf("%d pages", len(w.pages))
}

// act is what somebody sees who sends a form: why it is not taken, or what it
// shows this once.
type act struct {
	name, path string
	as         access.Role
	does       func(*pagetest.Tab)
	says       string
}

var acts = []act{
	{"log-in-wrong", "/login?next=/checks", "", func(tab *pagetest.Tab) {
		tab.Fill("#name", "nobody")
		tab.Fill("#password", "wrong")
		tab.Click("main button")
	}, "Name or password is wrong"},
	{"incident-refused", "/incidents/new", access.Editor, func(tab *pagetest.Tab) {
		tab.Fill("#title", "Cards are slow")
		tab.Fill("#checks", "nobody")
		tab.Click("main button.primary")
	}, "Nothing was written"},
	{"maintenance-refused", "/maintenance", access.Editor, func(tab *pagetest.Tab) {
		tab.Fill("form[action='/maintenance'] #title", "New disks")
		tab.Click("form[action='/maintenance'] button")
	}, "Nothing was planned"},
	{"token-made", "/settings/tokens", access.Admin, func(tab *pagetest.Tab) {
		tab.Fill("#name", "ci")
		tab.Fill("input[name=scope][value='checks:read']", "✓")
		tab.Click("form[action='/settings/tokens'] button")
	}, "cannot be shown again"},
	{"account-wrong", "/account", access.Viewer, func(tab *pagetest.Tab) {
		tab.Fill("#old", "wrong")
		tab.Fill("#new", "another horse battery")
		tab.Fill("#again", "another horse battery")
		tab.Click("form[action='/account/password'] button")
	}, "password"},
	{"check-switched", "/checks/till", access.Editor, func(tab *pagetest.Tab) { tab.Click("form[action$='/switch'] button") }, "muted"},
	{"dead-letters-unsure", "/fleet", access.Admin, func(tab *pagetest.Tab) {
		tab.Fill("input[name=which][value=all]", "✓")
		tab.Click("button[value=discard]")
	}, ""},
}

// lookAtActs sees what each form answers, in a view.
func (w *town) lookAtActs(t *testing.T, b *pagetest.Browser, v pagetest.View, judge func(act, pagetest.Seen)) {
	t.Helper()
	sessions, shot := w.sessions(t), v.Shot
	for _, a := range acts {
		v.Cookie, v.Shot, v.Then = sessions[a.as], a.name+shot, `document.querySelector("main").innerText`
		tab := b.Visit(t, w.url+a.path, v)
		a.does(tab)
		s := tab.Look()
		if s.Status == 0 || s.Status >= http.StatusInternalServerError || !strings.Contains(s.Result, a.says) {
			t.Errorf("%s answers %d, want it to say %q:\n%s", a.name, s.Status, a.says, s.Result)
		}
		judge(a, s)
		tab.Close()
	}
}

// What forms answer, on a phone and on a desktop, as [TestEveryPage] looks at
// pages.
func TestEveryAnswer(t *testing.T) {
	w := settle(t, plainly)
	b := pagetest.Start(t)
	for _, v := range views("") {
		if v.Dark && os.Getenv(pagetest.ShotsVariable) == "" {
			continue
		}
		w.lookAtActs(t, b, v, func(a act, s pagetest.Seen) {
			if len(s.Executed)+len(s.Violations)+len(s.Elsewhere) > 0 || s.Overflow {
				t.Errorf("%s at %d: executed %q, violations %q, from elsewhere %q, too wide %t", a.name, v.Width, s.Executed, s.Violations, s.Elsewhere, s.Overflow)
			}
		})
	}
}

// A page that the frame serves and nobody looks at here fails the test.
func TestEveryPageIsLookedAt(t *testing.T) {
	w := settle(t, plainly)
	looked := func(route string) bool {
		want := strings.Split(route, "/")
		return slices.ContainsFunc(w.pages, func(p sight) bool {
			path, _, _ := strings.Cut(p.path, "?")
			got := strings.Split(path, "/")
			if len(got) != len(want) {
				return false
			}
			for i := range got {
				if got[i] != want[i] && !strings.HasPrefix(want[i], "{") {
					return false
				}
			}
			return true
		})
	}
	for _, route := range w.routes(t) {
		if !slices.Contains(unpaged, route) && !looked(route) {
			t.Errorf("nobody looks at %s: add a page of it to settle", route)
		}
	}
}

// What the console offers to read and to do, it offers without scripts.
func TestWithoutScripts(t *testing.T) {
	w := settle(t, plainly)
	b, sessions := pagetest.Start(t), w.sessions(t)
	for _, p := range w.pages {
		v := pagetest.View{NoScript: true, Cookie: sessions[p.as], Then: `document.querySelector("main").innerText`}
		if s := b.Open(t, w.url+p.path, v); len(s.Result) < 20 {
			t.Errorf("%s says %q", p.path, s.Result)
		}
	}
}

// Somebody comes in, searches, mutes, asks for a run, writes an incident and its
// post-mortem, plans maintenance, makes a token and leaves: by links and forms of
// the pages, in a browser that runs no script.
func TestAShiftWithoutScripts(t *testing.T) {
	w := settle(t, plainly)
	tab := pagetest.Start(t).Visit(t, w.url+"/checks", pagetest.View{NoScript: true, Width: phone, Height: 812})
	defer tab.Close()
	at := func(path, says string) {
		t.Helper()
		if got := tab.Path(); !strings.HasPrefix(got, path) || !strings.Contains(tab.Main(), says) || tab.Status() >= http.StatusInternalServerError {
			t.Fatalf("at %s (%d), want %s saying %q:\n%s", got, tab.Status(), path, says, tab.Main())
		}
	}
	at("/login?next=%2Fchecks", "Log in")
	tab.Fill("#name", "admin")
	tab.Fill("#password", "wrong")
	tab.Click("main button")
	at("/login", "Name or password is wrong")
	tab.Fill("#password", testPassword)
	tab.Click("main button")
	at("/checks", "10 checks")
	tab.Fill("#q", "till")
	tab.Click(".filter button")
	at("/checks?q=till", "1 of 10 checks")
	tab.Click("a[href='/checks/till']")
	at("/checks/till", "Till: Outage")
	tab.Click("button[value=mute]")
	at("/checks/till", "till is muted")
	tab.Click("form[action$='/run'] button")
	at("/triggers/", "Running now")
	tab.Go(w.url + "/checks/till?outcome=failed")
	tab.Click(".runs a")
	at("/runs/", "does not answer")
	tab.Click(".nav a[href='/incidents']")
	tab.Click("a[href='/incidents/new']")
	tab.Fill("#title", "Cards are slow")
	tab.Fill("#checks", "nobody")
	tab.Click("main button.primary")
	at("/incidents", "Nothing was written")
	tab.Fill("#checks", "")
	tab.Fill("#body", "We *look*.")
	tab.Click("main button.primary")
	at("/incidents/", "Cards are slow")
	tab.Fill("textarea[name=postmortem]", "# Why\n\nThe bank.")
	tab.Click("form[action$='/postmortem'] button")
	at("/incidents/", "The bank.")
	tab.Fill("form[action$='/updates'] textarea", "It is over.")
	tab.Eval(`{ document.querySelector("#phase").value = "resolved"; "" }`)
	tab.Click("form[action$='/updates'] button")
	at("/incidents/", "over after")
	tab.Click(".nav a[href='/incidents']")
	tab.Click(".sub a[href='/maintenance']")
	tab.Fill("form[action='/maintenance'] #title", "New disks")
	tab.Fill("#tags", "shop")
	tab.Fill("input[value=again]", "✓")
	tab.Fill("input[value=sun]", "✓")
	tab.Fill("#at", "02:30")
	tab.Fill("#for", "90")
	tab.Click("form[action='/maintenance'] button")
	at("/maintenance", "New disks")
	tab.Go(w.url + "/settings/tokens")
	tab.Fill("#name", "ci")
	tab.Fill("input[name=scope][value='checks:read']", "✓")
	tab.Click("form[action='/settings/tokens'] button")
	at("/settings/tokens", "cannot be shown again")
	tab.Click("form[action='/logout'] button")
	at("/login", "You are logged out")
}

// By the keyboard: the first stop leads to the content, the next ones go through
// the navigation, every stop can be seen, and none is before its turn.
func TestByTheKeyboard(t *testing.T) {
	w := settle(t, plainly)
	b, cookie := pagetest.Start(t), w.session(t, access.Admin)
	pages := []string{"/checks", "/checks/cart", "/incidents", "/fleet", "/alerts", "/settings/tokens", "/settings/people", "/maintenance"}
	for _, p := range w.pages {
		if p.name == "run-check-out-failed" || p.name == "incident-by-hand" {
			pages = append(pages, p.path)
		}
	}
	for _, path := range pages {
		tab := b.Visit(t, w.url+path, pagetest.View{Cookie: cookie})
		first := tab.Tab()
		if first.Href != "#main" || !first.Ring {
			t.Errorf("%s: the first stop is %+v, want a visible link to the content", path, first)
		}
		seen := []pagetest.Stop{first}
		for range 40 {
			s := tab.Tab()
			if s.Tag == "body" {
				break // past the last one
			}
			if !s.Ring || s.Name == "" {
				t.Errorf("%s: the focus cannot be seen, or has no name: %+v", path, s)
			}
			seen = append(seen, s)
		}
		if len(seen) < 8 || seen[1].Href != "/" || seen[2].Href != "/checks" {
			t.Errorf("%s: the order is %+v", path, seen)
		}
		tab.Close()
	}
	// What the first stop leads to is what comes after the navigation.
	tab := b.Visit(t, w.url+"/checks", pagetest.View{Cookie: cookie})
	defer tab.Close()
	tab.Tab()
	tab.Press("\r")
	if s := tab.Tab(); s.Tag != "input" || tab.Eval(`document.activeElement.id`) != "q" {
		t.Errorf("after the skip link comes %+v, want the search", s)
	}
}

// fault writes what axe-core found.
func fault(p sight, v pagetest.View, findings []string) string {
	return fmt.Sprintf("%s (%s, dark %t, %d wide): %s", p.path, p.name, v.Dark, v.Width, strings.Join(findings, "\n\t"))
}

// axe-core finds nothing serious on any page, by day and by night, on a phone and
// on a desktop; `make axe` runs this.
func TestAxe(t *testing.T) {
	if os.Getenv(pagetest.AxeVariable) == "" {
		t.Skip("axe-core is not here: `make axe` fetches it and runs this")
	}
	w := settle(t, plainly)
	b, sessions := pagetest.Start(t), w.sessions(t)
	looks := 0
	for _, p := range w.pages {
		for _, v := range views("") {
			v.Axe, v.Shot, v.Cookie = true, "", sessions[p.as]
			looks++
			if found := b.Open(t, w.url+p.path, v).Findings; len(found) > 0 {
				t.Error(fault(p, v, found))
			}
		}
	}
	for _, v := range views("") {
		v.Axe, v.Shot = true, ""
		w.lookAtActs(t, b, v, func(a act, s pagetest.Seen) {
			looks++
			if len(s.Findings) > 0 {
				t.Error(fault(sight{a.name, a.path, a.as}, v, s.Findings))
			}
		})
	}
	t.Logf("%d looks at %d pages and %d answers of forms", looks, len(w.pages), len(acts))
}
