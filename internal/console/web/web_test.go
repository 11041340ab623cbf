package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/probefleet/probefleet/internal/access"
)

// lodge lets in whoever says their name.
type lodge struct{ away error }

func (l lodge) Viewer(r *http.Request) (*Viewer, error) {
	switch r.Header.Get("Who") {
	case "":
		return nil, l.away
	case "anna":
		return &Viewer{Name: "Anna <b>", Role: "editor", Scopes: []access.Scope{access.ChecksRead, access.ChecksWrite}}, l.away
	}
	return &Viewer{Name: "Ben", Role: "viewer", Scopes: []access.Scope{access.ChecksRead}}, l.away
}

func (l lodge) Challenge(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("WWW-Authenticate", "Who")
	return Fault{http.StatusUnauthorized, "Say who you are."}
}

// refused is an error of another room.
type refused struct{}

func (refused) Error() string   { return "nothing was done: <mend> it" }
func (refused) GetStatus() int  { return http.StatusConflict }
func (refused) Lines() []string { return []string{"line <1>", "line 2"} }

var testPage = Template(fstest.MapFS{"p.html": {Data: []byte(
	`{{define "main"}}<h1>{{.Body}}</h1>{{if .May "checks:write"}}<button>Change</button>{{end}}{{end}}`)}}, "p.html")

func testFrame(d lodge) *Frame {
	f := New(Options{
		Door: d, Logger: slog.New(slog.DiscardHandler), Build: "v1", LogOut: "/logout",
		Nav: []Link{
			{Key: "checks", Title: "Checks", Href: "/checks", Scope: access.ChecksRead},
			{Key: "settings", Title: "Settings", Href: "/settings"},
			{Key: "tokens", Title: "Tokens", Href: "/settings/tokens", Under: "settings", Scope: access.TokensAdmin},
			{Key: "people", Title: "People", Href: "/settings/people", Under: "settings"},
		},
	})
	f.Page("GET /checks", access.ChecksRead, func(w http.ResponseWriter, r *http.Request) error {
		return f.Show(w, r, testPage, Page{Title: "Checks", Section: "checks", Body: "<script>alert(1)</script>"})
	})
	f.Page("GET /settings/people", access.ChecksRead, func(w http.ResponseWriter, r *http.Request) error {
		return f.Show(w, r, testPage, Page{Title: "People", Section: "people", Body: "P"})
	})
	f.Page("POST /checks", access.ChecksWrite, func(w http.ResponseWriter, r *http.Request) error {
		if err := r.ParseForm(); err != nil {
			return err
		}
		switch r.PostForm.Get("do") {
		case "refuse":
			return fmt.Errorf("changing: %w", refused{})
		case "break":
			return errors.New("password of the database is hunter2")
		}
		f.Redirect(w, r, "/checks", Flash{Text: "Done: <i>" + r.PostForm.Get("do")})
		return nil
	})
	f.Open("GET /login", func(w http.ResponseWriter, r *http.Request) error {
		return f.Show(w, r, testPage, Page{Title: "Log in", Body: "Log in"})
	})
	return f
}

func do(h http.Handler, who, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Who", who)
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestWhoMaySeeAndDo(t *testing.T) {
	f := testFrame(lodge{})
	for _, c := range []struct {
		who, method, path, body string
		status                  int
		has, lacks              string
	}{
		{"", "GET", "/checks", "", 401, "Say who you are.", "aria-label=\"Console\""},
		{"", "POST", "/checks", "do=it", 401, "Say who you are.", ""},
		{"", "GET", "/login", "", 200, "<h1>Log in</h1>", "/logout"},
		{"anna", "GET", "/login", "", 200, `action="/logout"`, ""},
		{"anna", "GET", "/checks", "", 200, "<button>Change", "<script>alert"},
		{"anna", "GET", "/checks", "", 200, "Anna &lt;b&gt;", "Anna <b>"},
		{"ben", "GET", "/checks", "", 200, `href="/checks" aria-current="page"`, "<button>Change"},
		{"ben", "POST", "/checks", "do=it", 403, "it needs checks:write, which Ben does not have", ""},
		{"anna", "POST", "/checks", "do=refuse", 409, "<li>line &lt;1&gt;</li>", ""},
		{"anna", "POST", "/checks", "do=break", 500, "Something went wrong here", "hunter2"},
		{"anna", "POST", "/checks", "do=" + strings.Repeat("x", maxForm), 413, "larger than 1024 KiB", ""},
		{"anna", "GET", "/settings/people", "", 200, `href="/settings/people" aria-current="page"`, "/settings/tokens"},
		{"anna", "GET", "/settings/people", "", 200, `href="/settings" aria-current="page"`, ""},
		{"", "GET", "/nowhere", "", 404, "There is nothing here", ""},
		{"anna", "DELETE", "/checks", "", 404, "There is nothing here", ""},
	} {
		w := do(f, c.who, c.method, c.path, c.body)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.has) || c.lacks != "" && strings.Contains(w.Body.String(), c.lacks) {
			t.Errorf("%s %s %.20s of %q: %d\n%s", c.method, c.path, c.body, c.who, w.Code, w.Body)
		}
	}
	if w := do(testFrame(lodge{errors.New("away")}), "anna", "GET", "/checks", ""); w.Code != 500 || strings.Contains(w.Body.String(), "<h1><") {
		t.Errorf("with a door that is stuck: %d", w.Code)
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	f := testFrame(lodge{})
	for _, c := range []struct {
		headers []string
		status  int
	}{
		{[]string{"Sec-Fetch-Site", "same-origin"}, 303},
		{[]string{"Origin", "http://example.com"}, 303}, // httptest's host
		{nil, 303}, // no browser
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403},
		{[]string{"Origin", "http://evil.example"}, 403},
		{[]string{"Origin", "null"}, 403},
	} {
		w := do(f, "anna", "POST", "/checks", "do=it", c.headers...)
		if w.Code != c.status {
			t.Errorf("%q: %d", c.headers, w.Code)
		}
		if w.Code == 403 && !strings.Contains(w.Body.String(), "another site") {
			t.Errorf("%q: %s", c.headers, w.Body)
		}
	}
}

