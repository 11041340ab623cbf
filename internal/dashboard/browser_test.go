package dashboard

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/pagetest"
	"github.com/probefleet/probefleet/internal/status"
)

// shown is a dashboard on a real listener.
func shown(t *testing.T, f *fake, now time.Time) string {
	t.Helper()
	clock := now
	d := New(Options{Store: f, Title: "Acme Commerce", Now: func() time.Time { return clock }})
	d.refresh(t.Context())
	server := httptest.NewServer(d.Handler())
	t.Cleanup(func() {
		d.hub.close()
		server.Close()
	})
	return server.URL
}

// pagesOf are the pages that there are, by name.
var pagesOf = []struct{ name, path string }{
	{"index", "/"}, {"days", "/?days=90"}, {"check", "/checks/payments-api"}, {"maintained", "/checks/search"},
	{"incident", "/incidents/" + incidentID(1)}, {"postmortem", "/incidents/" + incidentID(4)}, {"history", "/history"},
	{"missing", "/nowhere"}, {"embed", "/embed"},
	{"group", "/?group=Payments"}, {"zone", "/?tz=Asia/Tokyo"}, {"month", "/history/" + time.Now().UTC().Format("2006-01")}, {"empty-month", "/history/2020-02"},
	{"bad-period", "/?days=7"}, {"missing-check", "/checks/nothing"}, {"missing-incident", "/incidents/nothing"}, {"bad-month", "/history/soon"},
}

// Every page, on a phone and on a desktop, by day and by night: nothing from
// elsewhere, within the page's own policy, no wider than the view, and light.
func TestPagesInABrowser(t *testing.T) {
	b, at := pagetest.Start(t), shown(t, rich(time.Now()), time.Now())
	for _, p := range pagesOf {
		for _, v := range []pagetest.View{
			{Width: 375, Height: 812, Shot: p.name + "-phone-light"}, {Width: 375, Height: 812, Dark: true, Shot: p.name + "-phone-dark"},
			{Width: 1440, Height: 900, Shot: p.name + "-desktop-light"}, {Width: 1440, Height: 900, Dark: true, Shot: p.name + "-desktop-dark"},
		} {
			if v.Dark && os.Getenv(pagetest.ShotsVariable) == "" {
				continue // colours change nothing else
			}
			s := b.Open(t, at+p.path, v)
			if len(s.Executed)+len(s.Violations)+len(s.Elsewhere) > 0 {
				t.Errorf("%s: executed %q, violations %q, from elsewhere %q", p.path, s.Executed, s.Violations, s.Elsewhere)
			}
			if s.Bytes > 100<<10 || s.Bytes == 0 {
				t.Errorf("%s weighs %d bytes in %d files, want at most 100 KiB", p.path, s.Bytes, s.Files)
			}
			if s.Overflow {
				t.Errorf("%s is wider than %d", p.path, v.Width)
			}
			t.Logf("%s: %d bytes in %d files", v.Shot, s.Bytes, s.Files)
		}
	}
}

// Without scripts the page says the same, and the bars can be read as a table.
func TestPagesWithoutScripts(t *testing.T) {
	b, at := pagetest.Start(t), shown(t, rich(time.Now()), time.Now())
	for _, p := range pagesOf {
		s := b.Open(t, at+p.path, pagetest.View{NoScript: true, Shot: p.name + "-noscript", Then: `document.querySelector("main").innerText`})
		if len(s.Result) < 20 {
			t.Errorf("%s says %q", p.path, s.Result)
		}
	}
}

// axe-core finds nothing serious on any page; `make axe` runs this.
func TestAxe(t *testing.T) {
	if os.Getenv(pagetest.AxeVariable) == "" {
		t.Skip("axe-core is not here: `make axe` fetches it and runs this")
	}
	b, at := pagetest.Start(t), shown(t, rich(time.Now()), time.Now())
	for _, p := range pagesOf {
		for _, v := range axed {
			for _, f := range b.Open(t, at+p.path, v).Findings {
				t.Errorf("%s (dark %v, %d wide): %s", p.path, v.Dark, v.Width, f)
			}
		}
	}
}

