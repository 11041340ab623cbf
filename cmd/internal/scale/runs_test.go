package scale_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
)

// shape is a sort of result with its share of all runs.
type shape struct {
	name    string
	percent int
	outcome jobs.Outcome
	kind    check.Kind
	make    func(r *rand.Rand) jobs.Result
}

var shapes = []shape{
	{"api, passed", 95, jobs.Passed, check.KindAPI, func(r *rand.Rand) jobs.Result { return apiResult(r, 200, []int{60, 400, 1500, 4096}[r.IntN(4)]) }},
	{"api, failed", 3, jobs.Failed, check.KindAPI, func(r *rand.Rand) jobs.Result {
		x := apiResult(r, 503, 1200)
		x.Outcome = jobs.Failed
		x.Fault = &jobs.Fault{Class: jobs.FaultAssertion, Message: "status == 200 (got 503)"}
		x.Verdicts[0].OK, x.Verdicts[0].Message = false, "status == 200 (got 503)"
		return x
	}},
	{"browser, with evidence", 2, jobs.Passed, check.KindBrowser, browserResult},
}

// words are of what pages and answers are made.
var words = strings.Fields(`tea kettle basket price total order customer address paid shipped available stock
	description image category search login session token currency discount quantity delivery street city country
	true false null 200 404 12.50 39.90 https shop example products items href class div span script style`)

// prose is n bytes of text of words.
func prose(r *rand.Rand, n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, `"%s":%d,"%s":"%s %s",`, words[r.IntN(len(words))], r.IntN(100_000), words[r.IntN(len(words))], words[r.IntN(len(words))], words[r.IntN(len(words))])
	}
	return b.String()[:n]
}

func stamped(r *rand.Rand) jobs.Result {
	at := time.Date(2026, 5, 12, 14, 40, 0, 0, time.UTC)
	sent := at.Add(time.Duration(r.IntN(900)) * time.Millisecond)
	return jobs.Result{
		JobID: "8f9d7f5e-7d0b-5c57-9d0a-5f3c1b8f9d7f", RunID: "8f9d7f5e-7d0b-5c57-9d0a-5f3c1b8f9d7e", CheckID: "c-1234", Location: "elsewhere", Slot: at, Attempt: 1,
		Kind: check.KindAPI, Outcome: jobs.Passed, SentAt: sent, ReceivedAt: sent.Add(80 * time.Millisecond), StartedAt: sent.Add(81 * time.Millisecond), FinishedAt: sent.Add(300 * time.Millisecond),
		Worker: jobs.Worker{ID: "elsewhere-7f5e9d", Build: "v1.4.0-12-g8ca3160"},
	}
}

func apiResult(r *rand.Rand, code, body int) jobs.Result {
	x := stamped(r)
	ms := func(n int) time.Duration { return time.Duration(1+r.IntN(n*1000)) * time.Microsecond }
	x.Timings = jobs.Timings{DNS: ms(9), Connect: ms(20), TLS: ms(40), FirstByte: ms(150), Download: ms(10), Total: ms(230)}
	x.Verdicts = []jobs.Verdict{{Expr: "status == 200", OK: true}, {Expr: "time.total < 800ms", OK: true}, {Expr: "time.total < 300ms", OK: true, Degraded: true}}
	x.Evidence.Response = &jobs.Response{
		Status: code, Proto: "HTTP/2.0", Size: int64(body), RemoteAddr: "203.0.113.17:443", URL: "https://shop.example/api/1234", Excerpt: prose(r, body),
		Headers: map[string]string{
			"content-type": "application/json; charset=utf-8", "date": "Tue, 12 May 2026 14:40:01 GMT", "server": "nginx", "vary": "accept-encoding, origin",
			"cache-control": "no-store", "etag": fmt.Sprintf(`W/"%x"`, r.Uint64()), "x-request-id": fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()),
			"strict-transport-security": "max-age=63072000; includeSubDomains", "content-length": fmt.Sprint(body), "x-content-type-options": "nosniff",
			"set-cookie": fmt.Sprintf("session=%016x%016x; Path=/; HttpOnly; Secure", r.Uint64(), r.Uint64()),
		},
		TLS: &jobs.TLS{Version: "TLS 1.3", Issuer: "CN=R11,O=Let's Encrypt,C=US", Subject: "CN=shop.example", NotAfter: x.Slot.Add(60 * 24 * time.Hour)},
	}
	return x
}

