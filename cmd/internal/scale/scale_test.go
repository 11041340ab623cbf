// Package scale_test measures status page and console over as many checks, and
// as much history, as they are made for: the commands themselves, against a
// Postgres of their own.
package scale_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/cmd/internal/consolecmd"
	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/dashboardcmd"
	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/child"
	"github.com/probefleet/probefleet/internal/localpg"
	"github.com/probefleet/probefleet/internal/people"
	"github.com/probefleet/probefleet/internal/sqslocal"
	"github.com/probefleet/probefleet/internal/store"
)

// TestSpeedOfThePages is `make bench-dashboard`. Each line that it prints says
// whether its bar is reached; the bars are those of a machine that does nothing
// else, so that a line that misses them fails nothing.
func TestSpeedOfThePages(t *testing.T) {
	checks, err := strconv.Atoi(os.Getenv("PROBEFLEET_BENCH_CHECKS"))
	if err != nil {
		t.Skip("takes minutes: `make bench-dashboard` runs it")
	}
	runs, err := strconv.Atoi(os.Getenv("PROBEFLEET_BENCH_RUNS"))
	if err != nil {
		t.Fatalf("PROBEFLEET_BENCH_RUNS is no number: %v", err)
	}
	s := newSite(t)
	s.load(t, "at the beginning")
	begin := time.Now()
	fill(t, s.db, s.url, checks)
	t.Logf("%d checks at 3 locations with 90 days: made in %s", checks, time.Since(begin).Round(time.Second))
	begin = time.Now()
	now := time.Now()
	if err := s.db.EnsurePartitions(t.Context(), now.Add(-30*24*time.Hour), now.Add(3*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	keepDocuments(t, s.url)
	rows := fillRuns(t, s.url, checks, runs)
	execute(t, s.url, 0, []string{`VACUUM ANALYZE`})
	t.Logf("%d runs: made in %s", rows, time.Since(begin).Round(time.Second))
	weigh(t, s.url, rows)
	if os.Getenv("PROBEFLEET_BENCH_EXPLAIN") != "" {
		explain(t, s, checks, rows)
	}
	s.open(t)
	s.load(t, "before the readers")
	measure(t, fmt.Sprintf("Status page, each reads a page every %s", pause), s.dashboard, nil, publicPages(checks), pause, publicFor, 50*time.Millisecond)
	measure(t, "Status page, without a pause", s.dashboard, nil, publicPages(checks), 0, publicFor, 50*time.Millisecond)
	measure(t, fmt.Sprintf("Console, each reads a page every %s", pause), s.console, s.session, consolePages(t, s, checks), pause, consoleFor, 150*time.Millisecond)
	for _, p := range lists(checks) {
		measure(t, "Console, one list without a pause", s.console, s.session, []page{p}, 0, aloneFor, 150*time.Millisecond)
	}
	s.load(t, "afterwards")
}

// site is a status page and a console over one database.
type site struct {
	pg                 *localpg.Server
	o                  localpg.Options
	url                string
	db                 *store.Store
	dashboard, console string
	session            http.CookieJar // of somebody who is logged in
}

// newSite makes the database.
func newSite(t *testing.T) *site {
	t.Helper()
	account, err := child.Unprivileged(child.DefaultAccount)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "probefleet-scale-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := &site{o: localpg.Options{Dir: dir, Account: account, Fast: true}}
	if s.pg, err = localpg.Start(t.Context(), s.o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.pg.Stop(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	// Counts how often each statement is run; a fresh server reads it.
	execute(t, s.pg.URL(localpg.DefaultDatabase), 0, []string{
		`ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'`, `CREATE EXTENSION pg_stat_statements`,
		`ALTER SYSTEM SET autovacuum = on`, `ALTER SYSTEM SET max_wal_size = '4GB'`,
	})
	if err := s.pg.Stop(); err != nil {
		t.Fatal(err)
	}
	if s.pg, err = localpg.Start(t.Context(), s.o); err != nil {
		t.Fatal(err)
	}
	s.url = s.pg.URL(localpg.DefaultDatabase)
	if err := store.Migrate(t.Context(), s.url); err != nil {
		t.Fatal(err)
	}
	if s.db, err = store.Open(t.Context(), s.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.db.Close)
	return s
}

// open serves both as their commands do, and logs somebody in.
func (s *site) open(t *testing.T) {
	t.Helper()
	queues := sqslocal.New(sqslocal.Options{})
	server := httptest.NewServer(queues)
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = queues.Close() })
	t.Setenv("AWS_ENDPOINT_URL_SQS", server.URL)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var parts sync.WaitGroup
	serve := func(name string, f func(net.Listener, daemon.Kit) error) string {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		kit := daemon.Kit{
			Log:     slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
			Metrics: prometheus.NewRegistry(), Ready: &daemon.Readiness{}, Announce: func(string, string) {},
		}
		parts.Go(func() {
			if err := f(l, kit); err != nil && ctx.Err() == nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		return "http://" + l.Addr().String()
	}
	t.Cleanup(func() {
		stop()
		parts.Wait()
	})
	s.dashboard = serve("dashboard", func(l net.Listener, kit daemon.Kit) error {
		return dashboardcmd.Serve(ctx, dashboardcmd.Config{DatabaseURL: s.url, Title: "Status"}, l, kit)
	})
	s.console = serve("console", func(l net.Listener, kit daemon.Kit) error {
		return consolecmd.Serve(ctx, consolecmd.Config{DatabaseURL: s.url, QueuePrefix: "pf"}, l, kit, func(context.Context) error { return nil })
	})
	s.logIn(t)
	begin := time.Now()
	within(t, "the first status page", func() bool { return s.answers(s.dashboard+"/") && s.answers(s.console+"/checks") })
	t.Logf("both answer after %s", time.Since(begin).Round(10*time.Millisecond))
}

// logIn makes a person and logs them in, as a browser does.
func (s *site) logIn(t *testing.T) {
	t.Helper()
	const name, password = "reader", "correct horse battery"
	desk := people.NewDesk(people.Options{Book: s.db, Params: people.Params{Memory: 64, Passes: 1, Lanes: 1}})
	a, temporary, err := desk.Add(t.Context(), name, access.Admin, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := desk.ChangePassword(t.Context(), a, temporary, password, people.Visitor{}); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	form := url.Values{"name": {name}, "password": {password}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.console+"/login", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusSeeOther {
		t.Fatalf("the reader is not let in: %s", answer.Status)
	}
	s.session = jar
}

func (s *site) answers(address string) bool {
	client := &http.Client{Jar: s.session}
	r, err := client.Get(address)
	if err != nil {
		return false
	}
	defer r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// within waits for something, at most for a few minutes.
func within(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(5 * time.Minute)
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s does not come", what)
		}
	}
}

// load prints how busy the machine is.
func (s *site) load(t *testing.T, when string) {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return // not Linux
	}
	t.Logf("load of the machine %s: %s", when, loads.FindString(string(b)))
}

var loads = regexp.MustCompile(`^\S+ \S+`)
