package netrunner_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/netrunner"
)

// socket serves WebSockets until the test ends.
func socket(t *testing.T, f func(r *http.Request, c *websocket.Conn)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"shop"}, InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		f(r, c)
	}))
	t.Cleanup(s.Close)
	return s
}

func echo(r *http.Request, c *websocket.Conn) {
	_, message, err := c.Read(r.Context())
	if err != nil {
		return
	}
	_ = c.Write(r.Context(), websocket.MessageText, []byte(`{"said":"`+string(message)+`","agent":"`+r.UserAgent()+`","cookie":"`+r.Header.Get("Cookie")+`"}`))
	_, _, _ = c.Read(r.Context())
}

func TestWebSocketSendsAndExpects(t *testing.T) {
	s := socket(t, echo)
	s.Start()
	url := "ws" + strings.TrimPrefix(s.URL, "http")
	res := run(t, netrunner.Options{UserAgent: "probefleet/test"}, &check.WebSocket{
		Lines: expecting("status == 101", "json.said == 'hello'", "json.agent == 'probefleet/test'", "json.cookie == 'a=b'",
			"headers['Sec-WebSocket-Protocol'] == 'shop'", "size > 10", "time.connect < 10s"),
		URL: url, Protocols: []string{"shop"}, Headers: map[string]string{"Cookie": "a=b"}, Send: "hello", MaxBody: 1 << 10,
	})
	wantPassed(t, res)
	if r := res.Evidence.Response; r == nil || r.Status != 101 || !strings.Contains(r.Excerpt, "hello") || r.URL != url {
		t.Errorf("evidence %+v", r)
	}
	wantPassed(t, run(t, netrunner.Options{}, &check.WebSocket{URL: url, MaxBody: 1 << 10}))
}

func TestWebSocketOverTLS(t *testing.T) {
	s := socket(t, echo)
	s.StartTLS()
	url := "wss" + strings.TrimPrefix(s.URL, "https")
	wantFault(t, run(t, netrunner.Options{}, &check.WebSocket{URL: url, MaxBody: 1}), jobs.FaultTLS, "unknown authority")
	wantPassed(t, run(t, netrunner.Options{}, &check.WebSocket{Lines: expecting("json.said == 'x'", "not tls.verified", "time.tls > 0s"), URL: url, Send: "x", SkipVerify: true, MaxBody: 1 << 10}))
}

func TestWebSocketFaults(t *testing.T) {
	wantFault(t, run(t, netrunner.Options{}, &check.WebSocket{URL: "ws://" + closedPort(t), MaxBody: 1}), jobs.FaultConnect, "refused")
	wantFault(t, run(t, netrunner.Options{}, &check.WebSocket{URL: "ws://no-such-host.invalid/", MaxBody: 1}), jobs.FaultDNS, "no-such-host.invalid")
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	res := run(t, netrunner.Options{}, &check.WebSocket{URL: "ws" + strings.TrimPrefix(plain.URL, "http") + "/live", MaxBody: 1})
	wantFault(t, res, jobs.FaultProtocol, "does not open a WebSocket: it answers 404 Not Found")
	if r := res.Evidence.Response; r == nil || r.Status != 404 || !strings.Contains(r.Excerpt, "not found") {
		t.Errorf("evidence %+v", r)
	}
	moved := httptest.NewServer(http.RedirectHandler("http://169.254.169.254/", http.StatusFound))
	t.Cleanup(moved.Close)
	wantFault(t, run(t, netrunner.Options{}, &check.WebSocket{URL: "ws" + strings.TrimPrefix(moved.URL, "http"), MaxBody: 1}), jobs.FaultProtocol, "302 Found")

	large := socket(t, func(r *http.Request, c *websocket.Conn) {
		_ = c.Write(r.Context(), websocket.MessageText, make([]byte, 1<<20))
		_, _, _ = c.Read(r.Context())
	})
	large.Start()
	at := func(s *httptest.Server) *check.WebSocket {
		return &check.WebSocket{Lines: expecting("size > 0"), URL: "ws" + strings.TrimPrefix(s.URL, "http"), MaxBody: 1 << 10}
	}
	wantFault(t, run(t, netrunner.Options{}, at(large)), jobs.FaultBody, "larger than the cap of 1 KiB")
	leaves := socket(t, func(_ *http.Request, c *websocket.Conn) { _ = c.Close(websocket.StatusPolicyViolation, "no guests") })
	leaves.Start()
	wantFault(t, run(t, netrunner.Options{}, at(leaves)), jobs.FaultProtocol, "code 1008: no guests")
	silent := socket(t, func(r *http.Request, c *websocket.Conn) { _, _, _ = c.Read(r.Context()) })
	silent.Start()
	wantFault(t, runFor(t, netrunner.Options{}, at(silent), 300*time.Millisecond), jobs.FaultTimeout, "had not answered")
	mute := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	wantFault(t, runFor(t, netrunner.Options{}, &check.WebSocket{URL: "ws://" + mute, MaxBody: 1}, 200*time.Millisecond), jobs.FaultTimeout, "had not answered")
	rubbish := listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "SSH-2.0-OpenSSH\r\n")
	})
	wantFault(t, run(t, netrunner.Options{}, &check.WebSocket{URL: "ws://" + rubbish, MaxBody: 1}), jobs.FaultProtocol, "not a valid answer")
}
