package netrunner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/coder/websocket"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/redact"
	"github.com/probefleet/probefleet/internal/runner/cause"
)

// maxHeader caps the header lines of the answer to a handshake.
const maxHeader = 64 << 10

// websocket opens a WebSocket, and exchanges a message where one is wanted.
func (a *attempt) websocket(ctx context.Context, s *check.WebSocket) error {
	u, err := url.Parse(s.URL)
	if err != nil {
		return ours("the URL cannot be read: " + err.Error())
	}
	if u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
		return ours("the URL of the check, filled in, is none of a WebSocket: it has to begin with ws:// or wss:// and a host")
	}
	a.target = u.Host
	a.hideCredentials(s.Headers)
	transport := a.transport(ctx, s)
	defer transport.CloseIdleConnections()
	o := &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		HTTPHeader: http.Header{}, Subprotocols: s.Protocols, CompressionMode: websocket.CompressionDisabled,
	}
	o.HTTPHeader.Set("User-Agent", a.runner.o.UserAgent)
	for name, value := range s.Headers {
		if strings.EqualFold(name, "host") {
			o.Host = value
			continue
		}
		o.HTTPHeader.Set(name, value)
	}
	c, answer, err := websocket.Dial(ctx, s.URL, o) //nolint:bodyclose // the library closes it, or leaves a copy
	a.gate.shut()
	if answer != nil {
		a.handshake(answer, u)
	}
	if err != nil {
		return a.explainHandshake(answer, err)
	}
	defer func() { _ = c.CloseNow() }()
	if s.Send != "" {
		if err := c.Write(ctx, websocket.MessageText, []byte(s.Send)); err != nil {
			return a.explainMessage(ctx, s, err)
		}
	}
	if s.Send == "" && !mentions(s.Lines, "body", "json", "size") {
		return nil
	}
	c.SetReadLimit(s.MaxBody)
	_, message, err := c.Read(ctx)
	if err != nil {
		return a.explainMessage(ctx, s, err)
	}
	a.clock.enter(receiving)
	a.keep(message)
	return nil
}

// transport dials one connection for one handshake, within ctx: the contexts
// that net/http hands to its dials outlive their request.
func (a *attempt) transport(ctx context.Context, s *check.WebSocket) *http.Transport {
	dial := func(address string) (net.Conn, error) { return a.dial(ctx, address, s.IPFamily) }
	secure := func(address string) (net.Conn, error) {
		c, err := dial(address)
		if err != nil {
			return nil, err
		}
		t, err := a.shake(ctx, c, check.TLSClient{SkipVerify: s.SkipVerify}, address, "http/1.1")
		if err != nil {
			_ = c.Close()
			return nil, err
		}
		return t, nil
	}
	gated := func(dial func(string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
		return func(_ context.Context, _, address string) (net.Conn, error) {
			return a.gate.pass(func() (net.Conn, error) { return dial(address) })
		}
	}
	return &http.Transport{
		DialContext: gated(dial), DialTLSContext: gated(secure),
		DisableCompression: true, MaxResponseHeaderBytes: maxHeader, MaxIdleConnsPerHost: -1,
	}
}

// handshake keeps the answer to the handshake.
func (a *attempt) handshake(answer *http.Response, u *url.URL) {
	a.clock.enter(receiving)
	a.clock.enter(waiting)
	h := make(map[string]string, len(answer.Header))
	for name, values := range answer.Header {
		h[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	a.seen.HTTPStatus, a.seen.Headers = answer.StatusCode, h
	a.kept.Status, a.kept.Proto, a.kept.Headers, a.kept.URL = answer.StatusCode, answer.Proto, redact.Headers(answer.Header, a.hidden), u.Redacted()
}

// explainHandshake finds words for a handshake that did not come about.
func (a *attempt) explainHandshake(answer *http.Response, err error) error {
	if answer == nil {
		return err
	}
	if answer.Body != nil {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, excerptCap)) // what there is of it
		a.kept.Excerpt = excerpt(string(body))
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return theirs(jobs.FaultProtocol, "%s does not open a WebSocket: it answers %s", a.target, cause.Short(answer.Status))
	}
	return theirs(jobs.FaultProtocol, "%s does not open a WebSocket: %s", a.target, cause.Short(strings.TrimPrefix(err.Error(), "failed to WebSocket dial: ")))
}

// explainMessage finds words for a message that did not come.
func (a *attempt) explainMessage(ctx context.Context, s *check.WebSocket, err error) error {
	var closed websocket.CloseError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, websocket.ErrMessageTooBig):
		return theirs(jobs.FaultBody, "the message is larger than the cap of %s: raise max_body", cause.Size(s.MaxBody))
	case errors.As(err, &closed):
		said := fmt.Sprintf("%s closed the WebSocket with code %d", a.target, int(closed.Code))
		if closed.Reason != "" {
			said += ": " + closed.Reason
		}
		return theirs(jobs.FaultProtocol, "%s", cause.Short(said))
	case cause.Closed(err, ""):
		return theirs(jobs.FaultProtocol, "%s closed the connection before a message came", a.target)
	}
	return theirs(jobs.FaultProtocol, "not a valid message: %s", cause.Short(cause.Reason(err)))
}
