package dashboard

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/people"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/statuspage"
)

const logoSVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 28"><rect width="96" height="28" rx="6" fill="#1b6b3a"/><path d="M16 19V9l8 10V9m10 10V9h10m-10 5h8m10 5 5-10 5 10" fill="none" stroke="#fff" stroke-width="2.4"/></svg>`

// tenants are the pages of a company: one open at its own name, one that tells
// little, one with a password, one for a network.
func tenants(t testing.TB) []statuspage.Stored {
	t.Helper()
	hash, err := people.NewHasher(people.Params{Memory: 64, Passes: 1, Lanes: 1}).Hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	list := []statuspage.Page{
		{
			Slug: "pay", Title: "Payments", Description: "What partners see of cards, refunds and invoices.", Hosts: []string{"pay.example"}, Groups: []string{"Payments"}, Checks: []string{"home"},
			Accent: &statuspage.Accent{Light: "#1b6b3a", Dark: "#7fd6a4"}, Logo: statuspage.DataURL("image/svg+xml", []byte(logoSVG)), Zone: "Asia/Tokyo",
		},
		{Slug: "quiet", Title: "Quiet", Groups: []string{"Payments"}, Hide: statuspage.Details},
		{Slug: "secret", Title: "For partners", Groups: []string{"Accounts"}, Password: hash, Hosts: []string{"secret.example"}},
		{Slug: "inside", Title: "Inside", Groups: []string{"Storefront"}, Allow: []string{"10.0.0.0/8"}},
	}
	out := make([]statuspage.Stored, len(list))
	for i, p := range list {
		if faults := p.Validate(); len(faults) > 0 {
			t.Fatal(p.Slug, faults)
		}
		out[i] = statuspage.Stored{Page: p, Key: fmt.Sprintf("key-%d", i), UpdatedAt: noon}
	}
	return out
}

// let is a company with such pages.
func let(t *testing.T, pages ...statuspage.Stored) (*fake, *Dashboard) {
	t.Helper()
	f := rich(noon)
	f.pages = pages
	return f, still(t, f)
}

// from asks as somebody at an address, of a host.
func from(t *testing.T, d *Dashboard, remote, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.RemoteAddr = remote
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	return w
}

var inner = regexp.MustCompile(`(?:href|src|action)="(/[^"]*)"`)

