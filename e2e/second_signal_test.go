package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestSecondSignal stops a worker that has a long drain before it, twice: it
// ends within seconds, its browser with it, and what it was running is at once
// another worker's, though the lease on it would last for an hour.
func TestSecondSignal(t *testing.T) {
	opened := make(chan string, 64)
	release := make(chan struct{})
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api" && r.URL.Path != "/page" {
			http.NotFound(w, r)
			return
		}
		opened <- r.URL.Path
		select {
		case <-release:
		case <-r.Context().Done():
		}
		fmt.Fprint(w, "<!doctype html><title>Slow</title><h1>Here at last</h1>")
	}))
	t.Cleanup(page.Close)

	f := newFleet(t)
	doomed := f.worker(t, "doomed", "-visibility", "1h", "-drain", "10m")
	file := filepath.Join(f.dir, "slow.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
checks:
  - id: slow-api
    kind: api
    every: 1m
    timeout: 60s
    request: {url: "%[1]s/api"}
    expect: ["status == 200"]
  - id: slow-page
    kind: browser
    every: 1m
    timeout: 60s
    steps:
      - open: "%[1]s/page"
      - expect: {text: "Here at last"}
`, page.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	f.apply(t, file)
	for seen := map[string]bool{}; len(seen) < 2; {
		select {
		case path := <-opened:
			seen[path] = true
		case <-time.After(2 * time.Minute):
			t.Fatalf("only %v were opened", seen)
		}
	}
	f.scheduler.stop(t) // no later slot may stand in for these
	signal := func() {
		if err := doomed.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	signal()
	select {
	case <-doomed.done:
		t.Fatal("the worker did not drain")
	case <-time.After(2 * time.Second):
	}
	signal()
	began := time.Now()
	select {
	case <-doomed.done:
	case <-time.After(time.Minute): // five seconds are enough where it has a processor
		t.Fatal("the worker runs on after a second signal")
	}
	var exit *exec.ExitError
	if !errors.As(doomed.err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("ended with %v after %s, want exit code 130", doomed.err, time.Since(began))
	}
	eventually(t, 30*time.Second, func() error {
		left, err := processesWith(filepath.Join(f.dir, "doomed") + "/")
		return expectf(err == nil && len(left) == 0, "browser processes outlive the worker: %v %v", left, err)
	})
	close(release)
	f.worker(t, "heir")
	eventually(t, time.Minute, func() error {
		return expectf(f.count(t, `SELECT count(DISTINCT check_id) FROM runs WHERE outcome = 'passed'`) == 2, "what the first worker was running has no result yet: %v", f.outcomes(t))
	})
	if n := f.count(t, `SELECT count(*) FROM runs WHERE outcome <> 'passed'`); n != 0 {
		t.Errorf("%d runs did not pass: the stop was booked as the target's fault", n)
	}
}
