package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/secret"
)

// canaries are secrets with a core that survives in most writings, and with
// characters that every encoding treats in its own way.
func canaries() (values map[string]string, core func(i int) string) {
	core = func(i int) string { return fmt.Sprintf("Kanari%02dvOgel%02dxQ", i, i) }
	values = map[string]string{}
	for i := range 50 {
		values[fmt.Sprintf("canary_%02d", i)] = "p\"ä<" + core(i) + "> &+/" + strconv.Itoa(i)
	}
	return values, core
}

func spelled(s, form string) string {
	var out strings.Builder
	for _, b := range []byte(s) {
		fmt.Fprintf(&out, form, b)
	}
	return out.String()
}

// references are the characters of a text as HTML may write them.
func references(s string) string {
	var out strings.Builder
	for _, r := range s {
		fmt.Fprintf(&out, "&#%d;", r)
	}
	return out.String()
}

// needles are the forms in which a core would be found.
func needles(core string) []string {
	found := []string{
		strings.ToLower(core), hex.EncodeToString([]byte(core)), strings.ToLower(spelled(core, "%%%02X")),
		strings.ToLower(spelled(core, `\u%04x`)), strings.ToLower(spelled(core, `\\u%04x`)), strings.ToLower(spelled(core, "&#%d;")), strings.ToLower(spelled(core, "&#x%x;")),
	}
	for offset := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + core))
		found = append(found, strings.ToLower(text[(offset*8+5)/6:(offset+len(core))*8/6]))
	}
	return found
}

// writings are what a careless server makes of a value.
func writings(v string) map[string]string {
	quoted, _ := json.Marshal(v)
	return map[string]string{
		"plain": v, "upper": strings.ToUpper(v), "query": url.QueryEscape(v), "path": url.PathEscape(v), "twice": url.QueryEscape(url.QueryEscape(v)),
		"all": spelled(v, "%%%02x"), "json": string(quoted), "html": html.EscapeString(v), "decimal": references(v),
		"hex": hex.EncodeToString([]byte(v)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(v))),
		"base64": base64.StdEncoding.EncodeToString([]byte(v)), "basic": base64.StdEncoding.EncodeToString([]byte("user:" + v)),
		"base64url": base64.RawURLEncoding.EncodeToString([]byte("u:" + v)),
	}
}

// parrot answers each request with the secret that it was sent, in every
// writing and place, and remembers which it was sent.
type parrot struct {
	mu     sync.Mutex
	values map[string]string
	heard  map[string]bool
	said   bytes.Buffer
}

func (p *parrot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 2)[0]
	value := p.values[name]
	if strings.Contains(r.URL.Path, "/socket") {
		p.socket(w, r, name, value)
		return
	}
	body, _ := io.ReadAll(r.Body)
	user, password, _ := r.BasicAuth()
	sent := fmt.Sprintln(r.URL.RawQuery, r.URL.Path, r.Header, string(body), user, password)
	plain, _ := url.QueryUnescape(sent)
	p.mu.Lock()
	defer p.mu.Unlock()
	core := strings.Trim(value[strings.Index(value, "<")+1:strings.Index(value, ">")], " ")
	if strings.Contains(sent, core) || strings.Contains(plain, core) {
		p.heard[name] = true
	}
	out := map[string]string{}
	for form, text := range writings(value) {
		out[form] = text
		if !strings.ContainsAny(text, "\r\n") {
			w.Header().Set("X-"+form, text)
		}
	}
	w.Header().Set("Set-Cookie", "s="+url.QueryEscape(value))
	w.Header().Set("X-"+url.PathEscape(value), "a name")
	said, _ := json.Marshal(out)
	_, _ = p.said.Write(said)
	switch {
	case strings.Contains(r.URL.Path, "/redirect"):
		w.Header().Set("Location", "ftp://user:"+url.QueryEscape(value)+"@x.example/"+url.PathEscape(value)+"?"+url.QueryEscape(value))
		w.WriteHeader(http.StatusFound)
	case strings.Contains(r.URL.Path, "/protocol"):
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			fmt.Fprintf(c, "HELLO %s\r\n\r\n", value)
			_ = c.Close()
		}
	case strings.HasSuffix(r.URL.Path, "/token"):
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error": "no", "error_description": %s}`, out["json"])
	default:
		_, _ = w.Write(said)
	}
}

