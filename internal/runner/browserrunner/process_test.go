package browserrunner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"

	"github.com/probefleet/probefleet/internal/child"
	"github.com/probefleet/probefleet/internal/jobs"
)

// busy is a site whose page says when it has loaded, and then waits.
func busy(t testing.TB, body string) (url string, here <-chan struct{}) {
	t.Helper()
	url, here, _ = held(t, body)
	return url, here
}

// held is a site whose page says when it has loaded, and then waits until it
// is let go.
func held(t testing.TB, body string) (url string, here <-chan struct{}, letGo func()) {
	t.Helper()
	arrived, gone := make(chan struct{}, 16), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/here":
			arrived <- struct{}{}
			return
		case "/gone":
			select {
			case <-gone:
			case <-r.Context().Done():
			}
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, `<title>Busy</title><body><p id="text">waiting</p>`+body+
			`<script>fetch('/here'); fetch('/gone').then(() => document.body.append('let go'))</script>`)
	}))
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections) // before that
	return s.URL, arrived, sync.OnceFunc(func() { close(gone) })
}

// during runs j on r and calls act once its page has loaded.
func during(t *testing.T, r *Runner, j jobs.Job, here <-chan struct{}, act func(tb *tab)) jobs.Result {
	t.Helper()
	done := make(chan jobs.Result, 1)
	go func() { done <- runOn(t, r, j) }()
	select {
	case <-here:
	case res := <-done:
		t.Fatalf("ended before its page had loaded: %+v", res.Fault)
	}
	act(onlyTab(t, r))
	return <-done
}

// onlyTab is the tab of the one run under way on r.
func onlyTab(t *testing.T, r *Runner) (only *tab) {
	t.Helper()
	// Its page may have told the site before its browser tells us.
	eventually(t, "a run has a page", func() bool {
		eachTab(r, func(tb *tab) {
			if tb.at() != "" { // else it is the spare one
				only = tb
			}
		})
		return only != nil
	})
	return only
}

func pid(t *testing.T, r *Runner) int {
	t.Helper()
	if err := r.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.browsers.mu.Lock()
	defer r.browsers.mu.Unlock()
	return r.browsers.current.proc.pid
}

func TestSandbox(t *testing.T) {
	t.Parallel()
	r, _ := own(t, nil)
	url, here, letGo := held(t, "")
	passes(t, during(t, r, job(open(url), text("", "let go")), here, func(*tab) {
		defer letGo()
		group := pid(t, r)
		renderers := members(group, "--type=renderer")
		if len(renderers) == 0 {
			t.Error("no renderer")
		}
		for _, pid := range members(group, "") {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if err != nil {
				continue
			}
			for line := range strings.Lines(string(status)) {
				if f := strings.Fields(line); f[0] == "Uid:" && (f[1] == "0" || f[2] == "0") {
					t.Errorf("process %d runs as root", pid)
				}
			}
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if strings.Contains(string(line), "no-sandbox") {
				t.Errorf("process %d without sandbox: %q", pid, line)
			}
			if strings.Contains(string(line), "remote-debugging-port") {
				t.Errorf("process %d with an open port: %q", pid, line)
			}
		}
		for _, pid := range renderers {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"Seccomp:\t2\n", "NoNewPrivs:\t1\n"} {
				if !strings.Contains(string(status), want) {
					t.Errorf("renderer %d has no %q", pid, want)
				}
			}
		}
	}))
}

func TestEnvironmentIsKeptBack(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "canary-of-a-secret")
	r, _ := own(t, nil)
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid(t, r)))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(env), "canary") || !strings.Contains(string(env), "HOME=") {
		t.Error("the browser's environment is not its own")
	}
}

func TestBrowserDies(t *testing.T) {
	t.Parallel()
	r, _ := own(t, nil)
	url, here := busy(t, "")
	first := pid(t, r)
	res := during(t, r, job(open(url), within(time.Hour, text("", "never"))), here, func(*tab) {
		if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	})
	// By its end, not by the time of the step or the check.
	faults(t, res, jobs.Inconclusive, jobs.FaultBrowser, "the browser went away")
	eventually(t, "the dead browser's other processes are gone", func() bool { return len(members(first, "")) == 0 })

	passes(t, runOn(t, r, job(open(url), text("", "waiting"))))
	if second := pid(t, r); second == first {
		t.Error("the dead browser is still in use")
	}
}

