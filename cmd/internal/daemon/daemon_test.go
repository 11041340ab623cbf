package daemon

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func taken(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestTakenPort(t *testing.T) {
	addr := taken(t).Addr().String()
	_, err := Listen(t.Context(), addr, "addr", false)
	if err == nil || !strings.Contains(err.Error(), addr+" is taken by another program") || !strings.Contains(err.Error(), "-addr") {
		t.Errorf("an address that a person chose: %v", err)
	}
	l, err := Listen(t.Context(), addr, "addr", true)
	if err != nil {
		t.Fatalf("a default address: %v", err)
	}
	defer l.Close()
	if l.Addr().String() == addr {
		t.Errorf("two listeners on %s", addr)
	}
	for _, bad := range []string{"8080", "127.0.0.1:nonsense", "127.0.0.1:70000"} {
		if _, err := Listen(t.Context(), bad, "addr", true); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("address %q: %v", bad, err)
		}
	}
}

func process(env map[string]string) Process {
	return Process{Getenv: func(name string) string { return env[name] }, Stdout: io.Discard, Stderr: io.Discard}
}

type settings struct {
	name, url, secret string
	slots             int
}

func parse(env map[string]string, args ...string) (settings, *Flags, error) {
	var s settings
	f := NewFlags("thing", "", "does a thing", process(env))
	f.StringVar(&s.name, "first-name", "nobody", "a name")
	f.StringVar(&s.url, "database", "", "a URL")
	f.Env("database", "DATABASE_URL")
	f.IntVar(&s.slots, "slots", 3, "a number")
	f.Secret(&s.secret, "THING_TOKEN")
	f.Check(func() error {
		if s.slots < 1 {
			return fmt.Errorf("slots %d: use at least 1", s.slots)
		}
		return nil
	})
	return s, f, f.Parse(args)
}

func TestFlagsAndEnvironment(t *testing.T) {
	env := map[string]string{
		"PROBEFLEET_FIRST_NAME": "from the environment", "PROBEFLEET_SLOTS": "5",
		"DATABASE_URL": "postgres://me:hidden-word@host/db", "THING_TOKEN": "hidden-token",
	}
	var s settings
	f := NewFlags("thing", "", "does a thing", process(env))
	f.StringVar(&s.name, "first-name", "nobody", "a name")
	f.StringVar(&s.url, "database", "", "a URL")
	f.Env("database", "DATABASE_URL")
	f.IntVar(&s.slots, "slots", 3, "a number")
	f.Secret(&s.secret, "THING_TOKEN")
	if err := f.Parse([]string{"-slots", "7"}); err != nil {
		t.Fatal(err)
	}
	want := settings{"from the environment", "postgres://me:hidden-word@host/db", "hidden-token", 7}
	if s != want {
		t.Errorf("parsed %+v, want %+v", s, want)
	}
	if !f.Explicit("first-name") || !f.Explicit("slots") {
		t.Error("what the environment and the command line set is not explicit")
	}
	if logged := fmt.Sprint(f.LogValue()); strings.Contains(logged, "hidden") || !strings.Contains(logged, "THING_TOKEN_set=true") {
		t.Errorf("the log of the configuration: %s", logged)
	}
}

func TestFaultsOfTheEnvironmentAreReportedTogether(t *testing.T) {
	_, _, err := parse(map[string]string{"PROBEFLEET_SLOTS": "many"}, "-first-name", "x")
	var usage *UsageError
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), "PROBEFLEET_SLOTS") {
		t.Errorf("a variable of the wrong type: %v", err)
	}
	if _, _, err = parse(nil, "-slots", "0"); !errors.As(err, &usage) || !strings.Contains(err.Error(), "use at least 1") {
		t.Errorf("a rule that does not hold: %v", err)
	}
	if _, _, err = parse(nil, "-h"); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}

func TestExitCodes(t *testing.T) {
	for _, row := range []struct {
		err  error
		code int
		said string
	}{
		{nil, 0, ""},
		{flag.ErrHelp, 0, ""},
		{errors.New("went wrong"), 1, "went wrong"},
		{&UsageError{errors.New("bad flag")}, 2, "bad flag"},
		{&ExitError{Code: 3}, 3, ""},
		{&ExitError{Code: 2, Err: errors.New("bad file")}, 2, "bad file"},
	} {
		var said strings.Builder
		if code := exitCode(row.err, &said); code != row.code || !strings.Contains(said.String(), row.said) || row.said == "" && said.Len() > 0 {
			t.Errorf("%v: exit code %d, said %q; want %d, %q", row.err, code, said.String(), row.code, row.said)
		}
	}
}

// A daemon that is told to stop while it starts ends well; a fault stays one,
// and so does whatever else was canceled.
func TestStopWhileStarting(t *testing.T) {
	full := errors.New("the disk is full")
	for name, c := range map[string]struct {
		stop bool
		end  func(ctx context.Context) error
		want error
	}{
		"told to stop while it starts": {true, func(ctx context.Context) error { return fmt.Errorf("migrating: %w", ctx.Err()) }, nil},
		"a fault after that":           {true, func(context.Context) error { return full }, full},
		"not told to stop":             {false, func(context.Context) error { return context.Canceled }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			p := process(nil)
			f := NewFlags("thing", "", "does a thing", p)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			err := Run(ctx, p, Config{Admin: "127.0.0.1:0", LogFormat: "text", LogLevel: "info"}, f, func(ctx context.Context, _ Kit) error {
				if c.stop {
					stop()
					<-ctx.Done()
				}
				return c.end(ctx)
			})
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestAdmin(t *testing.T) {
	var ready Readiness
	away := errors.New("the database is away")
	ready.Add("database", func(context.Context) error { return away })
	h := AdminHandler(prometheus.NewRegistry(), &ready)
	ask := func(path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	if code, body := ask("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "database: the database is away") {
		t.Errorf("/readyz while a probe fails: %d %s", code, body)
	}
	away = nil
	for _, path := range []string{"/readyz", "/healthz", "/metrics"} {
		if code, body := ask(path); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"postgres://u:p@h/d":        "postgres://u:xxxxx@h/d",
		"host=h user=u password=p":  "host=h user=u password=xxxxx",
		"an ordinary value, really": "an ordinary value, really",
		"127.0.0.1:8080":            "127.0.0.1:8080",
	} {
		if got := redact(in); got != want {
			t.Errorf("redact(%q) = %q, want %q", in, got, want)
		}
	}
}