// What was done is said once, on the page after the redirect.
func TestFlash(t *testing.T) {
	f := testFrame(lodge{})
	w := do(f, "anna", "POST", "/checks", url.Values{"do": {strings.Repeat("ä", 5000)}}.Encode())
	set := w.Result().Cookies()
	if w.Header().Get("Location") != "/checks" || len(set) != 1 || !set[0].HttpOnly || set[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("%v %v", w.Header(), set)
	}
	if n := len(set[0].String()); n > 3500 {
		t.Errorf("a cookie of %d bytes", n)
	}
	w = do(f, "anna", "GET", "/checks", "", "Cookie", set[0].Name+"="+set[0].Value)
	if !strings.Contains(w.Body.String(), `role="status"><svg`) || !strings.Contains(w.Body.String(), "Done: &lt;i&gt;ä") {
		t.Errorf("not said: %s", w.Body)
	}
	if again := w.Result().Cookies(); len(again) != 1 || again[0].MaxAge >= 0 {
		t.Errorf("not forgotten: %v", again)
	}
	for _, broken := range []string{"%%%", "bm8", "e30"} {
		if w := do(f, "anna", "GET", "/checks", "", "Cookie", flashCookie+"="+broken); w.Code != 200 || strings.Contains(w.Body.String(), "flash c-") {
			t.Errorf("%q: %d", broken, w.Code)
		}
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	f := testFrame(lodge{})
	for _, path := range []string{"/checks", "/nowhere", "/static/console.0.css", "/static/none.css"} {
		h := do(f, "anna", "GET", path, "").Header()
		csp := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: %v", path, h)
		}
	}
	// No page holds a script or a style.
	page := do(f, "anna", "GET", "/checks", "").Body.String()
	if strings.Contains(page, "<style") || strings.Contains(page, " style=") || strings.Contains(page, " onclick") {
		t.Error(page)
	}
}

func TestAssets(t *testing.T) {
	f := testFrame(lodge{})
	address, err := asset("console.css")
	if err != nil {
		t.Fatal(err)
	}
	w := do(f, "", "GET", address, "")
	if w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := do(f, "", "GET", "/static/console.012345678901.css", ""); w.Code != 200 || strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("of another release: %d %v", w.Code, w.Header())
	}
	if _, err := asset("none.css"); err == nil {
		t.Error("a file that is not there has an address")
	}
}

func TestCapital(t *testing.T) {
	for text, want := range map[string]string{
		"location singapore is unhealthy": "Location singapore is unhealthy", "über": "Über", "": "", "4 new": "4 new",
		"iPhone shop is down": "iPhone shop is down", "shop-login is down": "shop-login is down",
	} {
		if got := Capital(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// Who sent a form that was not taken is led back to it; where else it was sent
// from, and pages that were only opened, lead nowhere.
func TestTheWayBackToTheForm(t *testing.T) {
	f := testFrame(lodge{})
	for referer, want := range map[string]string{
		"http://example.com/checks?q=a": `href="/checks?q=a">Back to the form`, "https://evil.example/checks": "", "http://example.com//evil.example": "", "javascript:alert(1)": "", "": "",
	} {
		body := do(f, "anna", "POST", "/checks", "do=refuse", "Referer", referer).Body.String()
		if got := strings.Contains(body, "Back to the form"); got != (want != "") || !strings.Contains(body, want) {
			t.Errorf("from %q: %s", referer, body)
		}
	}
	if body := do(f, "anna", "GET", "/nowhere", "", "Referer", "http://example.com/checks").Body.String(); strings.Contains(body, "Back to the form") {
		t.Error("a page that is not there leads back to a form")
	}
}
