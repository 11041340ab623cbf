package scale_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"testing"
)

// What pages cost does not grow with what is on them: no statement is asked more
// often than a page, of whatever length, asks it; the status page weighs little
// and loads nothing from elsewhere. Times are left to `make bench-dashboard`.
func TestWhatPagesAsk(t *testing.T) {
	const (
		checks = 200
		reads  = 6
		// slack is for what is asked beside pages, over and over.
		slack = 90
	)
	s := newSite(t)
	fill(t, s.db, s.url, checks)
	keepDocuments(t, s.url)
	fillRuns(t, s.url, checks, 0)
	execute(t, s.url, 0, []string{`VACUUM ANALYZE`})
	s.open(t)
	most := func(base string, jar http.CookieJar, p page) {
		t.Helper()
		execute(t, s.url, 0, []string{`SELECT pg_stat_statements_reset()`})
		client := &http.Client{Transport: &http.Transport{DisableCompression: true}, Jar: jar}
		for k := range reads {
			n, err := bytesOf(t, client, base+p.path(k))
			if err != nil {
				t.Fatalf("%s: %v", p.path(k), err)
			}
			if jar == nil && n > 100<<10 {
				t.Errorf("%s weighs %d bytes, at most 100 KiB", p.path(k), n)
			}
		}
		calls := one[int](t, s.url, `SELECT coalesce(max(calls), 0)::int FROM pg_stat_statements`)
		if calls > 3*reads+slack {
			t.Errorf("%s, read %d times: a statement was asked %d times: %s", p.name, reads, calls, one[string](t, s.url, `SELECT query FROM pg_stat_statements ORDER BY calls DESC LIMIT 1`))
		}
	}
	for _, p := range publicPages(checks) {
		most(s.dashboard, nil, p)
	}
	for _, p := range consolePages(t, s, checks) {
		most(s.console, s.session, p)
	}
	if found := foreign.FindString(text(t, s.dashboard+"/?days=90")); found != "" {
		t.Errorf("the status page loads %q", found)
	}
}

// text is what a page says.
func text(t *testing.T, address string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip")
	resp, err := (&http.Transport{DisableCompression: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body := io.Reader(resp.Body)
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(resp.Body); err != nil {
			t.Fatal(err)
		}
	}
	all, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}
