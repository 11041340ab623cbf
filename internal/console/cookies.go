package console

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/people"
)

// Cookies are how browsers keep sessions. Base is the address by which people
// reach the console, "" where that is the one that they ask for.
type Cookies struct{ Base *url.URL }

// Names of cookies without TLS; with it they begin with __Host-, which binds
// them to the very host, to TLS and to the whole of it.
const (
	sessionCookie = "probefleet_session"
	deviceCookie  = "probefleet_device"
	flowCookie    = "probefleet_log_in"
)

// deviceLasts is how long a browser is known in which somebody was.
const deviceLasts = 400 * 24 * time.Hour

// Secure reports whether the browser speaks TLS, to us or to a proxy.
func (c Cookies) Secure(r *http.Request) bool {
	if c.Base != nil {
		return c.Base.Scheme == "https"
	}
	return r.TLS != nil
}

// Safe reports whether a secret may be sent to the browser of a request: by
// TLS, or without it to this very machine.
func (c Cookies) Safe(r *http.Request) bool {
	if c.Secure(r) {
		return true
	}
	host := r.Host
	if c.Base != nil {
		host = c.Base.Host
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (c Cookies) name(r *http.Request, name string) string {
	if c.Secure(r) {
		return "__Host-" + name
	}
	return name
}

func (c Cookies) set(w http.ResponseWriter, r *http.Request, name, value string, lasts time.Duration) {
	age := int(lasts.Seconds())
	if value == "" {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // secure wherever the address is; on loopback it cannot be
		Name: c.name(r, name), Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: c.Secure(r),
	})
}

// get is the value of a cookie; where there are two of a name it is nothing:
// somebody else has put one there.
func (c Cookies) get(r *http.Request, name string) people.Secret {
	found := r.CookiesNamed(c.name(r, name))
	if len(found) != 1 || len(found[0].Value) > 100 {
		return ""
	}
	return people.Secret(found[0].Value)
}

// Session is the secret that the browser holds, "" for none.
func (c Cookies) Session(r *http.Request) people.Secret { return c.get(r, sessionCookie) }

// Device names the browser, "" where nobody was here.
func (c Cookies) Device(r *http.Request) people.Secret { return c.get(r, deviceCookie) }

// Enter has the browser keep what it was let in with.
func (c Cookies) Enter(w http.ResponseWriter, r *http.Request, e people.Entrance) {
	c.set(w, r, sessionCookie, string(e.Session), time.Until(e.EndsAt))
	c.set(w, r, deviceCookie, string(e.Device), deviceLasts)
}

// Leave has the browser forget its session; that it was here it still knows.
func (c Cookies) Leave(w http.ResponseWriter, r *http.Request) { c.set(w, r, sessionCookie, "", 0) }

// Flow is the secret of a log-in that is with the identity provider.
func (c Cookies) Flow(r *http.Request) people.Secret { return c.get(r, flowCookie) }

// KeepFlow has the browser keep that secret, "" forgets it.
func (c Cookies) KeepFlow(w http.ResponseWriter, r *http.Request, s people.Secret) {
	c.set(w, r, flowCookie, string(s), people.FlowLasts)
}

// Next is where somebody goes after the log-in: a page of ours, whatever the
// address says.
func Next(text string) string {
	const home = "/"
	if len(text) > 2000 || !strings.HasPrefix(text, "/") || strings.ContainsAny(text, "\\\r\n\t") || strings.HasPrefix(text, "//") {
		return home
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return home
	}
	for _, own := range []string{"/login", "/logout", "/static/", "/api/"} {
		if strings.HasPrefix(u.Path, own) {
			return home
		}
	}
	if !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, "\\") {
		return home
	}
	return u.RequestURI()
}
