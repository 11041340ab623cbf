package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDiskFull fills the disk of a worker's profiles: it is not ready, says
// why, and takes no job, so that another worker of the location does; with
// room again it works.
func TestDiskFull(t *testing.T) {
	f := newFleet(t)
	small := filepath.Join(f.dir, "small")
	if err := os.Mkdir(small, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=16m,mode=711"); err != nil {
		t.Skipf("mounting a small file system needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(small, syscall.MNT_DETACH) })
	w := f.worker(t, "small/browser", "-min-disk", "8")
	shopURL := f.shop(t)
	path := filepath.Join(f.dir, "disk.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, "defaults: {every: 2s}\nchecks:\n  - {id: disk, request: %s/api/health, expect: [status == 200]}\n", shopURL), 0o600); err != nil {
		t.Fatal(err)
	}
	f.apply(t, path)
	passed := func(since time.Time) func() error {
		return func() error {
			n := f.count(t, `SELECT count(*) FROM runs WHERE outcome = 'passed' AND started_at > $1`, since)
			return expectf(n > 1, "%d passed: %v", n, f.outcomes(t))
		}
	}
	eventually(t, time.Minute, passed(time.Time{}))

	if err := os.WriteFile(filepath.Join(small, "fill"), make([]byte, 12<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, func() error {
		resp, err := http.Get("http://" + w.admin + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		said := make([]byte, 1000)
		n, _ := resp.Body.Read(said)
		return expectf(resp.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(said[:n]), "is full"), "%s: %s", resp.Status, said[:n])
	})
	// A long poll that was under way may still bring a job, which says so.
	full := time.Now()
	eventually(t, 30*time.Second, func() error {
		waiting := f.count(t, `SELECT count(*) FROM runs WHERE started_at > $1`, full)
		return expectf(time.Since(full) > 12*time.Second && waiting <= 3, "%d runs in %s on a full disk: %v", waiting, time.Since(full), f.outcomes(t))
	})
	if n := f.count(t, `SELECT count(*) FROM runs WHERE outcome NOT IN ('passed', 'inconclusive')`); n != 0 {
		t.Errorf("%d runs are the target's fault: %v", n, f.outcomes(t))
	}

	if err := os.Remove(filepath.Join(small, "fill")); err != nil {
		t.Fatal(err)
	}
	ready(t, w, w.admin)
	eventually(t, time.Minute, passed(time.Now()))
	f.stopAll(t, w)
}
