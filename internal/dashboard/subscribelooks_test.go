package dashboard

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/probefleet/probefleet/internal/pagetest"
	"github.com/probefleet/probefleet/internal/statuspage"
	"github.com/probefleet/probefleet/internal/subscription"
)

// subscribeLook is what somebody sees who subscribes, changes what they are told
// of, and leaves: a page, and what its form answers.
type subscribeLook struct {
	name, path string // the token is put behind a path that ends with =
	// does leads from the page to its answer; nil where the page itself is seen.
	does func(*pagetest.Tab)
	code int
	says string
}

var subscribeLooks = []subscribeLook{
	{"page-subscribable", "/p/pay/", nil, 200, "Payments API"},
	{"subscribe", "/p/pay/subscribe", nil, 200, "Be told"},
	{"subscribe-some", "/p/pay/subscribe?check=refunds", nil, 200, "Only what I choose"},
	{"subscribe-wrong", "/p/pay/subscribe", func(tab *pagetest.Tab) {
		tab.Fill("#address", "ada")
		tab.Fill("#some", "✓")
		tab.Click(".send button")
	}, 422, "Choose at least one"},
	{"subscribe-taken", "/p/pay/subscribe", func(tab *pagetest.Tab) {
		tab.Fill("#address", "ada@example.com")
		tab.Click(".send button")
	}, 202, "Look into your mail"},
	{"subscribe-confirm", "/p/pay/subscribe/confirm?token=", nil, 200, "Confirm your subscription"},
	{"subscribed", "/p/pay/subscribe/confirm?token=", func(tab *pagetest.Tab) { tab.Click("main form button") }, 200, "You are subscribed"},
	{"subscribe-lost", "/p/pay/subscribe/confirm?token=x", nil, 404, "leads nowhere"},
	{"subscribe-manage", "/p/pay/subscribe/manage?token=", nil, 200, "What you are told of"},
	{"subscribe-saved", "/p/pay/subscribe/manage?token=", func(tab *pagetest.Tab) { tab.Click(".send button") }, 200, "Saved."},
	{"unsubscribe", "/p/pay/unsubscribe?token=", nil, 200, "You will not be told"},
	{"unsubscribed", "/p/pay/unsubscribe?token=", func(tab *pagetest.Tab) { tab.Click("main form button") }, 200, "forgotten"},
	{"unsubscribe-lost", "/p/pay/unsubscribe?token=x", nil, 404, "leads nowhere"},
}

// lookAtSubscribing sees each of them in a view, in a new town: what one network
// may do is bounded.
func lookAtSubscribing(t *testing.T, b *pagetest.Browser, v pagetest.View, judge func(subscribeLook, pagetest.Seen)) {
	t.Helper()
	l, d := taking(t, nil)
	l.held.Choice = subscription.Choice{Checks: []string{"refunds"}}
	server := httptest.NewServer(d.Handler())
	defer server.Close()
	for _, p := range subscribeLooks {
		path := p.path
		if strings.HasSuffix(path, "=") {
			path += l.token.Text
		}
		one := v
		one.Shot, one.Then = p.name+v.Shot, `document.querySelector("main").innerText`
		tab := b.Visit(t, server.URL+path, one)
		if p.does != nil {
			p.does(tab)
		}
		s := tab.Look()
		if s.Status != p.code || !strings.Contains(s.Result, p.says) {
			t.Errorf("%s answers %d, want %d saying %q:\n%s", p.name, s.Status, p.code, p.says, s.Result)
		}
		judge(p, s)
		tab.Close()
	}
}

// The forms and their answers, on a phone and on a desktop, by day and by night.
func TestSubscribeInABrowser(t *testing.T) {
	b := pagetest.Start(t)
	for _, v := range []pagetest.View{
		{Width: 375, Height: 812, Shot: "-phone-light"}, {Width: 375, Height: 812, Dark: true, Shot: "-phone-dark"},
		{Width: 1440, Height: 900, Shot: "-desktop-light"}, {Width: 1440, Height: 900, Dark: true, Shot: "-desktop-dark"},
	} {
		if v.Dark && os.Getenv(pagetest.ShotsVariable) == "" {
			continue
		}
		lookAtSubscribing(t, b, v, func(p subscribeLook, s pagetest.Seen) {
			if len(s.Executed)+len(s.Violations)+len(s.Elsewhere) > 0 || s.Overflow || s.Bytes > 100<<10 || s.Bytes == 0 {
				t.Errorf("%s at %d: executed %q, violations %q, from elsewhere %q, too wide %v, %d bytes", p.name, v.Width, s.Executed, s.Violations, s.Elsewhere, s.Overflow, s.Bytes)
			}
		})
	}
}

