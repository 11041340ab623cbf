package evidence

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/command"
	"github.com/probefleet/probefleet/internal/promotion"
)

// serve answers each path with a text; what begins with a number is a status.
func serve(t *testing.T, pages map[string]string) Source {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.Header.Get("Authorization") != "Bearer token" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		key := r.URL.Path
		if f := r.URL.Query().Get("filter"); f != "" {
			key += "?" + f
		}
		text, ok := pages[key]
		switch {
		case !ok:
			http.NotFound(w, r)
		case strings.HasPrefix(text, "302"):
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case strings.HasPrefix(text, "500"):
			http.Error(w, "a stack trace with hidden-word", http.StatusInternalServerError)
		default:
			fmt.Fprint(w, text)
		}
	}))
	t.Cleanup(s.Close)
	return Source{URL: s.URL + "/", Token: "token"}
}

const quiet, firing = promotion.Quiet, promotion.Firing

func TestPrometheus(t *testing.T) {
	vector := func(values ...string) string {
		var list []string
		for _, v := range values {
			list = append(list, `{"metric":{},"value":[1764000000,"`+v+`"]}`)
		}
		return `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(list, ",") + `]}}`
	}
	for text, want := range map[string]promotion.AlarmState{
		vector("1"): quiet, vector("1", "0.995"): quiet, vector("1", "0.5"): firing, vector("-Inf"): firing,
		`{"status":"success","data":{"resultType":"scalar","result":[1764000000,"1"]}}`: quiet,
		// What follows is no evidence.
		vector(): "", vector("NaN"): "", vector("1", "NaN"): "", "{}": "", "": "", "<html>": "", "500": "", "302": "",
		`{"status":"error","error":"parse error"}`:                                       "",
		`{"status":"success","data":{"resultType":"matrix","result":[]}}`:                "",
		`{"status":"success","data":{"resultType":"vector","result":[{"value":[1,2]}]}}`: "",
	} {
		p := Prometheus{Source: serve(t, map[string]string{"/api/v1/query": text}), Query: "up", OK: func(v float64) bool { return v >= 0.99 }, Wish: ">= 0.99"}
		got, err := p.Read(t.Context())
		if got.State != want || (err == nil) != (want != "") {
			t.Errorf("%s: %+v, %v; want %q", text, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hidden-word") {
			t.Errorf("the error holds the answer: %v", err)
		}
	}
}

func TestAlertmanager(t *testing.T) {
	const dog = `[{"labels":{"alertname":"Watchdog"},"startsAt":"2026-11-01T00:00:00Z"}]`
	for _, row := range []struct {
		dog, alerts string
		want        promotion.AlarmState
	}{
		{dog, "[]", quiet},
		{dog, `[{"labels":{"alertname":"Down"},"startsAt":"2026-11-24T10:00:00Z"},{"labels":{"alertname":"Slow"},"startsAt":"2026-11-24T09:00:00Z"}]`, firing},
		{"[]", "[]", ""}, {dog, "500", ""}, {"500", "[]", ""}, {dog, "{}", ""},
	} {
		s := serve(t, map[string]string{"/api/v2/alerts?alertname=Watchdog": row.dog, "/api/v2/alerts?service=shop": row.alerts})
		got, err := Alertmanager{s, []string{"service=shop"}, []string{"alertname=Watchdog"}}.Read(t.Context())
		if got.State != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%+v: %+v, %v", row, got, err)
		}
		if row.want == firing && (got.Detail != "Down, Slow" || !got.Since.Equal(time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC))) {
			t.Errorf("%+v", got)
		}
	}
}

func TestBuilds(t *testing.T) {
	for text, want := range map[string]promotion.Build{
		`{"combined":{"state":"success"}}`: promotion.BuildPassed, `{"combined":{"state":"pending"}}`: promotion.BuildPending,
		`{"combined":{"state":"error"}}`: promotion.BuildFailed, `{"combined":{"state":"odd"}}`: "", `{"combined":{}}`: "", `[]`: "", `500`: "",
	} {
		s := serve(t, map[string]string{"/commits/0123456/status": text})
		s.URL += "commits/{commit}/status"
		got, err := BuildPage{s, "combined.state", []string{"success"}, []string{"pending"}, []string{"error"}}.Build(t.Context(), "0123456")
		if got.State != want || (err == nil) != (want != "") {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for code, want := range map[int]promotion.Build{0: promotion.BuildPassed, 1: promotion.BuildFailed, 75: promotion.BuildPending, 2: ""} {
		b := BuildCommand{command.Runner{Timeout: time.Minute}, []string{"sh", "-c", fmt.Sprintf(`test "$0" = 0123456 || exit 3; exit %d`, code), "{commit}"}}
		got, err := b.Build(t.Context(), "0123456")
		if got.State != want || (err == nil) != (want != "") {
			t.Errorf("exit code %d: %+v, %v", code, got, err)
		}
	}
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestChecks(t *testing.T) {
	at := func(minute int) string { return noon.Add(time.Duration(minute) * time.Minute).Format(time.RFC3339) }
	type m = map[string]any
	attempt := func(slot, location string, minute, n int, outcome string) m {
		return m{"run_id": slot, "location": location, "slot": at(minute), "attempt": n, "outcome": outcome, "id": "x", "check": "login"}
	}
	page := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	pages := map[string]string{
		"/api/v1/checks": page(m{"revision": 1, "checks": []any{
			m{"version": 1, "check": m{"id": "login", "tags": []string{"smoke", "staging"}, "locations": []string{"eu", "us", "asia"}}},
			m{"version": 1, "check": m{"id": "other", "tags": []string{"smoke"}, "locations": []string{"eu"}}},
		}}),
		"/api/v1/runs": page(m{"runs": []any{
			attempt("s1", "eu", 1, 0, "failed"), attempt("s1", "eu", 1, 1, "passed"), // passed when tried again
			attempt("s2", "eu", 2, 0, "degraded"), attempt("s2", "eu", 2, 1, "inconclusive"), // ours; the first one counts
			attempt("s3", "us", 3, 0, "failed"), attempt("s4", "us", 4, 0, "passed"), attempt("s5", "us", 5, 0, "expired"),
			attempt("s6", "us", -1, 0, "failed"), // of before
		}}),
	}
	got, err := Console{serve(t, pages)}.Checks(t.Context(), []string{"smoke", "staging"}, noon, noon.Add(time.Hour))
	want := []promotion.CheckRuns{{From: noon, Check: "login", Locations: []promotion.LocationRuns{
		{Location: "asia"}, {Location: "eu", Passed: 2}, {Location: "us", Passed: 1, Failed: 1, Inconclusive: 1},
	}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for name, change := range map[string]func(){
		"no such tag":     func() { pages["/api/v1/checks"] = page(m{"checks": []any{}}) },
		"no runs":         func() { delete(pages, "/api/v1/runs") },
		"an odd check":    func() { pages["/api/v1/checks"] = page(m{"checks": []any{m{"check": m{}}}}) },
		"console is away": func() { pages["/api/v1/checks"] = "500" },
	} {
		kept := map[string]string{}
		for k, v := range pages {
			kept[k] = v
		}
		change()
		if got, err := (Console{serve(t, pages)}).Checks(t.Context(), []string{"smoke"}, noon, noon); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
		for k, v := range kept {
			pages[k] = v
		}
	}
}

func TestIncidents(t *testing.T) {
	for text, want := range map[string]int{
		`{"incidents":[]}`: 0,
		`{"incidents":[{"id":"1","title":"","check":"login","impact":"outage","opened":"2026-11-24T12:00:00Z"},{"id":"2","impact":"outage","opened":"2026-11-24T12:00:00Z","closed":"2026-11-24T13:00:00Z"}]}`: 1,
		`{}`: -1, `[]`: -1, `500`: -1, `{"incidents":null}`: -1,
	} {
		got, err := Console{serve(t, map[string]string{"/api/v1/incidents": text})}.Incidents(t.Context())
		if (err != nil) != (want < 0) || err == nil && len(got.Open) != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if want == 1 && got.Open[0].Title != "login" {
			t.Errorf("%+v", got)
		}
	}
	// An older console knows no incidents: that is no evidence of there being none.
	if _, err := (Console{serve(t, nil)}).Incidents(t.Context()); err == nil || !strings.Contains(err.Error(), "404") {
		t.Error(err)
	}
}

func TestFleetAlarm(t *testing.T) {
	checks := `{"checks":[{"check":{"id":"a","tags":["p"]}},{"check":{"id":"b","tags":["p"]}}]}`
	for states, want := range map[string]promotion.AlarmState{
		`{"id":"a","state":"operational"},{"id":"b","state":"degraded"}`:     quiet,
		`{"id":"a","state":"outage"},{"id":"b","state":"operational"}`:       firing,
		`{"id":"a","state":"outage"}`:                                        firing,
		`{"id":"a","state":"operational"}`:                                   "",
		`{"id":"a","state":"operational"},{"id":"b","state":"not_measured"}`: "",
		`{"id":"a","state":"operational"},{"id":"b","state":"splendid"}`:     "",
	} {
		c := Console{serve(t, map[string]string{"/api/v1/checks": checks, "/api/v1/status": `{"checks":[` + states + `]}`})}
		got, err := FleetAlarm{c, []string{"p"}, []string{"outage"}}.Read(t.Context())
		if got.State != want || (err == nil) != (want != "") {
			t.Errorf("%s: %+v, %v", states, got, err)
		}
	}
}
