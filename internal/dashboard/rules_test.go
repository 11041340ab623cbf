package dashboard

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
)

func TestWords(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{ago(0), "just now"}, {ago(-time.Hour), "just now"}, {ago(42 * time.Second), "42 s ago"}, {ago(119 * time.Minute), "1 h ago"}, {ago(50 * time.Hour), "2 days ago"},
		{interval(90 * time.Second), "1 min 30 s"}, {interval(100 * time.Millisecond), "100 ms"}, {interval(24 * time.Hour), "24 h"},
		{latency(0), ""}, {latency(420 * time.Microsecond), "0.4 ms"}, {latency(9960 * time.Microsecond), "10 ms"}, {latency(212 * time.Millisecond), "212 ms"},
		{latency(999600 * time.Microsecond), "1.00 s"}, {latency(12345 * time.Millisecond), "12.3 s"}, {latency(72 * time.Second), "1 min 12 s"},
		{percent(1), "100%"}, {percent(0.99999), "99.99%"}, {percent(0.9995), "99.95%"}, {percent(0), "0%"}, {percent(0.00001), "0.00%"},
		{wholePercent(0.001), "under 1%"}, {wholePercent(0.83), "83%"}, {wholePercent(0.29), "29%"},
		{count(1, "hour"), "1 hour"}, {count(1234567, "run"), "1,234,567 runs"},
		{shorten("größer", 6), "größer"}, {shorten("größer", 4), "grö…"},
		{enumerate(nil), ""}, {enumerate([]string{"a", "b", "c"}), "a, b and c"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestSentence(t *testing.T) {
	of := func(states ...status.State) []judged {
		var out []judged
		for i, s := range states {
			j := judged{Check: status.Check{Name: string(rune('A' + i))}, state: s, known: s, ran: true}
			out = append(out, j)
		}
		return out
	}
	o, d, x, n := status.Operational, status.DegradedState, status.Outage, status.NotMeasured
	for _, c := range []struct {
		js             []judged
		sentence, note string
	}{
		{of(o, o), "All services operational", ""},
		{of(o, n), "All measured services operational", "B is not being measured."},
		{of(o, n, n), "All measured services operational", "2 services are not being measured."},
		{of(o, x), "B has an outage", ""},
		{of(x, x, o), "2 services have an outage", ""},
		{of(x, d, d), "A has an outage, 2 are degraded", ""},
		{of(x, x), "Major outage: all 2 services are affected", ""},
		{of(o, d), "B is degraded", ""},
		{of(n, n), "Nothing is being measured right now", "No run could look at its service yet; the reason is shown beside each."},
	} {
		got := overallOf(c.js)
		if got.Sentence != c.sentence || got.Note != c.note {
			t.Errorf("got %q %q, want %q %q", got.Sentence, got.Note, c.sentence, c.note)
		}
		if strings.Contains(got.Sentence, "All services operational") && len(c.js) > 0 && got.state != o {
			t.Errorf("%q with state %s", got.Sentence, got.state)
		}
	}
}

// hour is a bucket of the fake day, n hours before the one that holds noon.
func hour(n int, c status.Counts) status.Bucket {
	start := noon.Truncate(time.Hour).Add(-time.Duration(n) * time.Hour)
	return status.Bucket{Start: start, End: start.Add(time.Hour), Counts: c}
}

func minutely(locations ...string) status.Check {
	return status.Check{Every: time.Minute, Timeout: 10 * time.Second, Locations: locations}
}

func TestUptimeSpeaksForWhatWasMeasured(t *testing.T) {
	full := func(from, to int) (out []status.Bucket) {
		for n := from; n >= to; n-- {
			c := status.Counts{Passed: 60}
			if n == 0 {
				c.Passed = 41
			}
			out = append(out, hour(n, c))
		}
		return out
	}
	for name, c := range map[string]struct {
		check         status.Check
		buckets       []status.Bucket
		figure, scope string
	}{
		"all":              {minutely("a"), full(23, 0), "100%", "100% measured"},
		"nothing":          {minutely("a"), nil, "", ""},
		"ours only":        {minutely("a"), []status.Bucket{hour(3, status.Counts{Inconclusive: 60})}, "", ""},
		"half the places":  {minutely("a", "b"), full(23, 0), "100%", "50% measured"},
		"a gap":            {minutely("a"), append(full(23, 12), full(5, 0)...), "100%", "74% measured"},
		"silent since":     {minutely("a"), full(23, 12), "100%", "50% measured"},
		"new":              {minutely("a"), full(5, 0), "100%", "100% measured, since 09:00 UTC"},
		"new, with a gap":  {minutely("a"), append(full(5, 4), full(2, 0)...), "100%", "78% measured, since 09:00 UTC"},
		"failed":           {minutely("a"), append(full(23, 1), hour(0, status.Counts{Passed: 30, Failed: 11})), "99.22%", "100% measured"},
		"too many is all":  {minutely("a"), append(full(23, 0), hour(3, status.Counts{Passed: 60})), "100%", "100% measured"},
		"every six hours":  {status.Check{Every: 6 * time.Hour, Timeout: time.Second, Locations: []string{"a"}}, []status.Bucket{hour(20, status.Counts{Passed: 1}), hour(14, status.Counts{Passed: 1}), hour(8, status.Counts{Passed: 1}), hour(2, status.Counts{Passed: 1})}, "100%", "100% measured, since 18:00 UTC"},
		"first ours, then": {minutely("a"), append([]status.Bucket{hour(23, status.Counts{Inconclusive: 60})}, full(11, 0)...), "100%", "49% measured"},
	} {
		t.Run(name, func(t *testing.T) {
			figure, scope := newRecord(c.check, hourly, past{buckets: c.buckets}, noon).uptime()
			if figure != c.figure || scope != c.scope {
				t.Errorf("got %q %q, want %q %q", figure, scope, c.figure, c.scope)
			}
		})
	}
}

func TestMomentsAreInOrder(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		m, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range []struct {
		p        period
		from, to string
		zone     *time.Location
		want     string
	}{
		{hourly, "2026-05-12T14:00:00Z", "2026-05-12T15:00:00Z", time.UTC, "14:00–15:00 UTC"},
		{hourly, "2026-05-11T19:00:00Z", "2026-05-12T18:00:00Z", time.UTC, "Mon 19:00 to Tue 18:00 UTC"},
		{hourly, "2026-05-11T00:00:00Z", "2026-05-12T00:00:00Z", time.UTC, "Mon 00:00 to Tue 00:00 UTC"},
		{hourly, "2026-05-11T23:00:00Z", "2026-05-12T00:00:00Z", time.UTC, "Mon 23:00 to Tue 00:00 UTC"},
		{hourly, "2026-12-31T20:00:00Z", "2027-01-01T03:00:00Z", time.UTC, "Thu 20:00 to Fri 03:00 UTC"},
		{hourly, "2026-05-11T22:00:00Z", "2026-05-12T21:00:00Z", berlin, "00:00–23:00 CEST"},
		{hourly, "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", berlin, "02:00 CEST–02:00 CET"},
		{hourly, "2026-10-24T20:00:00Z", "2026-10-25T20:00:00Z", berlin, "Sat 22:00 CEST to Sun 21:00 CET"},
		{hourly, "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z", berlin, "01:00 CET–04:00 CEST"},
		{daily, "2026-05-11T00:00:00Z", "2026-05-12T00:00:00Z", berlin, "11 May"},
		{daily, "2026-05-11T00:00:00Z", "2026-05-14T00:00:00Z", berlin, "11 May to 13 May"},
	} {
		if got := moments(c.p, at(c.from), at(c.to), c.zone); got != c.want {
			t.Errorf("%s to %s: %q, want %q", c.from, c.to, got, c.want)
		}
	}
}

func TestBarsShowWhatIsMissing(t *testing.T) {
	draw := func(c status.Check, buckets ...status.Bucket) string {
		var out []string
		for _, s := range newBars(newRecord(c, hourly, past{buckets: buckets}, noon), false).Strokes {
			out = append(out, s.Class+" "+s.Title)
		}
		return strings.Join(out, "\n")
	}
	got := draw(minutely("a"), hour(5, status.Counts{Passed: 60}), hour(4, status.Counts{Passed: 60}), hour(2, status.Counts{Passed: 15}), hour(1, status.Counts{Passed: 50, Failed: 10}), hour(0, status.Counts{Passed: 41}))
	want := strings.Join([]string{
		"b-e Mon 15:00 to Tue 09:00 UTC: no run yet",
		"b-o 09:00–11:00 UTC: operational, 120 runs",
		"b-n 11:00–12:00 UTC: not measured",
		"b-n 12:00–13:00 UTC: operational, 15 runs, 25% measured",
		"b-o 12:00–13:00 UTC: operational, 15 runs, 25% measured",
		"b-d 13:00–14:00 UTC: degraded, 60 runs, 10 failed",
		"b-o 14:00–15:00 UTC: operational, 41 runs",
	}, "\n")
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("bars (-want +got):\n%s", d)
	}
	seldom := status.Check{Every: 6 * time.Hour, Locations: []string{"a"}}
	got = draw(seldom, hour(10, status.Counts{Passed: 1}), hour(4, status.Counts{Failed: 1}))
	wantAll(t, "a check that runs every six hours", got, "b-i 05:00–10:00 UTC: no run was due", "b-d 10:00–11:00 UTC: degraded, 1 run, 1 failed")
}

// What the slots were counted to be, with what was due, is what is shown; what
// was not counted yet is compared with the schedule, and maintenance does not
// count.
func TestHistoryAsItWasCounted(t *testing.T) {
	c := minutely("a")
	counted := func(n, expected, maintained int, counts, m status.Counts) status.Bucket {
		b := hour(n, counts)
		b.Expected, b.MaintenanceExpected, b.Maintenance = expected, maintained, m
		return b
	}
	known := past{
		counted: status.Span{From: noon.Add(-24 * time.Hour).Truncate(time.Hour), To: noon.Truncate(time.Hour).Add(-time.Hour)},
		buckets: []status.Bucket{
			counted(4, 30, 0, status.Counts{Passed: 30}, status.Counts{}), // it was due every other minute then
			counted(3, 60, 60, status.Counts{Failed: 60}, status.Counts{Failed: 60}),
			counted(2, 60, 30, status.Counts{Passed: 20, Failed: 30}, status.Counts{Failed: 30}),
			hour(1, status.Counts{Passed: 30}), hour(0, status.Counts{Passed: 41}),
		},
		outages: []status.Span{{From: noon.Truncate(time.Hour).Add(-90 * time.Minute), To: noon.Truncate(time.Hour).Add(-70 * time.Minute)}},
	}
	r := newRecord(c, hourly, known, noon)
	var out []string
	for _, s := range newBars(r, false).Strokes {
		out = append(out, s.Class+" "+s.Title)
	}
	want := []string{
		"b-e Mon 15:00 to Tue 10:00 UTC: no run yet",
		"b-o 10:00–11:00 UTC: operational, 30 runs",
		"b-m 11:00–12:00 UTC: maintenance, 60 runs",
		"b-n 12:00–13:00 UTC: outage, 50 runs, 30 failed, 30 in maintenance, 66% measured",
		"b-x 12:00–13:00 UTC: outage, 50 runs, 30 failed, 30 in maintenance, 66% measured",
		"b-n 13:00–14:00 UTC: operational, 30 runs, 50% measured",
		"b-o 13:00–14:00 UTC: operational, 30 runs, 50% measured",
		"b-o 14:00–15:00 UTC: operational, 41 runs",
	}
	if d := cmp.Diff(want, out); d != "" {
		t.Errorf("bars (-want +got):\n%s", d)
	}
	if up, _ := r.total.Uptime(); up != 1 || r.total.Failed != 0 {
		t.Errorf("maintenance counts: %+v", r.total)
	}
}

func TestChartBreaksWhereNothingWasMeasured(t *testing.T) {
	c := minutely("a", "b")
	var runs []status.Run
	for m := 119; m >= 0; m-- {
		at := noon.Add(-time.Duration(m) * time.Minute)
		r := status.Run{Location: "a", Slot: at, Outcome: jobs.Passed, Latency: 100 * time.Millisecond}
		switch {
		case m > 30 && m < 60:
			continue
		case m < 5:
			r.Outcome = jobs.Failed
		}
		runs = append(runs, r, status.Run{Location: "gone", Slot: at, Outcome: jobs.Passed, Latency: 300 * time.Millisecond})
	}
	ch := newChart(c, runs, noon)
	if len(ch.Series) != 3 || ch.Span != "4 h" || ch.YLabels[0] != "320 ms" || ch.Failures != 5 {
		t.Fatalf("chart has %d series over %s up to %s with %d failures", len(ch.Series), ch.Span, ch.YLabels[0], ch.Failures)
	}
	if n := strings.Count(ch.Series[0].Line, "M"); n != 2 {
		t.Errorf("the line has %d pieces, want 2: %s", n, ch.Series[0].Line)
	}
	if ch.Series[1].Line != "" || ch.Series[1].Mean != "" {
		t.Errorf("a location without runs has a line: %+v", ch.Series[1])
	}
	if len(ch.Table.Rows) != chartRows || ch.Table.Rows[0].Failed != 5 || ch.Table.Rows[1].Cells[0] != "100 ms" {
		t.Errorf("the table begins with %+v", ch.Table.Rows[:2])
	}
	failing := newChart(c, []status.Run{{Location: "a", Slot: noon, Outcome: jobs.Failed, Latency: time.Second}}, noon)
	if failing.Measured || failing.Failures != 1 {
		t.Errorf("a check that only failed has a latency: %+v", failing)
	}
	if len(newChart(c, nil, noon).Series) != 0 {
		t.Error("no runs make a chart")
	}
}

func TestAPI(t *testing.T) {
	f := newFake()
	f.tell(story{id: "pay", name: "Pay", group: "Shop", kind: check.KindAPI, locations: []string{"a", "b"}, history: 3 * time.Minute,
		outcome: during(time.Minute, 0, jobs.Failed, jobs.FaultConnect, "connection refused", "b")}, noon)
	f.tell(story{id: "never", name: "Never", kind: check.KindBrowser, locations: []string{"a"}, history: -1}, noon)
	f.checks[0].Last[0].Latency, f.checks[0].Conclusive[0].Latency = 120*time.Millisecond, 120*time.Millisecond
	f.checks[0].Last[1].Latency, f.checks[0].Conclusive[1].Latency = 0, 0
	for i := range f.checks[0].Last {
		f.checks[0].Last[i].FinishedAt = noon.Add(time.Second)
	}
	d := still(t, f)
	w := get(t, d, "/api/v1/status")
	if ct := w.Header().Get("Content-Type"); ct != kindJSON {
		t.Errorf("Content-Type is %q", ct)
	}
	var got any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	checks := got.(map[string]any)["checks"].([]any)
	pay := checks[0].(map[string]any)
	delete(pay, "uptime_24h")
	delete(pay, "coverage_24h")
	want := map[string]any{
		"generated_at": "2026-05-12T14:41:20Z", "as_of": "2026-05-12T14:41:20Z", "stale": false, "state": "outage", "sentence": "Pay has an outage",
		"checks": []any{
			map[string]any{
				"id": "pay", "name": "Pay", "group": "Shop", "kind": "api", "state": "outage", "last_known_state": nil, "outcome": "passed",
				"last_run_at": "2026-05-12T14:41:21Z", "latency_ms": 120.0, "every_seconds": 60.0, "reason": "connection refused (b)",
				"locations": []any{
					map[string]any{"id": "a", "state": "operational", "outcome": "passed", "last_run_at": "2026-05-12T14:41:21Z", "latency_ms": 120.0},
					map[string]any{"id": "b", "state": "outage", "outcome": "failed", "last_run_at": "2026-05-12T14:41:21Z", "latency_ms": nil},
				},
			},
			map[string]any{
				"id": "never", "name": "Never", "group": "", "kind": "browser", "state": "not_measured", "last_known_state": nil, "outcome": nil,
				"last_run_at": nil, "latency_ms": nil, "uptime_24h": nil, "coverage_24h": 0.0, "every_seconds": 60.0, "reason": "",
				"locations": []any{map[string]any{"id": "a", "state": "not_measured", "outcome": nil, "last_run_at": nil, "latency_ms": nil}},
			},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("status (-want +got):\n%s", d)
	}
	var one apiCheckStatus
	if err := json.Unmarshal(get(t, d, "/api/v1/checks/pay").Body.Bytes(), &one); err != nil {
		t.Fatal(err)
	}
	if one.ID != "pay" || one.RunsAsOf == nil || len(one.Runs) != 8 || one.Runs[1].Outcome != jobs.Failed || one.Runs[1].Reason != "connection refused" {
		t.Errorf("the check is %+v", one)
	}
	if w := get(t, d, "/api/v1/checks/none"); w.Code != 404 || !strings.Contains(w.Body.String(), `{"error":"no public check has the id`) {
		t.Errorf("an unknown check answers %d %s", w.Code, w.Body)
	}
	if w := get(t, d, "/api/v2"); w.Code != 404 || w.Header().Get("Content-Type") != kindJSON {
		t.Errorf("an unknown address answers %d %s", w.Code, w.Body)
	}
}

func TestDetailIsReadOnceForACrowd(t *testing.T) {
	f := calm(noon)
	d := still(t, f)
	var crowd sync.WaitGroup
	for range 20 {
		crowd.Go(func() { get(t, d, "/checks/s-1") })
	}
	crowd.Wait()
	if f.detail != 1 {
		t.Errorf("20 readers made %d readings, want 1", f.detail)
	}
	// A new run is shown at once, although the last reading is young.
	f.fail(1, noon, "connection refused")
	d.refresh(t.Context())
	get(t, d, "/checks/s-1")
	if f.detail != 2 {
		t.Errorf("after a new run there were %d readings, want 2", f.detail)
	}
}

func TestDetailOutlivesTheStore(t *testing.T) {
	f := calm(noon)
	d := still(t, f)
	fr := d.frame.Load()
	c := fr.checks[0].Check
	if got := d.details.get(t.Context(), fr, c, noon); len(got.runs) == 0 || got.err != nil {
		t.Fatalf("got %d runs, %v", len(got.runs), got.err)
	}
	f.err = errAway
	later := noon.Add(time.Minute)
	got := d.details.get(t.Context(), fr, c, later)
	if len(got.runs) == 0 || !errors.Is(got.err, errAway) || !got.asOf.Equal(noon) {
		t.Errorf("without the store: %d runs as of %s, %v", len(got.runs), got.asOf, got.err)
	}
	n := f.detail
	d.details.get(t.Context(), fr, c, later.Add(detailRetry-time.Second))
	if f.detail != n {
		t.Error("a store that is away is asked again at once")
	}
	d.details.prune(newFrame(fr.snap, later.Add(detailKept+time.Second)))
	if len(d.details.byID) != 0 {
		t.Error("what nobody reads is kept for ever")
	}
}

func TestGzipIsNegotiated(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "br, GZIP;q=0.5": true, "gzip; q=0": false, "*": true, "identity": false, "gzip;q=oops": false,
	} {
		if got := takesGzip(header); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}
