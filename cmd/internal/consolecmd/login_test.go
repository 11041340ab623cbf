package consolecmd

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/people"
	"github.com/probefleet/probefleet/internal/people/oidcpeople/oidctest"
)

func cookie(a answer, name string) *http.Cookie {
	for _, c := range a.Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// In and out again, by the pages.
func TestLogInAndOut(t *testing.T) {
	c := serve(t, People{})
	b := c.browser(t)
	if a := b.get("/fleet?x=1"); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/login?next=%2Ffleet%3Fx%3D1" {
		t.Errorf("nobody at a page: %d %s", a.StatusCode, a.Header.Get("Location"))
	}
	for _, row := range [][2]string{{"admin", "wrong password"}, {"nobody", testPassword}} {
		a := b.logIn(row[0], row[1], "/fleet")
		if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "Name or password is wrong") || len(a.Cookies()) != 0 {
			t.Errorf("%s: %d %v", row, a.StatusCode, a.Cookies())
		}
	}
	a := b.logIn("admin", testPassword, "/fleet?x=1")
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/fleet?x=1" {
		t.Fatalf("%d %s", a.StatusCode, a.Header.Get("Location"))
	}
	if s := cookie(a, "probefleet_session"); s == nil || !s.HttpOnly || s.SameSite != http.SameSiteLaxMode || s.Secure || s.Path != "/" || s.Domain != "" {
		t.Errorf("the cookie on loopback: %+v", s)
	}
	if a := b.get("/settings/people"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "viewer") {
		t.Errorf("people: %d", a.StatusCode)
	}
	if a := b.get("/settings/audit?action=person"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "wrong password") {
		t.Errorf("audit log: %d %s", a.StatusCode, a.body)
	}
	// A session of a stranger's choice is not taken over.
	u, _ := url.Parse(c.url)
	victim := c.browser(t)
	victim.Jar.SetCookies(u, []*http.Cookie{{Name: "probefleet_session", Value: strings.Repeat("A", 52), Path: "/"}})
	if s := cookie(victim.logIn("viewer", testPassword, ""), "probefleet_session"); s == nil || s.Value == strings.Repeat("A", 52) {
		t.Errorf("the session was fixed by somebody else: %+v", s)
	}
	old := b.Jar.Cookies(u)
	if a := b.form("/logout", nil); a.StatusCode != http.StatusSeeOther {
		t.Errorf("log-out: %d", a.StatusCode)
	}
	thief := c.browser(t)
	thief.Jar.SetCookies(u, old)
	if a := thief.get("/account"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the session goes on after the log-out: %d", a.StatusCode)
	}
}

// Nobody is led away from here after the log-in.
func TestNoOpenRedirect(t *testing.T) {
	c := serve(t, People{})
	b := c.as(t, access.Viewer)
	for _, next := range []string{
		"https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/%09/evil.example\n",
		"javascript:alert(1)", "http:evil.example", "evil.example", "///evil.example", "/..//evil.example", "/.//evil.example", "/login", "/logout", "/api/v1/checks", "",
	} {
		// The form of somebody who is in leads on at once.
		a := b.get("/login?" + url.Values{"next": {next}}.Encode())
		to, err := a.Location()
		if a.StatusCode != http.StatusSeeOther || err != nil || to.Host != strings.TrimPrefix(c.url, "http://") || strings.Contains(to.Host+to.Path, "//") || strings.HasPrefix(to.Path, "/login") {
			t.Errorf("%q leads to %v: %d %v", next, to, a.StatusCode, err)
		}
	}
	if a := b.get("/login?next=%2Ffleet%3Fa%3Db"); a.Header.Get("Location") != "/fleet?a=b" {
		t.Errorf("it leads to %q", a.Header.Get("Location"))
	}
}

// Other sites do nothing in somebody's name, neither by forms nor by the API.
func TestOtherSites(t *testing.T) {
	c := serve(t, People{})
	b := c.as(t, access.Admin)
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"},
	} {
		for _, send := range []func() answer{
			func() answer {
				return b.form("/settings/people", url.Values{"name": {"eve"}, "role": {"admin"}}, headers...)
			},
			func() answer { return b.form("/logout", nil, headers...) },
			func() answer {
				return b.send("POST", "/api/v1/people", "application/json", `{"name":"eve","role":"admin"}`, headers...)
			},
			func() answer {
				return b.send("POST", "/api/v1/people", "text/plain", `{"name":"eve","role":"admin"}`, headers...)
			},
		} {
			if a := send(); a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "nothing was done") {
				t.Errorf("%s %s with %q: %d %s", a.Request.Method, a.Request.URL.Path, headers, a.StatusCode, a.body)
			}
		}
	}
	if _, err := c.desk.Find(t.Context(), "eve"); err == nil {
		t.Error("another site has added somebody")
	}
	// Programs have no such headers, and a token: that is no browser's session.
	if a := c.browser(t).get("/api/v1/people", "Authorization", "Bearer "+testToken); a.StatusCode != http.StatusOK {
		t.Errorf("the environment's token: %d", a.StatusCode)
	}
	// A wrong token is not made up for by a session.
	if a := b.get("/api/v1/people", "Authorization", "Bearer wrong"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong token beside a session: %d", a.StatusCode)
	}
}

