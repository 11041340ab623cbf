package store_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/store"
)

// What the rules found is what the status page reads: the level, the outage,
// and the hours as they were counted.
func TestThePublicReadsTheStoredHistory(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	c := shopLogin()
	c.Alert = check.Alert{Runs: 2}
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	now, err := s.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Truncate(time.Minute)
	level := func() status.State {
		t.Helper()
		checks, err := s.PublicChecks(ctx)
		if err != nil || len(checks) != 1 {
			t.Fatalf("%+v (%v)", checks, err)
		}
		return checks[0].Level
	}
	record(t, s, store.Recorded{Stored: 1}, result(c, "here", now.Add(time.Minute), jobs.Passed, time.Second))
	if got := level(); got != status.Operational {
		t.Errorf("a check that has passed is %s", got)
	}
	record(t, s, store.Recorded{Stored: 1}, result(c, "here", now.Add(2*time.Minute), jobs.Failed, time.Second))
	if got := level(); got != status.Operational {
		t.Errorf("after one failure of two it is %s", got)
	}
	record(t, s, store.Recorded{Stored: 1}, result(c, "here", now.Add(3*time.Minute), jobs.Failed, time.Second))
	if got := level(); got != status.Outage {
		t.Errorf("after two it is %s", got)
	}
	outages, err := s.PublicOutages(ctx, now)
	if err != nil || len(outages) != 1 || outages[0].CheckID != c.ID || !outages[0].Spans[0].From.Equal(now.Add(3*time.Minute)) || !outages[0].Spans[0].To.IsZero() {
		t.Errorf("outages %+v (%v)", outages, err)
	}
	found, err := s.PublicIncidents(ctx, now, now.Add(time.Hour), 10)
	if err != nil || len(found) != 1 || !found[0].ByRules || found[0].Message != "status == 200 (got 503)" || !found[0].Open() {
		t.Errorf("incidents %+v (%v)", found, err)
	}
}

