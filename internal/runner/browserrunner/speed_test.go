//go:build linux

package browserrunner

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/egress"
	"github.com/probefleet/probefleet/internal/jobs"
)

// speedEnv has the number of rounds of TestSpeed.
const speedEnv = "PROBEFLEET_BENCH_BROWSER_ROUNDS"

// driver runs the flow of five steps once: navigate, fill, submit, wait and
// assert, picture; in a fresh context of a warm browser.
type driver struct {
	name string
	flow func() error
	pids func() []int // of its browser
	talk func() talk
}

// turns are those of each driver in a round: a machine that others use is not
// as fast in one minute as in the next, so they are short.
const turns = 4

// round is what one driver did in its turns.
type round struct {
	checks  float64
	took    time.Duration
	seconds float64 // of CPU, ours and the browser's
}

func (r *round) add(more round) {
	r.checks += more.checks
	r.took += more.took
	r.seconds += more.seconds
}

func (r round) perMinute() float64 { return r.checks / r.took.Minutes() }

// cpu is a check's, in seconds.
func (r round) cpu() float64 { return r.seconds / max(1, r.checks) }

// TestSpeed compares drivers in one run, interleaved, two checks at a time.
// It has nothing to fail by on a machine that others use: `make bench-browser`
// prints its figures.
func TestSpeed(t *testing.T) {
	rounds, err := strconv.Atoi(os.Getenv(speedEnv))
	if err != nil {
		t.Skip("a benchmark: make bench-browser")
	}
	url := shopSite(t)
	drivers := []driver{
		ourDriver(t, url),
		rawDriver(t, url, "raw CDP, PNG", "png"),
		rawDriver(t, url, "raw CDP, JPEG", "jpeg"),
		chromedpDriver(t, url),
	}
	got := make([][]round, len(drivers))
	for n := range rounds + 1 {
		all := make([]round, len(drivers))
		for turn := range turns {
			for i := range drivers {
				// Each turn begins with another one.
				d := (i + turn) % len(drivers)
				all[d].add(stretch(t, drivers[d], 2, 2*time.Second))
			}
		}
		for d, r := range all {
			if n > 0 { // the first warms up
				got[d] = append(got[d], r)
			}
		}
	}
	t.Logf("%d rounds of %d turns of 2 s each, two checks at a time; median (least to most)", rounds, turns)
	for i, d := range drivers {
		rate := column(got[i], round.perMinute)
		cpu := column(got[i], round.cpu)
		var faster, cheaper []float64
		for n := range got[i] {
			faster = append(faster, got[0][n].perMinute()/got[i][n].perMinute())
			cheaper = append(cheaper, got[i][n].cpu()/got[0][n].cpu())
		}
		slices.Sort(faster)
		slices.Sort(cheaper)
		t.Logf("%-14s %4.0f checks/min (%.0f to %.0f)   %.3f CPU s a check (%.3f to %.3f)   ours by round: %.2f as many (%.2f to %.2f), %.2f as many a CPU s (%.2f to %.2f)",
			d.name, median(rate), rate[0], rate[len(rate)-1], median(cpu), cpu[0], cpu[len(cpu)-1],
			median(faster), faster[0], faster[len(faster)-1], median(cheaper), cheaper[0], cheaper[len(cheaper)-1])
	}
	memoryPerCheck(t, drivers[0])
}

// memoryPerCheck reports what the browser takes with more and more checks at
// a time.
func memoryPerCheck(t *testing.T, d driver) {
	for _, at := range []int{1, 2, 4, 8} {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		var most, samples, sum int64
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(250 * time.Millisecond):
					var total int64
					for _, pid := range d.pids() {
						total += pss(pid)
					}
					most, samples, sum = max(most, total), samples+1, sum+total
				}
			}
		})
		r := stretch(t, d, at, 8*time.Second)
		close(stop)
		wg.Wait()
		t.Logf("%d at a time: %4.0f checks/min, browser %d MiB on average, %d MiB at most (PSS)", at, r.perMinute(), sum/max(1, samples)>>20, most>>20)
	}
}