func browserResult(r *rand.Rand) jobs.Result {
	x := stamped(r)
	x.Kind, x.Worker.Browser = check.KindBrowser, "HeadlessChrome/142.0.7444.59"
	x.FinishedAt = x.StartedAt.Add(2 * time.Second)
	x.Timings.Total = 2 * time.Second
	for i, what := range []string{"open https://shop.example/login", "fill #user", "fill #password", "click button[type=submit]", "expect text Welcome", "click #basket", "expect count .item"} {
		x.Steps = append(x.Steps, jobs.StepResult{
			Name: what, Action: check.ActionClick, Duration: 200 * time.Millisecond, OK: true, At: time.Duration(i) * 220 * time.Millisecond,
			Selector: strings.Fields(what)[1], Element: `<button id="basket" class="primary wide">`,
		})
	}
	x.Evidence.Page = &jobs.Page{URL: "https://shop.example/basket", Title: "Your basket - Shop"}
	v := &jobs.Visit{Waited: 12 * time.Millisecond, Requests: 48, Bytes: 912_345}
	for range 2 {
		v.Vitals = append(v.Vitals, jobs.Vitals{URL: "https://shop.example/login", TTFB: 80 * time.Millisecond, FCP: 240 * time.Millisecond, LCP: 480 * time.Millisecond, TBT: 20 * time.Millisecond, INP: 40 * time.Millisecond, CLS: .02})
	}
	for i := range 30 {
		v.Log = append(v.Log, jobs.Request{
			Method: "GET", URL: fmt.Sprintf("https://shop.example/assets/%s-%x.js", words[r.IntN(len(words))], r.Uint64()), Type: "Script", Status: 200,
			Start: time.Duration(i) * 31 * time.Millisecond, Duration: time.Duration(r.IntN(90)) * time.Millisecond, Bytes: int64(r.IntN(80_000)),
		})
	}
	x.Evidence.Visit = v
	x.Evidence.Console = []jobs.ConsoleEntry{{Level: "warning", Text: prose(r, 180), URL: "https://shop.example/assets/app.js", Line: 812}}
	for _, name := range []string{"end.jpg", "requests.har"} {
		x.Evidence.Artifacts = append(x.Evidence.Artifacts, jobs.Artifact{Name: name, ContentType: "image/jpeg", Key: fmt.Sprintf("runs/2026/05/12/%016x/%s", r.Uint64(), name), Size: 48_123})
	}
	return x
}

// documents is the number of different results of a shape.
const documents = 20

// keepDocuments writes results of each shape, as the codec does, into the table
// documents, in which each of 100 numbers stands for one of them.
func keepDocuments(t *testing.T, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	_, err = conn.Exec(t.Context(), `CREATE TABLE documents (shape text, hundredth int, n int, outcome text, kind text, class text, message text, latency bigint, version int, data jsonb)`)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(30, 1))
	first := 0
	for _, s := range shapes {
		for n := range documents {
			x := s.make(r)
			version, data, err := codec.EncodeResultData(x)
			if err != nil {
				t.Fatal(err)
			}
			var f jobs.Fault
			if x.Fault != nil {
				f = *x.Fault
			}
			_, err = conn.Exec(t.Context(), `
				INSERT INTO documents SELECT $1, h, $2, $3, $4, $5, $6, $7, $8, $9 FROM generate_series($10::int, $11::int) h`,
				s.name, n, string(s.outcome), string(s.kind), string(f.Class), f.Message, x.Timings.Total.Microseconds(), version, string(data), first, first+s.percent-1)
			if err != nil {
				t.Fatal(err)
			}
		}
		first += s.percent
	}
	if _, err := conn.Exec(t.Context(), `CREATE UNIQUE INDEX ON documents (hundredth, n)`); err != nil {
		t.Fatal(err)
	}
}

// insertRun is a row of runs of a check, a place and a slot, with a document
// chosen by a hash of them, and its stamps at its slot.
const insertRun = `
	INSERT INTO %s (id, run_id, check_id, location, slot, attempt, kind, outcome, fault_class, fault_message, started_at, finished_at, latency_us, worker, data_version, data)
	SELECT gen_random_uuid(), gen_random_uuid(), s.check_id, s.location, s.slot, 1, d.kind, d.outcome, d.class, d.message,
		s.slot + interval '400 ms', s.slot + interval '600 ms' + (s.h %% 500) * interval '1 ms', d.latency + s.h %% 100000, 'elsewhere-7f5e9d', d.version,
		d.data || jsonb_build_object('sent_at', s.slot + interval '200 ms', 'received_at', s.slot + interval '250 ms' + (s.h %% 300) * interval '1 ms')
	FROM (%s) AS s JOIN documents d ON d.hundredth = %s AND d.n = s.h / 100 %% 20`

