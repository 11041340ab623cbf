package dashboard

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/status"
)

func TestIncidentsAreTold(t *testing.T) {
	d := still(t, rich(noon))
	body := get(t, d, "/").Body.String()
	wantAll(t, "what goes on", part(t, body, "current"), "Payments by card fail", "Identified", "<strong>refused</strong>", "<li>cards fail</li>", `<a href="/checks/checkout">Check-out</a>`)
	wantNone(t, "what goes on", part(t, body, "current"), "has an outage") // nobody has said anything of it
	wantAll(t, "what was", part(t, body, "past"), "Single sign-on had an outage", "certificate has expired", "50 min", "&lt;img src=x")
	wantAll(t, "maintenance", part(t, body, "maintenance"), "New database", "Running", "Move to another data centre", "Planned", "Nightly export", "recurs")
	wantAll(t, "a check in maintenance", part(t, body, "c-search"), "Maintenance", "#i-m")
	wantAll(t, "a check", part(t, get(t, d, "/checks/sso").Body.String(), "incidents"), "Single sign-on had an outage")

	page := get(t, d, "/incidents/"+incidentID(4)).Body.String()
	wantAll(t, "an incident", part(t, page, "updates"), "&lt;script&gt;alert(&quot;update&quot;)&lt;/script&gt;")
	wantAll(t, "an incident", page, "Resolved", "What we learnt", "<h4>What happened</h4>", "<td>it was renewed</td>", "&lt;script&gt;")
	wantAll(t, "one of the rules", get(t, d, "/incidents/"+incidentID(2)).Body.String(), "Payments API has an outage", "status == 200 (got 503)", "frankfurt and virginia", "Nobody has added anything")
	for _, id := range []string{incidentID(9), "nonsense", strings.Repeat("x", 36)} {
		if w := get(t, d, "/incidents/"+id); w.Code != http.StatusNotFound {
			t.Errorf("incident %q answers %d", id, w.Code)
		}
	}
}

func TestMonths(t *testing.T) {
	d := still(t, rich(noon))
	body := get(t, d, "/history").Body.String()
	wantAll(t, "this month", body, "Incidents in May 2026", "Tuesday, 12 May", "Single sign-on had an outage", `href="/history/2026-04"`)
	wantNone(t, "this month", body, "Later")
	wantAll(t, "the month before", get(t, d, "/history/2026-04").Body.String(), "No incident was recorded", `href="/history/2026-05"`)
	for _, m := range []string{"2026-06", "2019-12", "2026-4", "x", "2026-13"} {
		if w := get(t, d, "/history/"+m); w.Code != http.StatusNotFound {
			t.Errorf("month %q answers %d", m, w.Code)
		}
	}
	f := rich(noon)
	d = still(t, f)
	f.change(func(f *fake) { f.err = errAway })
	wantAll(t, "this month from memory", get(t, d, "/history").Body.String(), "Single sign-on had an outage")
	if w := get(t, d, "/history/2026-01"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("a month that is not in memory answers %d %v", w.Code, w.Header())
	}
}

// The reader's zone is that of every time but days, with and without a script.
func TestTimesInAZone(t *testing.T) {
	d := still(t, rich(noon))
	body := get(t, d, "/?tz=Asia/Tokyo").Body.String()
	wantAll(t, "Tokyo", body, "23:41:20 JST", "Times are in Asia/Tokyo", `href="/checks/search?tz=Asia%2FTokyo"`, `href="/?days=90&amp;tz=Asia%2FTokyo"`, "<option selected>Asia/Tokyo</option>")
	wantNone(t, "Tokyo", part(t, body, "c-search"), " UTC")
	wantAll(t, "a zone that is not offered", get(t, d, "/?tz=Asia/Kathmandu").Body.String(), "<option selected>Asia/Kathmandu</option>")
	wantAll(t, "a check", get(t, d, "/checks/search?tz=Asia/Tokyo").Body.String(), "Slot (<span data-zone-name>Asia/Tokyo</span>)", " JST")
	for _, bad := range []string{"Nowhere", "Local", "../../etc/passwd"} {
		if w := get(t, d, "/?tz="+bad); w.Code != http.StatusBadRequest {
			t.Errorf("tz=%s answers %d", bad, w.Code)
		}
	}
	for i := range 3 * maxZones {
		d.frame.Load().in(time.FixedZone(strings.Repeat("x", i+1), i))
	}
	if n := len(d.frame.Load().zones); n > maxZones {
		t.Errorf("%d zones are kept", n)
	}
}

