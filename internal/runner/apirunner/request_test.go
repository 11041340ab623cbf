package apirunner_test

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/apirunner"
	"github.com/probefleet/probefleet/internal/template"
)

// echo answers with what it was sent.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": r.Header.Get("Content-Type"), "body": string(body), "auth": r.Header.Get("Authorization"), "path": r.URL.Path, "x": r.Header.Get("X-Id"),
	})
}

// single is a job of one request to url.
func single(url string, expect []string, adapt func(*check.Request)) jobs.Job {
	return job(url, func(_ *check.Check, s *check.APIStep) {
		s.Request.Method, s.Expect = "POST", expect
		adapt(&s.Request)
	})
}

func wantPassed(t *testing.T, res jobs.Result) {
	t.Helper()
	if res.Outcome != jobs.Passed {
		t.Errorf("%s, fault %+v", res.Outcome, res.Fault)
	}
}

func TestBodies(t *testing.T) {
	s := serve(t, echo)
	r := apirunner.New(apirunner.Options{})
	wantPassed(t, run(t, r, single(s.URL, []string{`json.type == 'application/x-www-form-urlencoded'`, `json.body == 'q=a+b%26&q=2'`}, func(q *check.Request) {
		q.BodyType, q.Fields = check.BodyForm, []check.Field{{Name: "q", Value: "a b&"}, {Name: "q", Value: "2"}}
	})))
	wantPassed(t, run(t, r, single(s.URL, []string{
		`json.type startsWith 'multipart/form-data; boundary='`, `json.body contains 'name="f"; filename="a%22.csv"'`,
		`json.body contains 'Content-Type: text/csv'`, `json.body contains 'x,y'`, `json.body contains 'name="n"'`,
	}, func(q *check.Request) {
		q.BodyType = check.BodyMultipart
		q.Fields = []check.Field{{Name: "f", Value: "x,y", File: `a".csv`, ContentType: "text/csv"}, {Name: "n", Value: "1"}}
	})))
	wantPassed(t, run(t, r, single(s.URL, []string{`json.type == 'application/json'`, `jq(fromJSON(json.body), '.query') == 'query Q { a }'`, `fromJSON(json.body).variables.id == 1`, `fromJSON(json.body).operationName == 'Q'`}, func(q *check.Request) {
		q.BodyType, q.GraphQL = check.BodyGraphQL, &check.GraphQL{Query: "query Q { a }", Variables: `{"id":1}`, Operation: "Q"}
	})))
	wantPassed(t, run(t, r, single(s.URL, []string{`json.type == 'text/mine'`}, func(q *check.Request) {
		q.BodyType, q.Fields, q.Headers = check.BodyForm, []check.Field{{Name: "q"}}, map[string]string{"content-type": "text/mine"}
	})))
}

// Steps use what earlier ones saw; what comes of a secret is nowhere in the
// result.
func TestTemplatesAndSecrets(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			w.Header().Set("X-Trace", "trace-7")
			fmt.Fprint(w, `{"token": "tok-canary-1", "id": 7}`)
			return
		}
		echo(w, r)
	})
	j, steps := flow(s.URL, "login /login", "orders /orders")
	spec := j.Check.Spec.(*check.API)
	spec.Templates = true
	steps[0].Request.Query = map[string]string{"key": "{{ secrets.key }}"}
	steps[1].Request.Method = "POST"
	steps[1].Request.URL = s.URL + "/orders/{{ steps.login.json.id }}"
	steps[1].Request.Headers = map[string]string{"x-id": "{{ steps.login.headers['x-trace'] }}"}
	steps[1].Request.Auth = &check.Auth{Bearer: "{{ steps.login.json.token }}"}
	steps[1].Request.BodyType, steps[1].Request.Body = check.BodyJSON, `{"id":"{{ steps.login.json.id }}","key":"{{ secrets.key }}"}`
	steps[1].Expect = []string{"json.path == '/orders/7'", "json.x == 'trace-7'", "json.auth endsWith '-1' and len(json.auth) == 19", "fromJSON(json.body).id == steps.login.json.id", "fromJSON(json.body).key == 'nope'"}
	values := template.NewValues(map[string]string{"key": `k"ey-canary`})
	res, err := apirunner.New(apirunner.Options{}).Run(template.With(t.Context(), values), j)
	if err != nil {
		t.Fatal(err)
	}
	wantFault(t, res, jobs.FaultAssertion, `step "orders": fromJSON(json.body).key == 'nope' (got "(redacted)")`)
	if all, _ := json.Marshal(res); strings.Contains(string(all), "canary") {
		t.Errorf("a secret is in the result: %s", all)
	}
	for i, v := range res.Verdicts[:5] {
		if !v.OK {
			t.Errorf("verdict %d: %+v", i, v)
		}
	}
}

