package apirunner_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/apirunner"
)

func TestPassed(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"q": %q, "ok": true}`, r.URL.Query().Get("q"))
	})
	j := job(s.URL+"/search?lang=en", expecting("status == 200", "json.q == 'blue mug'", "headers['content-type'] contains 'json'", "ip == '127.0.0.1'"),
		func(_ *check.Check, a *check.APIStep) { a.Request.Query = map[string]string{"q": "blue mug"} })
	res := run(t, apirunner.New(apirunner.Options{}), j)
	if res.Outcome != jobs.Passed || res.Fault != nil || res.JobID != j.ID {
		t.Fatalf("got %+v, fault %+v", res, res.Fault)
	}
	if len(res.Verdicts) != 4 {
		t.Errorf("verdicts %+v", res.Verdicts)
	}
	want := &jobs.Response{
		Status: 200, Proto: "HTTP/1.1", Excerpt: `{"q": "blue mug", "ok": true}`, Size: 29,
		RemoteAddr: s.Listener.Addr().String(), URL: s.URL + "/search?lang=en&q=blue+mug",
	}
	got := *res.Evidence.Response
	if got.Headers["content-type"] != "application/json" || got.Headers["content-length"] != "29" {
		t.Errorf("headers %v", got.Headers)
	}
	got.Headers = nil
	if d := cmp.Diff(want, &got); d != "" {
		t.Error(d)
	}
}

func TestFailedAndDegraded(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	r := apirunner.New(apirunner.Options{})
	res := run(t, r, job(s.URL, expecting("status == 200")))
	wantFault(t, res, jobs.FaultAssertion, "status == 200", "503")

	res = run(t, r, job(s.URL)) // expects nothing in particular
	wantFault(t, res, jobs.FaultAssertion, "status < 400", "503")

	res = run(t, r, job(s.URL, expecting("status == 503"), func(_ *check.Check, a *check.APIStep) {
		a.Degraded = []string{"time.total < 1us"}
	}))
	if res.Outcome != jobs.Degraded || len(res.Verdicts) != 2 || !res.Verdicts[1].Degraded {
		t.Errorf("got %s, %+v", res.Outcome, res.Verdicts)
	}
}

// Each run makes a connection of its own, and none is left open.
func TestFreshConnections(t *testing.T) {
	var opened, open atomic.Int32
	closed := make(chan struct{}, 10)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := r.Header.Get("Connection"); c != "" {
			t.Errorf("the request says Connection: %s", c)
		}
		_, _ = io.WriteString(w, "hello")
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			opened.Add(1)
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
			closed <- struct{}{}
		}
	}
	s.Start()
	defer s.Close()
	r := apirunner.New(apirunner.Options{})
	for range 3 {
		if res := run(t, r, job(s.URL)); res.Timings.Connect <= 0 {
			t.Errorf("no connect phase: %+v", res.Timings)
		}
	}
	for range 3 {
		<-closed
	}
	if opened.Load() != 3 || open.Load() != 0 {
		t.Errorf("%d connections, %d of them open", opened.Load(), open.Load())
	}
}

func TestTimingsByPhase(t *testing.T) {
	const pause = 30 * time.Millisecond
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		<-time.After(pause)
		w.WriteHeader(200)
		_ = http.NewResponseController(w).Flush()
		<-time.After(40 * pause)
		_, _ = io.WriteString(w, "done")
	})
	url := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	got := run(t, apirunner.New(apirunner.Options{}), job(url)).Timings
	// The first byte may be seen late: what it takes more, the rest takes less.
	if got.DNS <= 0 || got.Connect <= 0 || got.TLS != 0 || got.FirstByte < pause || got.Download < 3*pause || got.FirstByte+got.Download < 41*pause {
		t.Errorf("timings %+v", got)
	}
	if sum := got.DNS + got.Connect + got.FirstByte + got.Download; got.Total < sum {
		t.Errorf("total %s is less than the phases' %s", got.Total, sum)
	}
}

func TestWhatIsSent(t *testing.T) {
	seen := make(chan *http.Request, 1)
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		seen <- r
	})
	r := apirunner.New(apirunner.Options{})
	send := func(f func(*check.Request)) *http.Request {
		t.Helper()
		if res := run(t, r, job(s.URL+"/p", func(_ *check.Check, a *check.APIStep) { f(&a.Request) })); res.Outcome != jobs.Passed {
			t.Fatalf("fault %+v", res.Fault)
		}
		return <-seen
	}

	got := send(func(*check.Request) {})
	if got.Method != "GET" || got.UserAgent() != apirunner.DefaultUserAgent || got.Header.Get("Accept-Encoding") != "gzip" || got.ContentLength != 0 {
		t.Errorf("plain: %s %v", got.Method, got.Header)
	}
	got = send(func(r *check.Request) {
		r.Method, r.Body = "PUT", `{"a": 1}`
		r.Headers = map[string]string{"content-type": "application/json", "User-Agent": "mine", "Host": "shop.example", "Accept-Encoding": "br"}
		r.Auth = &check.Auth{Bearer: "token-1"}
	})
	body, _ := io.ReadAll(got.Body)
	if got.Method != "PUT" || string(body) != `{"a": 1}` || got.Host != "shop.example" || got.UserAgent() != "mine" ||
		got.Header.Get("Authorization") != "Bearer token-1" || got.Header.Get("Accept-Encoding") != "br" {
		t.Errorf("full: %s %s %q %v", got.Method, got.Host, body, got.Header)
	}
	got = send(func(r *check.Request) { r.Auth = &check.Auth{User: "ann", Password: "p:w"} })
	if user, password, ok := got.BasicAuth(); !ok || user != "ann" || password != "p:w" {
		t.Errorf("basic: %v", got.Header)
	}
	got = send(func(r *check.Request) { r.URL = strings.Replace(r.URL, "://", "://bob:secret@", 1) })
	if user, password, ok := got.BasicAuth(); !ok || user != "bob" || password != "secret" {
		t.Errorf("from the URL: %v", got.Header)
	}
}

func TestRequestThatCannotBeSent(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("something was sent") })
	for name, f := range map[string]func(*check.Request){
		"header name":  func(r *check.Request) { r.Headers = map[string]string{"a b": "c"} },
		"header value": func(r *check.Request) { r.Headers = map[string]string{"a": "b\r\nc: d"} },
		"token":        func(r *check.Request) { r.Auth = &check.Auth{Bearer: "a\nb"} },
		"URL":          func(r *check.Request) { r.URL = "http://a b/" },
		"method":       func(r *check.Request) { r.Method = "GE T" },
	} {
		res := run(t, apirunner.New(apirunner.Options{}), job(s.URL, func(_ *check.Check, a *check.APIStep) { f(&a.Request) }))
		if res.Outcome != jobs.Inconclusive || res.Fault.Class != jobs.FaultInternal {
			t.Errorf("%s: got %s, fault %+v", name, res.Outcome, res.Fault)
		}
	}
}

func TestCredentialsAreNotKept(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Set-Cookie", "sid=cookie-value-1; Path=/; HttpOnly")
		h.Add("Set-Cookie", "theme=cookie-value-2")
		h.Set("X-Echo", r.Header.Get("Authorization"))
		h.Set("Authorization", "Basic something")
		h.Set("Location", "https://carl:hunter22@example.com/next?token=kept")
		w.WriteHeader(201)
		fmt.Fprintf(w, "you are %s with %s", r.Header.Get("Authorization"), r.Header.Get("Cookie"))
	})
	url := strings.Replace(s.URL, "://", "://dora:url-password@", 1)
	res := run(t, apirunner.New(apirunner.Options{}), job(url+"/a?token=kept",
		expecting("body == ''", "headers['set-cookie'] contains 'sid=' && headers['set-cookie'] contains 'HttpOnly'", "headers['set-cookie'] == ''", "headers['x-echo'] == ''"),
		func(_ *check.Check, a *check.APIStep) {
			a.Request.Auth = &check.Auth{Bearer: "bearer-secret"}
			a.Request.Headers = map[string]string{"Cookie": "sid=cookie-secret"}
		}))
	text := fmt.Sprintf("%+v %+v %+v", res.Verdicts, res.Fault, res.Evidence.Response)
	for _, secret := range []string{"bearer-secret", "cookie-secret", "cookie-value", "url-password", "dora", "hunter22", "Basic something"} {
		if strings.Contains(text, secret) {
			t.Errorf("the result holds %q: %s", secret, text)
		}
	}
	got := res.Evidence.Response
	if !strings.HasSuffix(got.URL, "/a?token=kept") || got.Headers["location"] != "https://example.com/next?token=kept" {
		t.Errorf("URL %q, location %q", got.URL, got.Headers["location"])
	}
	if want := "sid=(redacted); Path=/; HttpOnly, theme=(redacted)"; got.Headers["set-cookie"] != want {
		t.Errorf("set-cookie %q", got.Headers["set-cookie"])
	}
	if got.Excerpt != "you are Bearer (redacted) with (redacted)" {
		t.Errorf("excerpt %q", got.Excerpt)
	}
	if !res.Verdicts[1].OK {
		t.Errorf("a cookie's name cannot be asserted: %+v", res.Verdicts[1])
	}
}

func TestCancellationIsNoResult(t *testing.T) {
	reached := make(chan struct{})
	addr := raw(t, func(c net.Conn) {
		readRequest(c)
		close(reached)
		hold(c)
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	drain := errors.New("draining")
	go func() {
		<-reached
		cancel(drain)
	}()
	res, err := apirunner.New(apirunner.Options{}).Run(ctx, job("http://"+addr))
	if !errors.Is(err, drain) || res.Outcome != "" {
		t.Errorf("got %+v, %v; want the drain", res, err)
	}
}

func TestOtherKind(t *testing.T) {
	j := job("http://127.0.0.1/")
	j.Check.Spec = &check.Browser{}
	res, err := apirunner.New(apirunner.Options{}).Run(t.Context(), j)
	if err != nil || res.Outcome != jobs.Inconclusive {
		t.Errorf("got %+v, %v", res, err)
	}
}
