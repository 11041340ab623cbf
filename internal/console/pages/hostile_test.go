package pages_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/blob"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/checkfile"
	"github.com/probefleet/probefleet/internal/child"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/pages"
	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/browserrunner"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// hostile are texts that do something where they are not taken as texts. What
// they do is to set pwned.
var hostile = []string{
	`<script>window.pwned=1</script>`,
	`<img src=x onerror="window.pwned=1">`,
	`"><svg onload="window.pwned=1">`,
	`' onmouseover='window.pwned=1' autofocus onfocus='window.pwned=1`,
	`" autofocus onfocus="window.pwned=1" x="`,
	`javascript:window.pwned=1`,
	`</title><script>window.pwned=1</script>`,
	`</textarea></pre></code><iframe srcdoc="<script>parent.pwned=1</script>"></iframe>`,
	`<!--><script>window.pwned=1</script>-->`,
	`{{template "x"}}{{.}}${window.pwned=1}`,
	`<style>@import 'http://evil.invalid/x.css';*{background:url(http://evil.invalid/)}</style>`,
	`<base href="http://evil.invalid/"><meta http-equiv="refresh" content="0;url=http://evil.invalid/">`,
	`<a href="javascript:window.pwned=1" id="main">x</a><form action="http://evil.invalid/"><button>x</button></form>`,
	"\u202e<b>\x00\u2028<script>window.pwned=1</script>",
}

// all is every hostile text at once.
var all = strings.Join(hostile, " ")

// guests lets everybody in who comes, with every right.
type guests struct{ name string }

func (g guests) Viewer(*http.Request) (*web.Viewer, error) {
	return &web.Viewer{Name: g.name, Role: "admin", Scopes: access.Scopes}, nil
}

func (guests) Challenge(http.ResponseWriter, *http.Request) error { return nil }

// rows are dead letters of the database; there are no queues.
type rows struct{ body string }

const deadID = "6f1c2a52d5a14f0c8dbf0a6b0e8b6f0b6f1c2a52d5a14f0c8dbf0a6b0e8b6f0b"

func (rows) Names(context.Context) ([]string, error)                 { return nil, nil }
func (rows) Open(context.Context, string) (console.DeadQueue, error) { return nil, nil }
func (rows) DropDeadResults(context.Context, []string) (int, error)  { return 1, nil }
func (rows) DeadLetterNotes(context.Context, string, []string) ([]jobs.DeadLetter, error) {
	return nil, nil
}

func (r rows) DeadRows(context.Context, int) ([]console.DeadRow, int, error) {
	return []console.DeadRow{{ID: deadID, Reason: r.body, Body: r.body, ReceivedAt: time.Now()}}, 1, nil
}

func (r rows) DeadRowsByID(context.Context, []string) ([]console.DeadRow, error) {
	list, _, err := r.DeadRows(context.Background(), 1)
	return list, err
}

// site is a console with checks, runs and incidents whose every text is what
// it was made with.
type site struct {
	url string
	// paths are the pages that there are.
	paths []string

	mu      sync.Mutex
	reports []string // of the content security policy
}

func newSite(t *testing.T, text string) *site {
	t.Helper()
	db := storetest.Store(t)
	artifacts, err := blob.Open(t.Context(), "mem://")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	dead := rows{text}
	c := console.New(console.Options{
		Store: db, Tokens: db, Runs: db, Fleet: db, Registry: db, DeadQueues: dead, DeadRows: dead, QueuePrefix: "pf", Logger: log, Incidents: byHand{db},
		Ready: func(context.Context) error { return fmt.Errorf("recorder: %s", text) },
	})
	frame := web.New(web.Options{Door: guests{text}, Nav: pages.Nav, LogOut: "/logout", Logger: log, Build: text})
	pages.Add(pages.Options{
		Frame: frame, Console: c, Records: db, Artifacts: artifacts, Logger: log,
		Write: func(c check.Check) ([]byte, error) {
			files, err := checkfile.Write([]check.Check{c})
			if err != nil {
				return nil, err
			}
			return files[0], nil
		},
		Queues: func(context.Context) ([]pages.Queue, error) { return []pages.Queue{{Name: text, Waiting: 3}}, nil },
	})
	s.fill(t, db, artifacts, c, text)
	server := httptest.NewServer(s.reporting(frame))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// reporting has browsers tell what the content security policy kept them from.
func (s *site) reporting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/csp-report":
			body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
			s.mu.Lock()
			defer s.mu.Unlock()
			s.reports = append(s.reports, string(body))
		case "/naive": // a page that does it wrong, to see that this is seen
			w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; report-uri /csp-report")
			fmt.Fprintf(w, "<!doctype html><title>naive</title><body>%s", all)
		case "/naked":
			fmt.Fprintf(w, "<!doctype html><title>naked</title><body>%s", all)
		default:
			rec := httptest.NewRecorder()
			if r.URL.Path == "/events" { // it does not end
				http.Error(w, "no events here", http.StatusNoContent)
				return
			}
			next.ServeHTTP(rec, r)
			h := w.Header()
			for k, v := range rec.Header() {
				h[k] = v
			}
			h.Set("Content-Security-Policy", h.Get("Content-Security-Policy")+"; report-uri /csp-report")
			body := rec.Body.String()
			status := rec.Code
			if strings.Contains(r.UserAgent(), "Chrome") {
				status = http.StatusOK // a flow ends at an error page
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	})
}