// A value that an answer lacks fails the check; any other is our own fault.
func TestTemplatesWithoutAValue(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id": 7}`) })
	r := apirunner.New(apirunner.Options{})
	j, steps := flow(s.URL, "login /", "orders /")
	j.Check.Spec.(*check.API).Templates = true
	steps[1].Request.Auth = &check.Auth{Bearer: "{{ steps.login.json.token }}"}
	wantFault(t, run(t, r, j), jobs.FaultAssertion, `step "orders": request.auth.bearer: {{ steps.login.json.token }} has no value: steps.login.json.token is missing`)
	steps[1].Request.Auth = &check.Auth{Bearer: "{{ fromBase64('%') }}"}
	if res := run(t, r, j); res.Outcome != jobs.Inconclusive || !strings.Contains(res.Fault.Message, "cannot be filled in: request.auth.bearer") {
		t.Errorf("%s %+v", res.Outcome, res.Fault)
	}
}

// A step that is always run cleans up, and does not hide what failed before.
func TestAlways(t *testing.T) {
	var cleaned atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/broken":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/clean":
			cleaned.Add(1)
			w.WriteHeader(http.StatusTeapot)
		case "/slow":
			<-r.Context().Done()
		}
	})
	r := apirunner.New(apirunner.Options{})
	j, steps := flow(s.URL, "a /", "b /broken", "c /", "d /clean")
	steps[3].Always = true
	res := run(t, r, j)
	wantFault(t, res, jobs.FaultAssertion, `step "b": status == 200 (got 503)`)
	if cleaned.Load() != 1 || len(res.Steps) != 3 || res.Steps[2].Name != "d" || res.Steps[2].OK || res.Evidence.Response.Status != 503 {
		t.Errorf("cleaned %d times, steps %+v, response %+v", cleaned.Load(), res.Steps, res.Evidence.Response)
	}
	j, steps = flow(s.URL, "a /slow", "d /clean")
	steps[1].Always, steps[1].Expect = true, []string{"status == 418"}
	j.Check.Timeout = 200 * time.Millisecond
	res = run(t, r, j)
	wantFault(t, res, jobs.FaultTimeout, `step "a"`)
	if cleaned.Load() != 2 || len(res.Steps) != 2 || !res.Steps[1].OK {
		t.Errorf("cleaned %d times, steps %+v", cleaned.Load(), res.Steps)
	}
	if total := res.Steps[0].Timings.Total + res.Steps[1].Timings.Total; res.Timings.Total != total {
		t.Errorf("total %s, steps %s", res.Timings.Total, total)
	}
}

func TestExpectFailure(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	r := apirunner.New(apirunner.Options{})
	failing := func(expect string) jobs.Job {
		j := job(s.URL, expecting(expect))
		j.Check.Spec.(*check.API).ExpectFailure = true
		return j
	}
	wantPassed(t, run(t, r, failing("status == 200")))
	wantFault(t, run(t, r, failing("status == 403")), jobs.FaultAssertion, "expected to fail, and everything held")
	denying := apirunner.New(apirunner.Options{Control: func(string, string, syscall.RawConn) error { return errors.New("not from here") }})
	wantFault(t, run(t, denying, failing("status == 200")), jobs.FaultEgress)
}