// axe-core finds nothing serious on them; `make axe` runs this.
func TestAxeOfSubscribing(t *testing.T) {
	if os.Getenv(pagetest.AxeVariable) == "" {
		t.Skip("axe-core is not here: `make axe` fetches it and runs this")
	}
	b := pagetest.Start(t)
	for _, v := range axed {
		lookAtSubscribing(t, b, v, func(p subscribeLook, s pagetest.Seen) {
			for _, f := range s.Findings {
				t.Errorf("%s (dark %v, %d wide): %s", p.name, v.Dark, v.Width, f)
			}
		})
	}
}

// The head of every page that follows its services leads to the form and to the
// feed, where one may subscribe, and is as it was where one may not.
func TestTheHeadLeadsToTheForm(t *testing.T) {
	head := func(d *Dashboard, path string) string {
		t.Helper()
		_, rest, _ := strings.Cut(from(t, d, "192.0.2.1:1", "http://any.example/p/pay"+path).Body.String(), "<header")
		text, _, whole := strings.Cut(rest, "</header>")
		if !whole {
			t.Fatalf("%s has no head", path)
		}
		return text
	}
	_, d := taking(t, nil)
	for _, path := range []string{"/", "/?days=90", "/checks/refunds", "/history"} {
		wantAll(t, path, head(d, path), `href="/p/pay/subscribe"`, `href="/p/pay/feed.atom"`)
	}
	_, d = taking(t, func(p *statuspage.Page) { p.Subscriptions = nil })
	wantNone(t, "the head where it is off", head(d, "/"), "subscribe", "feed.atom")
}

// The policy of every kind of page holds by itself: what got into a page all the
// same neither runs nor fetches.
func TestThePolicyHolds(t *testing.T) {
	_, d := taking(t, nil)
	server := httptest.NewServer(d.Handler())
	t.Cleanup(server.Close)
	b := pagetest.Start(t)
	for _, path := range []string{"/", "/p/pay/", "/p/pay/checks/refunds", "/p/pay/history", "/p/pay/subscribe", "/p/secret/", "/p/pay/embed", "/nowhere"} {
		s := b.Open(t, server.URL+path, pagetest.View{Then: pagetest.Tempt})
		if missing := pagetest.Untempted(s); len(s.Executed)+len(missing) > 0 {
			t.Errorf("%s: executed %q, let through %q", path, s.Executed, missing)
		}
	}
}

// unpaged are addresses that answer no page of ours: files, streams, programs'
// answers.
var unpaged = regexp.MustCompile(`^/(feed\.|badges/|api/|events$|static/|look/|$)`)

var routeForm = regexp.MustCompile(`mux\.HandleFunc\("(GET|POST) ([^"]+)"`)

// A page that is served, or a form that is answered, and that nobody looks at in
// a browser fails the test.
func TestEveryPageIsLookedAt(t *testing.T) {
	var looked []string
	for _, list := range [][]struct{ name, path string }{pagesOf, siteLooks} {
		for _, p := range list {
			looked = append(looked, "GET "+p.path)
		}
	}
	for _, p := range subscribeLooks {
		looked = append(looked, "GET "+p.path)
		if p.does != nil {
			looked = append(looked, "POST "+p.path)
		}
	}
	looked = append(looked, "POST /unlock") // TestFormsWithoutScripts, TestNothingOfAPageIsExecuted
	seen := func(method, route string) bool {
		form := strings.NewReplacer(`\{\$\}`, "", `\{id\}`, "[^/]+", `\{month\}`, "[^/]+").Replace(regexp.QuoteMeta(route))
		one := regexp.MustCompile("^" + method + " (/p/[a-z]+)?" + form + `(\?.*)?$`)
		return slices.ContainsFunc(looked, one.MatchString)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	routes := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range routeForm.FindAllStringSubmatch(string(text), -1) {
			if strings.HasSuffix(file, "_test.go") || unpaged.MatchString(m[2]) {
				continue
			}
			routes++
			if !seen(m[1], m[2]) {
				t.Errorf("nobody looks at %s %s: add it to pagesOf, siteLooks or subscribeLooks", m[1], m[2])
			}
		}
	}
	if routes < 14 {
		t.Errorf("only %d pages and forms are found in the sources", routes)
	}
}
