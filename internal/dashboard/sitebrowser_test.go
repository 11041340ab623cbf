package dashboard

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/pagetest"
	"github.com/probefleet/probefleet/internal/statuspage"
)

// siteLooks are the pages of pages, by name.
var siteLooks = []struct{ name, path string }{
	{"pages-list", "/"}, {"page", "/p/pay/"}, {"page-check", "/p/pay/checks/payments-api"}, {"page-quiet", "/p/quiet/"}, {"page-quiet-check", "/p/quiet/checks/payments-api"},
	{"page-password", "/p/secret/"}, {"page-forbidden", "/p/inside/"}, {"page-embed", "/p/pay/embed"}, {"page-history", "/p/pay/history"}, {"page-incident", "/p/pay/incidents/" + incidentID(1)},
}

func shownPages(t *testing.T) string {
	t.Helper()
	now := time.Now()
	f := rich(now)
	f.pages = tenants(t)
	return shown(t, f, now)
}

// Pages of people's own, on a phone and on a desktop, by day and by night.
func TestSitesInABrowser(t *testing.T) {
	b, at := pagetest.Start(t), shownPages(t)
	for _, p := range siteLooks {
		for _, v := range []pagetest.View{
			{Width: 375, Height: 812, Shot: p.name + "-phone-light"}, {Width: 375, Height: 812, Dark: true, Shot: p.name + "-phone-dark"},
			{Width: 1440, Height: 900, Shot: p.name + "-desktop-light"}, {Width: 1440, Height: 900, Dark: true, Shot: p.name + "-desktop-dark"},
		} {
			if v.Dark && os.Getenv(pagetest.ShotsVariable) == "" {
				continue
			}
			s := b.Open(t, at+p.path, v)
			if len(s.Executed)+len(s.Violations)+len(s.Elsewhere) > 0 || s.Overflow || s.Bytes > 100<<10 || s.Bytes == 0 {
				t.Errorf("%s at %d: executed %q, violations %q, from elsewhere %q, too wide %v, %d bytes", p.path, v.Width, s.Executed, s.Violations, s.Elsewhere, s.Overflow, s.Bytes)
			}
		}
	}
	// The colours are there, by day and by night.
	for dark, want := range map[bool]string{false: "rgb(27, 107, 58)", true: "rgb(127, 214, 164)"} {
		if s := b.Open(t, at+"/p/pay/history", pagetest.View{Dark: dark, Then: `getComputedStyle(document.querySelector(".crumbs a")).color`}); s.Result != want {
			t.Errorf("links are %s (dark %v), want %s", s.Result, dark, want)
		}
	}
	// A page follows its own events, and the password opens it.
	s := b.Open(t, at+"/p/pay/", pagetest.View{Then: `new Promise((done) => { const look = () => document.documentElement.classList.contains("is-live") ? done("live") : setTimeout(look, 20); look(); })`})
	if s.Result != "live" {
		t.Errorf("the page is %s", s.Result)
	}
	s = b.Open(t, at+"/p/secret/checks/sso", pagetest.View{NoScript: true, Then: `document.querySelector("form.unlock").getAttribute("action") + " " + document.querySelector("input[name=to]").value`})
	if s.Result != "/p/secret/unlock /checks/sso" {
		t.Errorf("the form without scripts: %s", s.Result)
	}
}

// axe-core finds nothing serious on them; `make axe` runs this.
func TestAxeOfSites(t *testing.T) {
	if os.Getenv(pagetest.AxeVariable) == "" {
		t.Skip("axe-core is not here: `make axe` fetches it and runs this")
	}
	b, at := pagetest.Start(t), shownPages(t)
	for _, p := range siteLooks {
		for _, v := range axed {
			for _, f := range b.Open(t, at+p.path, v).Findings {
				t.Errorf("%s (dark %v, %d wide): %s", p.path, v.Dark, v.Width, f)
			}
		}
	}
}

// Whatever stands in a page's title, description, colours and logo, even past
// what an apply lets through, nothing is executed, nothing is fetched, and the
// policy has nothing to report.
func TestNothingOfAPageIsExecuted(t *testing.T) {
	now := time.Now()
	f := rich(now)
	const evil = `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script><image href="https://evil.example/p.png" width="9" height="9"/><foreignObject><img xmlns="http://www.w3.org/1999/xhtml" src="x" onerror="alert(1)"/></foreignObject></svg>`
	for i, text := range corpus {
		p := statuspage.Page{
			Slug: fmt.Sprintf("x%d", i), Title: text, Description: text, Groups: []string{"Payments"},
			Accent: &statuspage.Accent{Light: text, Dark: "#7fd6a4; } body { background: url(https://evil.example/p.png)"},
			Logo:   statuspage.DataURL("image/svg+xml", []byte(evil)),
		}
		if i%2 == 1 {
			p.Logo = text
		}
		if i%3 == 2 {
			p.Password = "$argon2id$"
		}
		f.pages = append(f.pages, statuspage.Stored{Page: p})
	}
	b, at := pagetest.Start(t), shown(t, f, now)
	paths := []string{"/"}
	for i := range corpus {
		paths = append(paths, fmt.Sprintf("/p/x%d/", i))
	}
	paths = append(paths, "/p/x0/checks/refunds", "/p/x0/embed", "/p/x0/nowhere", "/p/x0/history", "/p/x0/incidents/"+incidentID(1), "/p/x0/feed.atom")
	for _, path := range paths {
		s := b.Open(t, at+path, pagetest.View{})
		if len(s.Executed)+len(s.Violations)+len(s.Elsewhere) > 0 {
			t.Errorf("%s: executed %q, violations %q, from elsewhere %q", path, s.Executed, s.Violations, s.Elsewhere)
		}
	}
	// A logo that is opened by itself runs nothing: there the browser has no script
	// at all, and so nothing to ask it by.
	logo := strings.Split(strings.Split(bodyOf(t, at+"/p/x0/"), `class="mark" src="`)[1], `"`)[0]
	if r := ask(t, at+logo); r.Header.Get("Content-Security-Policy") != "default-src 'none'; style-src 'unsafe-inline'; sandbox" || r.Header.Get("Content-Type") != "image/svg+xml" {
		t.Errorf("the logo's policy: %s, its kind: %s", r.Header.Get("Content-Security-Policy"), r.Header.Get("Content-Type"))
	}
	// What comes back in the form of the password is text, too.
	for _, text := range corpus[:8] {
		form := url.Values{"password": {text}, "to": {"/" + text}}
		h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			r, err := http.PostForm(at+"/p/x2/unlock", form)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Body.Close()
			for k, v := range r.Header {
				w.Header()[k] = v
			}
			w.WriteHeader(r.StatusCode)
			_, _ = io.Copy(w, r.Body)
		}))
		if s := b.Open(t, h.URL, pagetest.View{}); len(s.Executed) > 0 {
			t.Errorf("the form: executed %q", s.Executed)
		}
		h.Close()
	}
}