// By the keyboard each bar can be reached and is told.
func TestBarsByTheKeyboard(t *testing.T) {
	b, at := pagetest.Start(t), shown(t, rich(time.Now()), time.Now())
	s := b.Open(t, at+"/", pagetest.View{Then: `(() => {
		const svg = document.querySelector("[data-part=c-cart] svg.bars");
		svg.focus();
		const press = (key) => svg.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
		press("Home");
		const first = document.querySelector(".tip").textContent;
		press("End");
		press("Escape");
		return first + "|" + document.querySelector("[data-say]").textContent + "|" + document.querySelector(".tip").hidden;
	})()`})
	parts := strings.Split(s.Result, "|")
	if len(parts) != 3 || !strings.Contains(parts[0], "operational") || !strings.Contains(parts[1], "operational") || parts[2] != "true" {
		t.Errorf("the bars say %q", s.Result)
	}
}

// corpus are texts that want to be executed.
var corpus = pagetest.Corpus

// Whatever strangers write, nothing is executed, nothing is fetched and the
// policy has nothing to report: in names, descriptions, groups, tags, reasons,
// locations, titles, updates, post-mortems and maintenance.
func TestNothingFromOutsideIsExecuted(t *testing.T) {
	now := time.Now().UTC()
	f := newFake()
	everything := strings.Join(corpus, "\n\n")
	for i, text := range corpus {
		id := fmt.Sprintf("x-%d", i)
		f.tell(story{id: id, name: text, group: text, kind: check.KindAPI, history: 20 * time.Minute, locations: []string{text}, outcome: func(time.Duration, string) (jobs.Outcome, jobs.FaultClass, string) {
			return jobs.Failed, jobs.FaultAssertion, text
		}}, now)
		c := &f.checks[len(f.checks)-1]
		c.Description, c.Tags = text, []string{text}
		r := status.Recorded{ID: incidentID(i), Title: text, Impact: status.ImpactOutage, Public: true, Checks: []string{id}, Postmortem: text}
		r.Opened, r.Message, r.Locations = now.Add(-time.Hour), text, []string{text}
		r.Updates = []status.Update{{Phase: status.Investigating, At: now, Body: text, Public: true}}
		f.incidents = append(f.incidents, r)
		f.planned = append(f.planned, status.Planned{ID: id, Title: text, Checks: []string{id}, Maintenance: check.Maintenance{From: now, To: now.Add(time.Hour), Why: text}})
	}
	f.incidents[0].Postmortem, f.incidents[0].Updates[0].Body = everything, everything
	b, at := pagetest.Start(t), shown(t, f, now)
	paths := []string{"/", "/?days=90", "/history", "/embed", "/badges/x-0/status.svg"}
	// Each text is on the first page and in the history; the one after the other
	// is on a page of its own kind.
	for i := 0; i < len(corpus); i += 6 {
		paths = append(paths, "/checks/"+fmt.Sprintf("x-%d", i), "/incidents/"+incidentID(i))
	}
	for _, path := range paths {
		s := b.Open(t, at+path, pagetest.View{})
		if len(s.Executed)+len(s.Violations)+len(s.Elsewhere) > 0 {
			t.Errorf("%s: executed %q, violations %q, from elsewhere %q", path, s.Executed, s.Violations, s.Elsewhere)
		}
	}
	// The watch itself sees what it should.
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "img-src 'none'")
		fmt.Fprint(w, `<!doctype html><script>alert("seen")</script><img src="https://evil.example/p.png">`)
	})
	bad := httptest.NewServer(mux)
	defer bad.Close()
	if s := b.Open(t, bad.URL, pagetest.View{}); len(s.Executed) != 1 || len(s.Violations) != 1 {
		t.Errorf("a bad page goes unnoticed: %+v", s)
	}
}
