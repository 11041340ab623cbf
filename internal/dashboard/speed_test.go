package dashboard_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/dashboard"
	"github.com/probefleet/probefleet/internal/localpg"
	"github.com/probefleet/probefleet/internal/store"
)

const (
	benchReaders  = 50
	benchDuration = 20 * time.Second
)

// TestSpeedOfThePage is `make bench-dashboard`: many checks with 90 days of what
// was counted, and readers that read all kinds of pages. It prints; how fast is
// fast enough is judged on a quiet machine.
func TestSpeedOfThePage(t *testing.T) {
	checks, err := strconv.Atoi(os.Getenv("PROBEFLEET_BENCH_CHECKS"))
	if err != nil {
		t.Skip("takes minutes: `make bench-dashboard` runs it")
	}
	pg, o, _ := ownServer(t)
	url := pg.URL(localpg.DefaultDatabase)
	begin := time.Now()
	fill(t, url, checks)
	t.Logf("%d checks at 3 locations with 90 days were made in %s", checks, time.Since(begin).Round(time.Second))
	if os.Getenv("PROBEFLEET_BENCH_EXPLAIN") != "" {
		explain(t, url, o.Dir, checks)
	}
	public, err := store.OpenPublic(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer public.Close()
	d := dashboard.New(dashboard.Options{Store: public})
	server := httptest.NewServer(d.Handler())
	defer server.Close()
	ctx, end := contextOf(t)
	defer end()
	begin = time.Now()
	go func() { _ = d.Run(ctx) }()
	within(t, "the first reading", func() bool { return d.Ready(ctx) == nil })
	var mem runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&mem)
	t.Logf("first reading of the database %s; heap with it %d MiB", time.Since(begin).Round(10*time.Millisecond), mem.HeapAlloc>>20)
	measure(t, server.URL, checks)
}

// measure reads pages for a while and prints how long that took.
func measure(t *testing.T, base string, checks int) {
	paths := []string{"/", "/?days=90", "/?group=Group+7&days=90", "/checks/c-%d", "/history", "/api/v1/incidents", "/feed.atom", "/badges/c-%d/uptime.svg"}
	var mu sync.Mutex
	took, weight := map[string][]time.Duration{}, map[string]int64{}
	until := time.Now().Add(benchDuration)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchReaders, DisableCompression: true}}
	var all sync.WaitGroup
	for i := range benchReaders {
		all.Go(func() {
			for k := i; time.Now().Before(until); k++ {
				path := paths[k%len(paths)]
				address := base + path
				if strings.Contains(path, "%d") {
					address = fmt.Sprintf(base+path, (k*7919)%checks)
				}
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Accept-Encoding", "gzip")
				begin := time.Now()
				n, err := bytesOf(client, r)
				if err != nil {
					t.Errorf("%s: %v", address, err)
					return
				}
				d := time.Since(begin)
				mu.Lock()
				took[path], weight[path] = append(took[path], d), n
				mu.Unlock()
			}
		})
	}
	all.Wait()
	t.Logf("%-26s %8s %9s %9s %9s %9s", "page", "reads", "p50", "p95", "p99", "bytes")
	for _, p := range paths {
		ds := took[p]
		if len(ds) == 0 {
			t.Errorf("%s was never read", p)
			continue
		}
		slices.Sort(ds)
		q := func(share float64) time.Duration {
			return ds[int(share*float64(len(ds)-1))].Round(10 * time.Microsecond)
		}
		t.Logf("%-26s %8d %9s %9s %9s %9d", p, len(ds), q(.5), q(.95), q(.99), weight[p])
	}
}

func bytesOf(c *http.Client, r *http.Request) (int64, error) {
	resp, err := c.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err := discard(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("it answers %s", resp.Status)
	}
	return n, err
}

