package dashboard

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

var noon = time.Date(2026, 5, 12, 14, 41, 20, 0, time.UTC)

// still is a dashboard over f that was read once, at noon, and does not run.
func still(t *testing.T, f *fake) *Dashboard {
	t.Helper()
	d := New(Options{Store: f, Title: "Acme", Now: func() time.Time { return noon }})
	d.refresh(t.Context())
	return d
}

// get answers a request for a path; headers are pairs.
func get(t *testing.T, d *Dashboard, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	return w
}

// part cuts one part out of a page.
func part(t *testing.T, body, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(body, `data-part="`+name+`"`)
	if !ok {
		t.Fatalf("the page has no part %q", name)
	}
	out, _, _ := strings.Cut(rest, `data-part="`)
	return out
}

func wantAll(t *testing.T, what, text string, wants ...string) {
	t.Helper()
	for _, w := range wants {
		if !strings.Contains(text, w) {
			t.Errorf("%s lacks %q:\n%s", what, w, text)
		}
	}
}

func wantNone(t *testing.T, what, text string, bad ...string) {
	t.Helper()
	for _, b := range bad {
		if strings.Contains(text, b) {
			t.Errorf("%s holds %q:\n%s", what, b, text)
		}
	}
}

func TestIndexTellsEachState(t *testing.T) {
	body := get(t, still(t, rich(noon)), "/").Body.String()
	wantAll(t, "the head", part(t, body, "hero"), "3 services have an outage, 2 are degraded",
		"<b>3</b> Not measured", `<a href="/checks/payments-api">Payments API</a>`, "status == 200 (got 503)", "no answer within 10 s (singapore)",
		"30 services watched from 5 locations, last result")
	wantAll(t, "an outage", part(t, body, "c-payments-api"), "Outage", "#i-x", "b-x", "API check from frankfurt, virginia, singapore", "status == 200 (got 503)")
	wantAll(t, "a healthy check", part(t, body, "c-images"), "Operational", "#i-o", "100%", `aria-label="Last 24 hours: 24 hours operational"`, `<time datetime="2026-05-12T14:41:20Z"`)
	wantNone(t, "a healthy check", part(t, body, "c-images"), "b-n", `class="why`)
	wantAll(t, "a check without a browser", part(t, body, "c-login"), "Not measured", "no figure", "this worker has no browser")
	wantNone(t, "a check without a browser", part(t, body, "c-login"), "b-o", "100%")
	wantAll(t, "a silent check", part(t, body, "c-signup"), "Not measured", "Last known:", "Operational</span>", "% measured")
	wantAll(t, "a check with a gap", part(t, body, "c-profile"), "Operational", "83% measured", "not measured")
	wantAll(t, "a new check", part(t, body, "c-new"), "since 12:00 UTC", "no run yet")
	wantAll(t, "a check that never ran", part(t, body, "c-never"), "Not measured", "no run yet", "no figure")
	wantNone(t, "a check that never ran", part(t, body, "c-never"), "b-o", "b-d", "b-x")
	wantAll(t, "the last group", body, "<h3>Other services</h3>")
	if strings.Index(body, "<h3>Accounts</h3>") > strings.Index(body, "<h3>Payments</h3>") {
		t.Error("groups are not in the order of their names")
	}
}

func TestIndexOverNinetyDays(t *testing.T) {
	d := still(t, rich(noon))
	body := get(t, d, "/?days=90").Body.String()
	wantAll(t, "the choice", part(t, body, "period"), `<a href="/?days=90" aria-current="true">90 days</a>`)
	wantAll(t, "a check", part(t, body, "c-cart"), "Last 90 days:", "b-x", "since 16 Feb")
	wantNone(t, "a young installation", get(t, still(t, young(noon)), "/").Body.String(), `href="/?days=90"`)
	if w := get(t, d, "/?days=7"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "days=90") {
		t.Errorf("days=7 answers %d, want 400 with what would be right", w.Code)
	}
}

// A page of thousands of services lists those in trouble; each group has pages
// of its own.
func TestManyServices(t *testing.T) {
	f := newFake()
	for i := range 400 {
		s := story{id: fmt.Sprintf("m-%d", i), name: fmt.Sprintf("Service %03d", i), group: []string{"Tools & more", "Shop", ""}[i%3], kind: check.KindAPI, history: 5 * time.Minute, locations: []string{"here"}}
		if i == 7 {
			s.outcome = during(time.Hour, 0, jobs.Failed, jobs.FaultConnect, "connection refused")
		}
		f.tell(s, noon)
	}
	d := still(t, f)
	w := get(t, d, "/")
	body := w.Body.String()
	wantAll(t, "the first page", body, "Service 007 has an outage", "All 134 services of Tools &amp; more", `href="/?group=Tools%20%26%20more&amp;days=1"`, "All 133 services of Other services", `data-part="c-m-7"`)
	wantNone(t, "the first page", body, `data-part="c-m-8"`)
	if len(body) > 40<<10 {
		t.Errorf("the first page has %d bytes", len(body))
	}
	first, second := get(t, d, "/?group=Shop&days=90").Body.String(), get(t, d, "/?group=Shop&page=2").Body.String()
	if strings.Count(first, `class="row"`) != maxRows || strings.Count(second, `class="row"`) != 13 {
		t.Errorf("%d and %d rows", strings.Count(first, `class="row"`), strings.Count(second, `class="row"`))
	}
	wantAll(t, "the second page", second, `page=1"`, `aria-current="true">2</a>`, `<a href="/">Services</a> / Shop`)
	wantAll(t, "those of no group", get(t, d, "/?group=Other+services").Body.String(), "Service 002")
	for _, path := range []string{"/?group=Nothing", "/?group=Shop&page=3"} {
		if w := get(t, d, path); w.Code != http.StatusNotFound {
			t.Errorf("%s answers %d", path, w.Code)
		}
	}
}

