// Package shop is a small shop to watch: server-rendered pages with a search,
// a log-in and a check-out, and a JSON API beside them. It owns the ways in
// which it can be slow or broken. It keeps nothing: carts and log-ins live in
// the visitor's cookies, so that it can be restarted at any time.
package shop

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault is a way in which the shop can be broken.
type Fault string

// The faults.
const (
	FaultSearch   Fault = "search"   // the search finds nothing
	FaultLogin    Fault = "login"    // the right password is refused
	FaultCheckout Fault = "checkout" // an order ends in status 500
	FaultScript   Fault = "script"   // the pages' script throws
	Fault5xx      Fault = "5xx"      // everything answers 503
	FaultHang     Fault = "hang"     // nothing is answered at all
)

var faults = []Fault{FaultSearch, FaultLogin, FaultCheckout, FaultScript, Fault5xx, FaultHang}

// FaultNames lists what ParseFaults takes, for people.
func FaultNames() string {
	names := []string{"none"}
	for _, f := range faults {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// ParseFaults reads fault names with commas between them; "none" and "" are
// none.
func ParseFaults(s string) ([]Fault, error) {
	var fs []Fault
	for word := range strings.SplitSeq(s, ",") {
		switch f := Fault(strings.TrimSpace(word)); {
		case f == "" || f == "none":
		case slices.Contains(faults, f):
			fs = append(fs, f)
		default:
			return nil, fmt.Errorf("%q is not a fault: use %s", f, FaultNames())
		}
	}
	return fs, nil
}

// Options say how well the shop works. The zero value is a healthy shop.
type Options struct {
	// Slow delays every page and API call.
	Slow time.Duration
	// Faults are what is broken, on a share of FaultRate of the requests; 0
	// means 1, all of them.
	Faults    []Fault
	FaultRate float64
}

// MaxBody caps the bytes of a request's body.
const MaxBody = 64 << 10

//go:embed static
var static embed.FS

type server struct {
	Options
	key   key
	pages pages
}

// Handler is a shop. Its log-ins are valid for this handler only.
func Handler(o Options) http.Handler {
	s := &server{Options: o, key: newKey(), pages: parsePages()}
	mux := http.NewServeMux()
	s.routeAPI(mux)
	s.routePages(mux)
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	outer := http.NewServeMux()
	outer.Handle("GET /static/", cached(http.StripPrefix("/static/", http.FileServerFS(files))))
	outer.Handle("/", s.behave(mux))
	return secured(http.NewCrossOriginProtection().Handler(outer))
}

// behave is how the shop treats a request before it looks at it.
func (s *server) behave(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		if s.broken(FaultHang) {
			<-r.Context().Done()
			return
		}
		if !wait(r, s.Slow) {
			return
		}
		if s.broken(Fault5xx) {
			w.Header().Set("Retry-After", "30")
			s.fail(w, r, http.StatusServiceUnavailable, "the shop is closed for a moment")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// wait reports whether the visitor is still there after d.
func wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// broken draws whether a fault hits this time.
func (s *server) broken(f Fault) bool {
	if !slices.Contains(s.Faults, f) {
		return false
	}
	return s.FaultRate == 0 || rand.Float64() < s.FaultRate
}

// fail answers in the form in which it was asked: JSON or a page.
func (s *server) fail(w http.ResponseWriter, r *http.Request, status int, message string) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		reply(w, status, map[string]string{"error": message})
		return
	}
	s.show(w, r, status, "error", page{Title: http.StatusText(status), Message: message})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the visitor may have left
}

// secured adds what a page should say about itself. Everything is our own, so
// that nothing else need be allowed.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=300")
		next.ServeHTTP(w, r)
	})
}

// readJSON reads a request's body and answers what is wrong with it.
func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	err := json.NewDecoder(r.Body).Decode(into)
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return true
	case errors.As(err, &large):
		reply(w, http.StatusRequestEntityTooLarge, map[string]string{"error": fmt.Sprintf("the body is larger than %d bytes", large.Limit)})
	default:
		reply(w, http.StatusBadRequest, map[string]string{"error": "the body is not the JSON that is wanted: " + err.Error()})
	}
	return false
}
