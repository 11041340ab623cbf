package browserrunner

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/child"
	"github.com/probefleet/probefleet/internal/jobs"
)

// helperEnv makes the test binary a worker that is to be killed.
const helperEnv = "PROBEFLEET_TEST_WORKER"

// shared is the runner of the tests that need none of their own, with its
// folder and what it stored.
var shared struct {
	*Runner
	dir   string
	store *memory
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperEnv); dir != "" {
		helper(dir)
	}
	if part := os.Getenv(egressEnv); part != "" {
		egressHelper(part)
	}
	// These tests wait more than they work.
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(max(4, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "probefleet-browsertest-")
	if err != nil {
		panic(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		panic(err)
	}
	account, err := child.Unprivileged(child.DefaultAccount)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if _, err := Find(""); err != nil {
		fmt.Fprintln(os.Stderr, "these tests need a browser:", err)
		os.Exit(1)
	}
	shared.dir, shared.store = dir, &memory{files: map[string][]byte{}}
	shared.Runner = New(Options{Account: account, Dir: dir, Artifacts: shared.store, Logger: testLogger(), lookTime: 30 * time.Second})
	code := m.Run()
	_ = shared.Close()
	if left := leftovers(dir); left != "" {
		fmt.Fprintln(os.Stderr, "left behind:", left)
		code = 1
	}
	groups.Range(func(group, _ any) bool {
		if left := members(group.(int), ""); len(left) > 0 {
			fmt.Fprintf(os.Stderr, "left behind of browser %d: processes %v\n", group, left)
			code = 1
		}
		return true
	})
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// groups has the process groups of every browser that was started, by the log.
var groups sync.Map

type watcher struct {
	slog.Handler
	groups *sync.Map
}

func (w watcher) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "browser started" {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "pid" {
				groups.Store(int(a.Value.Int64()), true)
				w.groups.Store(int(a.Value.Int64()), true)
			}
			return true
		})
	}
	if os.Getenv("PROBEFLEET_TEST_LOG") == "" {
		return nil
	}
	return w.Handler.Handle(ctx, r)
}

func testLogger() *slog.Logger { return loggerTo(&groups) }

// loggerTo notes in started too which browsers there were.
func loggerTo(started *sync.Map) *slog.Logger {
	return slog.New(watcher{slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}), started})
}

// leftovers names what is left of every browser that was started on dir.
func leftovers(dir string) string {
	profiles, _ := filepath.Glob(filepath.Join(dir, profilePrefix+"*"))
	left := browsersOf(dir)
	if len(left) == 0 && len(profiles) == 0 {
		return ""
	}
	return fmt.Sprintf("processes %v, profiles %v", left, profiles)
}

// browsersOf lists the browsers that run on profiles in dir.
func browsersOf(dir string) (pids []int) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		if line, err := os.ReadFile(path); err == nil && strings.Contains(string(line), "--user-data-dir="+dir) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// members lists the processes of a browser's group whose command line has the
// word. Ended ones that wait for their parent have no command line.
func members(group int, word string) (pids []int) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if g, err := syscall.Getpgid(pid); err != nil || g != group {
			continue
		}
		if line, err := os.ReadFile(path); err == nil && len(line) > 0 && strings.Contains(string(line), word) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// memory keeps pictures.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
	err   error
}

func (m *memory) Put(_ context.Context, key, _ string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	m.files[key] = data
	return nil
}

func (m *memory) get(key string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.files[key]
}

// own is a runner of the test's own, whose end is checked for leftovers.
func own(t *testing.T, change func(*Options)) (*Runner, string) {
	t.Helper()
	dir := folder(t)
	o := Options{Account: account(t), Dir: dir, Logger: testLogger()}
	if change != nil {
		change(&o)
	}
	r := New(o)
	t.Cleanup(func() {
		_ = r.Close()
		if left := leftovers(dir); left != "" {
			t.Error("left behind:", left)
		}
	})
	return r, dir
}