// Each page shows its own services and nothing of others, at its path and at its
// name, and all of its addresses stay within it.
func TestEachPageShowsItsOwn(t *testing.T) {
	_, d := let(t, tenants(t)...)
	for base, at := range map[string]string{"/p/pay": "http://any.example/p/pay", "": "http://PAY.example:8080"} {
		body := from(t, d, "192.0.2.1:1", at+"/").Body.String()
		wantAll(t, at, body, "Payments", "Refunds", "Home page", "What partners see", `data-zone="Asia/Tokyo"`, `data-base="`+base+`"`, base+"/look/theme.", base+"/look/logo.")
		wantNone(t, at, body, "Single sign-on", "Cart", "Storefront / ", "sso", "data-part=\"c-search\"")
		for _, path := range []string{"/", "/checks/refunds", "/incidents/" + incidentID(1), "/history", "/?days=90"} {
			a := from(t, d, "192.0.2.1:1", at+path)
			if a.Code != http.StatusOK {
				t.Errorf("%s%s: %d", at, path, a.Code)
			}
			for _, m := range inner.FindAllStringSubmatch(a.Body.String(), -1) {
				if base != "" && !strings.HasPrefix(m[1], base+"/") && !strings.HasPrefix(m[1], "/static/") {
					t.Errorf("%s%s leads out to %s", at, path, m[1])
				}
			}
			for _, m := range regexp.MustCompile(`href="([^"]*/(?:look|checks|incidents)/[^"]+)"`).FindAllStringSubmatch(a.Body.String(), 4) {
				target, _, _ := strings.Cut(at, "/p/")
				if code := from(t, d, "192.0.2.1:1", target+strings.ReplaceAll(m[1], "&amp;", "&")).Code; code != http.StatusOK {
					t.Errorf("%s%s leads to %s: %d", at, path, m[1], code)
				}
			}
		}
		for _, path := range []string{"/checks/sso", "/incidents/" + incidentID(3), "/api/v1/checks/sso", "/badges/sso/status.svg"} {
			if code := from(t, d, "192.0.2.1:1", at+path).Code; code != http.StatusNotFound {
				t.Errorf("%s%s of another page: %d", at, path, code)
			}
		}
		for _, path := range []string{"/api/v1/status", "/api/v1/incidents", "/api/v1/maintenance", "/feed.atom", "/feed.json", "/history", "/history/2026-05", "/events"} {
			r := httptest.NewRequest(http.MethodGet, at+path, nil)
			if path == "/events" {
				r.Method = http.MethodHead
			}
			w := httptest.NewRecorder()
			d.Handler().ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				t.Errorf("%s%s: %d", at, path, w.Code)
			}
			wantNone(t, at+path, w.Body.String(), "sso", "Single sign-on", "hostile", `"search"`, "docs", "New database")
		}
		wantAll(t, "the feed", from(t, d, "192.0.2.1:1", at+"/feed.json").Body.String(), base+"/incidents/"+incidentID(1), `"title":"Payments"`)
		var list struct {
			Incidents []struct{ Checks []string } `json:"incidents"`
		}
		if err := json.Unmarshal(from(t, d, "192.0.2.1:1", at+"/api/v1/incidents").Body.Bytes(), &list); err != nil || len(list.Incidents) != 2 {
			t.Errorf("%s: %+v, %v", at, list, err)
		}
		for _, i := range list.Incidents {
			if strings.Contains(strings.Join(i.Checks, " "), "checkout") {
				t.Errorf("%s names a check of another page: %v", at, i.Checks)
			}
		}
		wantAll(t, "the badge", from(t, d, "192.0.2.1:1", at+"/badges/status.svg").Body.String(), "outage")
		wantAll(t, "the widget", from(t, d, "192.0.2.1:1", at+"/embed").Body.String(), `href="`+base+`/"`)
	}
}

// At names that no page has the open pages are listed, or that for any host is
// shown; what is in no page is shown nowhere.
func TestWhatNoPageHas(t *testing.T) {
	pages := tenants(t)
	_, d := let(t, pages...)
	body := get(t, d, "/").Body.String()
	wantAll(t, "the list", body, "Payments", "/p/quiet/", "What partners see")
	wantNone(t, "the list", body, "For partners", "Inside", "Refunds", "Cart")
	for _, path := range []string{"/checks/cart", "/api/v1/status", "/feed.atom", "/badges/status.svg", "/history", "/events", "/p/nobody/", "/p/", "/incidents/" + incidentID(1)} {
		if a := get(t, d, path); a.Code != http.StatusNotFound || strings.Contains(a.Body.String(), "Cart") {
			t.Errorf("%s: %d", path, a.Code)
		}
	}
	// Where all of them are protected nothing is open.
	_, d = let(t, pages[2:]...)
	wantNone(t, "the list of none", get(t, d, "/").Body.String(), "For partners", "Inside", "Refunds", "Cart")
	if code := get(t, d, "/checks/cart").Code; code != http.StatusNotFound {
		t.Errorf("a check in no open page: %d", code)
	}
	pages[1].Hosts = []string{statuspage.AnyHost}
	_, d = let(t, pages...)
	wantAll(t, "the page of any host", get(t, d, "/").Body.String(), "Refunds", "<title>", "Quiet")
	// Without any page there is the one that shows everything, and no other.
	_, d = let(t)
	wantAll(t, "the only page", get(t, d, "/").Body.String(), "Refunds", "Cart", "Acme", `data-base=""`)
	if code := get(t, d, "/p/pay").Code; code != http.StatusNotFound {
		t.Errorf("a page that nobody made: %d", code)
	}
}