func (s *site) told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.reports...)
}

func short(text string, n int) string { return web.Shorten(text, n) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fill writes checks, runs and incidents as the installation does.
func (s *site) fill(t *testing.T, db *store.Store, artifacts *blob.Store, c *console.Console, text string) {
	t.Helper()
	ctx := t.Context()
	base := func(id string, spec check.Spec) check.Check {
		return check.Check{
			ID: id, Name: short(text, 200), Description: short(text, 500), Group: short(text, 100), Tags: []string{short(text, 60), "shop"},
			Every: time.Minute, Timeout: 10 * time.Second, Locations: []string{"here", "there"}, Active: true, Public: true, Spec: spec,
		}
	}
	api := base("api", check.OneRequest(check.Request{Method: "GET", URL: "https://shop.example/?q=" + short(text, 900), MaxBody: 1000, Headers: map[string]string{"x-a": text}}, []string{"status == 200"}, nil))
	browser := base("browser", &check.Browser{Width: 800, Height: 600, Steps: []check.Step{
		{Action: check.ActionOpen, Value: "https://shop.example/"}, {Action: check.ActionClick, Selector: text}, {Action: check.ActionFill, Selector: "#x", Value: text},
	}})
	_, err := db.ApplySet(acting(ctx, text), []check.Check{api, browser}, store.ApplyOptions{})
	must(t, err)
	_, err = db.ChangeCheck(acting(ctx, text), "api", func(c *check.Check) { c.Description = short("Changed. "+text, 500) })
	must(t, err)

	now := time.Now().UTC().Truncate(time.Second)
	var results []jobs.Result
	for i := range 6 {
		for _, ch := range []check.Check{api, browser} {
			slot := now.Add(-time.Duration(6-i) * time.Minute)
			r := jobs.ResultFor(jobs.New(ch, "here", slot, 1, slot, slot.Add(time.Minute)))
			evidence(&r, text, i > 1)
			results = append(results, r)
		}
	}
	for _, r := range results {
		for _, a := range r.Evidence.Artifacts {
			must(t, artifacts.Put(ctx, a.Key, a.ContentType, []byte(text)))
		}
	}
	_, err = db.RecordReceived(ctx, results, nil)
	must(t, err)
	for _, r := range results[len(results)-4:] {
		s.paths = append(s.paths, "/runs/"+r.JobID)
	}
	_, err = db.OpenIncident(ctx, status.Report{Title: short(text, 200), Impact: status.ImpactOutage, Checks: []string{"api"}, Public: true, Author: text})
	must(t, err)
	incidents, err := db.Incidents(ctx, store.IncidentFilter{})
	must(t, err)
	if len(incidents) < 3 {
		t.Fatalf("%d incidents: the rules have found none", len(incidents))
	}
	for _, i := range incidents {
		must(t, db.UpdateIncident(ctx, i.ID, status.Update{Phase: status.Investigating, Body: short(text, 5000), Public: true, Author: text}))
		must(t, db.DescribeIncident(ctx, i.ID, short(text, 200), true, text))
		s.paths = append(s.paths, "/incidents/"+i.ID)
	}
	_, err = db.PlanMaintenance(ctx, status.Planned{
		Title: short(text, 200), Tags: []string{short(text, 60)}, Groups: []string{short(text, 60)}, CreatedBy: text,
		Maintenance: check.Maintenance{From: now.Add(time.Hour), To: now.Add(2 * time.Hour), Why: short(text, 200)},
	})
	must(t, err)
	_, err = c.MakeToken(acting(ctx, text), console.NewToken{Name: short(text, 100), Scopes: []access.Scope{access.ChecksRead}})
	must(t, err)
	trigger, err := c.Trigger(acting(ctx, text), console.NewTrigger{Checks: []string{"api"}})
	must(t, err)
	s.paths = append(s.paths, "/checks", "/checks?q=%22%3E%3Cscript%3Ewindow.pwned%3D1%3C%2Fscript%3E&tag=shop", "/checks/api", "/checks/browser?outcome=failed", "/checks/api/definition",
		"/triggers/"+trigger.ID, "/incidents", "/incidents?state=open", "/incidents/new", "/maintenance", "/fleet", "/fleet/dead-letters/"+deadID, "/settings/tokens", "/nowhere/%3Cscript%3Ewindow.pwned%3D1%3C%2Fscript%3E", "/checks/%3Cscript%3E")
}

// evidence puts the text everywhere where a target has a say.
func evidence(r *jobs.Result, text string, fails bool) {
	r.ReceivedAt, r.StartedAt, r.FinishedAt = r.Slot.Add(time.Second), r.Slot.Add(time.Second), r.Slot.Add(3*time.Second)
	r.Timings = jobs.Timings{DNS: time.Millisecond, Connect: 2 * time.Millisecond, TLS: 3 * time.Millisecond, FirstByte: 40 * time.Millisecond, Download: time.Millisecond, Total: 50 * time.Millisecond}
	r.Worker = jobs.Worker{ID: text, Build: text, Browser: text}
	r.Outcome = jobs.Passed
	if fails {
		r.Fail(jobs.FaultAssertion, text)
	}
	r.Verdicts = []jobs.Verdict{{Step: text, Expr: text, OK: !fails, Message: text}, {Expr: text, OK: true, Degraded: true}}
	key := func(n int) string { return fmt.Sprintf("runs/2026-01-01/%s/%d", r.JobID, n) }
	r.Evidence.Artifacts = []jobs.Artifact{
		{Name: "failure", ContentType: "image/jpeg", Key: key(0), Size: 3}, {Name: text, ContentType: "text/html", Key: key(1), Size: 3},
		{Name: "film-000100", ContentType: "image/jpeg", Key: key(2), Size: 3}, {Name: text, ContentType: "image/svg+xml", Key: key(3), Size: 3},
		{Name: "requests.har", ContentType: "application/json", Key: key(4), Size: 3},
	}
	if r.Kind == check.KindBrowser {
		r.Steps = []jobs.StepResult{
			{Name: "open", Action: check.ActionOpen, OK: true, Duration: time.Second, Element: text, Selector: text},
			{Name: text, Action: check.ActionClick, OK: !fails, Error: text, Instead: []string{text, text}, At: time.Second, Duration: time.Second},
		}
		r.Evidence.Page = &jobs.Page{URL: "javascript:window.pwned=1//" + text, Title: text}
		r.Evidence.Console = []jobs.ConsoleEntry{{Level: text, Text: text, URL: text, Line: 3}, {Level: "warning", Text: text}}
		r.Evidence.Visit = &jobs.Visit{
			Requests: 9, Failed: 1, Bytes: 100, Text: text, Vitals: []jobs.Vitals{{URL: text, LCP: time.Second}},
			Log: []jobs.Request{{Method: text, URL: "https://shop.example/" + text, Type: "Document", Status: 500, Start: time.Second, Duration: time.Second}, {Method: "GET", URL: text, Type: text, Error: text}},
		}
		return
	}
	r.Evidence.Response = &jobs.Response{
		Status: 500, Proto: text, Headers: map[string]string{"x-a": text, "<script>window.pwned=1</script>": text}, Excerpt: text, Size: 5000, RemoteAddr: text,
		URL: "javascript:window.pwned=1//" + text, TLS: &jobs.TLS{Version: text, Issuer: text, Subject: text, NotAfter: r.Slot},
	}
}

// browse opens pages one after the other, waits on each for an expression, and
// says of which it did not come true, and why.
func browse(t *testing.T, width int, paths []string, expression string) (faults []string) {
	t.Helper()
	account, err := child.Unprivileged(child.DefaultAccount)
	must(t, err)
	dir, err := os.MkdirTemp("", "probefleet-pages-")
	must(t, err)
	must(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	runner := browserrunner.New(browserrunner.Options{Account: account, Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { _ = runner.Close() })
	var steps []check.Step
	for _, p := range paths {
		steps = append(steps,
			check.Step{Action: check.ActionOpen, Value: p, Timeout: time.Minute},
			check.Step{Action: check.ActionWait, Name: "look at " + p, Value: expression, Timeout: 20 * time.Second, Optional: true})
	}
	ch := check.Check{
		ID: "pages", Timeout: 8 * time.Minute, Locations: []string{"here"}, Every: time.Hour,
		Spec: &check.Browser{Width: width, Height: 844, Steps: steps},
	}
	now := time.Now()
	res, err := runner.Run(t.Context(), jobs.New(ch, "here", now, 1, now, now.Add(time.Hour)))
	must(t, err)
	if res.Outcome != jobs.Passed {
		faults = append(faults, fmt.Sprintf("%s: %+v", res.Outcome, res.Fault))
	}
	for _, step := range res.Steps {
		if !step.OK {
			faults = append(faults, step.Name+": "+step.Error)
		}
	}
	return faults
}

// harmless is true where a page is whole, ran nothing and leads nowhere else.
const harmless = `document.readyState === 'complete' && !window.pwned && !!document.querySelector('main h1') && ![...document.querySelectorAll('[href],[src],[action]')]
	.some(e => ['href','src','action'].some(a => e.hasAttribute(a) && !/^([\/?#]|data:|$)/.test(e.getAttribute(a))))`

// Whatever a target says, and whoever names a check: 0 executions, and 0
// reports of the content security policy.
func TestHostileTextsDoNothing(t *testing.T) {
	s := newSite(t, all)
	var paths []string
	for _, p := range s.paths {
		paths = append(paths, s.url+p)
	}
	for _, fault := range browse(t, 1280, paths, harmless) {
		t.Error(fault)
	}
	if reports := s.told(); len(reports) > 0 {
		t.Errorf("%d reports, such as %s", len(reports), reports[0])
	}
	t.Logf("%d pages, each with %d hostile texts in every place", len(paths), len(hostile))

	// Pages that do it wrong are seen to: they are under way to another site, or
	// run what they should not.
	if faults := browse(t, 1280, []string{s.url + "/naked"}, `window.pwned === 1 || location.protocol === 'chrome-error:'`); len(faults) > 0 {
		t.Errorf("the texts are harmless by themselves: %q", faults)
	}
	if faults := browse(t, 1280, []string{s.url + "/naive"}, `document.readyState === 'complete'`); len(faults) > 0 || len(s.told()) == 0 {
		t.Errorf("a page that needs its policy is not reported: %q", faults)
	}
}

// Files of runs are shown as pictures or kept, and never opened as pages.
func TestFilesAreNeverPages(t *testing.T) {
	s := newSite(t, `<script>window.pwned=1</script>`)
	run := s.paths[len(s.paths)-1]
	for _, p := range s.paths {
		if strings.HasPrefix(p, "/runs/") {
			run = p
		}
	}
	for n, want := range []string{"image/jpeg", "application/octet-stream", "image/jpeg", "application/octet-stream", "application/octet-stream"} {
		resp, err := http.Get(fmt.Sprintf("%s%s/files/%d", s.url, run, n))
		must(t, err)
		_ = resp.Body.Close()
		h := resp.Header
		if resp.StatusCode != 200 || h.Get("Content-Type") != want || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("file %d: %d %v", n, resp.StatusCode, h)
		}
		if want == "application/octet-stream" && !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") {
			t.Errorf("file %d: %v", n, h)
		}
	}
	for _, path := range []string{run + "/files/5", run + "/files/-1", run + "/files/x", "/runs/x/files/0"} {
		resp, err := http.Get(s.url + path)
		must(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}