// folder is one that the browser's account may enter.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for at := dir; at != os.TempDir() && at != "/"; at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func account(t *testing.T) child.Account {
	t.Helper()
	a, err := child.Unprivileged(child.DefaultAccount)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// site serves pages by path; a page without <html> is wrapped in one.
func site(t testing.TB, pages map[string]string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "<!doctype html><html><head><title>%s</title></head><body>%s</body></html>", "Page "+r.URL.Path, body)
	}))
	t.Cleanup(s.Close)
	return s
}

// job is one attempt of a flow. It has far more time than it needs, as the
// machine may be a slow one: what is to fail in vain says so by [within].
func job(steps ...check.Step) jobs.Job {
	slot := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := check.Check{
		ID: "shop", Name: "Shop", Every: 2 * time.Minute, Timeout: time.Minute, Locations: []string{"local"},
		Spec: &check.Browser{Steps: unhurried(steps), Width: check.DefaultWidth, Height: check.DefaultHeight},
	}
	return jobs.New(c, "local", slot, 1, slot, slot.Add(time.Minute))
}

// unhurried are the steps, each that has no time of its own with plenty.
func unhurried(steps []check.Step) []check.Step {
	steps = slices.Clone(steps)
	for i := range steps {
		if s := &steps[i]; s.Timeout == 0 && s.Action != check.ActionOpen {
			s.Timeout = 30 * time.Second
		}
	}
	return steps
}

func open(url string) check.Step { return check.Step{Action: check.ActionOpen, Value: url} }
func click(sel string) check.Step {
	return check.Step{Action: check.ActionClick, Selector: sel}
}
func fillIn(sel, value string) check.Step {
	return check.Step{Action: check.ActionFill, Selector: sel, Value: value}
}
func pressKey(sel, key string) check.Step {
	return check.Step{Action: check.ActionPress, Selector: sel, Value: key}
}
func text(sel, value string) check.Step {
	return check.Step{Action: check.ActionExpectText, Selector: sel, Value: value}
}
func expectURL(part string) check.Step {
	return check.Step{Action: check.ActionExpectURL, Value: part}
}
func within(d time.Duration, s check.Step) check.Step {
	s.Timeout = d
	return s
}

// run runs a flow on the shared runner.
func run(t *testing.T, steps ...check.Step) jobs.Result {
	t.Helper()
	return runOn(t, shared.Runner, job(steps...))
}

func runOn(t *testing.T, r *Runner, j jobs.Job) jobs.Result {
	t.Helper()
	// More than the check's timeout: a busy machine is no fault of a page.
	ctx, cancel := context.WithTimeout(t.Context(), j.Check.Timeout+time.Minute)
	defer cancel()
	res, err := r.Run(ctx, j)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// patience is a time that this machine needs for much more than a simple run,
// as it is now: what a test waits for in vain is not waited for longer.
func patience(t *testing.T, r *Runner, url string) time.Duration {
	t.Helper()
	began := time.Now()
	passes(t, runOn(t, r, job(open(url))))
	return 2*time.Second + 4*time.Since(began)
}

func passes(t *testing.T, res jobs.Result) {
	t.Helper()
	if res.Outcome != jobs.Passed {
		t.Errorf("outcome %s, %+v; console %+v", res.Outcome, res.Fault, res.Evidence.Console)
	}
}

// faults checks outcome and class, and that the message has the words.
func faults(t *testing.T, res jobs.Result, outcome jobs.Outcome, class jobs.FaultClass, words ...string) {
	t.Helper()
	if res.Outcome != outcome || res.Fault == nil || res.Fault.Class != class {
		t.Fatalf("outcome %s, fault %+v; want %s, %s", res.Outcome, res.Fault, outcome, class)
	}
	for _, w := range words {
		if !strings.Contains(res.Fault.Message, w) {
			t.Errorf("message %q does not say %q", res.Fault.Message, w)
		}
	}
}
