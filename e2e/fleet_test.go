package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/store/storetest"
)

const token = "pf_token_of_the_end_to_end_test"

// fleet is a whole installation as separate processes.
type fleet struct {
	env                                            []string
	db                                             *pgx.Conn
	dir                                            string
	statusURL, consoleURL, sqsURL                  string
	sqs, scheduler, recorder, dashboard, consoleUp *process
}

// newFleet starts queue, console, recorder, dashboard and scheduler; workers
// are added by worker.
func newFleet(t testing.TB) *fleet {
	t.Helper()
	database := storetest.Database(t)
	sqsAddr := freeAddr(t)
	f := &fleet{dir: folder(t), env: []string{
		"DATABASE_URL=" + database,
		"AWS_ENDPOINT_URL_SQS=http://" + sqsAddr,
		"PROBEFLEET_CONSOLE_TOKEN=" + token,
		"PROBEFLEET_CREATE_QUEUES=true",
		"PROBEFLEET_LOG_FORMAT=text",
	}}
	f.sqsURL = "http://" + sqsAddr
	f.sqs = start(t, nil, "probefleet", "sqs", "-addr", sqsAddr)
	eventually(t, time.Minute, func() error { _, err := get("http://" + sqsAddr + "/healthz"); return err })

	f.consoleURL = "http://" + freeAddr(t)
	f.consoleUp = f.daemon(t, "console", "-addr", strings.TrimPrefix(f.consoleURL, "http://"))
	f.recorder = f.daemon(t, "recorder")
	f.statusURL = "http://" + freeAddr(t)
	f.dashboard = f.daemon(t, "dashboard", "-addr", strings.TrimPrefix(f.statusURL, "http://"), "-title", "Shop status")
	f.scheduler = f.daemon(t, "scheduler")

	db, err := pgx.Connect(context.Background(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	f.db = db
	return f
}

// daemon starts a binary and waits until it is ready.
func (f *fleet) daemon(t testing.TB, name string, args ...string) *process {
	t.Helper()
	admin := freeAddr(t)
	p := start(t, f.env, name, append([]string{"-admin", admin}, args...)...)
	p.admin = admin
	ready(t, p, admin)
	return p
}

// worker starts a worker for browser and API checks of location "local".
func (f *fleet) worker(t testing.TB, name string, args ...string) *process {
	t.Helper()
	return f.daemon(t, "worker", append([]string{
		"-location", "local", "-allow-private",
		"-browser-dir", filepath.Join(f.dir, name),
		"-artifacts", "file://" + filepath.Join(f.dir, "artifacts"),
	}, args...)...)
}

// apply writes checks to a file and applies it as a user would.
func (f *fleet) apply(t testing.TB, args ...string) {
	t.Helper()
	p := start(t, f.env, "probefleet", append([]string{"apply", "-console", f.consoleURL}, args...)...)
	<-p.done
	if p.err != nil {
		t.Fatalf("probefleet apply: %v\n%s", p.err, p.log)
	}
}

// count is the number of a query's first column.
func (f *fleet) count(t testing.TB, query string, args ...any) int {
	t.Helper()
	var n int
	if err := f.db.QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// outcomes maps each check to the outcomes that were recorded for it.
func (f *fleet) outcomes(t testing.TB) map[string]map[string]int {
	t.Helper()
	rows, err := f.db.Query(context.Background(), `SELECT check_id, outcome, count(*) FROM runs GROUP BY 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[string]map[string]int{}
	for rows.Next() {
		var check, outcome string
		var n int
		if err := rows.Scan(&check, &outcome, &n); err != nil {
			t.Fatal(err)
		}
		if found[check] == nil {
			found[check] = map[string]int{}
		}
		found[check][outcome] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// shop starts the demo shop and returns its URL.
func (f *fleet) shop(t testing.TB, args ...string) string {
	t.Helper()
	addr := freeAddr(t)
	start(t, nil, "shop", append([]string{"-addr", addr}, args...)...)
	eventually(t, time.Minute, func() error { _, err := get("http://" + addr + "/api/health"); return err })
	return "http://" + addr
}

func (f *fleet) stopAll(t testing.TB, workers ...*process) {
	t.Helper()
	for _, p := range append([]*process{f.scheduler}, append(workers, f.recorder, f.dashboard, f.consoleUp, f.sqs)...) {
		p.stop(t)
	}
	if left, err := processesWith(f.dir); err != nil || len(left) > 0 {
		t.Errorf("processes left behind: %v %v", left, err)
	}
}

func expectf(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}
