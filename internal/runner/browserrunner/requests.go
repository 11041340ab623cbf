package browserrunner

import (
	"context"
	"regexp"
	"strings"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"

	"github.com/probefleet/probefleet/internal/check"
)

// response is one that came, as expectations look at it.
type response struct {
	url    string
	status int
}

// rules say what becomes of requests. They grow with the settings of a flow.
type rules struct {
	block []*regexp.Regexp
	mocks []mock
	// user and password answer a site that asks for them; once each, as asking
	// again says that they are wrong.
	user, password string
	asked          map[fetch.RequestID]bool
	patterns       []*fetch.RequestPattern
}

type mock struct {
	url *regexp.Regexp
	check.Mock
}

// pattern makes a regular expression of a pattern of URLs, with * for any text.
func pattern(p string) *regexp.Regexp {
	parts := strings.Split(p, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$")
}

// fetchPattern is the same in the browser's language.
func fetchPattern(p string) *fetch.RequestPattern {
	return &fetch.RequestPattern{URLPattern: strings.NewReplacer(`\`, `\\`, "?", `\?`).Replace(p)}
}

// intercept tells a view which of its requests we want to see.
func (t *tab) intercept(ctx context.Context, s session, p *check.Page) []*pending[cdp.Empty] {
	var sent []*pending[cdp.Empty]
	if len(p.Headers) > 0 {
		headers := network.Headers{}
		for name, value := range p.Headers {
			headers[name] = value
		}
		sent = append(sent,
			send(ctx, s, network.Enable, network.EnableParams{}),
			send(ctx, s, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: headers}))
	}
	if len(p.Block) == 0 && len(p.Mocks) == 0 && p.User == "" {
		return sent
	}
	t.mu.Lock()
	r := t.rulesLocked()
	enable := fetch.EnableParams{Patterns: r.patterns, HandleAuthRequests: ptr(r.user != "")}
	t.mu.Unlock()
	return append(sent, send(ctx, s, fetch.Enable, enable))
}

// rulesLocked makes the rules of all settings so far.
func (t *tab) rulesLocked() *rules {
	r := &rules{asked: map[fetch.RequestID]bool{}}
	for _, p := range t.settings {
		for _, b := range p.Block {
			r.block = append(r.block, pattern(b))
			r.patterns = append(r.patterns, fetchPattern(b))
		}
		for _, m := range p.Mocks {
			r.mocks = append(r.mocks, mock{pattern(m.URL), m})
			r.patterns = append(r.patterns, fetchPattern(m.URL))
		}
		if p.User != "" {
			r.user, r.password = p.User, p.Password
		}
	}
	if r.user != "" {
		r.patterns = []*fetch.RequestPattern{{URLPattern: "*"}} // any may be asked for a name
	}
	t.rules = r
	return r
}

// requestsLocked takes the events that tell of requests. It reports whether m
// was one.
func (t *tab) requestsLocked(v *view, m *cdproto.Message) bool {
	switch m.Method {
	case cdproto.EventFetchRequestPaused:
		if e, ok := decode[fetch.EventRequestPaused](m); ok && e.Request != nil {
			t.answerLocked(v, e)
		}
	case cdproto.EventFetchAuthRequired:
		if e, ok := decode[fetch.EventAuthRequired](m); ok {
			t.identifyLocked(v, e)
		}
	case cdproto.EventNetworkResponseReceived:
		t.respondedLocked(m)
		return false // others may look at it too
	default:
		return false
	}
	return true
}

// respondedLocked notes a response where the flow has expectations of them.
func (t *tab) respondedLocked(m *cdproto.Message) {
	if m.Method != cdproto.EventNetworkResponseReceived || !t.wantsResponses || len(t.responses) >= maxSaid {
		return
	}
	if e, ok := decode[network.EventResponseReceived](m); ok && e.Response != nil {
		t.responses = append(t.responses, response{e.Response.URL, int(e.Response.Status)})
		t.changedLocked()
	}
}

// answerLocked answers a request that the browser holds.
func (t *tab) answerLocked(v *view, e fetch.EventRequestPaused) {
	url := e.Request.URL + e.Request.URLFragment
	for _, m := range t.rules.mocks {
		if m.url.MatchString(url) && (m.Method == "" || m.Method == e.Request.Method) {
			t.later(v, func(ctx context.Context, s session) error {
				_, err := call(ctx, s, fetch.FulfillRequest, m.fulfil(e.RequestID))
				return err
			})
			return
		}
	}
	for _, b := range t.rules.block {
		if b.MatchString(url) {
			t.later(v, func(ctx context.Context, s session) error {
				_, err := call(ctx, s, fetch.FailRequest, fetch.FailRequestParams{RequestID: e.RequestID, ErrorReason: network.ErrorReasonBlockedByClient})
				return err
			})
			return
		}
	}
	t.later(v, func(ctx context.Context, s session) error {
		_, err := call(ctx, s, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: e.RequestID})
		return err
	})
}

func (m mock) fulfil(id fetch.RequestID) fetch.FulfillRequestParams {
	p := fetch.FulfillRequestParams{RequestID: id, ResponseCode: int64(m.Status), Body: []byte(m.Body)}
	// Pages of other origins may read what a mock says.
	headers := map[string]string{"Access-Control-Allow-Origin": "*", "Content-Type": "text/plain; charset=utf-8"}
	if text := strings.TrimSpace(m.Body); strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		headers["Content-Type"] = "application/json"
	}
	for name, value := range m.Headers {
		for had := range headers {
			if strings.EqualFold(had, name) {
				delete(headers, had)
			}
		}
		headers[name] = value
	}
	for name, value := range headers {
		p.ResponseHeaders = append(p.ResponseHeaders, &fetch.HeaderEntry{Name: name, Value: value})
	}
	return p
}

// identifyLocked answers a site that asks for a name and a password. A proxy
// does not get them.
func (t *tab) identifyLocked(v *view, e fetch.EventAuthRequired) {
	answer := &fetch.AuthChallengeResponse{Response: fetch.AuthChallengeResponseResponseCancelAuth}
	site := e.AuthChallenge != nil && e.AuthChallenge.Source == fetch.AuthChallengeSourceServer
	if site && t.rules.user != "" && !t.rules.asked[e.RequestID] {
		t.rules.asked[e.RequestID] = true
		answer = &fetch.AuthChallengeResponse{
			Response: fetch.AuthChallengeResponseResponseProvideCredentials, Username: t.rules.user, Password: t.rules.password,
		}
	}
	t.later(v, func(ctx context.Context, s session) error {
		_, err := call(ctx, s, fetch.ContinueWithAuth, fetch.ContinueWithAuthParams{RequestID: e.RequestID, AuthChallengeResponse: answer})
		return err
	})
}

// later speaks to a view from beside the reader of events. A request that went
// away meanwhile needs no answer.
func (t *tab) later(v *view, say func(ctx context.Context, s session) error) {
	s := v.session
	go func() { _ = say(t.ctx, s) }()
}