func TestFeeds(t *testing.T) {
	d := still(t, rich(noon))
	d.options.URL = "https://status.example/"
	var atom atomDocument
	if err := xml.Unmarshal(get(t, d, "/feed.atom").Body.Bytes(), &atom); err != nil {
		t.Fatal(err)
	}
	if len(atom.Entries) != 4 || atom.Links[0].Href != "https://status.example/feed.atom" || atom.Updated != "2026-05-12T14:01:20Z" {
		t.Errorf("atom: %+v", atom)
	}
	first := atom.Entries[0]
	if first.Link.Href != "https://status.example/incidents/"+incidentID(2) || !strings.Contains(first.Title, "Outage: Payments API has an outage") {
		t.Errorf("the newest: %+v", first)
	}
	var rss rssDocument
	if err := xml.Unmarshal(get(t, d, "/feed.rss").Body.Bytes(), &rss); err != nil {
		t.Fatal(err)
	}
	if len(rss.Channel.Items) != 4 || !strings.Contains(rss.Channel.Items[1].Description, "<strong>Identified</strong>") {
		t.Errorf("rss: %+v", rss)
	}
	w := get(t, d, "/feed.json")
	var feed struct {
		Version string
		Items   []struct{ ID, Title, Content_text string } //nolint:revive // as JSON Feed names it
	}
	if err := json.Unmarshal(w.Body.Bytes(), &feed); err != nil {
		t.Fatal(err)
	}
	if len(feed.Items) != 4 || feed.Version != "https://jsonfeed.org/version/1.1" || !strings.Contains(feed.Items[1].Content_text, "Payments by card are refused. We look into it.") {
		t.Errorf("json: %s", w.Body)
	}
	again := get(t, d, "/feed.json", "If-None-Match", w.Header().Get("ETag"))
	if again.Code != http.StatusNotModified {
		t.Errorf("a feed that is known answers %d", again.Code)
	}
	d.options.URL = ""
	r := get(t, d, "/feed.atom")
	wantAll(t, "without an address of its own", r.Body.String(), "http://example.com/incidents/")
}

func TestBadges(t *testing.T) {
	d := still(t, rich(noon))
	for path, want := range map[string]string{
		"/badges/status.svg":               "<title>status: outage</title>",
		"/badges/cart/status.svg":          "<title>Cart: operational</title>",
		"/badges/search/status.svg":        "<title>Search: maintenance</title>",
		"/badges/cart/uptime.svg":          "measured, since 16 Feb</title>",
		"/badges/images/uptime.svg?days=1": "<title>Images and static files: 100% up, 100% measured</title>",
		"/badges/signup/latency.svg":       "<title>Sign up: latency not measured</title>",
		"/badges/images/latency.svg":       " ms</title>",
		"/badges/hostile/status.svg":       "&lt;script&gt;",
	} {
		w := get(t, d, path)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) || w.Header().Get("Content-Type") != "image/svg+xml" {
			t.Errorf("%s answers %d %s", path, w.Code, w.Body)
		}
		if err := xml.Unmarshal(w.Body.Bytes(), new(struct{})); err != nil {
			t.Errorf("%s is no XML: %v", path, err)
		}
	}
	for _, path := range []string{"/badges/nothing/status.svg", "/badges/cart/other.svg", "/badges/cart/status", "/badges/uptime.svg"} {
		if w := get(t, d, path); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "no such badge") {
			t.Errorf("%s answers %d", path, w.Code)
		}
	}
}

func TestWidget(t *testing.T) {
	d := New(Options{Store: rich(noon), EmbedFrom: "https://shop.example", Now: func() time.Time { return noon }})
	d.refresh(t.Context())
	w := get(t, d, "/embed")
	wantAll(t, "the widget", w.Body.String(), "3 services have an outage, 2 are degraded", `target="_blank"`)
	wantNone(t, "the widget", w.Body.String(), "<script")
	if got := w.Header().Get("Content-Security-Policy"); !strings.HasSuffix(got, "frame-ancestors https://shop.example") || strings.Contains(got, "script-src") {
		t.Errorf("its policy is %q", got)
	}
	if got := get(t, d, "/").Header().Get("Content-Security-Policy"); !strings.HasSuffix(got, "frame-ancestors 'none'") {
		t.Errorf("that of a page is %q", got)
	}
}