func TestRendererCrash(t *testing.T) {
	t.Parallel()
	r, _ := own(t, nil)
	url, here := busy(t, "")
	res := during(t, r, job(open(url), within(time.Hour, text("", "never"))), here, func(tb *tab) {
		send(t.Context(), tb.session, page.Crash, cdp.Empty{})
		<-tb.ctx.Done()
		// Nothing else would end it so soon: the step has an hour, the check a minute.
		if cause := context.Cause(tb.ctx); !errors.Is(cause, errPageCrashed) {
			t.Errorf("the run ended by %v, not by the event", cause)
		}
	})
	faults(t, res, jobs.Inconclusive, jobs.FaultBrowser, "the page's renderer ended (crashed)")
	if limit := 50 * time.Second; res.Timings.Total > limit {
		t.Errorf("the step went on for %s: the event was not what ended it", res.Timings.Total)
	}
	passes(t, runOn(t, r, job(open(url), text("", "waiting"))))
}

func TestRendererKilled(t *testing.T) {
	t.Parallel()
	r, _ := own(t, nil)
	url, here := busy(t, "")
	first := pid(t, r)
	res := during(t, r, job(open(url), within(time.Hour, text("", "never"))), here, func(*tab) {
		for _, pid := range members(first, "--type=renderer") {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
	})
	faults(t, res, jobs.Inconclusive, jobs.FaultBrowser, "killed from outside")
	passes(t, runOn(t, r, job(open(url), text("", "waiting"))))
	if second := pid(t, r); second != first {
		t.Error("the browser was replaced for one renderer")
	}
}

func TestHang(t *testing.T) {
	t.Parallel()
	r, _ := own(t, nil)
	url, _ := busy(t, `<button id="spin" onclick="for(;;);">spin</button>`)
	j := job(open(url), within(time.Hour, click("#spin")), text("", "never"))
	j.Check.Timeout = patience(t, r, url)
	faults(t, runOn(t, r, j), jobs.Failed, jobs.FaultTimeout,
		fmt.Sprintf(`click "#spin": the page did not respond before the check's timeout of %s was over: a script may keep it busy`, brief(j.Check.Timeout)))
	passes(t, runOn(t, r, job(open(url), text("", "waiting"))))

	// A step of its own time ends before the check's, and by its own words.
	j = job(open(url), within(time.Second, click("#spin")), text("", "never"))
	j.Check.Timeout = time.Minute
	res := runOn(t, r, j)
	faults(t, res, jobs.Failed, jobs.FaultTimeout, `click "#spin": the page did not respond within 1s`)
	// One page is made ahead, and the browser itself keeps one renderer.
	eventually(t, "the busy renderers are gone", func() bool { return len(members(pid(t, r), "--type=renderer")) <= 2 })
}

// eventually waits up to half a minute for something that other processes do.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if !until(30*time.Second, ok) {
		t.Errorf("not so within 30 s: %s", what)
	}
}

func TestRecycle(t *testing.T) {
	t.Parallel()
	r, dir := own(t, func(o *Options) { o.Recycle = 2 })
	url, here := busy(t, "")
	first := pid(t, r) // one run's worth
	// This run is the browser's last; another browser serves the next while
	// it goes on.
	res := during(t, r, job(open(url), within(time.Second, text("", "never"))), here, func(*tab) {})
	faults(t, res, jobs.Failed, jobs.FaultStep, "does not contain")
	if second := pid(t, r); second == first {
		t.Error("the browser was not replaced")
	}
	eventually(t, "the first browser is gone", func() bool { return len(members(first, "")) == 0 })
	eventually(t, "one browser is left", func() bool { return len(browsersOf(dir)) == 1 })
}

