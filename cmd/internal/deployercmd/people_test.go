package deployercmd

import (
	"strings"
	"testing"
	"time"
)

// TestPeopleDecide: a commit waits for two people, of whom one may not count
// twice; a hold keeps commits out until its time is over or somebody releases
// the stage; an override lasts for a week at most.
func TestPeopleDecide(t *testing.T) {
	w := newWorld(t, "2026-11-24T08:30:00Z") // Tuesday
	old := w.read("staging")
	w.write("deployer.json", strings.Replace(w.file(), `"incidents": {}`, `"approvals": 2, "incidents": {}`, 1))
	one := w.commit("a faster search")
	w.must("run")
	w.passes(40 * time.Minute)
	w.because("production-eu", "approval   wait", "0 of 2 have approved of "+one[:10]+" for production-eu")
	for range 2 {
		w.must("approve", "-actor", "ada", "shop", "production-eu", one[:12])
	}
	w.must("run")
	w.runs(one, old, old)
	w.because("production-eu", "1 of 2 have approved", "ada")

	w.must("hold", "-actor", "eve", "-reason", "a sale is on", "-for", "1h", "shop", "production-eu")
	w.must("approve", "-actor", "ben", "shop", "production-eu", one)
	w.must("run")
	w.runs(one, old, old)
	w.because("production-eu", "approval   pass", "approved by ada; ben", "hold       wait", "is held by eve since 2026-11-24 09:10 UTC: a sale is on", "it may go on at 2026-11-24 10:10 UTC")
	w.passes(time.Hour)
	w.must("run")
	w.runs(one, one, old)

	if _, err := w.deployer("hold", "shop", "production-us"); err == nil || !strings.Contains(err.Error(), "-reason") {
		t.Errorf("a hold without a reason: %v", err)
	}
	w.must("hold", "-actor", "eve", "-reason", "for good", "shop", "production-us")
	w.passes(time.Hour)
	w.must("run")
	w.runs(one, one, old)
	w.because("production-us", "hold       fail")
	if out := w.must("status", "shop"); !strings.Contains(out, "held by eve: for good") {
		t.Errorf("status: %s", out)
	}
	w.must("release", "-actor", "eve", "-reason", "it is over", "shop", "production-us")
	w.must("run")
	w.runs(one, one, one)

	for _, lasts := range []string{"169h", "0s", "-1h"} {
		if _, err := w.deployer("override", "-for", lasts, "-reason", "x", "shop", "production-us", "bake", one); err == nil || !strings.Contains(err.Error(), "at most 168h") {
			t.Errorf("an override for %s: %v", lasts, err)
		}
	}
}