func TestIncidentsOfTheAPI(t *testing.T) {
	d := still(t, rich(noon))
	var in struct {
		Incidents []apiIncident
		Stale     bool
	}
	if err := json.Unmarshal(get(t, d, "/api/v1/incidents").Body.Bytes(), &in); err != nil {
		t.Fatal(err)
	}
	if len(in.Incidents) != 4 || in.Incidents[1].Updates[0].Phase != status.Investigating || in.Incidents[1].ClosedAt != nil {
		t.Errorf("%+v", in)
	}
	var m struct{ Maintenance []apiWindow }
	if err := json.Unmarshal(get(t, d, "/api/v1/maintenance").Body.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Maintenance) != 3 || m.Maintenance[0].Title != "New database" || !m.Maintenance[1].Recurs {
		t.Errorf("%+v", m)
	}
}

// An update is an event, so that open pages show it.
func TestAnUpdateIsAnEvent(t *testing.T) {
	f := rich(noon)
	d := still(t, f)
	was := d.frame.Load()
	f.change(func(f *fake) {
		i := &f.incidents[1]
		i.Updates = append(i.Updates[:len(i.Updates):len(i.Updates)], status.Update{Phase: status.Monitoring, At: noon, Body: "Better.", Public: true})
	})
	d.refresh(t.Context())
	if now := d.frame.Load(); now.version == was.version {
		t.Error("an update does not change the page's version")
	}
}

// A dashboard that starts while the database is away shows what it last knew,
// with its age, and is current again when the database is.
func TestKeptReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "status.json.gz")
		f := rich(noon)
		now := noon
		clock := func() time.Time { return now }
		d := New(Options{Store: f, Snapshot: file, Now: clock})
		d.refresh(t.Context())
		want := get(t, d, "/checks/cart").Body.String()

		f.change(func(f *fake) { f.err = errAway })
		now = noon.Add(10 * time.Minute)
		again := New(Options{Store: f, Snapshot: file, Now: clock})
		if again.Ready(t.Context()) == nil {
			t.Error("it is ready before it has anything")
		}
		go func() { _ = again.Run(t.Context()) }()
		synctest.Wait()
		body := get(t, again, "/").Body.String()
		wantAll(t, "the page afterwards", part(t, body, "banner"), "Live data is delayed: last update", "10 min ago")
		wantAll(t, "the page afterwards", body, "Payments by card fail", "New database", "Single sign-on had an outage")
		if got := get(t, again, "/checks/cart").Body.String(); strings.Count(got, "b-o") != strings.Count(want, "b-o") {
			t.Error("the history is not what it was")
		}
		f.change(func(f *fake) { f.err = nil })
		pass(time.Minute)
		wantNone(t, "current again", part(t, get(t, again, "/").Body.String(), "banner"), "delayed")
		if again.frame.Load().snap.days.readAt.IsZero() {
			t.Error("the days were not read again")
		}
	})
}

func TestWindowsAreAnnouncedInTime(t *testing.T) {
	plan := func(id string, m check.Maintenance) status.Planned {
		return status.Planned{ID: id, Maintenance: m, Checks: []string{"s-1"}}
	}
	ws := windowsOf([]status.Planned{
		plan("far", check.Maintenance{From: noon.Add(15 * 24 * time.Hour), To: noon.Add(16 * 24 * time.Hour)}),
		plan("near", check.Maintenance{From: noon.Add(time.Hour), To: noon.Add(2 * time.Hour)}),
		plan("over", check.Maintenance{From: noon.Add(-2 * time.Hour), To: noon.Add(-time.Hour)}),
		plan("now", check.Maintenance{From: noon.Add(-time.Hour), To: noon.Add(time.Minute)}),
	}, noon)
	if len(ws) != 2 || ws[0].plan.ID != "now" || ws[1].plan.ID != "near" {
		t.Errorf("%+v", ws)
	}
	if l := lastingFor(ws, noon); !l["s-1"] || len(l) != 1 {
		t.Errorf("lasting: %v", l)
	}
}
