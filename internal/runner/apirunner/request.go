package apirunner

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/redact"
	"github.com/probefleet/probefleet/internal/runner/cause"
)

// hop is one request of the way from the check's URL to the answer.
type hop struct {
	method string
	url    *url.URL
	header http.Header
	host   string // "" for the host of url
	body   string
}

// firstHop is the request as the check has it.
func firstHop(r check.Request, userAgent string) (hop, error) {
	u, err := url.Parse(r.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return hop{}, ours("the check's URL is not an absolute http or https URL: correct it")
	}
	if len(r.Query) > 0 {
		added := url.Values{}
		for k, v := range r.Query {
			added.Set(k, v)
		}
		u.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+added.Encode(), "&")
	}
	body, contentType, err := content(r)
	if err != nil {
		return hop{}, err
	}
	h := hop{method: r.Method, url: u, header: http.Header{}, body: body}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		value := r.Headers[name]
		if !isToken(name) || strings.ContainsFunc(value, isControl) {
			return hop{}, ours(fmt.Sprintf("the check's header %q cannot be sent: correct its name or value", name))
		}
		if strings.EqualFold(name, "host") {
			h.host = value
			continue
		}
		h.header.Set(name, value)
	}
	if contentType != "" && !has(h.header, "Content-Type") {
		h.header.Set("Content-Type", contentType)
	}
	if !has(h.header, "User-Agent") {
		h.header.Set("User-Agent", userAgent)
	}
	if !has(h.header, "Accept-Encoding") && !has(h.header, "Range") && h.method != http.MethodHead {
		h.header.Set("Accept-Encoding", "gzip")
	}
	if v := authorization(r.Auth, u.User); v != "" {
		if strings.ContainsFunc(v, isControl) {
			return hop{}, ours("the check's bearer token cannot be sent: it contains a line break or another control character")
		}
		h.header.Set("Authorization", v)
	}
	return h, nil
}

// authorization is the Authorization header that is asked for, or "". What the
// check says beats what its URL says.
func authorization(a *check.Auth, u *url.Userinfo) string {
	user, password := "", ""
	switch {
	case a != nil && a.Bearer != "":
		return "Bearer " + a.Bearer
	case a != nil:
		user, password = a.User, a.Password
	case u != nil:
		user = u.Username()
		password, _ = u.Password()
	default:
		return ""
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// follow is the request to which an answer with that status and Location
// leads. Credentials are left behind at the border of an origin (scheme, host
// and port) and do not come back.
func (h hop) follow(status int, location string) (hop, error) {
	to, err := h.url.Parse(location)
	if err != nil {
		return hop{}, redirectFault("%s redirects to %q, which is not a URL", show(h.url), cause.Short(location))
	}
	if to.Scheme != "http" && to.Scheme != "https" {
		return hop{}, redirectFault("%s redirects to %q: only http and https are followed", show(h.url), cause.Short(show(to)))
	}
	if to.Hostname() == "" {
		return hop{}, redirectFault("%s redirects to %q, which has no host", show(h.url), cause.Short(show(to)))
	}
	next := hop{method: h.method, url: to, header: h.header.Clone(), host: h.host, body: h.body}
	if origin(to) != origin(h.url) {
		next.host = ""
		maps.DeleteFunc(next.header, func(name string, _ []string) bool { return redact.Credential(name) })
	}
	// RFC 9110, section 15.4, and the Fetch standard: 303 turns all but HEAD
	// into GET, 301 and 302 turn POST.
	if status == http.StatusSeeOther && h.method != http.MethodHead ||
		(status == http.StatusMovedPermanently || status == http.StatusFound) && h.method == http.MethodPost {
		next.method, next.body = http.MethodGet, ""
		maps.DeleteFunc(next.header, func(name string, _ []string) bool { return strings.HasPrefix(name, "Content-") })
	}
	return next, nil
}

// followed reports whether an answer with that status leads elsewhere.
func followed(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// address is host and port to dial, the host in ASCII.
func address(u *url.URL) (string, error) {
	host, port := u.Hostname(), u.Port()
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = ascii
	} else if !isASCII(host) {
		return "", &fault{class: jobs.FaultDNS, message: fmt.Sprintf("host %q is not a valid name", host)}
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(host, port), nil
}

func origin(u *url.URL) string {
	addr, err := address(u)
	if err != nil {
		addr = u.Host
	}
	return u.Scheme + "://" + strings.ToLower(addr)
}

func has(h http.Header, name string) bool { _, ok := h[name]; return ok }

// isToken reports whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// isControl reports whether a header value must not hold r.
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}
