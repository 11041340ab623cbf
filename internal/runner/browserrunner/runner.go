// Package browserrunner runs browser checks: the steps of a flow in a real
// Chromium, each run in a browser context of its own. It owns the life of the
// browser (one warm process, sandboxed, never as root, with nothing left
// behind), the steps, and what they leave as evidence. It refuses to judge
// what the check expects (assert does), to know where pictures are kept, and
// to blame a target for a browser that went away.
//
// Whose fault is it? A step that does not succeed, a page that closes itself
// or keeps its renderer busy, a host that does not resolve: the target's, so
// failed. A browser that is missing, that dies, that leaves a check less than
// its timeout, and a renderer that ends, whether by a crash, at the limit of
// its memory or killed from outside: ours, so inconclusive; see decision 10.
package browserrunner

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/internal/child"
)

// DefaultRecycle is the number of runs after which a browser is replaced.
const DefaultRecycle = 200

// artifacts keeps pictures.
type artifacts interface {
	Put(ctx context.Context, key, contentType string, data []byte) error
}

// Options of a Runner. The zero value works for a process that is not root.
type Options struct {
	// Path of the browser; "" looks for one, see [Find].
	Path string
	// Account under which the browser runs. As root it has to be set.
	Account child.Account
	// Dir holds the profiles of running browsers. The account has to be able
	// to reach it. Workers may share it: what a dead one left is removed by
	// the next that starts. "" is a folder in this user's cache folder.
	Dir string
	// Control judges every address before a page's connection to it is
	// dialled; its error fails the run with class egress where the page itself
	// is meant. nil lets every address pass. See [net.Dialer.Control].
	Control func(network, address string, c syscall.RawConn) error
	// Artifacts keeps the pictures; nil takes none.
	Artifacts artifacts
	// Film makes runs keep a strip of small pictures, which is stored of those
	// that do not pass.
	Film bool
	// Everything stores of every run what is otherwise stored only of those
	// that do not pass: the film strip, and all requests as an HTTP archive.
	Everything bool
	// Recycle is the number of runs after which a browser is replaced; 0
	// means [DefaultRecycle].
	Recycle int
	// Memory is what a browser may take with all its pages, in bytes; 0 means
	// [DefaultMemory]. Where they take more the largest page is ended, and its
	// run is inconclusive.
	Memory int64
	// Logger may be nil.
	Logger *slog.Logger
	// Metrics may be nil.
	Metrics *Metrics

	unguarded bool
	// lookTime is for tests on a machine that draws slowly; 0 means
	// [pictureTimeout].
	lookTime time.Duration
	// wire lets tests see what is said.
	wire func(chromedp.Transport) chromedp.Transport
}

// Metrics of browsers.
type Metrics struct {
	starts   prometheus.Counter
	crashes  *prometheus.CounterVec
	overruns prometheus.Counter
	running  prometheus.Gauge
}

// NewMetrics makes the metrics and registers them on reg, where it is not nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		starts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "probefleet_browser_starts_total",
			Help: "Browsers started.",
		}),
		crashes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "probefleet_browser_crashes_total",
			Help: "Browsers and renderers that ended by themselves.",
		}, []string{"process"}),
		overruns: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "probefleet_browser_overruns_total",
			Help: "Pages and browsers that were ended because they took too much memory.",
		}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "probefleet_browser_runs_in_flight",
			Help: "Browser checks that are running.",
		}),
	}
	for _, process := range []string{"browser", "renderer"} {
		m.crashes.WithLabelValues(process)
	}
	if reg != nil {
		reg.MustRegister(m.starts, m.crashes, m.overruns, m.running)
	}
	return m
}

// Runner runs browser checks. Any number of runs may be under way at once;
// they share one browser and nothing else.
type Runner struct {
	browsers  *supervisor
	artifacts artifacts
	// everything is stored of every run.
	everything bool
	lookTime   time.Duration
	log        *slog.Logger
	metrics    *Metrics
}

// New makes a Runner and removes what dead workers left in Options.Dir. It
// starts no browser: the first run does. It works without a browser too; each
// run is then inconclusive and says what to install.
func New(o Options) *Runner {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Dir == "" {
		// Where there is no cache folder either, the start says so.
		if cache, err := os.UserCacheDir(); err == nil {
			o.Dir = filepath.Join(cache, "probefleet", "browsers")
		}
	}
	removed, err := sweep(o.Dir)
	if err != nil {
		o.Logger.Warn("profiles of earlier workers not removed", "err", err)
	}
	if len(removed) > 0 {
		o.Logger.Info("profiles of earlier workers removed", "count", len(removed))
	}
	return &Runner{
		browsers: &supervisor{
			path: o.Path, dir: o.Dir, account: o.Account,
			control: o.Control, unguarded: o.unguarded, wire: o.wire,
			recycle: cmp.Or(o.Recycle, DefaultRecycle), memory: cmp.Or(o.Memory, DefaultMemory), film: o.Film && o.Artifacts != nil,
			log: o.Logger, metrics: o.Metrics,
			all: make(map[*chromium]struct{}),
		},
		artifacts: o.Artifacts, everything: o.Everything, lookTime: cmp.Or(o.lookTime, pictureTimeout),
		log:     o.Logger,
		metrics: o.Metrics,
	}
}

// Warm starts the browser now, so that the first run need not. The error says
// what to do.
func (r *Runner) Warm(ctx context.Context) error {
	b, err := r.browsers.acquire(ctx)
	if err != nil {
		return err
	}
	r.browsers.release(b)
	return nil
}

// Check is nil where the browser answers; where none is up it starts one and
// waits for it. What did not start is not tried again for some seconds. The
// error says what to do.
func (r *Runner) Check(ctx context.Context) error { return r.browsers.check(ctx) }

// Version names the browser that was last started, "HeadlessChrome/156.0.1.2"
// (headless shell) or "Chrome/156.0.1.2" (the full browser); "" before.
func (r *Runner) Version() string { return r.browsers.version() }

// Close ends the browser and returns when no process and no profile of it is
// left. Runs under way return an error.
func (r *Runner) Close() error {
	r.browsers.close()
	return nil
}
