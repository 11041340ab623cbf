package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestWorkerKilled kills a worker with SIGKILL in the middle of a browser
// check: the job is delivered again and one result is stored, and no process
// of its browser outlives it by five seconds.
func TestWorkerKilled(t *testing.T) {
	opened := make(chan struct{}, 16)
	release := make(chan struct{})
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		opened <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
		fmt.Fprint(w, "<!doctype html><title>Slow</title><h1>Here at last</h1>")
	}))
	t.Cleanup(page.Close)

	f := newFleet(t)
	doomed := f.worker(t, "doomed", "-visibility", "5s")
	file := filepath.Join(f.dir, "slow.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
checks:
  - id: slow
    kind: browser
    every: 1m
    timeout: 60s
    steps:
      - open: %s/
      - expect: {text: "Here at last"}
`, page.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	f.apply(t, file)

	select {
	case <-opened:
	case <-time.After(3 * time.Minute):
		t.Fatal("the browser did not open the page")
	}
	if running, err := processesWith(filepath.Join(f.dir, "doomed")); err != nil || len(running) == 0 {
		t.Fatalf("no browser runs in the middle of a browser check: %v %v", running, err)
	}
	doomed.kill(t)
	killed := time.Now()
	close(release)
	// Within five seconds, and what a busy machine takes longer to bury them.
	eventually(t, 20*time.Second, func() error {
		left, err := processesWith(filepath.Join(f.dir, "doomed") + "/")
		return expectf(err == nil && len(left) == 0, "browser processes left %s after the kill: %v %v", time.Since(killed), left, err)
	})

	heir := f.worker(t, "heir", "-visibility", "5s")
	eventually(t, time.Minute, func() error {
		return expectf(f.count(t, `SELECT count(*) FROM runs WHERE check_id = 'slow' AND outcome = 'passed'`) >= 1, "no result of the redelivered job yet: %v", f.outcomes(t))
	})
	if n := f.count(t, `SELECT count(*) - count(DISTINCT run_id) FROM runs`); n != 0 {
		t.Errorf("%d runs are stored more than once", n)
	}
	if n := f.count(t, `SELECT count(*) FROM runs WHERE outcome <> 'passed'`); n != 0 {
		t.Errorf("%d runs did not pass: the kill was booked as the target's fault", n)
	}
	f.stopAll(t, heir)
}
