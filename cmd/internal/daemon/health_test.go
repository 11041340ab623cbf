package daemon_test

import (
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
)

// TestHealth asks a daemon that is ready, one that is not, and one that is not
// there.
func TestHealth(t *testing.T) {
	var why error
	ready := &daemon.Readiness{}
	ready.Add("browser", func(context.Context) error { return why })
	s := httptest.NewServer(daemon.AdminHandler(prometheus.NewRegistry(), ready))
	addr := s.Listener.Addr().String()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(env string, args ...string) (string, error) {
		var out strings.Builder
		p := daemon.Process{Args: append([]string{"health"}, args...), Stdout: &out, Getenv: func(name string) string {
			if name == "PROBEFLEET_ADMIN" {
				return env
			}
			return ""
		}}
		if !daemon.AsksHealth(p) {
			t.Error("the question is not understood")
		}
		return out.String(), daemon.Health(t.Context(), p, "worker", "127.0.0.1:1")
	}
	for _, env := range []string{addr, ":" + port, "0.0.0.0:" + port, "[::]:" + port} {
		if _, err := ask(env); err != nil {
			t.Errorf("%s: %v", env, err)
		}
	}
	if _, err := ask("", "-admin", addr); err != nil {
		t.Error(err)
	}
	why = errors.New("no usable sandbox")
	if _, err := ask(addr); err == nil || err.Error() != "not ready: browser: no usable sandbox" {
		t.Errorf("one that is not ready: %v", err)
	}
	s.Close()
	if _, err := ask(addr); err == nil || !strings.Contains(err.Error(), "asking the worker: ") {
		t.Errorf("one that is not there: %v", err)
	}
	var usage *daemon.UsageError
	if _, err := ask("9102"); !errors.As(err, &usage) {
		t.Errorf("an address that is none: %v", err)
	}
	if daemon.AsksHealth(daemon.Process{Args: []string{"-location", "health"}}) {
		t.Error("a flag's value is taken for the question")
	}
}
