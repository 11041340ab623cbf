package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
)

// measured is a meterBook.
type measured struct {
	checks   []status.Check
	meters   []kept.Meter
	asked    []string
	promises map[string]status.Objective
	// unmeasured are promises of which nothing is known.
	unmeasured map[string]status.Objective
	reads      int
}

func (m *measured) Statuses(context.Context) ([]status.Check, error) { m.reads++; return m.checks, nil }

func (m *measured) Meters(_ context.Context, ids []string, _, _ time.Time) ([]kept.Meter, error) {
	m.asked = ids
	return m.meters, nil
}

func (m *measured) Promises(_ context.Context, now time.Time, ids []string) (list []kept.Promise, err error) {
	for _, id := range ids {
		if o, known := m.promises[id]; known {
			account := func(time.Duration) status.Account {
				return status.Account{Policy: status.SlotsV1, Unit: "slots", Expected: 2000, Up: 980, Down: 20}
			}
			list = append(list, kept.Promise{CheckID: id, At: now, Objective: o, Account: account(o.Window), Rules: o.Judge(account)})
		}
		if o, known := m.unmeasured[id]; known {
			nothing := func(time.Duration) status.Account { return status.Account{Policy: status.SlotsV1, Expected: 2000} }
			list = append(list, kept.Promise{CheckID: id, At: now, Objective: o, Account: nothing(0), Rules: o.Judge(nothing)})
		}
	}
	return list, nil
}

// The budget is that of what was measured, and how much that is stands beside
// it.
func TestObjectiveOfACheck(t *testing.T) {
	c := New(Options{Tokens: newRing(), Logger: slog.New(slog.DiscardHandler), Meters: &measured{promises: map[string]status.Objective{
		"shop": {Target: .99, Window: 30 * 24 * time.Hour, Policy: status.SlotsV1},
	}}})
	o := api[Objective](t, c, http.StatusOK, "GET", "/api/v1/checks/shop/objective", "")
	if o.Up != 980 || o.Coverage != .5 || o.WindowDays != 30 || o.Uptime == nil || *o.Uptime != .98 || o.Budget.Left > -.999 || o.Budget.Left < -1.001 {
		t.Errorf("%+v", o)
	}
	if len(o.Burn) != 4 || o.Burning != "creeping" || o.Burn[3].LongRate < 1.99 || o.Burn[3].LongCoverage != .5 {
		t.Errorf("%+v", o.Burn)
	}
	api[struct{}](t, c, http.StatusNotFound, "GET", "/api/v1/checks/other/objective", "")
}

func watched(id, group string, level status.State, runs ...status.Run) status.Check {
	return status.Check{
		ID: id, Name: "The \"" + id + "\"\n", Group: group, Tags: []string{"web", group}, Kind: check.KindAPI,
		Every: time.Minute, Timeout: time.Second, Locations: []string{"here", "there"}, Level: level, Last: runs, Conclusive: runs,
	}
}

func seen(location string, at time.Time, o jobs.Outcome) status.Run {
	return status.Run{RunID: "x", Location: location, Slot: at, FinishedAt: at, Outcome: o, Latency: 250 * time.Millisecond}
}

