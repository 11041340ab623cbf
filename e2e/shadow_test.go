package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/console"
)

// TestShadowRuns has a candidate run copies of all jobs: what it finds comes to
// be compared, and to nothing that counts.
func TestShadowRuns(t *testing.T) {
	f := newFleet(t)
	f.scheduler.stop(t)
	f.scheduler = f.daemon(t, "scheduler", "-shadow", "local/api=1")
	f.recorder.stop(t)
	f.recorder = f.daemon(t, "recorder", "-shadow")
	shop := f.shop(t)
	counts := f.worker(t, "counts", "-browser-slots", "0")
	candidate := f.worker(t, "candidate", "-browser-slots", "0", "-shadow")
	file := filepath.Join(folder(t), "checks.yaml")
	if err := os.WriteFile(file, []byte("checks:\n  - {id: shop, every: 1s, request: \""+shop+"/api/health\", expect: [\"status == 200\"]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.apply(t, file)
	var found console.Shadows
	eventually(t, 2*time.Minute, func() error {
		p := start(t, f.env, "probefleet", "shadow", "-console", f.consoleURL, "-o", "json")
		<-p.done
		if p.err != nil {
			t.Fatalf("probefleet shadow: %v\n%s", p.err, p.log)
		}
		if err := json.Unmarshal([]byte(p.log.String()), &found); err != nil {
			return err
		}
		return expectf(len(found.Reports) == 1 && found.Reports[0].Pairs >= 10, "reports: %+v", found.Reports)
	})
	if r := found.Reports[0]; r.Worse+r.Better > 0 || r.Ratio <= 0 || r.RatioLow > r.Ratio || r.RatioHigh < r.Ratio {
		t.Errorf("the same release beside itself: %+v", r)
	}
	// The database keeps no worker of a candidate, and no run of its own.
	if n := f.count(t, `SELECT count(*) FROM runs r JOIN shadow_runs s ON s.id = r.id AND s.slot = r.slot`); n < 10 {
		t.Errorf("%d pairs in the database", n)
	}
	if n := f.count(t, `SELECT count(DISTINCT worker) FROM runs`); n != 1 {
		t.Errorf("%d workers made runs that count, want 1", n)
	}
	f.stopAll(t, counts, candidate)
}
