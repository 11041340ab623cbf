package scale_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/store"
)

// places are the locations of every check.
var places = []string{"here", "there", "elsewhere"}

// fill makes checks with what recorder and people would have made of 90 days:
// definitions, states, tallies, incidents, alerts and messages, what is counted
// in the order of its time. Runs are made by [fillRuns].
func fill(t *testing.T, db *store.Store, url string, checks int) {
	t.Helper()
	all := make([]check.Check, checks)
	for i := range all {
		all[i] = check.Check{
			ID: fmt.Sprintf("c-%d", i), Name: fmt.Sprintf("Service %d", i), Group: fmt.Sprintf("Group %d", i%40), Tags: []string{"shop", fmt.Sprintf("team-%d", i%25)},
			Every: time.Minute, Timeout: 10 * time.Second, Locations: places, Active: true, Public: true,
			Spec: check.OneRequest(check.Request{Method: "GET", URL: fmt.Sprintf("https://shop.example/api/%d", i), MaxBody: check.DefaultMaxBody}, []string{"status == 200", "time.total < 800ms"}, []string{"time.total < 300ms"}),
		}
	}
	for some := range slices.Chunk(all, 5000) {
		if _, err := db.ApplyChecks(t.Context(), some); err != nil {
			t.Fatal(err)
		}
	}
	group := alert.Span(time.Second)
	ops := alert.Channel{Name: "ops", Webhook: &alert.Webhook{URL: "https://hooks.example/ops"}, Group: &group, NamedOnly: true}
	if _, err := db.ApplyChannels(t.Context(), []alert.Channel{ops}, "", false); err != nil {
		t.Fatal(err)
	}
	const counts = `expected, passed, degraded, failed, inconclusive, expired, m_expected, m_passed, m_degraded, m_failed, m_inconclusive, m_expired, latency`
	execute(t, url, checks, []string{
		`UPDATE checks SET created_at = now() - interval '90 days' WHERE $1 > 0`,
		// Three more definitions of each.
		`INSERT INTO check_history (check_id, since, active, spec_version, spec, changed_by)
			SELECT id, now() - d * interval '20 days', true, spec_version, spec, 'ada' FROM checks, generate_series(1, 3) d WHERE $1 > 0`,
		`INSERT INTO latest (check_id, location, conclusive, run_id, slot, attempt, outcome, fault_class, fault_message, finished_at, latency_us, changed_at)
			SELECT c.id, l, v, gen_random_uuid(), date_trunc('minute', now()), 1,
				CASE WHEN n % 20 = 0 AND n % 3 = 0 THEN 'failed' ELSE 'passed' END, CASE WHEN n % 20 = 0 AND n % 3 = 0 THEN 'assertion' ELSE '' END,
				CASE WHEN n % 20 = 0 AND n % 3 = 0 THEN 'status == 200 (got 503)' ELSE '' END, now(), 120000, now() - random() * interval '1 minute'
			FROM checks c, LATERAL (SELECT substr(c.id, 3)::int AS n) x, unnest(c.locations) l, (VALUES (true), (false)) AS w (v) WHERE $1 > 0`,
		`INSERT INTO check_status (check_id, level, since, newest, mark_at, quiet, state_version, state)
			SELECT 'c-' || n, CASE n % 3 WHEN 0 THEN 'outage' WHEN 1 THEN 'degraded' ELSE 'operational' END, now() - interval '1 hour', now(), now(), false, 1, '{}'
			FROM generate_series(0, $1::int - 1, 20) n`,
		`INSERT INTO tallied_hours (start) SELECT generate_series(date_trunc('day', now(), 'UTC') - interval '89 days', date_trunc('hour', now()) - interval '2 hours', '1 hour') WHERE $1 > 0`,
		`INSERT INTO tallies (grain, start, check_id, location, ` + counts + `)
			SELECT 'day', d, c.id, l, 1440, 1438 - (hashtext(c.id || d) & 7), 1, (hashtext(c.id || d) & 7), 1, 0, 0, 0, 0, 0, 0, 0, '\x01'
			FROM checks c, unnest(c.locations) l, generate_series(date_trunc('day', now(), 'UTC') - interval '89 days', now(), '1 day') d WHERE $1 > 0 ORDER BY d`,
		`INSERT INTO tallies (grain, start, check_id, location, ` + counts + `)
			SELECT 'hour', h, c.id, l, 60, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '\x01'
			FROM checks c, unnest(c.locations) l, generate_series(date_trunc('hour', now()) - interval '30 hours', date_trunc('hour', now()) - interval '2 hours', '1 hour') h WHERE $1 > 0 ORDER BY h`,
		`INSERT INTO rollups (grain, start, check_id, location, passed, degraded, failed, inconclusive, expired, latency_count, latency_sum_us, latency_max_us)
			SELECT g, s, c.id, l, 60, 0, 0, 0, 0, 60, 7200000, 300000
			FROM checks c, unnest(c.locations) l, LATERAL (
				SELECT 'hour' g, generate_series(date_trunc('hour', now()) - interval '30 hours', date_trunc('hour', now()), '1 hour') s
				UNION ALL SELECT 'day', generate_series(date_trunc('day', now(), 'UTC') - interval '89 days', now(), '1 day')) x WHERE $1 > 0 ORDER BY s`,
		// Ten outages of each twentieth check, two of each of the others.
		`INSERT INTO incidents (id, source, check_id, checks, title, impact, opened, closed, first_slot, last_slot, failed, locations, fault_class, fault_message)
			SELECT gen_random_uuid(), 'rules', 'c-' || n, ARRAY['c-' || n], '', 'outage', o.at, CASE WHEN k > 0 OR n % 60 > 0 THEN o.at + interval '20 minutes' END,
				o.at, o.at + interval '20 minutes', 20, '{here}', 'assertion', 'status == 200 (got 503)'
			FROM generate_series(0, $1::int - 1) n, generate_series(0, CASE WHEN n % 20 = 0 THEN 9 ELSE 1 END) k,
				LATERAL (SELECT now() - k * interval '23 hours' - CASE WHEN n % 20 > 0 THEN (n % 85 + 1) * interval '1 day' ELSE interval '1 hour' END AS at) o`,
		`INSERT INTO alerts (id, kind, subject, check_id, name, opened, closed, noted_at, closed_noted_at, facts, finished)
			SELECT i.id::text, 'outage', i.id::text, i.check_id, c.name, i.opened, i.closed, i.opened, i.closed,
				jsonb_build_object('message', i.fault_message, 'class', i.fault_class, 'locations', i.locations, 'failed', i.failed), i.closed IS NOT NULL
			FROM incidents i JOIN checks c ON c.id = i.check_id WHERE $1 > 0`,
		`INSERT INTO deliveries (id, channel, key, thread, items, message, state, created_at, due_at, tries, settled_at, status)
			SELECT gen_random_uuid(), 'ops', a.id || w.what, a.id || '/1', 1,
				jsonb_build_object('version', 1, 'key', a.id || w.what, 'title', a.name || ' is down', 'items',
					jsonb_build_array(jsonb_build_object('what', w.what, 'alert', a.id, 'kind', a.kind, 'check', a.check_id, 'name', a.name, 'line', a.name || ' is down', 'message', a.facts ->> 'message'))),
				'sent', w.at, w.at, 1, w.at, 200
			FROM alerts a, LATERAL (VALUES ('opened', a.opened), ('closed', a.closed)) AS w (what, at) WHERE w.at IS NOT NULL AND $1 > 0`,
		`INSERT INTO alert_log (alert_id, channel, turn, what, n, thread, delivery_id, at)
			SELECT message #>> '{items,0,alert}', 'ops', 1, message #>> '{items,0,what}', 0, thread, id, created_at FROM deliveries WHERE $1 > 0`,
	})
}

// execute runs statements, and then brings the statistics up to date.
func execute(t *testing.T, url string, arg int, statements []string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, s := range statements {
		var args []any
		if strings.Contains(s, "$1") {
			args = append(args, arg)
		}
		if _, err := conn.Exec(t.Context(), s, args...); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// one asks for one value.
func one[T any](t *testing.T, url, statement string, args ...any) (v T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if err := conn.QueryRow(t.Context(), statement, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return v
}