// stretch runs d for a while, so many at a time.
func stretch(t *testing.T, d driver, at int, long time.Duration) round {
	t.Helper()
	var n atomic.Int64
	cpu := -cpuOf(d.pids()) - ownCPU()
	began := time.Now()
	var wg sync.WaitGroup
	for range at {
		wg.Go(func() {
			for time.Since(began) < long {
				if err := d.flow(); err != nil {
					t.Errorf("%s: %v", d.name, err)
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	cpu += ownCPU() // before the search for the browser's processes, which is no part of the runs
	return round{float64(n.Load()), took, cpu + cpuOf(d.pids())}
}

func column(rounds []round, of func(round) float64) []float64 {
	var v []float64
	for _, r := range rounds {
		v = append(v, of(r))
	}
	slices.Sort(v)
	return v
}

func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// shopSite is small: a form, and a list that a script fills.
func shopSite(t *testing.T) string {
	t.Helper()
	page := func(w http.ResponseWriter, body string) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><html><head><title>Shop</title><link rel=stylesheet href="/style.css"></head><body>%s</body></html>`, body)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			page(w, `<h1>Search</h1><form action="/search"><input id="q" name="q"><button id="go">Go</button></form>`)
		case "/search":
			page(w, `<h1 id="title">Results</h1><ul id="list"></ul><script>fetch('/items').then((r) => r.json()).then((l) => { for (const i of l) list.innerHTML += '<li>' + i })</script>`)
		case "/items":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `["Item 0"`)
			for i := 1; i < 20; i++ {
				fmt.Fprintf(w, `,"Item %d"`, i)
			}
			fmt.Fprint(w, `]`)
		case "/style.css":
			w.Header().Set("Content-Type", "text/css")
			fmt.Fprint(w, `body { font: 16px sans-serif; margin: 40px } li { padding: 4px; border-bottom: 1px solid #ccc }`)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func ourDriver(t *testing.T, url string, change ...func(*Options)) driver {
	r, dir := own(t, func(o *Options) {
		o.Recycle = 1 << 30
		o.Artifacts = &memory{files: map[string][]byte{}}
		o.Control = egress.NewPolicy(egress.Private, nil).Control
		for _, c := range change {
			c(o)
		}
	})
	pid(t, r)
	j := job(open(url), fillIn("#q", "shoes"), click("#go"), text("#list", "Item 19"), check.Step{Action: check.ActionScreenshot, Value: "end"})
	return driver{"ours", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		res, err := r.Run(ctx, j)
		if err == nil && res.Outcome != jobs.Passed {
			err = fmt.Errorf("%s: %+v", res.Outcome, res.Fault)
		}
		return err
	}, func() []int { return treeOf(browsersOf(dir)) }, nil}
}

func chromedpDriver(t *testing.T, url string) driver {
	path, err := Find("")
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t)
	home := filepath.Join(dir, "home")
	a := account(t)
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := a.Own(home); err != nil {
		t.Fatal(err)
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(filepath.Join(home, "profile")), chromedp.Flag("no-sandbox", false),
		chromedp.ModifyCmdFunc(func(c *exec.Cmd) {
			a.Prepare(c, syscall.SIGKILL)
			c.Env, c.Dir = environment(home), home
		}),
	}
	for _, f := range flags {
		name, value, has := strings.Cut(strings.TrimPrefix(f, "--"), "=")
		switch {
		case name == "remote-debugging-pipe" || name == "no-startup-window":
		case has:
			options = append(options, chromedp.Flag(name, value))
		default:
			options = append(options, chromedp.Flag(name, true))
		}
	}
	allocated, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	browser, cancelBrowser := chromedp.NewContext(allocated)
	t.Cleanup(cancelBrowser)
	if err := chromedp.Do(browser); err != nil {
		t.Fatal(err)
	}
	return driver{"plain chromedp", func() error {
		ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithNewWindow(true))
		defer cancel()
		if err := chromedp.Do(ctx,
			chromedp.EmulateViewport(check.DefaultWidth, check.DefaultHeight),
			chromedp.Navigate(url), chromedp.SendKeys("#q", "shoes"), chromedp.Click("#go"), chromedp.WaitVisible("#list li:nth-child(20)")); err != nil {
			return err
		}
		text, err := chromedp.Run(ctx, chromedp.Text("#list"))
		if err != nil || !strings.Contains(text, "Item 19") {
			return fmt.Errorf("the list says %q: %w", text, err)
		}
		_, err = chromedp.Run(ctx, chromedp.CaptureScreenshot())
		return err
	}, func() []int { return treeOf(browsersOf(dir)) }, nil}
}

// treeOf are the processes of browsers.
func treeOf(browsers []int) (pids []int) {
	for _, b := range browsers {
		for _, p := range processes(b) {
			pids = append(pids, p.pid)
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids)
}

// ownCPU is what this process has used, in seconds.
func ownCPU() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// cpuOf is what the processes of a browser have used, in seconds, their ended
// children included.
func cpuOf(pids []int) (seconds float64) {
	const ticks = 100 // a second; see sysconf(3)
	for _, pid := range pids {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
		for _, f := range fields[11:15] { // user, system, and both of ended children
			n, _ := strconv.ParseFloat(f, 64)
			seconds += n / ticks
		}
	}
	return seconds
}

// pss is a process's share of memory, in bytes.
func pss(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10
		}
	}
	return 0
}
