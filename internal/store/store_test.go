package store_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/child"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/localpg"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// open is a store on a fresh database, with the database's URL.
func open(t *testing.T) (*store.Store, string) {
	t.Helper()
	url := storetest.Database(t)
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, url
}

// ask is the one value that a statement answers.
func ask[T any](t *testing.T, url, statement string, args ...any) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), statement, args...)
	if err != nil {
		t.Fatal(err)
	}
	v, err := pgx.CollectOneRow(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return v
}

func do(t *testing.T, url, statement string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// noon is a time on a day of which the tests make no partition.
var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func shopLogin() check.Check {
	return check.Check{
		ID: "shop-login", Name: "Log in", Group: "Shop", Tags: []string{"shop", "two words"},
		Every: time.Minute, Timeout: 10 * time.Second, Locations: []string{"here", "there"},
		Active: true, Public: true,
		Spec: check.OneRequest(check.Request{Method: "GET", URL: "https://shop.example/", MaxBody: check.DefaultMaxBody}, []string{"status == 200"}, nil),
	}
}

// result is a finished result of a check's slot.
func result(c check.Check, location string, slot time.Time, o jobs.Outcome, latency time.Duration) jobs.Result {
	r := jobs.ResultFor(jobs.New(c, location, slot, 1, slot, slot.Add(time.Minute)))
	r.Outcome = o
	if o != jobs.Passed {
		r.Fault = &jobs.Fault{Class: jobs.FaultAssertion, Message: "status == 200 (got 503)"}
	}
	r.ReceivedAt, r.StartedAt, r.FinishedAt = slot, slot, slot.Add(latency)
	r.Timings.Total = latency
	r.Worker.ID = "w1"
	return r
}

func record(t *testing.T, s *store.Store, want store.Recorded, results ...jobs.Result) {
	t.Helper()
	got, err := s.RecordReceived(t.Context(), results, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("recorded %+v, want %+v", got, want)
	}
}

func TestMigrateFromSeveralProcessesAtOnce(t *testing.T) {
	_, url := open(t)
	do(t, url, `DROP SCHEMA public CASCADE`)
	do(t, url, `CREATE SCHEMA public`)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := store.Migrate(t.Context(), url); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := ask[int](t, url, `SELECT count(*) FROM shards`); n != 16 {
		t.Errorf("%d shards after four migrations at once", n)
	}
}

// A database that was brought up to date before a lower number landed gets
// that one too.
func TestMigrateFillsGaps(t *testing.T) {
	_, url := open(t)
	do(t, url, `DROP TABLE retries, location_health, location_events`)
	do(t, url, `ALTER TABLE runs DROP COLUMN origin`)
	do(t, url, `DELETE FROM goose_db_version WHERE version_id = 3`)
	if n := ask[int64](t, url, `SELECT max(version_id) FROM goose_db_version`); n < 4 {
		t.Fatalf("3 is no gap: the newest migration is %d", n)
	}
	if err := store.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	if n := ask[int](t, url, `SELECT count(*) FROM retries`); n != 0 {
		t.Errorf("%d retries", n)
	}
}

func TestOpenHidesThePassword(t *testing.T) {
	_, err := store.Open(t.Context(), "postgres://me:hunter2@host:notaport/db")
	if err == nil {
		t.Fatal("opened")
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error shows the password: %v", err)
	}
}

// A server that goes away and comes back: every error in between says that it
// is away, and the same store works again afterwards.
func TestUnavailable(t *testing.T) {
	account, err := child.Unprivileged(child.DefaultAccount)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "probefleet-store-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	o := localpg.Options{Dir: dir, Account: account, Fast: true}
	pg, err := localpg.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pg.Stop() }()
	url := pg.URL(localpg.DefaultDatabase)
	if err := store.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := result(shopLogin(), "here", noon, jobs.Passed, time.Second)
	record(t, s, store.Recorded{Stored: 1}, r)
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}

	do(t, url, `ALTER DATABASE `+localpg.DefaultDatabase+` SET default_transaction_read_only = on`)
	fresh, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	if err := fresh.Ready(t.Context()); !store.Unavailable(err) {
		t.Errorf("Ready on a read-only database: %v", err)
	}
	if _, err := fresh.RecordReceived(t.Context(), []jobs.Result{r}, nil); !store.Unavailable(err) {
		t.Errorf("Record on a read-only database: %v", err)
	}

	o.Port = pg.Port()
	if err := pg.Stop(); err != nil {
		t.Fatal(err)
	}
	for range 3 { // the first may meet a dying connection, the others none
		if _, err := s.RecordReceived(t.Context(), []jobs.Result{r}, nil); !store.Unavailable(err) {
			t.Errorf("Record without a server: %v", err)
		}
	}
	if err := s.Ping(t.Context()); !store.Unavailable(err) {
		t.Errorf("Ping without a server: %v", err)
	}
	pg, err = localpg.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	do(t, url, `BEGIN READ WRITE; ALTER DATABASE `+localpg.DefaultDatabase+` RESET default_transaction_read_only; COMMIT`)
	record(t, s, store.Recorded{Duplicates: 1}, r)
}

func TestUnavailableIsNotEverything(t *testing.T) {
	s, url := open(t)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Ping(canceled); err == nil || store.Unavailable(err) {
		t.Errorf("our own cancellation: %v", err)
	}
	do(t, url, `DROP TABLE latest CASCADE`)
	if _, err := s.PublicChecks(t.Context()); err == nil || store.Unavailable(err) {
		t.Errorf("a missing table: %v", err)
	}
}
