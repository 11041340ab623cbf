package pages_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/pages"
	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

// The page of a check with an objective says what is promised, what is left of
// the budget, how much of the time is known, and which rule is met; that of
// another check says nothing of it.
func TestObjectiveOnThePageOfACheck(t *testing.T) {
	dsn := storetest.Database(t)
	db, err := store.Open(t.Context(), dsn)
	must(t, err)
	t.Cleanup(db.Close)
	log := slog.New(slog.DiscardHandler)
	frame := web.New(web.Options{Door: scoped{}, Nav: pages.Nav, Logger: log})
	c := console.New(console.Options{Store: db, Runs: db, Fleet: db, Registry: db, Logger: log, Ready: func(context.Context) error { return nil }})
	pages.Add(pages.Options{Frame: frame, Console: c, Records: db, Logger: log})
	promised, plain := small("promised"), small("plain")
	promised.Objective = check.Objective{Target: 990_000, Window: check.DefaultObjectiveWindow, Policy: check.DefaultObjectivePolicy}
	_, err = db.ApplySet(acting(t.Context(), "ben"), []check.Check{promised, plain}, store.ApplyOptions{})
	must(t, err)
	page := func(id string) string {
		t.Helper()
		w := send(frame, "checks:read", "GET", "/checks/"+id, nil)
		if w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return w.Body.String()
	}
	says := func(body string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("the page lacks %q:\n%s", want, body)
			}
		}
	}
	says(page("promised"), "99 % of what is measured over 30 days is up, counted by slots-v1.", "Nothing was measured yet.", "100.0 % of the error budget left", `<td data-th="burnt" class="num">not measured</td>`)

	// An hour of slots, of which the newest six failed: a tenth, where a hundredth
	// is allowed.
	conn, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	defer conn.Close(t.Context())
	now := time.Now().UTC().Truncate(time.Minute)
	_, err = conn.Exec(t.Context(), `UPDATE check_history SET since = $1`, now.Add(-time.Hour))
	must(t, err)
	var results []jobs.Result
	for i := range 60 {
		for _, c := range []check.Check{promised, plain} {
			slot := now.Add(time.Duration(i-60) * time.Minute)
			r := jobs.ResultFor(jobs.New(c, "here", slot, 1, slot, slot.Add(time.Minute)))
			r.ReceivedAt, r.StartedAt, r.FinishedAt, r.Outcome = slot, slot, slot.Add(time.Second), jobs.Passed
			if i >= 54 {
				r.Fail(jobs.FaultAssertion, "status == 200 (got 500)")
			}
			results = append(results, r)
		}
	}
	_, err = db.RecordReceived(t.Context(), results, nil)
	must(t, err)
	body := page("promised")
	says(body, "Missed: 10.0 times the error budget is used", "90.000 % of 60 measured slots were up;", "of what was due was measured, the rest neither burns nor saves.", "The budget burns ", "times as fast as allowed.")
	says(body, `<th scope="row">1 times as fast: now</th>`)
	says(page("plain"), "<dt>Outage since</dt>", `<dd><a href="/incidents/`)
	if body := page("plain"); strings.Contains(body, "error budget") {
		t.Error("a check that promises nothing has a budget")
	}
}
