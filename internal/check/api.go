package check

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Bounds and defaults of an API check's request.
const (
	// DefaultMaxBody is the number of decoded body bytes read by default.
	DefaultMaxBody int64 = 2 << 20
	// MaxMaxBody is the highest value of Request.MaxBody.
	MaxMaxBody int64 = 32 << 20
	// DefaultMaxRedirects is the number of redirects followed by default.
	DefaultMaxRedirects = 10
)

// Methods lists the HTTP methods a request may use.
var Methods = []string{"GET", "POST", "PUT", "PATCH", "HEAD", "DELETE", "OPTIONS"}

// API is the spec of an HTTP check: one request and what is expected of the
// answer.
type API struct {
	Request Request
	// Expect holds one assertion a line; any that does not hold makes the
	// attempt failed.
	Expect []string
	// Degraded holds assertions that make the attempt degraded where they do
	// not hold and nothing failed.
	Degraded []string
}

// Request is one HTTP request.
type Request struct {
	Method string
	// URL is absolute, http or https, at most 2048 bytes.
	URL string
	// Headers are sent as written; the last of equal names wins.
	Headers map[string]string
	// Query is added to the query of URL.
	Query map[string]string
	// Body is sent as it is; empty sends none.
	Body string
	// Auth sets the Authorization header; nil sends none.
	Auth *Auth
	// MaxRedirects is the number of redirects followed, 0 to 20; with 0 the
	// redirect itself is the response.
	MaxRedirects int
	// MaxBody caps the decoded body bytes read, 1 to [MaxMaxBody]. A longer
	// body fails the attempt.
	MaxBody int64
}

// Auth is either a bearer token or a user and password.
type Auth struct {
	Bearer         string
	User, Password string
}

// Kind implements [Spec].
func (*API) Kind() Kind { return KindAPI }

func (a *API) faults() []Fault {
	var fs []Fault
	r := a.Request
	if !slices.Contains(Methods, r.Method) {
		fs = append(fs, Fault{"request.method", fmt.Sprintf("%q is not a method; use one of %s", r.Method, strings.Join(Methods, ", "))})
	}
	if msg := urlFault(r.URL); msg != "" {
		fs = append(fs, Fault{"request.url", msg})
	}
	if r.MaxRedirects < 0 || r.MaxRedirects > 20 {
		fs = append(fs, Fault{"request.max_redirects", fmt.Sprintf("%d is out of range; use 0 to 20", r.MaxRedirects)})
	}
	if r.MaxBody < 1 || r.MaxBody > MaxMaxBody {
		fs = append(fs, Fault{"request.max_body", fmt.Sprintf("%d bytes is out of range; use 1 to %d", r.MaxBody, MaxMaxBody)})
	}
	return fs
}

func (a *API) texts() []text {
	r := a.Request
	ts := []text{{"request.url", r.URL}, {"request.body", r.Body}}
	if r.Auth != nil {
		ts = append(ts, text{"request.auth", r.Auth.Bearer + "\n" + r.Auth.User + "\n" + r.Auth.Password})
	}
	ts = append(ts, pairs("request.headers", r.Headers)...)
	ts = append(ts, pairs("request.query", r.Query)...)
	return append(append(ts, list("expect", a.Expect)...), list("degraded", a.Degraded)...)
}

// urlFault says what is wrong with an absolute http or https URL, or "".
func urlFault(raw string) string {
	switch u, err := url.Parse(raw); {
	case raw == "":
		return "is missing; write an absolute URL such as https://example.com/"
	case len(raw) > 2048:
		return fmt.Sprintf("is %d bytes long; at most 2048", len(raw))
	case err != nil:
		return fmt.Sprintf("%q is not a URL: %v", raw, err)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Sprintf("%q does not start with http:// or https://", raw)
	case u.Hostname() == "":
		return fmt.Sprintf("%q has no host", raw)
	}
	return ""
}
