package dashboard

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
)

// policy is the content security policy: everything comes from here, nothing
// is written into the page.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

func (d *Dashboard) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", d.serveIndex)
	mux.HandleFunc("GET /checks/{id}", d.serveCheck)
	mux.HandleFunc("GET /incidents/{id}", d.serveIncident)
	mux.HandleFunc("GET /history", d.serveMonth)
	mux.HandleFunc("GET /history/{month}", d.serveMonth)
	mux.HandleFunc("GET /feed.atom", d.serveFeed(atomFeed))
	mux.HandleFunc("GET /feed.rss", d.serveFeed(rssFeed))
	mux.HandleFunc("GET /feed.json", d.serveFeed(jsonFeed))
	mux.HandleFunc("GET /badges/{name}", d.serveBadge)
	mux.HandleFunc("GET /badges/{id}/{name}", d.serveBadge)
	mux.HandleFunc("GET /embed", d.serveEmbed)
	mux.HandleFunc("GET /api/v1/status", d.serveStatus)
	mux.HandleFunc("GET /api/v1/incidents", d.serveIncidents)
	mux.HandleFunc("GET /api/v1/maintenance", d.serveMaintenance)
	mux.HandleFunc("GET /api/v1/checks/{id}", d.serveCheckStatus)
	mux.HandleFunc("GET /api/", d.serveNoAPI)
	mux.HandleFunc("GET /events", d.events)
	mux.HandleFunc("GET /static/{name}", d.serveAsset)
	mux.HandleFunc("GET /look/{name}", d.serveLook)
	mux.HandleFunc("POST /unlock", d.unlock)
	d.subscribeRoutes(mux)
	mux.HandleFunc("GET /", d.serveNothing)
	return d.guard(mux)
}

// guard sets the headers that every answer has, and counts answers.
func (d *Dashboard) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		c := &counted{ResponseWriter: w, code: http.StatusOK}
		r, v := d.located(r)
		d.enter(c, r, v, next)
		route := strings.TrimPrefix(r.Pattern, "GET ")
		if route == "" {
			route = "other"
		}
		d.metrics.requests.WithLabelValues(route, strconv.Itoa(c.code)).Inc()
	})
}

// enter answers the request of one who may read the site that it is for.
func (d *Dashboard) enter(w http.ResponseWriter, r *http.Request, v visit, next http.Handler) {
	s, path := v.site, r.URL.Path
	switch {
	case s == nil:
		d.serve(w, r, func() (*page, error) {
			return d.message(d.own, http.StatusNotFound, "There is no such page", "The address may be mistyped or out of date.")
		})
	case s.Newer:
		w.Header().Set("Retry-After", "60")
		d.serveMessage(w, r, http.StatusServiceUnavailable, "This page cannot be shown at the moment", "It was changed by a newer release than the one that answers here.")
	case !d.admit(w, r, s):
	case s.listing && path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		d.serveList(w, r)
	case s.listing && !strings.HasPrefix(path, "/static/"):
		d.serveNothing(w, r)
	default:
		// Another site's script must not read through its reader what not everybody
		// may.
		if strings.HasPrefix(path, "/api/") && !s.Protected() {
			w.Header().Set("Access-Control-Allow-Origin", "*")
		}
		next.ServeHTTP(w, r)
	}
}

// counted remembers the status code of an answer.
type counted struct {
	http.ResponseWriter
	code int
}