// socket answers a message as ServeHTTP does a request.
func (p *parrot) socket(w http.ResponseWriter, r *http.Request, name, value string) {
	out := map[string]string{}
	for form, text := range writings(value) {
		if out[form] = text; !strings.ContainsAny(text, "\r\n") {
			w.Header().Set("X-"+form, text)
		}
	}
	w.Header().Set("Set-Cookie", "s="+url.QueryEscape(value))
	w.Header().Set("Authorization", r.Header.Get("Authorization"))
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	_, message, err := c.Read(r.Context())
	if err != nil {
		return
	}
	said, _ := json.Marshal(out)
	p.mu.Lock()
	p.heard[name] = strings.Contains(string(message), value) && r.URL.Query().Get("q") == value
	_, _ = p.said.Write(said)
	p.mu.Unlock()
	_ = c.Write(r.Context(), websocket.MessageText, said)
	_, _, _ = c.Read(r.Context())
}

// positions are the places of a request in which a secret may stand.
var positions = []string{
	`request: {url: "BASE/NAME/{{ urlEncode(secrets.NAME) }}"}`,
	`request: {url: "BASE/NAME", query: {q: "{{ secrets.NAME }}"}}`,
	`request: {url: "BASE/NAME", headers: {X-Mine: "a {{ urlEncode(secrets.NAME) }}"}}`,
	`request: {url: "BASE/NAME", auth: {bearer: "{{ toBase64(secrets.NAME) + urlEncode(secrets.NAME) }}"}}`,
	`request: {url: "BASE/NAME", auth: {basic: {user: demo, password: "{{ secrets.NAME }}"}}}`,
	`request: {method: POST, url: "BASE/NAME", body: "x={{ secrets.NAME }}"}`,
	`request: {method: POST, url: "BASE/NAME", json: {deep: [{a: "{{ secrets.NAME }}"}]}}`,
	`request: {method: POST, url: "BASE/NAME", form: {"{{ secrets.NAME }}": "{{ secrets.NAME }}"}}`,
	`request: {method: POST, url: "BASE/NAME", multipart: {f: {value: "{{ secrets.NAME }}", file: "{{ secrets.NAME }}"}}}`,
	`request: {method: POST, url: "BASE/NAME", graphql: {query: "{ a }", variables: {v: "{{ secrets.NAME }}"}}}`,
	`request: {url: "BASE/NAME/redirect", query: {q: "{{ secrets.NAME }}"}}`,
	`request: {url: "BASE/NAME/protocol", query: {q: "{{ secrets.NAME }}"}}`,
	`websocket: {url: "ws://HOST/NAME/socket?q={{ urlEncode(secrets.NAME) }}", headers: {Authorization: "Bearer {{ urlEncode(secrets.NAME) }}"}, send: "x={{ secrets.NAME }}"}`,
	`tcp: {address: "HOST", send: "GET /NAME?q={{ urlEncode(secrets.NAME) }} HTTP/1.0\r\n\r\n", until: never}`,
	`request: {url: "BASE/NAME", auth: {oauth2: {token_url: "BASE/NAME/token", client_id: x, client_secret: "{{ secrets.NAME }}"}}}`,
}

// tap records what passes between a client and a server.
type tap struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (t *tap) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.Write(b)
}

func (t *tap) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.String()
}