// What a page hides is nowhere on it.
func TestWhatAPageHides(t *testing.T) {
	_, d := let(t, tenants(t)...)
	for _, path := range []string{"/", "/?days=90", "/checks/payments-api", "/incidents/" + incidentID(2), "/api/v1/status", "/api/v1/checks/payments-api", "/api/v1/incidents", "/feed.json"} {
		a := get(t, d, "/p/quiet"+path)
		if a.Code != http.StatusOK {
			t.Errorf("%s: %d", path, a.Code)
		}
		wantNone(t, path, a.Body.String(), "got 503", "assertion", " uptime<", "latency</h2>", ">Latency<", ">Uptime<", " ms<", "measured, since", "no reason was recorded")
	}
	var s struct {
		Checks []struct {
			Uptime  *float64 `json:"uptime_24h"`
			Latency *float64 `json:"latency_ms"`
			Reason  string
		}
	}
	if err := json.Unmarshal(get(t, d, "/p/quiet/api/v1/status").Body.Bytes(), &s); err != nil || len(s.Checks) == 0 {
		t.Fatal(err, s)
	}
	for _, c := range s.Checks {
		if c.Uptime != nil || c.Latency != nil || c.Reason != "" {
			t.Errorf("the API tells %+v", c)
		}
	}
	for _, name := range []string{"uptime.svg", "latency.svg"} {
		if code := get(t, d, "/p/quiet/badges/refunds/"+name).Code; code != http.StatusNotFound {
			t.Errorf("%s: %d", name, code)
		}
	}
	wantAll(t, "the page of all", get(t, d, "/p/pay/checks/payments-api").Body.String(), "got 503", " uptime<", ">Latency<")
}

// everywhere are addresses of each kind.
var everywhere = []string{
	"/", "/?days=90", "/checks/sso", "/incidents/" + incidentID(3), "/history", "/history/2026-05", "/feed.atom", "/feed.rss", "/feed.json",
	"/badges/status.svg", "/badges/sso/status.svg", "/embed", "/api/v1/status", "/api/v1/checks/sso", "/api/v1/incidents", "/api/v1/maintenance", "/events", "/nowhere",
}

// Without the password nothing of the page is told, whatever is asked for; with
// it everything, and no shared cache keeps any of it.
func TestPassword(t *testing.T) {
	f, d := let(t, tenants(t)...)
	const at = "http://secret.example"
	for _, path := range everywhere {
		for _, target := range []string{at + path, "/p/secret" + path} {
			a := from(t, d, "192.0.2.1:1", target)
			if a.Code != http.StatusUnauthorized || a.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s: %d", target, a.Code)
			}
			if c := a.Header().Get("Cache-Control"); strings.Contains(c, "public") || a.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: Cache-Control %q, allowed to %q", target, c, a.Header().Get("Access-Control-Allow-Origin"))
			}
			wantNone(t, target, a.Body.String(), "Single", "certificate", "Log in")
		}
	}
	post := func(password, to string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, at+"/unlock", strings.NewReader(url.Values{"password": {password}, "to": {to}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, r)
		return w
	}
	if a := post("wrong", "/"); a.Code != http.StatusUnauthorized || len(a.Result().Cookies()) > 0 || !strings.Contains(a.Body.String(), "not the password") {
		t.Errorf("a wrong password: %d %v", a.Code, a.Result().Cookies())
	}
	if a := post("correct horse battery", "/", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); a.Code != http.StatusForbidden {
		t.Errorf("from another site: %d", a.Code)
	}
	for to, want := range map[string]string{"/checks/sso": "/checks/sso", "//evil.example": "/", `/\evil.example`: "/", "https://evil.example": "/", "": "/"} {
		if got := post("correct horse battery", to).Header().Get("Location"); got != want {
			t.Errorf("to %q leads to %q, want %q", to, got, want)
		}
	}
	in := post("correct horse battery", "/", "X-Forwarded-Proto", "https")
	if in.Code != http.StatusSeeOther || len(in.Result().Cookies()) != 1 {
		t.Fatalf("the right password: %d", in.Code)
	}
	c := in.Result().Cookies()[0]
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
		t.Errorf("the cookie: %+v", c)
	}
	cookie := c.Name + "=" + c.Value
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("any:correct horse battery"))
	for _, path := range everywhere {
		if path == "/events" {
			continue // it does not end
		}
		for _, with := range [][]string{{"Cookie", cookie}, {"Authorization", basic}} {
			a := from(t, d, "192.0.2.1:1", at+path, with...)
			if a.Code == http.StatusUnauthorized {
				t.Errorf("%s with %s: %d", path, with[0], a.Code)
			}
			if got := a.Header().Get("Cache-Control"); got != "private, no-cache" && got != "no-store" || !strings.Contains(a.Header().Get("Vary"), "Cookie") {
				t.Errorf("%s with %s: Cache-Control %q, Vary %q", path, with[0], got, a.Header().Get("Vary"))
			}
		}
	}
	wantAll(t, "the page", from(t, d, "192.0.2.1:1", at+"/", "Cookie", cookie).Body.String(), "Single sign-on")
	// A forged one, one of another page, one that is old, and one from before the
	// password was changed open nothing.
	s := d.frame.Load().sites.bySlug["secret"]
	for what, value := range map[string]string{
		"forged": "9999999999.AAAA", "longer": "9" + c.Value, "of nobody": "", "old": fmt.Sprintf("%d.%s", noon.Unix(), sign(s, noon.Unix())),
		"of another page": fmt.Sprintf("%d.%s", noon.Unix()+99, sign(d.frame.Load().sites.bySlug["pay"], noon.Unix()+99)),
	} {
		if code := from(t, d, "192.0.2.1:1", at+"/", "Cookie", c.Name+"="+value).Code; code != http.StatusUnauthorized {
			t.Errorf("a cookie that is %s: %d", what, code)
		}
	}
	f.change(func(f *fake) { f.pages[2].Key = "another" })
	d.refresh(t.Context())
	if code := from(t, d, "192.0.2.1:1", at+"/", "Cookie", cookie).Code; code != http.StatusUnauthorized {
		t.Errorf("a cookie of an earlier password: %d", code)
	}
}

