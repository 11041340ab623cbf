package deployercmd

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
)

// say runs a command in an environment of its own.
func say(args ...string) (out, log string, err error) {
	var o, l strings.Builder
	err = Run(context.Background(), daemon.Process{Args: args, Getenv: func(string) string { return "" }, Stdout: &o, Stderr: &l})
	return o.String(), l.String(), err
}

func TestEveryCommandExplainsItself(t *testing.T) {
	out, _, err := say("help")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range commands() {
		if !strings.Contains(out, "  "+c.name+" ") {
			t.Errorf("help does not list %s", c.name)
		}
		if c.name == "schema" || c.name == "version" || c.name == "health" {
			continue
		}
		text, _, err := say(c.name, "-h")
		if !errors.Is(err, flag.ErrHelp) || !strings.Contains(text, c.about) || !strings.Contains(text, "-file VALUE") {
			t.Errorf("%s -h: %v\n%s", c.name, err, text)
		}
	}
	var exit *daemon.ExitError
	if _, _, err := say("plam"); !errors.As(err, &exit) || exit.Code != 2 {
		t.Errorf("a command that is none: %v", err)
	}
}

func TestFaultsOfTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "deployer.json")
	if err := os.WriteFile(file, []byte("{\n  \"services\": [{\"name\": \"Shop\", \"stages\": []}]\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := say("plan", "-file", file)
	var exit *daemon.ExitError
	if !errors.As(err, &exit) || exit.Code != 2 {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{file + ":2:25: services[0].name: \"Shop\" is not a name", "services[0].git.repository: is missing", "services[0].stages: is empty"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
	if _, _, err := say("validate", "-file", file+".none"); err == nil || !strings.Contains(err.Error(), "-file") {
		t.Errorf("a file that is not there: %v", err)
	}
	if out, _, err := say("validate", "-file", "../../../examples/deployer/deployer.json"); err != nil || !strings.Contains(out, "2 services, 4 stages") {
		t.Errorf("the example: %s, %v", out, err)
	}
}

// TestRunEvery goes on by itself, and ends without an error.
func TestRunEvery(t *testing.T) {
	w := newWorld(t, "2026-11-24T08:30:00Z")
	one := w.commit("a faster search")
	t.Setenv("SHOP_CONSOLE_TOKEN", token)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	done := make(chan error, 1)
	var out, log strings.Builder
	go func() {
		done <- Run(ctx, daemon.Process{
			Args:   []string{"run", "-every", "100ms", "-file", filepath.Join(w.dir, "deployer.json"), "-admin", "127.0.0.1:0"},
			Getenv: func(n string) string { return map[string]string{"SHOP_CONSOLE_TOKEN": token}[n] }, Stdout: &out, Stderr: &log,
		})
	}()
	for w.read("staging") != one && ctx.Err() == nil {
		select {
		case err := <-done:
			t.Fatalf("it has ended: %v\n%s", err, log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("%v\n%s", err, log.String())
	}
	if strings.Contains(log.String(), token) {
		t.Error("the log holds the token")
	}
	w.runs(one, w.read("production-eu"), w.read("production-us"))
}
