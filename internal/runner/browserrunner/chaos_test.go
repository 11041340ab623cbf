//go:build linux

package browserrunner

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"

	"github.com/probefleet/probefleet/internal/jobs"
)

// chaosEnv is the number of runs of TestChaos; its short form without.
const chaosEnv = "PROBEFLEET_CHAOS_BROWSER_RUNS"

// trouble is what a page of TestChaos may do, and how its run may end. A run
// that is none of these is passed, or inconclusive where the browser was lost
// to another.
var troubles = []struct {
	name, body string
	timeout    time.Duration
	may        []jobs.Outcome
}{
	{"crash", `<script>fetch('/crash?' + location.search.slice(1))</script>`, 20 * time.Second, []jobs.Outcome{jobs.Inconclusive}},
	// The page alone keeps its renderer busy: a visitor sees the same.
	{"hang", `<script>setTimeout(() => { for (;;); }, 50)</script>`, 3 * time.Second, []jobs.Outcome{jobs.Failed, jobs.Inconclusive}},
	{"leak", `<script>window.kept = []; for (let i = 0; i < 100; i++) kept.push(new Uint8Array(1 << 20).fill(i)); setTimeout(() => document.body.append('content'))</script>`, 20 * time.Second, []jobs.Outcome{jobs.Passed, jobs.Inconclusive}},
	{"allocate", `<script>const all = []; setInterval(() => all.push(new Uint8Array(16 << 20).fill(1)), 1)</script>`, 2 * time.Minute, []jobs.Outcome{jobs.Inconclusive}},
	{"browser killed", `<script>fetch('/kill')</script>`, 20 * time.Second, []jobs.Outcome{jobs.Inconclusive}},
}

// chaosRun is one run as it went.
type chaosRun struct {
	trouble int // -1 for none
	took    time.Duration
	result  jobs.Result
	err     error
}

// TestChaos runs many checks of which some crash, hang, leak or allocate
// without end: nothing is left behind, no fault of ours is the target's, and
// every run ends in time.
func TestChaos(t *testing.T) {
	t.Parallel()
	runs, every := 20, 4 // the short form
	if v := os.Getenv(chaosEnv); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		runs, every = n, 10
	}
	dir := folder(t)
	started := new(sync.Map)
	r := New(Options{Account: account(t), Dir: dir, Recycle: 60, Memory: 700 << 20, Logger: loggerTo(started)})
	url := chaosSite(t, r)
	if err := r.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	all := make([]chaosRun, runs)
	var ours, theirs []float64 // memory after each run, in KiB
	slots := make(chan struct{}, 2)
	var wg sync.WaitGroup
	began := time.Now()
	for i := range runs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			c := &all[i]
			c.trouble = -1
			if i%every == every-1 {
				c.trouble = i / every % len(troubles)
			}
			c.run(r, url, i)
			mu.Lock()
			defer mu.Unlock()
			ours, theirs = append(ours, heap()), append(theirs, tree(r))
		})
	}
	wg.Wait()
	took := time.Since(began)
	limit := 5*time.Second + patience(t, shared.Runner, url+"/healthy")
	_ = r.Close()
	closed := time.Now()
	// What other processes do they do by themselves, within five seconds and
	// what this machine takes longer.
	until(limit, func() bool { return chaosLeft(dir, started) == "" })
	if left := chaosLeft(dir, started); left != "" {
		t.Errorf("%s after the end: %s", limit, left)
	}
	t.Logf("nothing was left %s after the end", time.Since(closed).Round(time.Millisecond))
	judgeChaos(t, all)
	o, b := slope(ours), slope(theirs)
	t.Logf("%d runs in %s; memory slope: worker %+.1f KiB a run, browser %+.1f KiB a run (from %.0f to %.0f MiB on average)",
		runs, took.Round(time.Second), o, b, mean(theirs[:len(theirs)/2])/1024, mean(theirs[len(theirs)/2:])/1024)
	if runs >= 200 && (o > 10 || b > 100) {
		t.Errorf("memory grows")
	}
}