// Names and reasons come from strangers; nothing of them is markup.
func TestNothingFromOutsideIsMarkup(t *testing.T) {
	d := still(t, rich(noon))
	for _, path := range []string{"/", "/?days=90", "/checks/hostile", "/history", "/incidents/" + incidentID(1), "/incidents/" + incidentID(4)} {
		body := get(t, d, path).Body.String()
		wantNone(t, path, body, "<script>alert", "<img", "<b>friends", "</title></svg>", "<style", "style=", `="javascript:`, "onerror=alert(1)>\"")
		if n := strings.Count(body, "<script"); n != 1 {
			t.Errorf("%s has %d script elements, want the one file", path, n)
		}
		// What people link to is followed by hand only.
		said := strings.ReplaceAll(body, `<a href="https://bank.example/status" rel="nofollow noopener noreferrer">`, "<a>")
		for _, m := range regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(said, -1) {
			if u := m[1]; !strings.HasPrefix(u, "/") && !strings.HasPrefix(u, "#") || strings.HasPrefix(u, "//") {
				t.Errorf("%s refers to %q, outside of this site", path, u)
			}
		}
	}
	wantAll(t, "the check", get(t, d, "/checks/hostile").Body.String(), "&lt;script&gt;alert(&#34;name&#34;)", "&lt;/title&gt;&lt;/svg&gt;")
}

func TestHeaders(t *testing.T) {
	d := still(t, calm(noon))
	for _, path := range []string{"/", "/checks/s-1", "/nowhere", "/api/v1/status", "/static/status.css"} {
		h := get(t, d, path).Header()
		if got := h.Get("Content-Security-Policy"); got != policy || strings.Contains(got, "unsafe") {
			t.Errorf("%s: Content-Security-Policy is %q", path, got)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s lacks a security header: %v", path, h)
		}
	}
	if got := get(t, d, "/").Header().Get("Cache-Control"); got != cacheBriefly {
		t.Errorf("Cache-Control of a page is %q", got)
	}
	if get(t, d, "/api/v1/status").Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Error("the API cannot be read from other sites")
	}
	wantAll(t, "a page without scripts", get(t, d, "/").Body.String(), `<noscript><meta http-equiv="refresh" content="30"></noscript>`)
	wantNone(t, "a missing page", get(t, d, "/nowhere").Body.String(), "refresh")
	if get(t, d, "/").Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error("pages can be read from other sites")
	}
}

func TestKnownPagesAreNotSentAgain(t *testing.T) {
	d := still(t, rich(noon))
	first := get(t, d, "/", "Accept-Encoding", "gzip, br")
	if first.Header().Get("Content-Encoding") != "gzip" || first.Header().Get("Vary") != "Accept-Encoding" {
		t.Fatalf("headers %v, want gzip", first.Header())
	}
	z, err := gzip.NewReader(first.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	plain := get(t, d, "/", "Accept-Encoding", "gzip;q=0")
	if plain.Header().Get("Content-Encoding") != "" || plain.Body.String() != string(body) {
		t.Error("the compressed page is not the page")
	}
	again := get(t, d, "/", "If-None-Match", `"other", `+first.Header().Get("ETag"))
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("a known page answers %d with %d bytes, want 304", again.Code, again.Body.Len())
	}
	if w := get(t, d, "/nowhere", "If-None-Match", "*"); w.Code != http.StatusNotFound {
		t.Errorf("a missing page answers %d to If-None-Match, want 404", w.Code)
	}
	if w := get(t, d, "/?days=90", "If-None-Match", first.Header().Get("ETag")); w.Code != http.StatusOK {
		t.Errorf("another page answers %d to this one's tag", w.Code)
	}
}

