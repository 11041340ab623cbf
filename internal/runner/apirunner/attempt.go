package apirunner

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/assert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/redact"
	"github.com/probefleet/probefleet/internal/runner/cause"
)

// attempt is one run of one step of a check.
type attempt struct {
	runner *Runner
	spec   *check.APIStep
	// request is that of the step, filled in.
	request check.Request
	watch   *watch
	hidden  *redact.Redactor
	cookies cookies
	// earlier are what the steps before it have seen.
	earlier map[string]*assert.Seen
	// transport is that of the request, grant the key of its OAuth2 token.
	transport *http.Transport
	grant     string

	// chain holds the URLs that were requested, as shown to people.
	chain []string
	// target is where the present hop goes.
	target *url.URL
	// answer is the newest response, nil before its headers were complete.
	answer *http.Response
	body   body
}

// newAttempt is an attempt at a step. With later, what it sees is kept for the
// steps after it.
func newAttempt(r *Runner, spec *check.APIStep, hidden *redact.Redactor, kept cookies, later bool) *attempt {
	a := &attempt{runner: r, spec: spec, watch: newWatch(), hidden: hidden, cookies: kept}
	a.body.keep = later || mentionsBody(spec.Expect) || mentionsBody(spec.Degraded)
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
		if strings.Contains(l, "body") || strings.Contains(l, "json") || strings.Contains(l, "jq") || strings.Contains(l, "schema") {
			return true
		}
	}
	return false
}

// run goes from hop to hop to the answer that is judged. Every hop has a
// connection of its own.
func (a *attempt) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(httptrace.WithClientTrace(ctx, a.watch.trace()))
	defer cancel(nil)
	a.watch.limit(a.request.Waits, cancel)
	if known := credentials(a.request); known != nil {
		a.hidden.Add(known...)
	}
	if err := a.authorize(ctx); err != nil {
		return err
	}
	next, err := firstHop(a.request, a.runner.userAgent)
	if err == nil {
		a.transport, err = a.runner.transportFor(a.request)
	}
	for err == nil {
		a.target, a.answer = next.url, nil
		a.chain = append(a.chain, cause.Short(show(next.url)))
		var location string
		location, err = a.exchange(ctx, next)
		var late *lateError
		if err != nil && errors.As(context.Cause(ctx), &late) {
			err = &fault{class: jobs.FaultTimeout, message: late.Error()}
		}
		if err != nil || location == "" {
			return err
		}
		if len(a.chain) > a.request.MaxRedirects {
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
	if err := a.runner.behindProxy(ctx, a.request, addr); err != nil {
		return "", err
	}
	conn, err := a.transport.NewClientConn(ctx, h.url.Scheme, addr)
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
	if resp.StatusCode == http.StatusUnauthorized && a.grant != "" {
		a.runner.tokens.drop(a.grant)
	}
	if followed(resp.StatusCode) && a.request.MaxRedirects > 0 {
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
		Headers:    redact.Headers(a.answer.Header, a.hidden),
		Excerpt:    a.body.excerpt(a.hidden),
		Size:       a.body.size,
		RemoteAddr: a.watch.peer(),
		URL:        a.hidden.Hide(show(a.target)),
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
		Size: seen.Size, URL: seen.URL, Redirects: seen.Redirects, Steps: a.earlier,
	}
	if peer, err := netip.ParseAddrPort(seen.RemoteAddr); err == nil {
		o.IP = peer.Addr().Unmap().String()
	}
	if s := seen.TLS; s != nil {
		days := math.Floor(s.NotAfter.Sub(now).Hours() / 24)
		o.TLS = assert.TLS{
			DaysLeft: int(days), Version: s.Version, Issuer: s.Issuer, Subject: s.Subject,
			Names: names(a.answer.TLS.PeerCertificates[0]),
		}
	}
	return o
}

// names are the hosts that a certificate is for.
func names(c *x509.Certificate) []string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	return all
}

// forLater is what the steps after this one see: as assertions do, with the
// headers as they came, tokens included.
func (a *attempt) forLater(t jobs.Timings, now time.Time) *assert.Seen {
	o := a.observation(t, now)
	o.Steps = nil
	o.Headers = make(map[string]string, len(a.answer.Header))
	for name, values := range a.answer.Header {
		o.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return assert.See(o)
}
