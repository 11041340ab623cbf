package dashboard

import (
	"fmt"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
)

// incidentID is the id of the nth incident of the fake.
func incidentID(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// say adds what people wrote down, what the rules found, and maintenance.
func (f *fake) say(now time.Time) {
	ago := func(d time.Duration) time.Time { return now.Add(-d).UTC().Truncate(time.Second) }
	const h, m = time.Hour, time.Minute
	f.incidents = []status.Recorded{
		{
			ID: incidentID(1), Title: "Payments by card fail", Impact: status.ImpactOutage, Public: true,
			Checks: []string{"checkout", "payments-api", "refunds"}, Incident: status.Incident{Opened: ago(80 * m)},
			Updates: []status.Update{
				{Phase: status.Investigating, At: ago(75 * m), Public: true, Body: "Payments by card are **refused**. We look into it."},
				{Phase: status.Identified, At: ago(40 * m), Public: true, Body: "The bank rejects our certificate:\n\n- cards fail\n- invoices and *direct debit* work\n\nSee [their status](https://bank.example/status)."},
			},
		},
		{
			ID: incidentID(2), ByRules: true, CheckID: "payments-api", Checks: []string{"payments-api"}, Impact: status.ImpactOutage, Public: true,
			Incident: status.Incident{Opened: ago(70 * m), Locations: []string{"frankfurt", "virginia"}, Class: jobs.FaultAssertion, Message: "status == 200 (got 503)", Failed: 140},
		},
		{
			ID: incidentID(3), ByRules: true, CheckID: "sso", Checks: []string{"sso"}, Impact: status.ImpactOutage, Public: true,
			Incident: status.Incident{Opened: ago(4 * h), Closed: ago(3*h + 10*m), Locations: []string{"frankfurt"}, Class: jobs.FaultTLS, Message: "certificate has expired", Failed: 50},
		},
		{
			ID: incidentID(4), Title: `<img src=x onerror=alert("title")>`, Impact: status.ImpactDegraded, Public: true, Checks: []string{"hostile"},
			Incident: status.Incident{Opened: ago(30 * h), Closed: ago(29 * h)},
			Updates:  []status.Update{{Phase: status.Resolved, At: ago(29 * h), Public: true, Body: `<script>alert("update")</script> [x](javascript:alert(1))`}},
			Postmortem: "# What happened\n\nA certificate was not renewed.\n\n| when | what |\n|---|---|\n| 9:00 | it ended |\n| 9:40 | it was renewed |\n\n" +
				"> A reminder comes two weeks before now.\n\n```sh\nprobefleet trigger sso\n```\n",
		},
	}
	slices.SortStableFunc(f.incidents, func(a, b status.Recorded) int { return b.Opened.Compare(a.Opened) })
	f.planned = []status.Planned{
		{ID: "a", Title: "New database", Checks: []string{"search", "docs"}, Public: true, Maintenance: check.Maintenance{From: ago(10 * m), To: ago(-50 * m), Why: "Search may be slow for a moment."}},
		{ID: "b", Title: "", Checks: []string{"ledger"}, Public: true, Maintenance: check.Maintenance{Cron: "0 3 * * *", Zone: "Europe/Berlin", For: 90 * m, Why: "Nightly export"}},
		{ID: "c", Title: "Move to another data centre", Checks: []string{"home", "search", "cart"}, Public: true, Maintenance: check.Maintenance{From: ago(-5 * 24 * h), To: ago(-5*24*h - 4*h)}},
	}
}
