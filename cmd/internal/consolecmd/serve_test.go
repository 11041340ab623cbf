package consolecmd

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/people"
	"github.com/probefleet/probefleet/internal/sqslocal"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const (
	testToken    = "pf_the_token_of_the_environment"
	testPassword = "correct horse battery"
)

// diary is a log that a test reads while it is written.
type diary struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.b.Write(p)
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.b.String()
}

// served is a console that is served, with its database.
type served struct {
	url  string
	dsn  string // of its database
	db   *store.Store
	log  *diary
	desk *people.Desk
}

// serve runs the console as its command does, told what changes say. Its viewer,
// editor and admin log in by the test's password.
func serve(t *testing.T, p People, changes ...func(*Config)) *served {
	t.Helper()
	queues := sqslocal.New(sqslocal.Options{})
	server := httptest.NewServer(queues)
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = queues.Close() })
	t.Setenv("AWS_ENDPOINT_URL_SQS", server.URL)
	c := &served{log: &diary{}}
	dsn := storetest.Database(t)
	c.dsn = dsn
	var err error
	if c.db, err = store.Open(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.db.Close)
	p.params = people.Params{Memory: 64, Passes: 1, Lanes: 1} // what a hash costs is tried elsewhere
	c.desk = people.NewDesk(people.Options{Book: c.db, Params: p.params})
	for _, role := range access.Roles {
		a, temporary, err := c.desk.Add(t.Context(), string(role), role, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.desk.ChangePassword(t.Context(), a, temporary, testPassword, people.Visitor{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.parse(); err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.url = "http://" + l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	kit := daemon.Kit{
		Log: slog.New(slog.NewTextHandler(c.log, nil)), Metrics: prometheus.NewRegistry(), Ready: &daemon.Readiness{},
		Announce: func(string, string) {},
	}
	config := Config{DatabaseURL: dsn, Token: testToken, QueuePrefix: "pf", People: p}
	for _, change := range changes {
		change(&config)
	}
	go func() { done <- Serve(ctx, config, l, kit, func(context.Context) error { return nil }) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	return c
}

// browser keeps cookies, and follows no redirect.
type browser struct {
	t *testing.T
	c *served
	*http.Client
}

func (c *served) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, c, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// answer is an answer with its body read.
type answer struct {
	*http.Response
	body string
}

func (b *browser) send(method, path, kind, body string, headers ...string) answer {
	b.t.Helper()
	address := path
	if strings.HasPrefix(path, "/") {
		address = b.c.url + path
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	data, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{resp, string(data)}
}

func (b *browser) get(path string, headers ...string) answer {
	b.t.Helper()
	return b.send("GET", path, "", "", headers...)
}

// form sends a form as a browser does that shows one of our pages.
func (b *browser) form(path string, fields url.Values, headers ...string) answer {
	b.t.Helper()
	if headers == nil {
		headers = []string{"Sec-Fetch-Site", "same-origin", "Origin", b.c.url}
	}
	return b.send("POST", path, "application/x-www-form-urlencoded", fields.Encode(), headers...)
}

func (b *browser) logIn(name, password, next string) answer {
	b.t.Helper()
	return b.form("/login", url.Values{"name": {name}, "password": {password}, "next": {next}})
}

// as is a browser in which somebody of that role is logged in.
func (c *served) as(t *testing.T, role access.Role) *browser {
	t.Helper()
	b := c.browser(t)
	if a := b.logIn(string(role), testPassword, ""); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%s does not come in: %d %s", role, a.StatusCode, a.body)
	}
	return b
}
