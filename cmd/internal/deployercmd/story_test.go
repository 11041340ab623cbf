package deployercmd

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
)

// world is a shop with a repository, three stages of files and commands, and a
// console that knows its checks; its clock is ours.
type world struct {
	t           *testing.T
	dir, origin string
	console     *httptest.Server
	mu          sync.Mutex
	now         time.Time
	failing     map[string]bool // tags whose checks fail
	silent      map[string]bool // tags whose checks do not run
	outage      map[string]bool // tags whose checks are in outage
	incident    string
	away        bool // the console
}

var stages = []string{"staging", "production-eu", "production-us"}

const token = "read-only-token"

func newWorld(t *testing.T, start string) *world {
	w := &world{t: t, dir: t.TempDir(), failing: map[string]bool{}, silent: map[string]bool{}, outage: map[string]bool{}}
	now, err := time.Parse(time.RFC3339, start)
	if err != nil {
		t.Fatal(err)
	}
	w.now = now
	wasClock, wasPoll := clock, poll
	clock, poll = w.clock, 5*time.Millisecond
	t.Cleanup(func() { clock, poll = wasClock, wasPoll })
	w.origin = filepath.Join(w.dir, "origin")
	w.git(w.dir, "init", "--quiet", "--initial-branch=main", w.origin)
	first := w.commit("the shop opens")
	w.git(w.dir, "clone", "--quiet", "--bare", w.origin, "clone.git")
	for _, s := range stages {
		w.write(s, first)
	}
	w.console = httptest.NewServer(http.HandlerFunc(w.answer))
	t.Cleanup(w.console.Close)
	w.write("deployer.json", w.file())
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) passes(d time.Duration) { w.set(func() { w.now = w.now.Add(d) }) }

