package recorder_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/recorder"
	"github.com/probefleet/probefleet/internal/schedule"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

// books is a store in the words of a console that takes calls, and no more.
type books struct{ *store.Store }

func (b books) PingsOf(ctx context.Context, id string, limit int) ([]console.Ping, error) {
	found, err := b.Pings(ctx, id, limit)
	all := make([]console.Ping, len(found))
	for i, p := range found {
		all[i] = console.Ping(p)
	}
	return all, err
}

// beating is a database with heartbeats of half a minute, and a console that is
// called over HTTP.
type beating struct {
	db      *store.Store
	sql     *pgx.Conn
	console *httptest.Server
	token   string
}

func newBeating(t *testing.T, ids ...string) *beating {
	t.Helper()
	url := storetest.Database(t)
	db, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	sql, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sql.Close(context.Background()) })
	var checks []check.Check
	for _, id := range ids {
		h := &check.Heartbeat{Period: 30 * time.Second, Grace: 3 * time.Second, Lines: check.Lines{Degraded: []string{"time.total < 1h"}}}
		checks = append(checks, check.Check{
			ID: id, Name: id, Every: h.Every(), Timeout: check.DefaultAPITimeout, Locations: []string{check.HeartbeatLocation},
			Active: true, Public: true, Retry: check.Retry{}, Spec: h,
		})
	}
	if _, err := db.ApplyChecks(t.Context(), checks); err != nil {
		t.Fatal(err)
	}
	_, token := access.NewSecret()
	if err := db.CreateToken(t.Context(), access.Token{ID: "t", Name: "test", Scopes: access.Scopes, CreatedAt: time.Now()}, access.Hash(token)); err != nil {
		t.Fatal(err)
	}
	c := console.New(console.Options{Store: books{db}, Tokens: db, Pings: books{db}, Logger: slog.New(slog.DiscardHandler)})
	srv := httptest.NewServer(c.Handler())
	t.Cleanup(srv.Close)
	return &beating{db, sql, srv, token}
}