// of each slot the hash is asked for once.
const hashed = `SELECT check_id, location, slot, hashtext(check_id || location || extract(epoch FROM slot)) & 1048575 AS h FROM (%s) AS x`

// fillRuns makes runs: those of the last quarter of an hour of all checks, those
// of the last day of some, and of the rest as many as are left of runs, evenly
// over thirty days. It answers how many there are.
func fillRuns(t *testing.T, url string, checks, runs int) int {
	t.Helper()
	const every = `CROSS JOIN unnest('{here,there,elsewhere}'::text[]) AS location`
	minute := `date_trunc('minute', now())`
	deep := deepChecks(checks)
	recent := fmt.Sprintf(`SELECT 'c-' || n AS check_id, location, %s - m * interval '1 minute' AS slot FROM generate_series(0, %d) m, generate_series(0, %d) n `+every, minute, 14, checks-1)
	day := fmt.Sprintf(`SELECT 'c-' || n AS check_id, location, %s - m * interval '1 minute' AS slot FROM generate_series(15, 1439) m, generate_series(0, %d) n `+every, minute, deep-1)
	total := checks*3*15 + deep*3*1425
	statements := []string{day, recent}
	if left := runs - total; left > 0 {
		each := max(1, left/(checks*3)) // of each check and place
		old := fmt.Sprintf(`SELECT 'c-' || n AS check_id, location, %s - interval '25 hours' - (m * %d) * interval '1 minute' AS slot FROM generate_series(0, %d) m, generate_series(0, %d) n `+every,
			minute, max(1, 28*24*60/each), each-1, checks-1)
		statements = []string{old, day, recent}
		total += each * checks * 3
	}
	for i, s := range statements {
		statements[i] = fmt.Sprintf(insertRun, "runs", fmt.Sprintf(hashed, s), "s.h % 100")
	}
	execute(t, url, 0, statements)
	return total
}

// deepChecks is the number of checks that have their runs of a whole day.
func deepChecks(checks int) int { return max(1, checks/50) }

// weigh prints what runs take on disk, by their shape and as they are mixed.
func weigh(t *testing.T, url string, rows int) {
	t.Helper()
	const each = 4000
	t.Logf("%-24s %10s %9s %9s %9s", "bytes a run", "document", "table", "indexes", "toast")
	first := 0
	for _, s := range shapes {
		slots := fmt.Sprintf(hashed, fmt.Sprintf(`SELECT 'c-' || n %% 1000 AS check_id, 'here' AS location, now() - n / 1000 * interval '1 minute' AS slot FROM generate_series(1, %d) n`, each))
		execute(t, url, 0, []string{`CREATE TABLE weighed (LIKE runs INCLUDING ALL)`, fmt.Sprintf(insertRun, "weighed", slots, fmt.Sprint(first))})
		logSize(t, url, s.name, "weighed", each)
		execute(t, url, 0, []string{`DROP TABLE weighed`})
		first += s.percent
	}
	var parts []string
	for _, s := range shapes {
		parts = append(parts, fmt.Sprintf("%d %% %s", s.percent, s.name))
	}
	total := logSize(t, url, "as they are mixed", "runs", rows)
	t.Logf("a million runs (%s) take %.2f GB; 30 million %.0f GB, extrapolated from %d", strings.Join(parts, ", "), total*1e6/1e9, total*30e6/1e9, rows)
}

// logSize prints bytes a row of a table and its partitions, and answers their
// sum.
func logSize(t *testing.T, url, name, table string, rows int) float64 {
	t.Helper()
	tree := `(SELECT * FROM pg_class WHERE oid = $1::regclass OR oid IN (SELECT relid FROM pg_partition_tree($1::regclass))) AS c`
	document := one[float64](t, url, `SELECT avg(length(data::text))::float8 FROM (SELECT data FROM `+table+` LIMIT 2000) AS few`)
	heap := one[int64](t, url, `SELECT sum(pg_relation_size(c.oid))::bigint FROM `+tree, table)
	indexes := one[int64](t, url, `SELECT sum(pg_indexes_size(c.oid))::bigint FROM `+tree, table)
	toast := one[int64](t, url, `SELECT coalesce(sum(pg_total_relation_size(c.reltoastrelid)), 0)::bigint FROM `+tree+` WHERE c.reltoastrelid <> 0`, table)
	n := float64(rows)
	t.Logf("%-24s %10.0f %9.0f %9.0f %9.0f", name, document, float64(heap)/n, float64(indexes)/n, float64(toast)/n)
	return float64(heap+indexes+toast) / n
}