func TestOAuth2(t *testing.T) {
	var asked, served atomic.Int32
	var refuse atomic.Bool
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/token":
			_ = r.ParseForm()
			user, password, _ := r.BasicAuth()
			if r.Form.Get("client_secret") != "" {
				user, password = r.Form.Get("client_id"), r.Form.Get("client_secret")
			}
			if user != "probe" || password != "cl%ient-canary" && password != "cl%25ient-canary" || r.Form.Get("grant_type") != "client_credentials" || r.Form.Get("scope") != "read write" {
				w.WriteHeader(http.StatusUnauthorized)
				fmt.Fprint(w, `{"error": "invalid_client", "error_description": "who is cl%ient-canary?"}`)
				return
			}
			fmt.Fprintf(w, `{"access_token": "granted-canary-%d", "token_type": "Bearer", "expires_in": 3600}`, asked.Add(1))
		default:
			served.Add(1)
			if refuse.Load() || !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer granted-canary-") {
				w.WriteHeader(http.StatusUnauthorized)
			}
			fmt.Fprint(w, r.Header.Get("Authorization"))
		}
	})
	r := apirunner.New(apirunner.Options{})
	grant := &check.OAuth2{TokenURL: s.URL + "/token", ClientID: "probe", ClientSecret: "cl%ient-canary", Scopes: []string{"read", "write"}}
	j := func() jobs.Job {
		return single(s.URL, []string{"status == 200"}, func(q *check.Request) { q.Auth = &check.Auth{OAuth2: grant} })
	}
	for range 3 {
		res := run(t, r, j())
		wantPassed(t, res)
		if all, _ := json.Marshal(res); strings.Contains(string(all), "canary") {
			t.Errorf("the token is in the result: %s", all)
		}
	}
	if asked.Load() != 1 || served.Load() != 3 {
		t.Errorf("asked %d times for %d requests", asked.Load(), served.Load())
	}
	refuse.Store(true)
	wantFault(t, run(t, r, j()), jobs.FaultAssertion, "status == 200 (got 401)")
	refuse.Store(false)
	wantPassed(t, run(t, r, j())) // with a new token
	if asked.Load() != 2 {
		t.Errorf("asked %d times", asked.Load())
	}
	body := *grant
	body.InBody = true
	grant = &body
	wantPassed(t, run(t, r, j()))
	wrong := *grant
	wrong.ClientSecret, wrong.InBody = "other-canary", false
	grant = &wrong
	res := run(t, r, j())
	wantFault(t, res, jobs.FaultAssertion, "grants no OAuth2 token: invalid_client")
	wrong.TokenURL = "http://127.0.0.1:1/token"
	wantFault(t, run(t, r, j()), jobs.FaultConnect, "asking for an OAuth2 token: connection to 127.0.0.1:1 refused")
}

func keyPEM(t *testing.T, c *x509.Certificate, k *ecdsa.PrivateKey) (cert, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestTLSSettings(t *testing.T) {
	a := newAuthority(t)
	leaf, leafKey := a.make(t, &x509.Certificate{IPAddresses: loopback, DNSNames: []string{"shop.example"}, NotAfter: time.Now().Add(time.Hour)})
	s := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: leafKey}},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: a.pool, MinVersion: tls.VersionTLS12,
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	cert, key := keyPEM(t, leaf, leafKey)
	r := apirunner.New(apirunner.Options{}) // which knows no authority
	with := func(settings check.TLSSettings, expect ...string) jobs.Result {
		return run(t, r, single(s.URL, expect, func(q *check.Request) { q.Method, q.TLS = "GET", &settings }))
	}
	ca := a.pem()
	res := with(check.TLSSettings{CA: ca, Cert: cert, Key: key, ServerName: "shop.example"}, "status == 200", "'shop.example' in tls.names", "tls.version == 'TLS 1.3'")
	wantPassed(t, res)
	if all, _ := json.Marshal(res); strings.Contains(string(all), strings.Split(key, "\n")[1]) {
		t.Error("the key is in the result")
	}
	wantFault(t, with(check.TLSSettings{CA: ca}), jobs.FaultTLS, "refused the TLS handshake")
	wantFault(t, with(check.TLSSettings{Cert: cert, Key: key}), jobs.FaultTLS, "unknown authority")
	wantFault(t, with(check.TLSSettings{CA: ca, Cert: cert, Key: key, ServerName: "other.example"}), jobs.FaultTLS, "not other.example")
	res = with(check.TLSSettings{SkipVerify: true, Cert: cert, Key: key})
	wantPassed(t, res)
	if len(res.Verdicts) == 0 || !strings.Contains(res.Verdicts[0].Message, "warning: the certificate was not verified") {
		t.Errorf("no warning: %+v", res.Verdicts)
	}
	for name, bad := range map[string]check.TLSSettings{"ca": {CA: "nonsense"}, "pair": {Cert: cert, Key: "nonsense-key"}} {
		if res := with(bad); res.Outcome != jobs.Inconclusive || strings.Contains(res.Fault.Message, "nonsense-key") {
			t.Errorf("%s: %s %+v", name, res.Outcome, res.Fault)
		}
	}
}

