package apirunner_test

import (
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/apirunner"
)

// job is an attempt at url with the defaults of a check file.
func job(url string, adapt ...func(*check.Check, *check.APIStep)) jobs.Job {
	slot := time.Date(2026, 10, 5, 12, 0, 0, 0, time.UTC)
	spec := check.OneRequest(request(url), nil, nil)
	c := check.Check{ID: "shop", Timeout: 30 * time.Second, Every: time.Minute, Spec: spec}
	for _, f := range adapt {
		f(&c, &spec.Steps[0])
	}
	return jobs.New(c, "local", slot, 1, slot, slot.Add(time.Minute))
}

func request(url string) check.Request {
	return check.Request{Method: "GET", URL: url, MaxRedirects: check.DefaultMaxRedirects, MaxBody: check.DefaultMaxBody}
}

func expecting(lines ...string) func(*check.Check, *check.APIStep) {
	return func(_ *check.Check, a *check.APIStep) { a.Expect = lines }
}

func within(d time.Duration) func(*check.Check, *check.APIStep) {
	return func(c *check.Check, _ *check.APIStep) { c.Timeout = d }
}

func run(t *testing.T, r *apirunner.Runner, j jobs.Job) jobs.Result {
	t.Helper()
	res, err := r.Run(t.Context(), j)
	if err != nil {
		t.Fatalf("running %s: %v", j.Check.Spec.(*check.API).Steps[0].Request.URL, err)
	}
	return res
}

// wantFault checks how a run ended and that its message has all the words.
func wantFault(t *testing.T, res jobs.Result, class jobs.FaultClass, words ...string) {
	t.Helper()
	if res.Outcome != jobs.Failed || res.Fault == nil || res.Fault.Class != class {
		t.Errorf("outcome %s, fault %+v; want failed, %s", res.Outcome, res.Fault, class)
		return
	}
	for _, w := range words {
		if !strings.Contains(res.Fault.Message, w) {
			t.Errorf("message %q lacks %q", res.Fault.Message, w)
		}
	}
}

// serve runs a handler until the test ends.
func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// raw runs a server of bare TCP until the test ends, and returns host:port.
// Every connection is closed after f, and at the end of the test.
func raw(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		conns []net.Conn
	)
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				f(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return l.Addr().String()
}

// says answers every request with the given bytes.
func says(t *testing.T, answer string) string {
	t.Helper()
	return raw(t, func(c net.Conn) {
		readRequest(c)
		_, _ = io.WriteString(c, answer)
	})
}

// readRequest takes one request without a body off the wire.
func readRequest(c net.Conn) string {
	var all []byte
	buf := make([]byte, 4096)
	for !strings.Contains(string(all), "\r\n\r\n") {
		n, err := c.Read(buf)
		all = append(all, buf[:n]...)
		if err != nil {
			break
		}
	}
	return string(all)
}

// hold keeps a connection open until the far end closes it.
func hold(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// pem is the authority's certificate as text.
func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}