func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	url, here := busy(t, `<script>fetch('/here').then(() => { for (;;); })</script>`)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+dir, "PROBEFLEET_TEST_URL="+url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	<-here
	<-here // the page is in its loop
	browsers := browsersOf(dir)
	if len(browsers) != 1 || len(members(browsers[0], "--type=renderer")) == 0 {
		t.Fatal("no browser, or no renderer", browsers)
	}
	// While it lives its profile is not swept.
	if removed, err := sweep(dir); len(removed) > 0 || err != nil {
		t.Fatal("swept the profile of a live worker", removed, err)
	}

	// What this machine, as it is now, may take longer than five seconds.
	slack := patience(t, shared.Runner, url+"/here")
	<-here
	// A browser that cannot notice that its pipe is closed.
	if err := syscall.Kill(browsers[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	limit := 5*time.Second + slack
	until(limit, func() bool { return len(members(browsers[0], "")) == 0 })
	if left := members(browsers[0], ""); len(left) > 0 {
		t.Errorf("%s after its worker was killed, processes %v are left", limit, left)
	}
	if profiles, _ := filepath.Glob(filepath.Join(dir, profilePrefix+"*")); len(profiles) != 1 {
		t.Fatalf("profiles %v", profiles)
	}
	r := New(Options{Account: account(t), Dir: dir})
	if left := leftovers(dir); left != "" {
		t.Error("not swept:", left)
	}
	_ = r.Close()
}

// helper is a worker with a run under way; it never returns.
func helper(dir string) {
	account, err := child.Unprivileged(child.DefaultAccount)
	if err != nil {
		panic(err)
	}
	r := New(Options{Account: account, Dir: dir})
	if err := r.Warm(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println("ready")
	_, err = r.Run(context.Background(), job(open(os.Getenv("PROBEFLEET_TEST_URL")), within(time.Minute, text("", "never"))))
	panic(fmt.Sprint("the run ended: ", err))
}

func TestNoBrowser(t *testing.T) {
	t.Parallel()
	r, _ := own(t, func(o *Options) { o.Path = "/nowhere/chromium" })
	res := runOn(t, r, job(open("http://127.0.0.1:1/")))
	faults(t, res, jobs.Inconclusive, jobs.FaultNoBrowser, "/nowhere/chromium", "apt-get install")
}

func TestNotABrowser(t *testing.T) {
	t.Parallel()
	r, _ := own(t, func(o *Options) { o.Path = "/bin/false" })
	faults(t, runOn(t, r, job(open("http://127.0.0.1:1/"))), jobs.Inconclusive, jobs.FaultBrowser, "/bin/false")
}

func TestRootIsRefused(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("not root: nothing to refuse")
		return
	}
	r, _ := own(t, func(o *Options) { o.Account = child.Account{} })
	faults(t, runOn(t, r, job(open("http://127.0.0.1:1/"))), jobs.Inconclusive, jobs.FaultNoBrowser, "never run as root", "useradd")
}

func TestFolderOutOfReach(t *testing.T) {
	t.Parallel()
	a := account(t)
	if a.Name == "" {
		t.Log("not root: the browser runs as we do")
		return
	}
	var closed string
	r, _ := own(t, func(o *Options) {
		closed = filepath.Join(o.Dir, "closed")
		if err := os.Mkdir(closed, 0o700); err != nil {
			t.Fatal(err)
		}
		o.Dir = filepath.Join(closed, "browsers")
	})
	faults(t, runOn(t, r, job(open("http://127.0.0.1:1/"))), jobs.Inconclusive, jobs.FaultNoBrowser,
		"which may not enter "+closed, "chmod o+x")
}

func TestCancelledFromAbove(t *testing.T) {
	t.Parallel()
	url, here := busy(t, "")
	ctx, cancel := context.WithCancelCause(t.Context())
	drained := errors.New("the drain budget is over")
	go func() { <-here; cancel(drained) }()
	if _, err := shared.Run(ctx, job(open(url), within(time.Hour, text("", "never")))); !errors.Is(err, drained) {
		t.Errorf("error %v, want %v", err, drained)
	}
}

func TestCloseMidRun(t *testing.T) {
	t.Parallel()
	r, _ := own(t, nil)
	url, here := busy(t, "")
	go func() { <-here; _ = r.Close() }()
	if _, err := r.Run(t.Context(), job(open(url), within(time.Hour, text("", "never")))); !errors.Is(err, errClosed) {
		t.Errorf("error %v, want %v", err, errClosed)
	}
	if _, err := r.Run(t.Context(), job(open(url))); !errors.Is(err, errClosed) {
		t.Errorf("error %v, want %v", err, errClosed)
	}
}

func TestPageClosed(t *testing.T) {
	t.Parallel()
	r, _ := own(t, nil)
	url, here := busy(t, "")
	res := during(t, r, job(open(url), within(time.Hour, text("", "never"))), here, func(tb *tab) {
		send(t.Context(), tb.session, page.Close, cdp.Empty{})
	})
	faults(t, res, jobs.Failed, jobs.FaultPage, "the page closed itself")
}

func TestBrowserReadyTooLate(t *testing.T) {
	t.Parallel()
	r, _ := own(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	<-ctx.Done()
	res, err := r.Run(ctx, job(open("http://127.0.0.1:1/")))
	if err != nil {
		t.Fatal(err)
	}
	faults(t, res, jobs.Inconclusive, jobs.FaultBrowser, "not ready before the check's time was over")
}

func TestLittleTimeLeftIsOurFault(t *testing.T) {
	t.Parallel()
	url, _ := busy(t, "")
	if err := shared.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience(t, shared.Runner, url))
	defer cancel()
	res, err := shared.Run(ctx, job(open(url), within(time.Hour, text("", "never"))))
	if err != nil {
		t.Fatal(err)
	}
	faults(t, res, jobs.Inconclusive, jobs.FaultBrowser, "of the check's 1m0s were left")
}