// fill makes checks with what the recorder would have made of 90 days.
func fill(t *testing.T, url string, checks int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	const counts = `expected, passed, degraded, failed, inconclusive, expired, m_expected, m_passed, m_degraded, m_failed, m_inconclusive, m_expired, latency`
	for _, s := range []string{
		`ALTER TABLE checks DISABLE TRIGGER USER`,
		`INSERT INTO checks (id, name, description, group_name, tags, kind, every_ms, timeout_ms, locations, active, muted, public, spec_version, spec, revision)
			SELECT 'c-' || n, 'Service ' || n, '', 'Group ' || n % 40, '{shop}', 'api', 60000, 10000, '{here,there,elsewhere}', true, false, true, 2, '{}', n
			FROM generate_series(0, $1::int - 1) n`,
		`INSERT INTO latest (check_id, location, conclusive, run_id, slot, attempt, outcome, fault_class, fault_message, finished_at, latency_us)
			SELECT id, l, c, gen_random_uuid(), date_trunc('minute', now()), 1, 'passed', '', '', now(), 120000
			FROM checks, unnest(locations) l, (VALUES (true), (false)) v (c) WHERE $1 > 0`,
		`INSERT INTO check_status (check_id, level, since, newest, mark_at, quiet, state_version, state)
			SELECT 'c-' || n, CASE n % 3 WHEN 0 THEN 'outage' WHEN 1 THEN 'degraded' ELSE 'operational' END, now() - interval '1 hour', now(), now(), false, 1, '{}'
			FROM generate_series(0, $1::int - 1, 20) n`,
		`INSERT INTO tallied_hours (start) SELECT generate_series(date_trunc('day', now(), 'UTC') - interval '89 days', date_trunc('hour', now()) - interval '2 hours', '1 hour') WHERE $1 > 0`,
		`INSERT INTO tallies (grain, start, check_id, location, ` + counts + `)
			SELECT 'day', d, c.id, l, 1440, 1438 - (hashtext(c.id || d) & 7), 1, (hashtext(c.id || d) & 7), 1, 0, 0, 0, 0, 0, 0, 0, '\x01'
			FROM checks c, unnest(c.locations) l, generate_series(date_trunc('day', now(), 'UTC') - interval '89 days', now(), '1 day') d WHERE $1 > 0`,
		`INSERT INTO tallies (grain, start, check_id, location, ` + counts + `)
			SELECT 'hour', h, c.id, l, 60, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '\x01'
			FROM checks c, unnest(c.locations) l, generate_series(date_trunc('hour', now()) - interval '30 hours', date_trunc('hour', now()) - interval '2 hours', '1 hour') h WHERE $1 > 0`,
		`INSERT INTO rollups (grain, start, check_id, location, passed, degraded, failed, inconclusive, expired, latency_count, latency_sum_us, latency_max_us)
			SELECT g, s, c.id, l, 60, 0, 0, 0, 0, 60, 7200000, 300000
			FROM checks c, unnest(c.locations) l, LATERAL (
				SELECT 'hour' g, generate_series(date_trunc('hour', now()) - interval '30 hours', date_trunc('hour', now()), '1 hour') s
				UNION ALL SELECT 'day', generate_series(date_trunc('day', now(), 'UTC') - interval '89 days', now(), '1 day')) x WHERE $1 > 0`,
		`INSERT INTO incidents (id, source, check_id, checks, title, impact, opened, closed, first_slot, last_slot, failed, locations, fault_class, fault_message)
			SELECT gen_random_uuid(), 'rules', 'c-' || n, ARRAY['c-' || n], '', 'outage', now() - k * interval '23 hours', CASE WHEN k > 0 OR n % 3 > 0 THEN now() - k * interval '23 hours' + interval '20 minutes' END,
				now(), now(), 20, '{here}', 'assertion', 'status == 200 (got 503)'
			FROM generate_series(0, $1::int - 1, 20) n, generate_series(0, 9) k`,
		`INSERT INTO runs (id, run_id, check_id, location, slot, attempt, kind, outcome, fault_class, fault_message, started_at, finished_at, latency_us, worker, data_version, data)
			SELECT gen_random_uuid(), gen_random_uuid(), 'c-' || n, l, date_trunc('minute', now()) - m * interval '1 minute', 1, 'api', 'passed', '', '', now(), now(), 100000 + m, 'w', 2, '{}'
			FROM generate_series(0, least(20, $1::int) - 1) n, unnest('{here,there,elsewhere}'::text[]) l, generate_series(0, 1439) m`,
	} {
		var args []any
		if strings.Contains(s, "$1") {
			args = append(args, checks)
		}
		if _, err := conn.Exec(t.Context(), s, args...); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if _, err := conn.Exec(t.Context(), `VACUUM ANALYZE`); err != nil {
		t.Fatal(err)
	}
}

// explain writes how the database answers each question of the status page into
// docs/queries.md, as it says itself.
func explain(t *testing.T, url, dir string, checks int) {
	t.Helper()
	file := newestLog(t, dir)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), url+"&session_preload_libraries=auto_explain&auto_explain.log_min_duration=0&auto_explain.log_analyze=on&auto_explain.log_buffers=on&auto_explain.log_timing=off&pool_max_conns=1")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	var failures []error
	try := func(_ any, err error) { failures = append(failures, err) }
	try(db.PublicChecks(t.Context()))
	try(db.PublicBuckets(t.Context(), store.Hour, now.Add(-23*time.Hour), now))
	try(db.PublicBuckets(t.Context(), store.Day, now.Add(-24*time.Hour), now))
	try(db.PublicBuckets(t.Context(), store.Day, now.Add(-89*24*time.Hour), now))
	try(db.PublicOutages(t.Context(), now.Add(-89*24*time.Hour)))
	try(db.PublicIncidents(t.Context(), now.Add(-15*24*time.Hour), now, 300))
	try(db.PublicMaintenance(t.Context(), now))
	try(db.PublicRuns(t.Context(), "c-7", 50))
	try(db.PublicLatencies(t.Context(), "c-7", now.Add(-24*time.Hour)))
	db.Close()
	for _, err := range failures {
		if err != nil {
			t.Fatal(err)
		}
	}
	after, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# How the database answers the status page\n\nMade by `make bench-dashboard EXPLAIN=1` over %d checks at three locations with 90 days of tallies; times are of the machine that it ran on. Pages are served from memory: these run every 2 s (checks, incidents, maintenance), 10 s (hours, outages), each minute (days: the newest two and ten of the others; all of them once, at the start) or when the page of a check is read (runs, latencies).\n", checks)
	for _, part := range plans.FindAllStringSubmatch(string(after[len(before):]), -1) {
		fmt.Fprintf(&b, "\n```\n%s\n```\n", strings.ReplaceAll(strings.TrimSpace(part[1]), "\n\t", "\n"))
	}
	if err := os.WriteFile("../../docs/queries.md", []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// plans are those of auto_explain in a log of the server.
var plans = regexp.MustCompile(`(?s)LOG:  (duration: [0-9.]+ ms  plan:\n(?:\t[^\n]*\n)+)`)

func newestLog(t *testing.T, dir string) string {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("the server keeps no log in %s (%v)", dir, err)
	}
	return logs[0]
}