func TestVersionsOfHTTP(t *testing.T) {
	a := newAuthority(t)
	s := a.serveTLS(t, &x509.Certificate{IPAddresses: loopback, NotAfter: time.Now().Add(time.Hour)}, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) })
	r := apirunner.New(apirunner.Options{RootCAs: a.pool})
	for version, want := range map[string]string{"": "HTTP/2.0", "2": "HTTP/2.0", "1.1": "HTTP/1.1"} {
		wantPassed(t, run(t, r, single(s.URL, []string{"body == '" + want + "'"}, func(q *check.Request) { q.HTTP = version })))
	}
}

func TestIPFamily(t *testing.T) {
	s := serve(t, hello)
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	r := apirunner.New(apirunner.Options{})
	wantPassed(t, run(t, r, single("http://localhost"+port, []string{"ip == '127.0.0.1'"}, func(q *check.Request) { q.IPFamily = 4 })))
	res := run(t, r, single("http://127.0.0.1"+port, nil, func(q *check.Request) { q.IPFamily = 6 }))
	if res.Outcome != jobs.Failed {
		t.Errorf("an IPv4 address was dialled as IPv6: %+v", res.Evidence.Response)
	}
}

// A proxy is dialled as any other address, and so is judged what it would dial.
func TestProxy(t *testing.T) {
	a := newAuthority(t)
	plain := serve(t, hello)
	secure := a.serveTLS(t, &x509.Certificate{IPAddresses: loopback, NotAfter: time.Now().Add(time.Hour)}, hello)
	var through atomic.Int32
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		through.Add(1)
		if r.Method != http.MethodConnect {
			(&httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}}).ServeHTTP(w, r)
			return
		}
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer to.Close()
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(to, c) }()
		_, _ = io.Copy(c, to)
	})
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	r := apirunner.New(apirunner.Options{RootCAs: a.pool})
	for i, url := range []string{plain.URL, secure.URL} {
		wantPassed(t, run(t, r, single(url, []string{"body == 'hello'"}, func(q *check.Request) { q.Method, q.Proxy = "GET", proxy.URL })))
		if through.Load() != int32(i+1) {
			t.Errorf("%s did not go through the proxy", url)
		}
		wantPassed(t, run(t, r, single(url, []string{"body == 'hello'"}, func(q *check.Request) { q.Method = "GET" })))
	}
	before := through.Load()
	denied := strings.TrimPrefix(plain.URL, "http://")
	guarded := apirunner.New(apirunner.Options{Control: func(_, addr string, _ syscall.RawConn) error {
		if addr == denied {
			return errors.New("not from here")
		}
		return nil
	}})
	wantFault(t, run(t, guarded, single(plain.URL, nil, func(q *check.Request) { q.Proxy = proxy.URL })), jobs.FaultEgress, "not from here")
	if through.Load() != before {
		t.Error("the proxy was asked for a target that is denied")
	}
}

func TestTimeoutsByPhase(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			fmt.Fprint(w, "x")
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	silent := "https://" + raw(t, hold)
	r := apirunner.New(apirunner.Options{})
	const wait = 100 * time.Millisecond
	for url, c := range map[string]struct {
		waits check.Waits
		words string
	}{
		s.URL + "/":     {check.Waits{FirstByte: wait, Connect: time.Minute}, "the first byte of the answer took longer than 100ms (timeouts.first_byte)"},
		s.URL + "/body": {check.Waits{Download: wait, FirstByte: time.Minute}, "the rest of the answer took longer than 100ms (timeouts.download)"},
		silent:          {check.Waits{TLS: wait}, "the TLS handshake took longer than 100ms (timeouts.tls)"},
	} {
		start := time.Now()
		wantFault(t, run(t, r, single(url, nil, func(q *check.Request) { q.Waits = c.waits })), jobs.FaultTimeout, c.words)
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%s took %s", url, d)
		}
	}
	wantPassed(t, run(t, r, single(serve(t, hello).URL, nil, func(q *check.Request) {
		q.Waits = check.Waits{DNS: time.Minute, Connect: time.Minute, TLS: time.Minute, FirstByte: time.Minute, Download: time.Minute}
	})))
}