// Who guesses has to wait; others do not.
func TestGuessing(t *testing.T) {
	_, d := let(t, tenants(t)...)
	try := func(remote, password string) int {
		return from(t, d, remote, "/p/secret/feed.json", "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("x:"+password))).Code
	}
	for i := range triesAtOnce {
		if code := try(fmt.Sprintf("192.0.2.1:%d", 1000+i), fmt.Sprint("guess", i)); code != http.StatusUnauthorized {
			t.Fatalf("guess %d: %d", i, code)
		}
	}
	if code := try("192.0.2.1:7", "correct horse battery"); code != http.StatusTooManyRequests {
		t.Errorf("after many guesses: %d", code)
	}
	if code := try("198.51.100.1:7", "correct horse battery"); code != http.StatusOK {
		t.Errorf("another network: %d", code)
	}
	// One that was found right is right for whoever has it.
	if code := try("192.0.2.1:7", "correct horse battery"); code != http.StatusOK {
		t.Errorf("a password that is known to be right: %d", code)
	}
}

// A page for some networks is shown to these alone.
func TestNetworks(t *testing.T) {
	_, d := let(t, tenants(t)...)
	for remote, want := range map[string]int{"10.1.2.3:5": http.StatusOK, "[::ffff:10.9.9.9]:5": http.StatusOK, "192.0.2.1:5": http.StatusForbidden, "[2001:db8::1]:5": http.StatusForbidden, "nonsense": http.StatusForbidden} {
		for _, path := range []string{"/", "/checks/cart", "/feed.atom", "/api/v1/status", "/badges/status.svg", "/look/theme.css"} {
			a := from(t, d, remote, "/p/inside"+path, "X-Forwarded-For", "10.0.0.1")
			if path != "/look/theme.css" && a.Code != want || want == http.StatusForbidden && a.Code != want {
				t.Errorf("%s from %s: %d, want %d", path, remote, a.Code, want)
			}
			if a.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: another site's script may read it through a reader inside", path)
			}
		}
	}
}

