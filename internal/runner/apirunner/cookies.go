package apirunner

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"

	"golang.org/x/net/publicsuffix"

	"github.com/probefleet/probefleet/internal/check"
)

// cookies are what the answers of an attempt have set, for the requests that
// follow. A check that is a single request keeps none, also not from hop to
// hop.
type cookies struct{ jar *cookiejar.Jar }

func newCookies(spec *check.API) cookies {
	if spec.Single() {
		return cookies{}
	}
	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil { // it never fails; see its documentation
		return cookies{}
	}
	return cookies{jar}
}

// add gives the request the cookies that are for its URL.
func (c cookies) add(req *http.Request) {
	if c.jar == nil {
		return
	}
	for _, k := range c.jar.Cookies(req.URL) {
		req.AddCookie(k)
	}
}

// keep notes what an answer from u sets.
func (c cookies) keep(u *url.URL, resp *http.Response) {
	if c.jar != nil {
		c.jar.SetCookies(u, resp.Cookies())
	}
}