func judgeChaos(t *testing.T, all []chaosRun) {
	t.Helper()
	tally, latest := map[string]int{}, time.Duration(0)
	for i, c := range all {
		name, may, limit := "healthy", []jobs.Outcome{jobs.Passed, jobs.Inconclusive}, time.Minute
		if c.trouble >= 0 {
			k := troubles[c.trouble]
			name, may, limit = k.name, k.may, k.timeout
		}
		if c.err != nil {
			t.Errorf("run %d (%s): %v", i, name, c.err)
			continue
		}
		tally[name+" "+string(c.result.Outcome)]++
		ok := false
		for _, o := range may {
			ok = ok || c.result.Outcome == o
		}
		if !ok {
			t.Errorf("run %d (%s): %s, %+v", i, name, c.result.Outcome, c.result.Fault)
		}
		// The time that the Mux adds to the check's own, when the run's context
		// ends, and what a busy machine may take to notice.
		const grace, notice = 5 * time.Second, 5 * time.Second
		if c.took > limit+grace+notice {
			t.Errorf("run %d (%s) took %s of %s", i, name, c.took, limit)
		}
		latest = max(latest, c.took-limit)
	}
	t.Logf("outcomes: %v; the run that came nearest to its deadline, or passed it most: %s", tally, latest.Round(time.Millisecond))
}

func (c *chaosRun) run(r *Runner, url string, i int) {
	path, timeout := fmt.Sprintf("/healthy?%d", i), time.Minute
	if c.trouble >= 0 {
		path, timeout = fmt.Sprintf("/%d?%d", c.trouble, i), troubles[c.trouble].timeout
	}
	j := job(open(url+path), within(timeout, text("", "content")))
	j.Check.Timeout = timeout
	ctx, cancel := context.WithTimeout(context.Background(), timeout+5*time.Second)
	defer cancel()
	began := time.Now()
	c.result, c.err = r.Run(ctx, j)
	c.took = time.Since(began)
}

// chaosSite serves the pages, and does to r's browsers what they ask for.
func chaosSite(t *testing.T, r *Runner) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		switch q.URL.Path {
		case "/healthy":
			fmt.Fprint(w, `<title>Healthy</title><body><script>setTimeout(() => document.body.append('content'), 20)</script>`)
		case "/crash":
			eachTab(r, func(tb *tab) {
				if strings.HasSuffix(tb.at(), "/0?"+q.URL.RawQuery) {
					send(context.Background(), tb.session, page.Crash, cdp.Empty{})
				}
			})
		case "/kill":
			r.browsers.mu.Lock()
			defer r.browsers.mu.Unlock()
			for b := range r.browsers.all {
				_ = syscall.Kill(b.proc.pid, syscall.SIGKILL)
			}
		default:
			kind, err := strconv.Atoi(strings.TrimPrefix(q.URL.Path, "/"))
			if err != nil || kind >= len(troubles) {
				http.NotFound(w, q)
				return
			}
			fmt.Fprintf(w, `<title>Trouble</title><body>%s`, troubles[kind].body)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func eachTab(r *Runner, act func(*tab)) {
	r.browsers.mu.Lock()
	defer r.browsers.mu.Unlock()
	for b := range r.browsers.all {
		b.mu.Lock()
		tabs := make([]*tab, 0, len(b.tabs))
		for _, tb := range b.tabs {
			tabs = append(tabs, tb)
		}
		b.mu.Unlock()
		for _, tb := range tabs {
			act(tb)
		}
	}
}

// chaosLeft names every process and folder that is left of the browsers on
// dir whose process groups are given: renderers too, whose command lines do
// not name it.
func chaosLeft(dir string, started *sync.Map) string {
	left := leftovers(dir)
	started.Range(func(group, _ any) bool {
		if pids := members(group.(int), ""); len(pids) > 0 {
			left += fmt.Sprintf(" processes %v of browser %d", pids, group)
		}
		return true
	})
	return left
}

// heap is what this process holds, in KiB.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1024
}

// tree is what the newest browser takes, in KiB; 0 where there is none.
func tree(r *Runner) float64 {
	r.browsers.mu.Lock()
	b := r.browsers.current
	r.browsers.mu.Unlock()
	if b == nil {
		return 0
	}
	total := int64(0)
	for _, p := range processes(b.proc.pid) {
		if !p.renderer {
			total += p.bytes
		}
	}
	return float64(total) / 1024
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(max(1, len(v)))
}

// slope is the rise of v a step, by least squares.
func slope(v []float64) float64 {
	mx, my := float64(len(v)-1)/2, mean(v)
	var xy, xx float64
	for i, y := range v {
		xy += (float64(i) - mx) * (y - my)
		xx += (float64(i) - mx) * (float64(i) - mx)
	}
	return xy / max(1, xx)
}