func (b *beating) do(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := b.sql.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// ask asks the console, and answers the body.
func (b *beating) ask(t *testing.T, method, path, body string, want int) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.console.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(path, "/api/") {
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != want {
		t.Fatalf("%s %s: %s (%v), want %d: %s", method, path, res.Status, err, want, data)
	}
	return string(data)
}

// address gives a heartbeat its address.
func (b *beating) address(t *testing.T, id string) string {
	t.Helper()
	var a console.PingAddress
	if err := json.Unmarshal([]byte(b.ask(t, "POST", "/api/v1/checks/"+id+"/ping-address", "", 200)), &a); err != nil {
		t.Fatal(err)
	}
	return a.Path
}

// judge has two recorders look at the same time, and again.
func (b *beating) judge(t *testing.T) {
	t.Helper()
	var both sync.WaitGroup
	for range 2 {
		r := recorder.New(recorder.Options{Store: b.db, Heartbeats: b.db, Identity: jobs.Worker{ID: "recorder-1"}})
		both.Go(func() {
			for range 2 {
				if err := r.JudgeHeartbeats(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	both.Wait()
}

type judged struct {
	slot           time.Time
	ago            time.Duration
	outcome, class string
	message        string
}

func (b *beating) runs(t *testing.T, id string) []judged {
	t.Helper()
	rows, err := b.sql.Query(t.Context(), `
		SELECT slot, clock_timestamp() - slot, outcome, fault_class, fault_message FROM runs
		WHERE check_id = $1 AND location = 'console' ORDER BY slot`, id)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (j judged, err error) {
		err = row.Scan(&j.slot, &j.ago, &j.outcome, &j.class, &j.message)
		return j, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Twenty minutes of four jobs: one that calls once, one that goes on calling
// until the console is away for a while, one that fails, one without an
// address. Calls come over HTTP; then the clock of all that is stored is put
// back.
func TestHeartbeats(t *testing.T) {
	b := newBeating(t, "late", "away", "failing", "mute")
	span, err := b.db.ReceiverHere(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	late, away, failing := b.address(t, "late"), b.address(t, "away"), b.address(t, "failing")
	b.ask(t, "GET", late+"/start", "", 200)
	b.ask(t, "POST", late+"/0", "7 files, DB_PASSWORD=hunter22\n", 200)
	b.ask(t, "HEAD", away, "", 200)
	b.ask(t, "POST", failing+"/3", "no space left", 200)
	b.ask(t, "GET", late+"/4711", "", 404)
	b.ask(t, "GET", "/ping/hb_nobody", "", 404)

	for _, s := range []string{
		`UPDATE checks SET created_at = created_at - interval '20 minutes'`,
		`UPDATE check_history SET since = since - interval '20 minutes'`,
		`UPDATE heartbeats SET address_at = address_at - interval '20 minutes'`,
		`UPDATE pings SET at = at - interval '20 minutes'`,
		`UPDATE pings SET at = at + interval '2 seconds' WHERE signal = 'end' AND check_id = 'late'`,
		`INSERT INTO pings (check_id, at, signal, exit_code, body, size, address)
			SELECT 'away', at + n * interval '25 seconds', 'end', 0, '', 0, '' FROM pings, generate_series(1, 36) n WHERE check_id = 'away'`, // 15 minutes
		`UPDATE ping_receivers SET since = since - interval '20 minutes 1 second', until = until - interval '5 minutes'`,
		`INSERT INTO ping_receivers (since) VALUES (clock_timestamp() - interval '90 seconds')`,
	} {
		b.do(t, s)
	}
	if next, err := b.db.ReceiverHere(t.Context(), span); err != nil || next == span {
		t.Fatalf("span %d goes on as %d (%v), though nobody was there for minutes", span, next, err)
	}
	b.judge(t)

	byCheck := map[string]map[string]int{}
	for _, id := range []string{"late", "away", "failing", "mute"} {
		byCheck[id] = map[string]int{}
		runs := b.runs(t, id)
		if len(runs) < 38 || len(runs) > 41 {
			t.Errorf("%s has %d results", id, len(runs))
		}
		for i, r := range runs {
			if want := schedule.Next(id, check.HeartbeatLocation, 30*time.Second, r.slot.Add(-time.Millisecond)); !want.Equal(r.slot) {
				t.Errorf("%s: %s is no slot of the schedule", id, r.slot)
			}
			if i > 0 && r.slot.Sub(runs[i-1].slot) != 30*time.Second {
				t.Errorf("%s: a slot is missing between %s and %s", id, runs[i-1].slot, r.slot)
			}
			if id == "away" && r.outcome == "failed" && r.ago > 60*time.Second {
				t.Errorf("%s ago, the console was away, and its job failed: %s", r.ago, r.message)
			}
			byCheck[id][r.outcome+" "+r.class]++
		}
	}
	for id, want := range map[string][]string{
		"late": {"passed ", "failed late"}, "away": {"degraded assertion", "inconclusive away"}, "failing": {"failed assertion", "failed late"}, "mute": {"inconclusive waiting"},
	} {
		for _, w := range want {
			if byCheck[id][w] == 0 {
				t.Errorf("%s: no slot is %q: %v", id, w, byCheck[id])
			}
		}
	}
	if got := byCheck["late"]["failed late"]; got < 35 {
		t.Errorf("%d slots were late", got)
	}
	b.shown(t)
}

// shown looks at what is made of results: states, incidents, coverage, and what
// is not made of them.
func (b *beating) shown(t *testing.T) {
	t.Helper()
	states, err := b.db.PublicChecks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range states {
		if c.ID == "late" {
			if s := c.State(time.Now()); fmt.Sprint(s) != "outage" {
				t.Errorf("the status page says %v", s)
			}
		}
	}
	coverage, err := b.db.Coverage(t.Context(), "late", time.Now().Add(-time.Hour))
	if err != nil || len(coverage) != 1 || coverage[0].Missing() != 0 || coverage[0].Expected < 36 {
		t.Errorf("coverage %+v, %v", coverage, err)
	}
	var open, again, secrets int
	err = b.sql.QueryRow(t.Context(), `SELECT
		(SELECT count(*) FROM incidents WHERE check_id IN ('late', 'failing') AND closed IS NULL),
		(SELECT count(*) FROM retries),
		(SELECT count(*) FROM runs WHERE data::text LIKE '%hunter22%') + (SELECT count(*) FROM pings WHERE body LIKE '%hunter22%')`).Scan(&open, &again, &secrets)
	if err != nil || open != 2 || again != 0 || secrets != 0 {
		t.Errorf("%d incidents are open, %d attempts are to be made again, %d texts have a password (%v)", open, again, secrets, err)
	}
	if body := b.ask(t, "GET", "/api/v1/checks/late/pings", "", 200); !strings.Contains(body, "7 files, DB_PASSWORD=(redacted)") {
		t.Errorf("the calls are %s", body)
	}
}

// A new address makes the one before void; only a heartbeat has one.
func TestPingAddress(t *testing.T) {
	b := newBeating(t, "job")
	first := b.address(t, "job")
	b.ask(t, "GET", first, "", 200)
	second := b.address(t, "job")
	b.ask(t, "GET", first, "", 404)
	b.ask(t, "POST", second+"/fail", "", 200)
	b.ask(t, "PUT", second, "", 405)
	b.ask(t, "POST", "/api/v1/checks/none/ping-address", "", 404)
	api := check.Check{ID: "api", Name: "api", Every: time.Minute, Timeout: time.Second, Locations: []string{"here"}, Active: true, Spec: check.OneRequest(check.Request{Method: "GET", URL: "http://a.example/", MaxBody: 1}, nil, nil)}
	if _, err := b.db.ApplyChecks(t.Context(), []check.Check{api}); err != nil {
		t.Fatal(err)
	}
	if body := b.ask(t, "POST", "/api/v1/checks/api/ping-address", "", 422); !strings.Contains(body, "no heartbeat") {
		t.Error(body)
	}
	var hashed int
	if err := b.sql.QueryRow(t.Context(), `SELECT count(*) FROM heartbeats WHERE length(address_hash) = 32 AND address_by = 'test'`).Scan(&hashed); err != nil || hashed != 1 {
		t.Errorf("%d addresses are kept as a hash (%v)", hashed, err)
	}
	// Neither more calls than a job makes, nor a long body.
	b.ask(t, "POST", second, strings.Repeat("x", 1<<20), 200)
	for range 18 {
		b.ask(t, "GET", second, "", 200)
	}
	refused := 0
	for range 30 {
		if res, err := http.Get(b.console.URL + second); err != nil {
			t.Fatal(err)
		} else if _ = res.Body.Close(); res.StatusCode == http.StatusTooManyRequests && res.Header.Get("Retry-After") != "" {
			refused++
		}
	}
	if refused < 10 {
		t.Errorf("%d calls of 30 more were refused", refused)
	}
	var longest, size int
	if err := b.sql.QueryRow(t.Context(), `SELECT max(length(body)), max(size) FROM pings`).Scan(&longest, &size); err != nil || longest > 4<<10 || size != 1<<20 {
		t.Errorf("%d bytes of %d were kept (%v)", longest, size, err)
	}
}

// What is old is forgotten, but for what still decides.
func TestPingsAreForgotten(t *testing.T) {
	b := newBeating(t, "job", "other")
	for _, id := range []string{"job", "other"} {
		b.do(t, `INSERT INTO pings (check_id, at, signal, exit_code, body, size, address)
			SELECT $1, now() - interval '40 days' + n * interval '1 minute', CASE n WHEN 3 THEN 'end' ELSE 'start' END, 0, '', 0, '' FROM generate_series(1, 100) n`, id)
	}
	b.do(t, `INSERT INTO pings (check_id, signal, exit_code, body, size, address) SELECT 'other', 'end', 0, '', 0, '' FROM generate_series(1, 30)`)
	if err := b.db.PrunePings(t.Context(), time.Now().Add(-30*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]int{"job": 98, "other": 30} { // from the last end on; the newest alone
		if pings, err := b.db.Pings(t.Context(), id, 1000); err != nil || len(pings) != want {
			t.Errorf("%s: %d calls are left (%v), want %d", id, len(pings), err, want)
		}
	}
}
