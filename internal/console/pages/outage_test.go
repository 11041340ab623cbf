package pages_test

import (
	"context"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/pages"
	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

// The page of an outage that is as old as its check says that no run passed
// before, and nothing of recovering: it never did.
func TestAnOutageFromTheFirstRunOn(t *testing.T) {
	db, err := store.Open(t.Context(), storetest.Database(t))
	must(t, err)
	t.Cleanup(db.Close)
	log := slog.New(slog.DiscardHandler)
	frame := web.New(web.Options{Door: scoped{}, Nav: pages.Nav, Logger: log})
	c := console.New(console.Options{Store: db, Runs: db, Fleet: db, Registry: db, Logger: log, Ready: func(context.Context) error { return nil }})
	pages.Add(pages.Options{Frame: frame, Console: c, Records: db, Logger: log})
	young := small("young")
	_, err = db.ApplySet(acting(t.Context(), "ben"), []check.Check{young}, store.ApplyOptions{})
	must(t, err)
	slot := time.Now().UTC().Truncate(time.Minute)
	r := jobs.ResultFor(jobs.New(young, "here", slot, 1, slot, slot.Add(time.Minute)))
	r.ReceivedAt, r.StartedAt, r.FinishedAt = slot, slot, slot.Add(time.Second)
	r.Fail(jobs.FaultAssertion, "status == 200 (got 500)")
	_, err = db.RecordReceived(t.Context(), []jobs.Result{r}, nil)
	must(t, err)
	found := regexp.MustCompile(`/incidents/[0-9a-f-]{36}`).FindString(send(frame, "checks:read runs:read", "GET", "/checks/young", nil).Body.String())
	w := send(frame, "checks:read runs:read", "GET", found, nil)
	if w.Code != http.StatusOK {
		t.Fatalf("%q answers %d: %s", found, w.Code, w.Body)
	}
	for text, want := range map[string]bool{"Last run that passed": true, "No run passed before it": true, "First run that failed": true, "recovered": false, "not kept any more": false} {
		if strings.Contains(w.Body.String(), text) != want {
			t.Errorf("the page says %q: %t, want %t\n%s", text, !want, want, w.Body)
		}
	}
}