// Behind a proxy that ends TLS cookies are bound to host and TLS; without TLS,
// to another machine, nobody logs in. The address is the one that our proxy
// names, and nobody else.
func TestTLSByProxy(t *testing.T) {
	c := serve(t, People{URL: "https://console.example", Proxies: "127.0.0.1"})
	b := c.browser(t)
	a := b.form("/login", url.Values{"name": {"admin"}, "password": {testPassword}}, "Sec-Fetch-Site", "same-origin", "X-Forwarded-For", "6.6.6.6, 203.0.113.9, 127.0.0.1")
	for _, name := range []string{"__Host-probefleet_session", "__Host-probefleet_device"} {
		if s := cookie(a, name); s == nil || !s.Secure || !s.HttpOnly || s.SameSite != http.SameSiteLaxMode || s.Path != "/" || s.Domain != "" {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if log, _ := c.db.Audit(t.Context(), access.EntryFilter{Action: "person.log-in", Limit: 1}); len(log) != 1 || log[0].Address != "203.0.113.9" {
		t.Errorf("the address is %+v", log)
	}
	plain := serve(t, People{URL: "http://console.example"})
	if a := plain.browser(t).logIn("admin", testPassword, ""); a.StatusCode != http.StatusForbidden || len(a.Cookies()) > 0 || !strings.Contains(a.body, "TLS") {
		t.Errorf("without TLS: %d %v", a.StatusCode, a.Cookies())
	}
}

// What an admin does holds from the next request on.
func TestRolesAndSessionsEndAtOnce(t *testing.T) {
	c := serve(t, People{})
	admin, editor := c.as(t, access.Admin), c.as(t, access.Editor)
	if a := editor.get("/settings/people"); a.StatusCode != http.StatusForbidden {
		t.Errorf("an editor sees people: %d", a.StatusCode)
	}
	if a := admin.form("/settings/people/editor", url.Values{"do": {"role"}, "role": {"admin"}}); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if a := editor.get("/settings/people"); a.StatusCode != http.StatusOK {
		t.Errorf("the new role does not hold: %d", a.StatusCode)
	}
	admin.form("/settings/people/editor", url.Values{"do": {"disable"}})
	if a := editor.get("/settings/people"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a disabled person is in: %d", a.StatusCode)
	}
	if a := admin.form("/settings/people/admin", url.Values{"do": {"disable"}}); a.StatusCode != http.StatusSeeOther || !strings.Contains(admin.get("/settings/people").body, "last admin") {
		t.Errorf("the last admin: %d", a.StatusCode)
	}
	// Somebody new has to change the password that others know.
	a := admin.form("/settings/people", url.Values{"name": {"zoe"}, "role": {"viewer"}})
	_, rest, _ := strings.Cut(a.body, "<p><code>")
	password, _, found := strings.Cut(rest, "</code>")
	if a.StatusCode != http.StatusOK || !found {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	zoe := c.browser(t)
	if a := zoe.logIn("zoe", password, "/fleet"); a.Header.Get("Location") != "/account" {
		t.Errorf("a temporary password leads to %q", a.Header.Get("Location"))
	}
	if a := zoe.get("/fleet"); a.Header.Get("Location") != "/account" {
		t.Errorf("a page: %d %q", a.StatusCode, a.Header.Get("Location"))
	}
	if a := zoe.get("/api/v1/checks"); a.StatusCode != http.StatusForbidden {
		t.Errorf("the API: %d", a.StatusCode)
	}
	second := c.browser(t)
	second.logIn("zoe", password, "")
	change := func(old, wanted string) int {
		return zoe.form("/account/password", url.Values{"old": {old}, "new": {wanted}, "again": {wanted}}).StatusCode
	}
	if s := change(password, "zoe zoe zoe zoe"); s != http.StatusUnprocessableEntity {
		t.Errorf("a poor password: %d", s)
	}
	if s := change("wrong", "something long enough"); s != http.StatusForbidden {
		t.Errorf("a wrong old password: %d", s)
	}
	if s := change(password, "something long enough"); s != http.StatusSeeOther {
		t.Errorf("a good one: %d", s)
	}
	if a := zoe.get("/fleet"); a.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %d", a.StatusCode)
	}
	if a := second.get("/account"); a.Header.Get("Location") == "" || a.StatusCode != http.StatusSeeOther {
		t.Errorf("her other session goes on: %d", a.StatusCode)
	}
}

// Somebody whom the provider knows comes in with the role of its claim; every
// other answer is refused, and the log says why.
func TestLogInByProvider(t *testing.T) {
	issuer := oidctest.Start(t)
	c := serve(t, People{
		URL: "http://127.0.0.1:1", OIDC: OIDC{Issuer: issuer.URL, Client: "probefleet", Secret: "s3cret", Claim: "groups", Roles: "ops=editor", Domains: "example.org"},
	})
	begin := func(b *browser) (code, state string) {
		t.Helper()
		a := b.get("/login/begin?next=%2Ffleet")
		if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), issuer.URL+"/auth?") {
			t.Fatalf("%d %s", a.StatusCode, a.Header.Get("Location"))
		}
		return issuer.Visit(t, a.Header.Get("Location"))
	}
	back := func(b *browser, code, state string) answer {
		t.Helper()
		return b.get("/login/provider?"+url.Values{"code": {code}, "state": {state}}.Encode(), "Sec-Fetch-Site", "cross-site")
	}
	b := c.browser(t)
	code, state := begin(b)
	if a := back(b, code, state); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/fleet" {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if a, err := c.desk.Find(t.Context(), "ada@example.org"); err != nil || a.Role != access.Editor || a.Issuer != issuer.URL {
		t.Errorf("%+v %v", a, err)
	}
	if a := b.get("/account"); a.StatusCode != http.StatusOK || strings.Contains(a.body, "New password") {
		t.Errorf("the account: %d", a.StatusCode)
	}
	refused := func(name, reason string, a answer) {
		t.Helper()
		if a.StatusCode != http.StatusForbidden || cookie(a, "probefleet_session") != nil || strings.Contains(a.body, reason) || !strings.Contains(c.log.String(), reason) {
			t.Errorf("%s: %d, and the log has %q: %t", name, a.StatusCode, reason, strings.Contains(c.log.String(), reason))
		}
	}
	again := c.browser(t)
	refused("a replayed state", "the state is unknown or was used before", back(again, code, state))
	code, state = begin(again)
	refused("another browser", "another browser began the log-in", back(c.browser(t), code, state))
	refused("an unknown state", "the state is unknown", back(again, "x", "y"))
	for name, row := range map[string]struct {
		forge  func(map[string]any)
		reason string
	}{
		"nonce":    {func(c map[string]any) { c["nonce"] = "other" }, "has another nonce"},
		"audience": {func(c map[string]any) { c["aud"] = "other" }, "expected audience"},
		"group":    {func(c map[string]any) { c["groups"] = []string{"guests"} }, "no value of the claim has a role"},
		"domain":   {func(c map[string]any) { c["email"] = "ada@evil.example" }, "vouches for no address"},
		"name":     {func(c map[string]any) { c["sub"] = "somebody else" }, "the name belongs to another account"},
	} {
		b := c.browser(t)
		issuer.Forge = func(c map[string]any) string { row.forge(c); return "" }
		code, state := begin(b)
		refused(name, row.reason, back(b, code, state))
	}
	// The role follows the claim, and a disabled person stays out.
	issuer.Forge = nil
	yes := true
	if _, err := c.desk.Change(t.Context(), "ada@example.org", people.Change{Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	b = c.browser(t)
	code, state = begin(b)
	refused("a disabled person", "reason=disabled", back(b, code, state))
}

func TestFlagsOfPeople(t *testing.T) {
	for _, row := range []struct {
		p    People
		want string
	}{
		{People{URL: "console.example"}, "-url"},
		{People{URL: "https://x/y"}, "-url"},
		{People{Proxies: "10.0.0.0/99"}, "-proxies"},
		{People{OIDC: OIDC{Issuer: "https://id.example", Roles: "*=viewer"}}, "needs -url"},
		{People{URL: "https://c", OIDC: OIDC{Issuer: "https://id.example"}}, "needs -oidc-roles"},
		{People{URL: "https://c", OIDC: OIDC{Issuer: "http://id.example", Roles: "*=viewer"}}, "-oidc-issuer"},
		{People{URL: "https://c", OIDC: OIDC{Issuer: "https://id.example", Roles: "x"}}, "says no role"},
		{People{URL: "https://c", Proxies: "10.0.0.0/8, ::1", OIDC: OIDC{Issuer: "https://id.example", Roles: "*=viewer"}}, ""},
	} {
		err := row.p.parse()
		if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%+v: %v, want %q", row.p, err, row.want)
		}
	}
}