// Silence is neither up nor down, what was not measured has no uptime, and a
// place that is the check's no longer is not shown.
func TestMetricsOfChecks(t *testing.T) {
	now := time.Now()
	book := &measured{checks: []status.Check{
		watched("shop", "web", status.Outage, seen("here", now, jobs.Passed), seen("there", now, jobs.Failed), seen("formerly", now, jobs.Failed)),
		watched("quiet", "desk", status.Operational, seen("here", now.Add(-time.Hour), jobs.Passed)),
	}}
	tally := status.Tally{Expected: 100, Counts: status.Counts{Passed: 80, Degraded: 9, Failed: 11, Inconclusive: 1}, MaintenanceExpected: 10, Maintenance: status.Counts{Failed: 10}}
	book.meters = []kept.Meter{
		{CheckID: "shop", Location: "here", Tally: tally, CertificateEnds: now.Add(36 * time.Hour)},
		{CheckID: "quiet", Location: "here", Tally: status.Tally{Expected: 60, Counts: status.Counts{Inconclusive: 60}}},
	}
	tokens := newRing()
	tokens.put("prometheus", access.Token{ID: "p", Scopes: []access.Scope{access.MetricsRead}})
	c := New(Options{Tokens: tokens, Meters: book, Logger: slog.New(slog.DiscardHandler)})
	get := func(path, token string) (int, string) {
		w := ask(c.MetricsHandler(), "GET", path, token, "")
		return w.Code, w.Body.String()
	}
	code, body := get("/metrics", "prometheus")
	if code != http.StatusOK {
		t.Fatal(code, body)
	}
	has := func(body string, lines ...string) {
		t.Helper()
		for _, l := range lines {
			if !strings.Contains(body, l) {
				t.Errorf("not in the metrics: %s", l)
			}
		}
	}
	has(body, `probefleet_check_info{check="shop",group="web",kind="api",name="The \"shop\"\n"} 1`,
		`probefleet_check_state{check="shop",state="outage"} 1`, `probefleet_check_state{check="shop",state="operational"} 0`,
		`probefleet_check_state{check="quiet",state="not_measured"} 1`,
		`probefleet_check_up{check="shop",location="here"} 1`, `probefleet_check_up{check="shop",location="there"} 0`,
		`probefleet_check_last_outcome{check="shop",location="there",outcome="failed"} 1`,
		`probefleet_check_duration_seconds{check="shop",location="here"} 0.25`,
		`probefleet_check_uptime_ratio{check="shop",location="here"} 0.98`, // 89 up, 1 down
		`probefleet_check_coverage_ratio{check="shop",location="here"} 1`,
		`probefleet_check_coverage_ratio{check="quiet",location="here"} 0`,
		`probefleet_check_certificate_days_left{check="shop",location="here"} 1.4`,
		`probefleet_checks{state="outage"} 1`, "probefleet_checks_left_out 0")
	for _, l := range []string{`check_up{check="quiet"`, `uptime_ratio{check="quiet"`, "formerly"} {
		if strings.Contains(body, l) {
			t.Errorf("what nothing is known of is in the metrics: %s", l)
		}
	}
	if _, body := get("/metrics?group=desk&location=there", "prometheus"); strings.Contains(body, `"shop"`) || strings.Contains(body, `location="here"`) || !strings.Contains(body, `"quiet"`) {
		t.Errorf("chosen by group and location:\n%s", body)
	}
	if fmt.Sprint(book.asked) != "[quiet]" || book.reads != 1 {
		t.Errorf("the database was asked for %v, and %d times for the states", book.asked, book.reads)
	}
	c.o.Metered = 1
	_, body = get("/metrics", "prometheus")
	has(body, "probefleet_checks_left_out 1")
	if strings.Contains(body, `check="shop"`) {
		t.Error("the bound on checks does not hold")
	}
}

// What is left of a budget and how fast it burns is shown of checks that promise
// something, and of those alone; what was not measured has neither.
func TestMetricsOfBudgets(t *testing.T) {
	o := status.Objective{Target: .99, Window: 30 * 24 * time.Hour, Policy: status.SlotsV1}
	book := &measured{
		checks:   []status.Check{watched("shop", "web", status.Operational), watched("plain", "web", status.Operational), watched("unmeasured", "desk", status.Operational)},
		promises: map[string]status.Objective{"shop": o},
	}
	c := New(Options{Tokens: newRing(), Meters: book, MetricsOpen: true, Logger: slog.New(slog.DiscardHandler)})
	body := ask(c.MetricsHandler(), "GET", "/metrics", "", "").Body.String()
	for _, l := range []string{
		`probefleet_check_objective_ratio{check="shop"} 0.99`, // 20 of 1000 were down, 10 are allowed
		`probefleet_check_error_budget_left_ratio{check="shop"} -1`,
		`probefleet_check_burn_rate{check="shop",window="1h"} 2`, `probefleet_check_burn_rate{check="shop",window="72h"} 2`,
	} {
		if !strings.Contains(body, l[:len(l)-1]) {
			t.Errorf("not in the metrics: %s\n%s", l, body)
		}
	}
	if strings.Contains(body, `_objective_ratio{check="plain"`) || strings.Contains(body, `_budget_left_ratio{check="plain"`) {
		t.Error("a check that promises nothing has a budget")
	}
	book.unmeasured = map[string]status.Objective{"unmeasured": o}
	body = ask(c.MetricsHandler(), "GET", "/metrics?group=desk", "", "").Body.String()
	if !strings.Contains(body, `probefleet_check_objective_ratio{check="unmeasured"} 0.99`) || strings.Contains(body, `_left_ratio{check="unmeasured"`) || strings.Contains(body, `_burn_rate{check="unmeasured"`) {
		t.Errorf("what was not measured has a budget:\n%s", body)
	}
}

func TestWhoMayReadMetrics(t *testing.T) {
	tokens := newRing()
	tokens.put("prometheus", access.Token{ID: "p", Scopes: []access.Scope{access.MetricsRead}})
	tokens.put("other", access.Token{ID: "o", Scopes: []access.Scope{access.ChecksRead, access.RunsRead}})
	c := New(Options{Tokens: tokens, Meters: &measured{}, Logger: slog.New(slog.DiscardHandler)})
	for token, want := range map[string]int{"": 401, "unknown": 401, "other": 403, "prometheus": 200} {
		if w := ask(c.MetricsHandler(), "GET", "/metrics", token, ""); w.Code != want {
			t.Errorf("%q: %d %s", token, w.Code, w.Body)
		}
	}
	c.o.MetricsOpen = true
	if w := ask(c.MetricsHandler(), "GET", "/metrics", "", ""); w.Code != 200 {
		t.Errorf("shown to everybody: %d %s", w.Code, w.Body)
	}
}