// Hours that were counted are taken as they were counted, others as the
// recorder counts them up; none twice, by the hour and by the day.
func TestPublicBucketsAreCountedOnce(t *testing.T) {
	s, url := open(t)
	ctx := t.Context()
	c := shopLogin()
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	do(t, url, `UPDATE check_history SET since = since - interval '3 days'`)
	now, err := s.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	day := now.Truncate(24 * time.Hour)
	old := day.Add(-time.Hour) // yesterday's last hour
	fresh := now.Truncate(time.Hour)
	record(t, s, store.Recorded{Stored: 3}, result(c, "here", old, jobs.Passed, time.Second), result(c, "there", old.Add(time.Minute), jobs.Failed, time.Second),
		result(c, "here", fresh, jobs.Passed, 3*time.Second))
	read := func(grain string) map[time.Time]status.Bucket {
		t.Helper()
		list, err := s.PublicBuckets(ctx, grain, day.Add(-24*time.Hour), now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		m := map[time.Time]status.Bucket{}
		for _, b := range list {
			m[b.Start] = b
		}
		return m
	}
	want := func(when string, grain string, at time.Time, passed, failed int, latency time.Duration) {
		t.Helper()
		b := read(grain)[at]
		if b.Passed != passed || b.Failed != failed || b.LatencySum != latency {
			t.Errorf("%s, %s of %s: %+v", when, grain, at, b)
		}
	}
	same := func(when string) {
		want(when, store.Hour, old, 1, 1, time.Second)
		want(when, store.Hour, fresh, 1, 0, 3*time.Second)
		want(when, store.Day, day.Add(-24*time.Hour), 1, 1, time.Second)
		want(when, store.Day, day, 1, 0, 3*time.Second)
	}
	same("before counting")
	if err := s.Tally(ctx); err != nil {
		t.Fatal(err)
	}
	if from, to, err := s.PublicCounted(ctx); err != nil || !from.Before(old) || to.After(fresh) {
		t.Errorf("counted from %s to %s (%v)", from, to, err)
	}
	if now.Sub(old) > 90*time.Minute+time.Hour { // else it is not counted yet
		if b := read(store.Hour)[old]; b.Expected != 120 {
			t.Errorf("%d slots were due in the hour, want 120", b.Expected)
		}
	}
	same("after counting")
}

// The public sees what is meant for it: no private incident, no private update,
// no author, no private check among those of an incident.
func TestThePublicSeesPublicIncidentsOnly(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	c, hidden := shopLogin(), shopLogin()
	hidden.ID, hidden.Public = "hidden", false
	c.Maintenance = []check.Maintenance{{Cron: "30 2 * * sun", Zone: "Europe/Berlin", For: 90 * time.Minute, Why: "Backups"}}
	apply(t, s, store.Applied{Created: []string{hidden.ID, c.ID}}, c, hidden)
	must := func(id string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	open := func(title string, public bool, checks ...string) string {
		t.Helper()
		return must(s.OpenIncident(ctx, status.Report{Title: title, Impact: status.ImpactOutage, Checks: checks, Public: public, Author: "ada"}))
	}
	open("secret", false, c.ID)
	open("of a private check", true, hidden.ID)
	everything := open("about everything", true)
	both := open("of both", true, c.ID, hidden.ID)
	part := open("a part", true, c.ID)
	must("", s.UpdateIncident(ctx, part, status.Update{Phase: status.Investigating, Body: "said before", Public: true, Author: "ada"}))
	must("", s.UpdateIncident(ctx, both, status.Update{Phase: status.Identified, Body: "for us", Author: "ada"}))
	must("", s.MergeIncident(ctx, part, both))
	now, err := s.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.PublicIncidents(ctx, now.Add(-time.Hour), now.Add(time.Hour), 10)
	if err != nil {
		t.Fatal(err)
	}
	titles := map[string]status.Recorded{}
	for _, r := range found {
		titles[r.Title] = r
		if r.CreatedBy != "" {
			t.Errorf("%q names its author", r.Title)
		}
	}
	if len(titles) != 2 || titles["of both"].ID != both || titles["about everything"].ID != everything {
		t.Errorf("the public sees %v", titles)
	}
	b := titles["of both"]
	if len(b.Checks) != 1 || b.Checks[0] != c.ID || len(b.Updates) != 1 || b.Updates[0].Body != "said before" || b.Updates[0].Author != "" {
		t.Errorf("of both: %+v", b)
	}
	if _, ok, err := s.PublicIncident(ctx, part); ok || err != nil {
		t.Errorf("the part is there: %v %v", ok, err)
	}
	private := status.Planned{Title: "Private", Checks: []string{c.ID}, Maintenance: check.Maintenance{Cron: "0 3 * * *", For: time.Hour}}
	must(s.PlanMaintenance(ctx, private))
	byHand := private
	byHand.Title, byHand.Public, byHand.Tags = "By hand", true, []string{"shop"}
	byHand.Checks = []string{hidden.ID}
	must(s.PlanMaintenance(ctx, byHand))
	planned, err := s.PublicMaintenance(ctx, now)
	if err != nil || len(planned) != 2 {
		t.Fatalf("planned: %+v (%v)", planned, err)
	}
	for _, p := range planned {
		if len(p.Checks) != 1 || p.Checks[0] != c.ID {
			t.Errorf("%q concerns %v", p.Title, p.Checks)
		}
		if p.Title == "" && (p.Why != "Backups" || p.Zone != "Europe/Berlin" || p.For != 90*time.Minute || p.ID != c.ID+"/1") {
			t.Errorf("that of the check: %+v", p)
		}
	}
}

// The role of the status page reads the public views and nothing else, and
// writes nothing: neither by a log-in of its own nor as the dashboard connects.
func TestThePublicRoleReadsViewsAlone(t *testing.T) {
	s, address := open(t)
	ctx := t.Context()
	apply(t, s, store.Applied{Created: []string{"shop-login"}}, shopLogin())
	const login, password = "probefleet_status_test", "only-for-this-test"
	do(t, address, `DO $$ BEGIN CREATE ROLE `+login+` LOGIN PASSWORD '`+password+`' IN ROLE `+store.PublicRole+`;
		EXCEPTION WHEN duplicate_object THEN NULL; END $$`)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(login, password)
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, `SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	views := 0
	for _, name := range names {
		_, err := conn.Exec(ctx, `SELECT * FROM `+pgx.Identifier{name}.Sanitize()+` LIMIT 1`)
		if public := strings.HasPrefix(name, "public_"); public != (err == nil) {
			t.Errorf("reading %s: %v", name, err)
		} else if public {
			views++
		}
		if _, err := conn.Exec(ctx, `DELETE FROM `+pgx.Identifier{name}.Sanitize()); err == nil {
			t.Errorf("%s can be written", name)
		}
	}
	if views < 9 || len(names) < 25 {
		t.Errorf("%d of %d relations are public views", views, len(names))
	}
	for _, statement := range []string{`CREATE TABLE x (y int)`, `SELECT grant_public_views()`, `SELECT pg_read_file('/etc/passwd')`, `SELECT * FROM pg_authid`} {
		if _, err := conn.Exec(ctx, statement); err == nil {
			t.Errorf("%s is allowed", statement)
		}
	}

	// The dashboard, with the URL of somebody who may do everything.
	public, err := store.OpenPublic(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer public.Close()
	if checks, err := public.PublicChecks(ctx); err != nil || len(checks) != 1 {
		t.Errorf("the dashboard reads %+v (%v)", checks, err)
	}
	if _, _, err := public.ActiveChecks(ctx); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("it reads definitions: %v", err)
	}
	if _, err := public.OpenIncident(ctx, status.Report{Title: "x", Impact: status.ImpactNone}); err == nil {
		t.Error("it writes")
	}
}