func TestPageWeight(t *testing.T) {
	f := newFake()
	for i := range 50 {
		f.tell(story{id: fmt.Sprintf("check-%d", i), name: fmt.Sprintf("Service number %d", i), group: fmt.Sprintf("Group %d", i%6),
			kind: check.KindAPI, every: 10 * time.Minute, locations: []string{"frankfurt", "virginia", "singapore"}}, noon)
	}
	d := still(t, f)
	css, js := assets["status.css"].page.body, assets["status.js"].page.body
	for _, path := range []string{"/", "/?days=90"} {
		n := get(t, d, path).Body.Len() + len(css) + len(js)
		t.Logf("%s with 50 checks: %d bytes uncompressed with its files, page alone %d in gzip", path, n, len(get(t, d, path, "Accept-Encoding", "gzip").Body.Bytes()))
		if n > 100_000 {
			t.Errorf("%s weighs %d bytes, want under 100,000", path, n)
		}
	}
}

func TestCheckPage(t *testing.T) {
	d := still(t, rich(noon))
	body := get(t, d, "/checks/refunds").Body.String()
	wantAll(t, "the head", part(t, body, "hero"), "Refunds", "Degraded", "no answer within 10 s", "singapore", "every 1 min", "10 s")
	wantAll(t, "the history", part(t, body, "history"), "Last 24 hours", "Last 90 days", "uptime", "<th scope=\"row\">14:00–15:00 UTC</th>")
	wantAll(t, "the chart", part(t, body, "latency"), "Latency of Refunds by location, last 24 h", "frankfurt", "k-0", "k-2", "Failed run", "<summary>As a table</summary>")
	wantAll(t, "the locations", part(t, body, "places"), "frankfurt", "Operational", "singapore", "Outage")
	runs := part(t, body, "runs")
	wantAll(t, "the runs", runs, "Failed", "no answer within 10 s", `12 May 14:41:20`)
	if n := strings.Count(runs, `<tr role="row"><td`); n != maxRuns {
		t.Errorf("%d runs are listed, want %d", n, maxRuns)
	}
	for _, path := range []string{"/checks/no-such-check", "/checks/", "/checks/refunds/more", "/nowhere", "/static/none.css"} {
		w := get(t, d, path)
		if w.Code != http.StatusNotFound {
			t.Errorf("%s answers %d, want 404", path, w.Code)
		}
		wantAll(t, path, w.Body.String(), "There is no such", `<a class="button" href="/">See all services</a>`)
	}
}

func TestOnlyGetAndHead(t *testing.T) {
	d := still(t, calm(noon))
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
		for _, path := range []string{"/", "/checks/s-1", "/api/v1/status", "/events", "/nowhere"} {
			w := httptest.NewRecorder()
			d.Handler().ServeHTTP(w, httptest.NewRequest(method, path, nil))
			if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s answers %d, Allow %q", method, path, w.Code, w.Header().Get("Allow"))
			}
		}
	}
	server := httptest.NewServer(d.Handler())
	defer server.Close()
	for _, path := range []string{"/", "/events"} {
		r, err := http.Head(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Errorf("HEAD %s answers %d", path, r.StatusCode)
		}
	}
}

func TestStaticFilesChangeTheirAddress(t *testing.T) {
	d := still(t, calm(noon))
	address, err := asset("status.css")
	if err != nil {
		t.Fatal(err)
	}
	wantAll(t, "the page", get(t, d, "/").Body.String(), `href="`+address+`"`)
	w := get(t, d, address)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/css; charset=utf-8" || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("%s answers %d %v", address, w.Code, w.Header())
	}
	w = get(t, d, "/static/status.0123456789ab.css")
	if w.Code != http.StatusOK || strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("the file of another release answers %d %v, want it briefly", w.Code, w.Header())
	}
	if _, err := asset("none.css"); err == nil {
		t.Error("a file that does not exist has an address")
	}
}

func TestEmptyStates(t *testing.T) {
	for name, c := range map[string]struct {
		f     *fake
		wants []string
	}{
		"no checks": {newFake(), []string{"No services to show yet"}},
		"no runs":   {waiting(noon), []string{"Waiting for the first results", "no run yet", "Not measured"}},
		"all well":  {calm(noon), []string{"All services operational", "last result"}},
		"all down":  {major(noon), []string{"Major outage: all 7 services are affected", "and 2 more below"}},
	} {
		t.Run(name, func(t *testing.T) {
			body := get(t, still(t, c.f), "/").Body.String()
			wantAll(t, "the page", body, c.wants...)
		})
	}
}

func TestUnreadStoreIsNotAnOutage(t *testing.T) {
	f := rich(noon)
	f.err = errAway
	d := still(t, f)
	for _, path := range []string{"/", "/checks/cart", "/api/v1/status", "/api/v1/checks/cart", "/events"} {
		w := get(t, d, path)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s answers %d %v, want 503 with Retry-After", path, w.Code, w.Header())
		}
		wantNone(t, path, w.Body.String(), "utage", "perational")
	}
	wantAll(t, "the page", get(t, d, "/").Body.String(), "Status data is not available yet", " data-retry", "\n<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>")
	if d.Ready(context.Background()) == nil {
		t.Error("it is ready before the store was read")
	}
	f.err = nil
	d.refresh(t.Context())
	if w := get(t, d, "/"); w.Code != http.StatusOK || d.Ready(context.Background()) != nil {
		t.Errorf("once the store answers, the page answers %d", w.Code)
	}
}