func (w *world) git(dir string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Dir = dir
	// The same commits have the same ids each time.
	date := w.clock().Format(time.RFC3339)
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w *world) commit(subject string) string {
	w.git(w.origin, "commit", "--quiet", "--allow-empty", "-m", subject)
	return w.git(w.origin, "rev-parse", "HEAD")
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(name string) string {
	data, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// file is the deployer's file: stages are files that hold the commit that runs.
func (w *world) file() string {
	type m = map[string]any
	var list []m
	for i, name := range stages {
		s := m{
			"name": name,
			"driver": m{"exec": m{
				"folder":  w.dir,
				"running": []string{"cat", "{stage}"},
				// The broken release starts, and never becomes ready.
				"deploy": []string{"sh", "-c", `test -z "$SHOP_CONSOLE_TOKEN" && echo "$0" > "$1.new" && mv "$1.new" "$1" && echo "$1 $0" >> deploys`, "{commit}", "{stage}"},
				"ready":  []string{"sh", "-c", `test "$0" = "$(cat broken 2>/dev/null)" && { echo it crashes at its start; exit 1; }; test "$0" = "$(cat "$1")"`, "{commit}", "{stage}"},
			}},
			"bake":   m{"for": "30m", "checks": []string{name}, "runs": 40, "locations": 2},
			"alarms": []m{{"name": "customers", "fleet": m{"tags": []string{name}}}},
			"gates":  m{"ci": true},
		}
		if i > 0 {
			s["gates"] = m{
				"incidents": m{},
				"hours":     m{"zone": "Europe/Berlin", "open": []string{"Mon-Thu 09:00-16:00", "Fri 09:00-12:00"}},
				"freezes":   []m{{"zone": "Europe/Berlin", "from": "2026-12-20", "to": "2027-01-04", "reason": "holidays"}},
			}
		}
		list = append(list, s)
	}
	data, err := json.MarshalIndent(m{
		"console": m{"url": w.console.URL, "token_env": "SHOP_CONSOLE_TOKEN"},
		"services": []m{{
			"name": "shop", "git": m{"repository": filepath.Join(w.dir, "clone.git"), "remote": "origin"}, "stages": list,
			"ci": m{"command": []string{"sh", "-c", `test "$0" != "$(cat ` + filepath.Join(w.dir, "red") + ` 2>/dev/null)"`, "{commit}"}},
		}},
	}, "", "  ")
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

// answer is the console: one check a stage, which runs every minute at two
// locations.
func (w *world) answer(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away || r.Method != http.MethodGet || r.Header.Get("Authorization") != "Bearer "+token {
		http.Error(rw, "no", http.StatusServiceUnavailable)
		return
	}
	type m = map[string]any
	q := r.URL.Query()
	var out any
	switch r.URL.Path {
	case "/api/v1/checks":
		tag := q.Get("tag")
		out = m{"revision": 1, "checks": []m{{"version": 2, "check": m{"id": "login-" + tag, "tags": []string{tag}, "locations": []string{"eu", "us"}}}}}
	case "/api/v1/runs":
		tag := strings.TrimPrefix(q.Get("check"), "login-")
		since, err := time.Parse(time.RFC3339Nano, q.Get("since"))
		if err != nil {
			http.Error(rw, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		runs, outcome := []m{}, "passed"
		if w.failing[tag] {
			outcome = "failed"
		}
		for slot := since.Truncate(time.Minute); !slot.After(w.now) && !w.silent[tag]; slot = slot.Add(time.Minute) {
			for _, l := range []string{"eu", "us"} {
				runs = append(runs, m{"run_id": l + slot.String(), "location": l, "slot": slot, "attempt": 0, "outcome": outcome})
			}
		}
		out = m{"runs": runs}
	case "/api/v1/status":
		checks := []m{}
		for _, s := range stages {
			state := "operational"
			if w.outage[s] {
				state = "outage"
			}
			checks = append(checks, m{"id": "login-" + s, "state": state})
		}
		out = m{"checks": checks}
	case "/api/v1/incidents":
		open := []m{}
		if w.incident != "" {
			open = append(open, m{"id": "1", "title": w.incident, "impact": "outage", "opened": w.now})
		}
		out = m{"incidents": open}
	}
	_ = json.NewEncoder(rw).Encode(out)
}

// deployer runs a command as a person would; what it prints must never hold
// the token.
func (w *world) deployer(args ...string) (string, error) {
	w.t.Helper()
	var out, log strings.Builder
	w.t.Setenv("SHOP_CONSOLE_TOKEN", token) // as in a shell: commands that are run must not get it
	env := map[string]string{"SHOP_CONSOLE_TOKEN": token, "PROBEFLEET_DEPLOYER_FILE": filepath.Join(w.dir, "deployer.json"), "PROBEFLEET_DEPLOYER_NAME": "desk"}
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	err := Run(ctx, daemon.Process{Args: args, Getenv: func(n string) string { return env[n] }, Stdout: &out, Stderr: &log})
	if said := out.String() + log.String() + fmt.Sprint(err); strings.Contains(said, token) {
		w.t.Errorf("deployer %v says the token: %s", args, said)
	}
	return out.String(), err
}

func (w *world) must(args ...string) string {
	w.t.Helper()
	out, err := w.deployer(args...)
	if err != nil {
		w.t.Fatalf("deployer %v: %v\n%s", args, err, out)
	}
	return out
}

// runs checks which commits run in the stages.
func (w *world) runs(want ...string) {
	w.t.Helper()
	for i, s := range stages {
		if got := w.read(s); got != want[i] {
			w.t.Errorf("at %s %s runs %s, want %s\n%s", w.now.Format("Mon 15:04"), s, got, want[i], w.must("plan"))
		}
	}
}

// because checks what is said of a stage.
func (w *world) because(stage string, words ...string) {
	w.t.Helper()
	out := w.must("why", "shop", stage)
	for _, word := range words {
		if !strings.Contains(out, word) {
			w.t.Errorf("why %s: %s\nwant %q", stage, out, word)
		}
	}
}

// TestFromCommitToProduction is the whole story: a commit comes to staging,
// its checks are green for the bake, the gates are open, and it goes to
// production, one location after the other.
func TestFromCommitToProduction(t *testing.T) {
	w := newWorld(t, "2026-11-24T08:30:00Z") // Tuesday, 09:30 in Berlin
	old := w.read("staging")
	w.must("run") // nothing to do
	w.runs(old, old, old)
	one := w.commit("a faster search")
	w.must("run")
	w.runs(one, old, old)
	w.because("production-eu", one[:10]+" waits: not yet baked in staging: 0s of 30m have passed; 2 of 40 runs", "it may go on at 2026-11-24 09:00 UTC")

	w.passes(10 * time.Minute)
	two := w.commit("another one\x1b[2J") // lands within the bake, and has to wait for the next train
	w.must("run")
	w.runs(one, old, old)
	w.because("staging", two[:10]+" waits: "+one[:10]+", which runs in staging, still has its bake to complete; it may go on at 2026-11-24 09:00 UTC")

	w.passes(20 * time.Minute)
	if out := w.must("plan"); !strings.Contains(out, "promote") || w.read("production-eu") != old {
		t.Errorf("plan: %s", out)
	}
	w.must("run") // one goes on, and two takes its place
	w.runs(two, one, old)
	w.because("production-us", one[:10]+" waits: not yet baked in production-eu")
	w.passes(30 * time.Minute)
	w.must("run")
	w.runs(two, two, one)
	w.passes(30 * time.Minute)
	w.must("run")
	w.runs(two, two, two)
	if out := w.must("status"); strings.Count(out, "another one [2J") != 3 || strings.Contains(out, "\x1b") || strings.Count(out, "steady") != 3 {
		t.Errorf("status: %s", out)
	}
	if got := strings.Count(w.read("deploys"), "\n") + 1; got != 6 {
		t.Errorf("%d deploys, want 6:\n%s", got, w.read("deploys"))
	}
	if out := w.must("history", "shop", "production-us"); strings.Count(out, "deploy done") != 2 || strings.Count(out, "deploy begun") != 2 {
		t.Errorf("history: %s", out)
	}
}

// TestHeldWithItsReason: each of four reasons keeps a commit out of production
// until it is gone.
func TestHeldWithItsReason(t *testing.T) {
	w := newWorld(t, "2026-11-27T09:00:00Z") // Friday, 10:00 in Berlin
	old := w.read("staging")
	one := w.commit("a faster search")
	w.must("run")
	w.passes(40 * time.Minute)

	w.set(func() { w.incident = "Payment is down" })
	w.must("run")
	w.runs(one, old, old)
	w.because("production-eu", "incidents  fail", `open: "Payment is down" (outage, since 2026-11-27 09:40 UTC)`)

	w.set(func() { w.incident = ""; w.silent["staging"] = true })
	w.must("run")
	w.because("production-eu", "checks     wait", "has not yet run: login-staging")
	w.set(func() { w.away = true })
	w.must("run")
	w.runs(one, old, old)
	w.because("production-eu", "bake       unknown", "incidents  unknown", "alarms     unknown", "answered 503")
	w.set(func() { w.away = false; w.silent = map[string]bool{} })

	w.set(func() { w.now = time.Date(2026, 11, 27, 17, 0, 0, 0, time.UTC) })
	w.must("run")
	w.runs(one, old, old)
	w.because("production-eu", "Fri 18:00 in Europe/Berlin is no time to release", "it may go on at 2026-11-30 08:00 UTC")

	// On Monday the trunk is another one: what runs in staging is not on it.
	w.set(func() { w.now = time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC) })
	w.git(w.origin, "reset", "--quiet", "--hard", old)
	w.must("run")
	w.runs(one, old, old)
	w.because("production-eu", "trunk      fail", one[:10]+" is not on the trunk")

	w.git(w.origin, "reset", "--quiet", "--hard", one)
	w.must("run")
	w.runs(one, one, old)
}

func TestABuildThatFailedIsPassedOver(t *testing.T) {
	w := newWorld(t, "2026-11-24T08:30:00Z")
	good := w.commit("good")
	bad := w.commit("bad")
	w.write("red", bad)
	w.must("run")
	if got := w.read("staging"); got != good {
		t.Errorf("staging runs %s, want %s", got, good)
	}
	w.because("staging", "ci        fail", "the build of "+bad[:10]+" failed")
}

// TestAlarmsRollBack: alarms of a stage within the bake bring back what ran
// before, and hold the stage, whatever the gates say.
func TestAlarmsRollBack(t *testing.T) {
	w := newWorld(t, "2026-11-27T10:30:00Z") // Friday, 11:30 in Berlin: half an hour to go
	old := w.read("staging")
	first := w.commit("fine")
	w.must("run")
	w.passes(20 * time.Minute)
	w.must("override", "-reason", "fixes the payment", "-actor", "ada", "shop", "production-eu", "bake", first)
	w.must("run")
	w.runs(first, first, old)
	if out := w.must("history", "shop"); !strings.Contains(out, "gate bake is overridden by ada") {
		t.Errorf("history: %s", out)
	}
	w.passes(20 * time.Minute) // no time to release any more
	w.set(func() { w.outage["production-eu"] = true; w.incident = "Nobody can log in" })
	w.must("run")
	w.runs(first, old, old)
	w.because("production-eu", "is held since the rollback from "+first[:10], "customers fires (login-production-eu: outage)")
	w.set(func() {
		w.outage, w.incident = map[string]bool{}, ""
		w.now = time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	})
	w.must("run") // Monday, all gates open but these two
	w.runs(first, old, old)
	w.because("production-eu", "hold       fail", "rejected   fail")
	fix := w.commit("the fix")
	w.must("run")
	w.passes(40 * time.Minute)
	w.must("run")
	w.runs(fix, old, old)
	w.must("release", "-reason", "the fix is in", "shop", "production-eu")
	w.must("run")
	w.runs(fix, fix, old)
}

// TestABrokenReleaseIsRolledBack: what does not become ready is taken out
// within the same run.
func TestABrokenReleaseIsRolledBack(t *testing.T) {
	w := newWorld(t, "2026-11-24T08:30:00Z")
	old := w.read("staging")
	bad := w.commit("crashes")
	w.write("broken", bad)
	w.must("run")
	w.runs(old, old, old)
	w.because("staging", bad[:10]+" waits", "it crashes at its start")
	if got := w.read("deploys"); got != "staging "+bad+"\nstaging "+old {
		t.Errorf("deploys: %s", got)
	}
}

func TestByHand(t *testing.T) {
	w := newWorld(t, "2026-11-28T10:00:00Z") // Saturday
	old := w.read("staging")
	one := w.commit("urgent")
	w.must("run")
	out, err := w.deployer("promote", "shop", "production-eu")
	var exit *daemon.ExitError
	if !asExit(err, &exit) || exit.Code != 3 || !strings.Contains(out, "is no time to release") {
		t.Errorf("promote on a Saturday: %v, %s", err, out)
	}
	if _, err := w.deployer("promote", "-override", "hours,bake", "shop", "production-eu", one); err == nil || !strings.Contains(err.Error(), "-reason") {
		t.Errorf("an override without a reason: %v", err)
	}
	if _, err := w.deployer("override", "-reason", "x", "shop", "production-eu", "nonsense", one); err == nil || !strings.Contains(err.Error(), "is not a gate") {
		t.Errorf("an override of nothing: %v", err)
	}
	w.runs(one, old, old)
	out = w.must("promote", "-override", "hours,bake", "-reason", "urgent", "shop", "production-eu", one[:12])
	w.runs(one, one, old)
	if !strings.Contains(out, one[:10]+" runs in production-eu") {
		t.Errorf("promote: %s", out)
	}
	out = w.must("rollback", "-reason", "not so urgent", "shop", "production-eu")
	w.runs(one, old, old)
	if !strings.Contains(out, old[:10]+" runs in production-eu") {
		t.Errorf("rollback: %s", out)
	}
	if _, err := w.deployer("rollback", "-reason", "again", "shop", "production-us"); err == nil || !strings.Contains(err.Error(), "name a commit by -to") {
		t.Errorf("a rollback to nobody knows what: %v", err)
	}
	// The same observations give the same plan, later and elsewhere too.
	saved := filepath.Join(w.dir, "seen.json")
	first := w.must("plan", "-o", "json", "-save", saved)
	w.set(func() { w.away, w.incident = true, "x" })
	if again := w.must("plan", "-o", "json", "-replay", saved); again != first {
		t.Errorf("the plan was\n%s\nand is\n%s", first, again)
	}
}

func asExit(err error, into **daemon.ExitError) bool {
	e, ok := err.(*daemon.ExitError)
	*into = e
	return ok
}
