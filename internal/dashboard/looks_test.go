package dashboard

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/pagetest"
)

// axed are the views in which axe-core looks at a page: phone and desktop, by day
// and by night.
var axed = []pagetest.View{
	{Axe: true, Width: 1440, Height: 900}, {Axe: true, Width: 1440, Height: 900, Dark: true},
	{Axe: true, Width: 375, Height: 812}, {Axe: true, Width: 375, Height: 812, Dark: true},
}

// late is a dashboard whose database is away for twelve minutes, and one that has
// never reached it.
func late(t *testing.T) (behind, never string) {
	t.Helper()
	now := time.Now()
	f, clock := rich(now), now
	d := New(Options{Store: f, Title: "Acme Commerce", Now: func() time.Time { return clock }})
	d.refresh(t.Context())
	clock, f.err = now.Add(12*time.Minute), errAway
	d.refresh(t.Context())
	nothing := New(Options{Store: f, Title: "Acme Commerce", Now: func() time.Time { return clock }})
	for _, one := range []*Dashboard{d, nothing} {
		server := httptest.NewServer(one.Handler())
		t.Cleanup(func() {
			one.hub.close()
			server.Close()
		})
		behind, never = never, server.URL
	}
	return behind, never
}

// lateLooks are pages of a database that is away.
func lateLooks(t *testing.T) map[string]string {
	behind, never := late(t)
	return map[string]string{
		"late": behind + "/", "late-check": behind + "/checks/payments-api", "late-incident": behind + "/incidents/" + incidentID(1), "late-history": behind + "/history",
		"late-old-month": behind + "/history/2020-02", "late-embed": behind + "/embed", "never": never + "/", "never-check": never + "/checks/payments-api",
	}
}

// While the database is away every page is whole, on a phone and on a desktop,
// and says how old it is.
func TestLatePagesInABrowser(t *testing.T) {
	b := pagetest.Start(t)
	for name, address := range lateLooks(t) {
		for _, v := range []pagetest.View{
			{Width: 375, Height: 812, Shot: name + "-phone-light"}, {Width: 375, Height: 812, Dark: true, Shot: name + "-phone-dark"},
			{Width: 1440, Height: 900, Shot: name + "-desktop-light"}, {Width: 1440, Height: 900, Dark: true, Shot: name + "-desktop-dark"},
		} {
			if v.Dark && os.Getenv(pagetest.ShotsVariable) == "" {
				continue
			}
			v.Then = `document.body.innerText`
			s := b.Open(t, address, v)
			if len(s.Executed)+len(s.Violations)+len(s.Elsewhere) > 0 || s.Overflow || s.Bytes > 100<<10 || s.Bytes == 0 {
				t.Errorf("%s at %d: executed %q, violations %q, from elsewhere %q, too wide %v, %d bytes", name, v.Width, s.Executed, s.Violations, s.Elsewhere, s.Overflow, s.Bytes)
			}
			whole := s.Status == http.StatusOK
			if aged := strings.Contains(s.Result, "last update") || strings.Contains(s.Result, "as of"); whole && !aged {
				t.Errorf("%s does not say how old it is: %q", name, s.Result)
			}
			if !whole && s.Status != http.StatusServiceUnavailable {
				t.Errorf("%s answers %d", name, s.Status)
			}
		}
	}
}

// axe-core finds nothing serious on them; `make axe` runs this.
func TestAxeOfLatePages(t *testing.T) {
	if os.Getenv(pagetest.AxeVariable) == "" {
		t.Skip("axe-core is not here: `make axe` fetches it and runs this")
	}
	b := pagetest.Start(t)
	for name, address := range lateLooks(t) {
		for _, v := range axed {
			for _, f := range b.Open(t, address, v).Findings {
				t.Errorf("%s (dark %v, %d wide): %s", name, v.Dark, v.Width, f)
			}
		}
	}
}

// By the keyboard: the first stop leads to the content, every stop can be seen
// and has a name, and the services come before the foot.
func TestPagesByTheKeyboard(t *testing.T) {
	b, at := pagetest.Start(t), shown(t, rich(time.Now()), time.Now())
	for _, path := range []string{"/", "/checks/payments-api", "/incidents/" + incidentID(1), "/history"} {
		tab := b.Visit(t, at+path, pagetest.View{})
		var stops []pagetest.Stop
		for range 120 {
			s := tab.Tab()
			if s.Tag == "body" {
				break
			}
			if !s.Ring || s.Name == "" {
				t.Errorf("%s: the focus cannot be seen, or has no name: %+v", path, s)
			}
			stops = append(stops, s)
		}
		if len(stops) < 8 || stops[0].Href != "#main" || stops[1].Href != "/" {
			t.Fatalf("%s: the order is %+v", path, stops)
		}
		last := stops[len(stops)-1]
		if last.Tag != "button" || last.Name != "Show" {
			t.Errorf("%s: the last stop is %+v, want the button of the time zone", path, last)
		}
		tab.Close()
	}
}

// Without scripts readers choose a time zone, go from page to page, and open one
// that has a password.
func TestFormsWithoutScripts(t *testing.T) {
	b := pagetest.Start(t)
	tab := b.Visit(t, shown(t, rich(time.Now()), time.Now())+"/", pagetest.View{NoScript: true, Width: 375, Height: 812})
	defer tab.Close()
	at := func(path, says string) {
		t.Helper()
		if got := tab.Path(); got != path || !strings.Contains(tab.Eval(`document.body.innerText`), says) {
			t.Fatalf("at %s, want %s saying %q", got, path, says)
		}
	}
	tab.Eval(`{ document.querySelector("#tz").value = "Asia/Tokyo"; "" }`)
	tab.Click("form.zone button")
	at("/?tz=Asia%2FTokyo", "Asia/Tokyo")
	tab.Click("a[href*='days=90']")
	at("/?days=90&tz=Asia%2FTokyo", "90 days")
	tab.Click("h4 a")
	at(tab.Path(), "All services")
	pages := b.Visit(t, shownPages(t)+"/p/secret/checks/sso", pagetest.View{NoScript: true})
	defer pages.Close()
	pages.Fill("#password", "wrong")
	pages.Click("form.unlock button")
	if says := pages.Main(); !strings.Contains(says, "wrong") && !strings.Contains(says, "not the password") {
		t.Errorf("a wrong password: %q", says)
	}
	pages.Fill("#password", "correct horse battery")
	pages.Click("form.unlock button")
	if path := pages.Path(); path != "/p/secret/checks/sso" || pages.Status() != http.StatusOK {
		t.Errorf("the right password leads to %s: %d", path, pages.Status())
	}
}