// between is a server in front of another that records all bodies.
func between(t *testing.T, to string, record io.Writer) string {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ModifyResponse: func(r *http.Response) error {
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.TeeReader(r.Body, record), r.Body}
			return nil
		},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = record.Write(append(body, '\n'))
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestCanaries sends fifty secrets to a server that hands them back in every
// writing. None is found in the database, in what passes through the queues, in
// logs, in what the APIs and pages say, and in the artifacts.
func TestCanaries(t *testing.T) {
	values, core := canaries()
	bird := &parrot{values: values, heard: map[string]bool{}}
	target := httptest.NewServer(bird)
	t.Cleanup(target.Close)

	f := newFleet(t)
	var queues tap
	f.env = append(f.env, "AWS_ENDPOINT_URL_SQS="+between(t, endpoint(f.env), &queues), "PROBEFLEET_LOG_LEVEL=debug")
	sealed := secret.File{Path: filepath.Join(f.dir, "secrets.age"), Key: filepath.Join(f.dir, "secrets.key")}
	if err := sealed.Set(values); err != nil {
		t.Fatal(err)
	}
	w := f.worker(t, "only", "-browser-slots", "0", "-secrets", sealed.Path, "-secrets-key", sealed.Key)
	var file strings.Builder
	file.WriteString("checks:\n")
	for i := range 50 {
		name := fmt.Sprintf("canary_%02d", i)
		position := positions[i%len(positions)]
		fmt.Fprintf(&file, "  - id: %s\n    every: 5s\n    %s\n    expect: [\"size < 0\"", name,
			strings.NewReplacer("NAME", name, "BASE", target.URL, "HOST", target.Listener.Addr().String()).Replace(position))
		if strings.HasPrefix(position, "tcp:") {
			file.WriteString(", \"body == 'x'\", \"json == 0\"]\n")
			continue
		}
		if strings.HasPrefix(position, "request:") {
			file.WriteString(", \"url == ''\"")
		}
		for form := range writings("") {
			fmt.Fprintf(&file, `, "json['%s'] == 'x'", "headers['x-%s'] == 'x'", "'%s' in headers"`, form, form, form)
		}
		file.WriteString(", \"body == 'x'\", \"headers['set-cookie'] == ''\", \"status == 999\", \"len(headers) == 0\", \"json == 0\", \"toJSON(headers) == ''\"]\n")
	}
	path := filepath.Join(f.dir, "canaries.yaml")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	f.apply(t, path)
	eventually(t, 2*time.Minute, func() error {
		return expectf(len(f.outcomes(t)) == 50, "%d of 50 checks have results", len(f.outcomes(t)))
	})
	if n := f.count(t, `SELECT count(*) FROM runs WHERE outcome <> 'failed'`); n != 0 {
		t.Errorf("%d runs did not fail: the evidence that is looked for is not there", n)
	}

	seen := f.everything(t, &queues)
	seen["log of the worker"] = w.log.String()
	for i := range 50 {
		name := fmt.Sprintf("canary_%02d", i)
		bird.mu.Lock()
		if !bird.heard[name] {
			t.Errorf("%s did not reach the server: it shows nothing", name)
		}
		bird.mu.Unlock()
		for where, text := range seen {
			if hit := findAny(text, needles(core(i))); hit != "" {
				t.Errorf("%s is in %s: …%s…", name, where, hit)
			}
		}
	}
	if hit := findAny(bird.said.String(), needles(core(7))); hit == "" {
		t.Error("the search finds nothing where the secrets are: it shows nothing")
	}
	f.stopAll(t, w)
}

func endpoint(env []string) (found string) {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "AWS_ENDPOINT_URL_SQS="); ok {
			found = v
		}
	}
	return found
}

// findAny is what stands around the first of several texts, "" where there is
// none of them.
func findAny(text string, parts []string) string {
	text = strings.ToLower(text)
	for _, p := range parts {
		if i := strings.Index(text, p); i >= 0 {
			return text[max(0, i-60):min(len(text), i+len(p)+20)]
		}
	}
	return ""
}

// everything is all that the installation keeps and says, by place.
func (f *fleet) everything(t *testing.T, queues *tap) map[string]string {
	t.Helper()
	seen := map[string]string{"the queues": queues.String()}
	for name, p := range map[string]*process{"sqs": f.sqs, "scheduler": f.scheduler, "recorder": f.recorder, "dashboard": f.dashboard, "console": f.consoleUp} {
		seen["log of "+name] = p.log.String()
	}
	tables, err := f.db.Query(context.Background(), `SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(tables, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		rows, err := f.db.Query(context.Background(), `SELECT t::text FROM `+name+` t`)
		if err != nil {
			t.Fatal(err)
		}
		all, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		seen["table "+name] = strings.Join(all, "\n")
	}
	pages := []string{f.statusURL + "/", f.statusURL + "/api/v1/status", f.consoleURL + "/", f.consoleURL + "/api/v1/checks", f.consoleURL + "/api/v1/locations", f.consoleURL + "/api/v1/fleet", f.consoleURL + "/api/v1/dlq"}
	for i := range 50 {
		pages = append(pages, fmt.Sprintf("%s/checks/canary_%02d", f.statusURL, i), fmt.Sprintf("%s/api/v1/checks/canary_%02d", f.statusURL, i))
	}
	for _, page := range pages {
		seen[page] = asOperator(t, page)
	}
	_ = filepath.WalkDir(filepath.Join(f.dir, "artifacts"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			data, _ := os.ReadFile(path)
			seen[path] = string(data)
		}
		return nil
	})
	return seen
}

// asOperator reads a page with the console's token.
func asOperator(t *testing.T, page string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, page, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%s: %s, %v", page, resp.Status, err)
	}
	return string(body)
}