// A page that a newer release wrote, and whose secrets are not known, is shown
// to nobody; nor is what it holds shown elsewhere.
func TestPageOfANewerRelease(t *testing.T) {
	_, d := let(t, statuspage.Stored{Page: statuspage.Page{Slug: "pay", Title: "pay"}, Newer: true})
	for path, want := range map[string]int{"/p/pay/": http.StatusServiceUnavailable, "/p/pay/api/v1/status": http.StatusServiceUnavailable, "/checks/cart": http.StatusNotFound, "/": http.StatusOK} {
		a := get(t, d, path)
		if a.Code != want || strings.Contains(a.Body.String(), "Cart") {
			t.Errorf("%s: %d, want %d", path, a.Code, want)
		}
	}
}

// Protection outlives the database: a dashboard that starts from its file knows
// whom it must not answer.
func TestKeptReadingIsProtected(t *testing.T) {
	f, _ := let(t, tenants(t)...)
	file := filepath.Join(t.TempDir(), "status.json.gz")
	o := Options{Store: f, Snapshot: file, Now: func() time.Time { return noon }}
	New(o).refresh(t.Context())
	f.change(func(f *fake) { f.err = errAway })
	d := New(o)
	d.restore()
	d.refresh(t.Context())
	for target, want := range map[string]int{"/p/secret/": http.StatusUnauthorized, "/p/inside/": http.StatusForbidden, "/p/pay/": http.StatusOK, "/checks/cart": http.StatusNotFound} {
		if code := get(t, d, target).Code; code != want {
			t.Errorf("%s: %d, want %d", target, code, want)
		}
	}
}

// Readers of one page hear of its changes and of no others, and no more once the
// page is not theirs.
func TestEventsOfAPage(t *testing.T) {
	f, d := let(t, tenants(t)...)
	pay, own := d.frame.Load().sites.bySlug["pay"], d.frame.Load().sites.byHost["secret.example"]
	heard := func(s *site) chan []byte {
		c, err := d.hub.join(s)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, b := heard(pay), heard(own)
	said := func(c chan []byte) string {
		select {
		case e, open := <-c:
			if !open {
				return "the end"
			}
			return string(e)
		default:
			return ""
		}
	}
	i := -1
	for n, c := range f.checks {
		if c.ID == "sso" {
			i = n
		}
	}
	f.fail(i, noon, "certificate has expired")
	d.refresh(t.Context())
	if got := said(a); got != "" {
		t.Errorf("a page hears of another's check: %s", got)
	}
	if got := said(b); !strings.Contains(got, `"changed":["sso"]`) {
		t.Errorf("its own page hears %q", got)
	}
	f.change(func(f *fake) { f.pages[2].Key = "another" })
	d.refresh(t.Context())
	if got := said(b); got != "the end" {
		t.Errorf("after another password: %q", got)
	}
	f.change(func(f *fake) { f.pages[0].Title, f.pages[0].UpdatedAt = "Cards", noon.Add(time.Minute) })
	d.refresh(t.Context())
	if got := said(a); !strings.Contains(got, "event: update") || strings.Contains(got, "changed") {
		t.Errorf("after another title: %q", got)
	}
}

// The cookie ends by itself.
func TestTheCookieEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.pages = tenants(t)
		f.checks = []status.Check{{ID: "a", Name: "A", Group: "Accounts", Locations: []string{"x"}, Every: time.Minute}}
		d := New(Options{Store: f})
		d.refresh(t.Context())
		s := d.frame.Load().sites.bySlug["secret"]
		until := time.Now().Add(admitted).Unix()
		ask := func() int {
			return from(t, d, "192.0.2.1:1", "/p/secret/", "Cookie", fmt.Sprintf("%s=%d.%s", cookieOf(s), until, sign(s, until))).Code
		}
		if code := ask(); code != http.StatusOK {
			t.Errorf("at first: %d", code)
		}
		time.Sleep(admitted)
		if code := ask(); code != http.StatusUnauthorized {
			t.Errorf("after %s: %d", admitted, code)
		}
	})
}

func ask(t *testing.T, address string) *http.Response {
	t.Helper()
	r, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Body.Close() })
	return r
}

func bodyOf(t *testing.T, address string) string {
	t.Helper()
	body, err := io.ReadAll(ask(t, address).Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
