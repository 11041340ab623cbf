package dashboard

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/pagetest"
)

// What a reader in India sees of times: their own zone with its name, unless they
// asked for another, be it that of the page; and one zone on a page that lies
// under days.
func TestTimesOfAReader(t *testing.T) {
	b, at := pagetest.Start(t), shown(t, rich(noon), noon)
	const said = `[".live time", "[data-zone-word]"].map((s) => document.querySelector(s).textContent).join("|") + "|" + document.querySelector("#tz").value`
	const lines = `[...document.querySelectorAll(".card.said")].map((d) => d.querySelector("h2").textContent + ": " + [...d.querySelectorAll("time")].map((t) => t.textContent).join(", ")).join("|")`
	for _, c := range []struct {
		name, path, then string
		wants            []string
	}{
		{"of their own", "/", said, []string{"08:11:20 PM GMT+5:30", "Times are in your time zone, Asia/Calcutta; days are counted in UTC.", "|Asia/Calcutta"}},
		{"asked for", "/?tz=Asia/Tokyo", said, []string{"23:41:20 JST", "Times are in Asia/Tokyo; days are counted in UTC.", "|Asia/Tokyo"}},
		{"asked for that of the page", "/?tz=UTC", said, []string{"14:41:20 UTC", "Times are in UTC; days are counted in UTC.", "|UTC"}},
		{"by days", "/history", said, []string{"14:41:20 UTC", "Times and days are in UTC.", "|UTC"}},
		{"lines by days", "/history", lines, []string{"Tuesday, 12 May: 12 May, 13:31", "Monday, 11 May: 11 May, 08:41"}},
		{"lines by days asked for", "/history?tz=Asia/Tokyo", lines, []string{"Tuesday, 12 May: 12 May, 22:31", "Monday, 11 May: 11 May, 17:41"}},
	} {
		s := b.Open(t, at+c.path, pagetest.View{Zone: "Asia/Calcutta", Then: c.then})
		for _, want := range c.wants {
			if !strings.Contains(s.Result, want) {
				t.Errorf("%s: %s says %q, want %q", c.name, c.path, s.Result, want)
			}
		}
	}
}

// The zone that was asked for goes with every link within the page, that of the
// page itself too.
func TestTheZoneGoesWithTheLinks(t *testing.T) {
	d := still(t, rich(noon))
	for _, path := range []string{"/?tz=UTC", "/checks/payments-api?tz=UTC", "/history?tz=UTC", "/incidents/" + incidentID(1) + "?tz=UTC"} {
		_, main, _ := strings.Cut(get(t, d, path).Body.String(), "<main")
		main, _, _ = strings.Cut(main, "</main>")
		links := 0
		for _, one := range strings.Split(main, `href="/`)[1:] {
			link, _, _ := strings.Cut(one, `"`)
			links++
			if !strings.Contains(link, "tz=UTC") {
				t.Errorf("%s leads to /%s, and forgets the zone", path, link)
			}
		}
		if links < 2 {
			t.Errorf("%s has %d links", path, links)
		}
	}
	wantNone(t, "a page of nobody's asking", get(t, d, "/history").Body.String(), "tz=")
}

// A page that cannot be made yet stays as it is while it is tried again, and
// makes room once it can be made.
func TestAPageThatCannotBeMadeYet(t *testing.T) {
	f := rich(time.Now())
	d := New(Options{Store: f, Title: "Acme"})
	asked := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			asked <- r.Header.Get("Sec-Fetch-Mode")
		}
		d.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		d.hub.close()
		server.Close()
	})
	tab := pagetest.Start(t).Visit(t, server.URL+"/", pagetest.View{})
	defer tab.Close()
	if first, second := <-asked, <-asked; first != "navigate" || second == "navigate" {
		t.Fatalf("the page is opened by %q, and tried again by %q", first, second)
	}
	d.refresh(t.Context())
	for mode := range asked {
		if mode == "navigate" {
			return
		}
	}
}

// An answer to a form says that the store is away, and stays: to try it again
// would send the form once more.
func TestAnswersAreNotTriedAgain(t *testing.T) {
	l, d := taking(t, nil)
	l.err = errAway
	w := post(t, d, "192.0.2.1:1", subscribeAt, url.Values{"address": {"ada@example.com"}, "scope": {"all"}})
	if w.Code != http.StatusServiceUnavailable {
		t.Fatalf("the answer is %d: %s", w.Code, w.Body)
	}
	wantAll(t, "the answer", w.Body.String(), "Nothing was changed", "See all services")
	wantNone(t, "the answer", w.Body.String(), "refresh", "data-retry")
}

// Heartbeats come in by themselves: the page names no location for them, and
// counts none.
func TestHeartbeatsAreWatchedFromNowhere(t *testing.T) {
	f := newFake()
	beats := func(time.Duration, string) (jobs.Outcome, jobs.FaultClass, string) { return jobs.Passed, "", "" }
	f.tell(story{id: "backup", name: "Backup", kind: check.KindHeartbeat, history: time.Hour, locations: []string{check.HeartbeatLocation}, outcome: beats}, noon)
	body := get(t, still(t, f), "/").Body.String()
	wantAll(t, "heartbeats alone", body, "1 service watched, ", "Heartbeat check</p>")
	f.tell(story{id: "cart", name: "Cart", kind: check.KindAPI, history: time.Hour, locations: []string{"frankfurt"}, outcome: beats}, noon)
	wantAll(t, "heartbeats and another", get(t, still(t, f), "/").Body.String(), "2 services watched from 1 location,", "API check from frankfurt")
}
