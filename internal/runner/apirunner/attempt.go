package apirunner

import (
	"context"
	"crypto/tls"
	"io"
	"math"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/assert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/cause"
)

// attempt is one run of one step of a check.
type attempt struct {
	runner  *Runner
	spec    *check.APIStep
	watch   *watch
	secrets secrets
	cookies cookies

	// chain holds the URLs that were requested, as shown to people.
	chain []string
	// target is where the present hop goes.
	target *url.URL
	// answer is the newest response, nil before its headers were complete.
	answer *http.Response
	body   body
}

func newAttempt(r *Runner, spec *check.APIStep, known secrets, kept cookies) *attempt {
	a := &attempt{runner: r, spec: spec, watch: newWatch(), secrets: known, cookies: kept}
	a.body.keep = mentionsBody(spec.Expect) || mentionsBody(spec.Degraded)
	a.body.limit = spec.Request.MaxBody
	if a.body.limit <= 0 {
		a.body.limit = check.DefaultMaxBody
	}
	return a
}

// mentionsBody reports whether some assertion may look at the body; where none
// does, no more of it is kept than the excerpt.
func mentionsBody(lines []string) bool {
	for _, l := range lines {
		if strings.Contains(l, "body") || strings.Contains(l, "json") {
			return true
		}
	}
	return false
}

// run goes from hop to hop to the answer that is judged. Every hop has a
// connection of its own.
func (a *attempt) run(ctx context.Context) error {
	ctx = httptrace.WithClientTrace(ctx, a.watch.trace())
	next, err := firstHop(a.spec.Request, a.runner.userAgent)
	for err == nil {
		a.target, a.answer = next.url, nil
		a.chain = append(a.chain, cause.Short(show(next.url)))
		var location string
		location, err = a.exchange(ctx, next)
		if err != nil || location == "" {
			return err
		}
		if len(a.chain) > a.spec.Request.MaxRedirects {
			return a.tooManyRedirects(location)
		}
		next, err = next.follow(a.answer.StatusCode, location)
	}
	return err
}

// exchange sends one request and reads the answer, or says where to go next.
func (a *attempt) exchange(ctx context.Context, h hop) (location string, err error) {
	addr, err := address(h.url)
	if err != nil {
		return "", err
	}
	conn, err := a.runner.transport.NewClientConn(ctx, h.url.Scheme, addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }() // the answer was read, or will not be
	a.watch.enter(waiting)
	req, err := h.request(ctx)
	if err != nil {
		return "", ours("the check's request cannot be sent: " + err.Error())
	}
	a.cookies.add(req)
	resp, err := conn.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	a.watch.enter(receiving)
	a.answer = resp
	a.cookies.keep(h.url, resp)
	if followed(resp.StatusCode) && a.spec.Request.MaxRedirects > 0 {
		if l := resp.Header.Get("Location"); l != "" {
			return l, nil
		}
	}
	return "", a.body.read(resp)
}

func (h hop) request(ctx context.Context) (*http.Request, error) {
	var content io.Reader
	if h.body != "" {
		content = strings.NewReader(h.body)
	}
	req, err := http.NewRequestWithContext(ctx, h.method, show(h.url), content)
	if err != nil {
		return nil, err
	}
	req.Header, req.Host = h.header.Clone(), h.url.Host
	if h.host != "" {
		req.Host = h.host
	}
	return req, nil
}

// evidence is what was seen of the newest answer, nil where there was none.
func (a *attempt) evidence() *jobs.Response {
	if a.answer == nil {
		return nil
	}
	return &jobs.Response{
		Status:     a.answer.StatusCode,
		Proto:      a.answer.Proto,
		Headers:    a.secrets.headers(a.answer.Header),
		Excerpt:    a.body.excerpt(a.secrets),
		Size:       a.body.size,
		RemoteAddr: a.watch.peer(),
		URL:        a.secrets.hide(show(a.target)),
		Redirects:  len(a.chain) - 1,
		TLS:        facts(a.answer.TLS),
	}
}

func facts(s *tls.ConnectionState) *jobs.TLS {
	if s == nil || len(s.PeerCertificates) == 0 {
		return nil
	}
	leaf := s.PeerCertificates[0]
	return &jobs.TLS{
		Version:  tls.VersionName(s.Version),
		Issuer:   leaf.Issuer.String(),
		Subject:  leaf.Subject.String(),
		NotAfter: leaf.NotAfter.UTC(),
	}
}

// observation is what assertions see: the evidence, and the whole body.
func (a *attempt) observation(t jobs.Timings, now time.Time) assert.API {
	seen := a.evidence()
	o := assert.API{
		Status: seen.Status, Headers: seen.Headers, Body: a.body.text.String(),
		Time: assert.Times(t),
		Size: seen.Size, URL: seen.URL, Redirects: seen.Redirects,
	}
	if peer, err := netip.ParseAddrPort(seen.RemoteAddr); err == nil {
		o.IP = peer.Addr().Unmap().String()
	}
	if s := seen.TLS; s != nil {
		days := math.Floor(s.NotAfter.Sub(now).Hours() / 24)
		o.TLS = assert.TLS{DaysLeft: int(days), Version: s.Version, Issuer: s.Issuer, Subject: s.Subject}
	}
	return o
}