func (c *counted) WriteHeader(code int) {
	c.code = code
	c.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (d *Dashboard) serveIndex(w http.ResponseWriter, r *http.Request) {
	p := hourly
	switch days := r.URL.Query().Get("days"); days {
	case "", strconv.Itoa(hourly.days):
	case strconv.Itoa(daily.days):
		p = daily
	default:
		d.serveMessage(w, r, http.StatusBadRequest, "There is no such period",
			"The history is shown for 1 day (days=1) or for 90 days (days=90).")
		return
	}
	f := d.frameFor(w, r)
	if f == nil {
		return
	}
	c := choice{group: r.URL.Query().Get("group"), page: 1}
	if n, err := strconv.Atoi(r.URL.Query().Get("page")); err == nil && n > 1 && c.group != "" {
		c.page = n
	}
	make := func() (*page, error) { return d.index(f, p, c) }
	key := fmt.Sprintf("index %s %q %d", p.grain, c.group, c.page)
	d.serve(w, r, func() (*page, error) { return f.page(key, make) })
}

func (d *Dashboard) serveCheck(w http.ResponseWriter, r *http.Request) {
	f := d.frameFor(w, r)
	if f == nil {
		return
	}
	j, ok := f.check(r.PathValue("id"))
	if !ok {
		d.serveMessage(w, r, http.StatusNotFound, "There is no such service here",
			"It may have been renamed or removed, or it is not public.")
		return
	}
	more := f.site.shown(d.details.get(r.Context(), f, j.Check, d.now()))
	d.serve(w, r, func() (*page, error) {
		return f.page("check "+j.ID, func() (*page, error) { return d.checkPage(f, j, more) })
	})
}

// frameFor is the frame in the zone that the reader asks for; nil where there
// is none, and the reader was told.
func (d *Dashboard) frameFor(w http.ResponseWriter, r *http.Request) *frame {
	f := d.frameOf(r)
	if f == nil {
		d.serveUnread(w, r)
		return nil
	}
	name := r.URL.Query().Get("tz")
	if name == "" {
		return f.in(f.site.zone)
	}
	zone, err := check.LoadZone(name)
	if err != nil || len(name) > 64 {
		d.serveMessage(w, r, http.StatusBadRequest, "There is no such time zone",
			"Write the name of a zone, such as tz=Europe/Berlin or tz=America/New_York.")
		return nil
	}
	return f.askedIn(zone)
}

// serveNothing answers addresses that lead nowhere.
func (d *Dashboard) serveNothing(w http.ResponseWriter, r *http.Request) {
	d.serveMessage(w, r, http.StatusNotFound, "There is no such page", "The address may be mistyped or out of date.")
}

// serveUnread answers before the store was read for the first time.
func (d *Dashboard) serveUnread(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "5")
	d.serveMessage(w, r, http.StatusServiceUnavailable, "Status data is not available yet",
		"This page has just started and could not read its data yet. That says nothing about the services. It tries again by itself every few seconds.")
}

func (d *Dashboard) serveMessage(w http.ResponseWriter, r *http.Request, code int, heading, text string) {
	d.serve(w, r, func() (*page, error) { return d.message(d.visited(r).site, code, heading, text) })
}

// serve sends a page, or 304 where the reader has it, or 500 where it could
// not be made.
func (d *Dashboard) serve(w http.ResponseWriter, r *http.Request, get func() (*page, error)) {
	p, err := get()
	if err != nil {
		d.log.Error("page could not be made", "path", r.URL.Path, "err", err)
		http.Error(w, "this page could not be made; the reason is in the server's log", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", p.cache)
	h.Set("Vary", "Accept-Encoding")
	if s := d.visited(r).site; s != nil && s.Protected() && !strings.HasPrefix(r.URL.Path, "/static/") {
		if p.cache != "no-store" {
			h.Set("Cache-Control", "private, no-cache")
		}
		h.Set("Vary", "Accept-Encoding, Authorization, Cookie")
	}
	h.Set("ETag", p.etag)
	if p.status == http.StatusOK && matches(r.Header.Get("If-None-Match"), p.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", p.kind)
	body := p.body
	if len(body) > 1024 && takesGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = p.gzipped()
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.status)
	if _, err := bytes.NewReader(body).WriteTo(w); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
		d.log.Debug("reader left", "path", r.URL.Path, "err", err)
	}
}

// matches reports whether an If-None-Match header names the tag, by the weak
// comparison of RFC 9110, section 13.1.2.
func matches(header, tag string) bool {
	tag = strings.TrimPrefix(tag, "W/")
	for t := range strings.SplitSeq(header, ",") {
		t = strings.TrimPrefix(strings.TrimSpace(t), "W/")
		if t == tag || t == "*" {
			return true
		}
	}
	return false
}

// takesGzip reads an Accept-Encoding header, RFC 9110, section 12.5.3.
func takesGzip(header string) bool {
	for e := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(e, " ", ""), ";")
		if !strings.EqualFold(name, "gzip") && name != "*" {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimPrefix(weight, "q="), 64)
		return weight == "" || err == nil && q > 0
	}
	return false
}
