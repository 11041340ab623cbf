package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/probefleet/probefleet/internal/tracing"
)

// Config is what every daemon can be told.
type Config struct {
	Admin     string // address of /healthz, /readyz and /metrics
	LogFormat string
	LogLevel  string
}

// Register adds the shared flags; admin is the default admin address.
func (c *Config) Register(f *Flags, admin string) {
	f.StringVar(&c.Admin, "admin", admin, "address of /healthz, /readyz and /metrics; the default moves to the next free port")
	f.StringVar(&c.LogFormat, "log-format", "json", "json or text")
	f.StringVar(&c.LogLevel, "log-level", "info", "debug, info, warn or error")
}

// Kit is what a service is wired with: its logger, where its metrics are
// registered, and the probes behind /readyz.
type Kit struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Ready   *Readiness
	// Tracer makes traces; nil where none are wanted.
	Tracer *tracing.Tracer
	// Hurry is closed when a drain that is under way should be cut short; it
	// may be nil.
	Hurry <-chan struct{}
	// Announce is told of each address that the daemon serves people on.
	Announce func(what, address string)
}

// Readiness is a set of named probes. The zero value is ready.
type Readiness struct {
	mu     sync.Mutex
	probes map[string]func(context.Context) error
}

// Add adds a probe; its error says why the daemon is not ready.
func (r *Readiness) Add(name string, probe func(context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.probes == nil {
		r.probes = map[string]func(context.Context) error{}
	}
	r.probes[name] = probe
}

// Check asks every probe, two seconds at most in all, and joins their errors.
func (r *Readiness) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r.mu.Lock()
	probes := make(map[string]func(context.Context) error, len(r.probes))
	for name, probe := range r.probes {
		probes[name] = probe
	}
	r.mu.Unlock()
	var errs []error
	for name, probe := range probes {
		if err := probe(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// Run boots a daemon around serve: logger, metrics, admin server. It returns
// when serve does; ctx ends intake, see the drain of each service. A daemon that
// was told to stop before it had started has stopped: that is no error.
func Run(ctx context.Context, p Process, c Config, f *Flags, serve func(context.Context, Kit) error) error {
	log, err := NewLogger(p.Stderr, c.LogFormat, c.LogLevel)
	if err != nil {
		return &UsageError{err}
	}
	log.Info("starting "+f.Name(), "build", Build(), "config", f)
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	kit := Kit{Log: log, Metrics: reg, Ready: &Readiness{}, Hurry: p.Hurry, Announce: func(what, address string) {
		log.Info("serving", "what", what, "address", address)
	}}
	tracer, closeTracer, err := Tracer(ctx, p, f.Name(), log)
	if err != nil {
		return err
	}
	defer closeTracer()
	kit.Tracer = tracer
	l, err := Listen(ctx, c.Admin, "admin", !f.Explicit("admin"))
	if err != nil {
		return err
	}
	kit.Announce("admin", "http://"+l.Addr().String())
	stop := ctx
	g, ctx := errgroup.WithContext(ctx)
	adminCtx, stopAdmin := context.WithCancel(context.WithoutCancel(ctx))
	g.Go(func() error {
		defer stopAdmin()
		return serve(ctx, kit)
	})
	g.Go(func() error { return HTTP(adminCtx, l, AdminHandler(reg, kit.Ready), log) })
	err = g.Wait()
	log.Info("stopped "+f.Name(), "err", err)
	if stop.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// AdminHandler answers /healthz (the process is alive), /readyz (its probes
// hold) and /metrics.
func AdminHandler(reg prometheus.Gatherer, ready *Readiness) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready.Check(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	return mux
}

// HTTP serves h on l until ctx ends, then gives open requests two seconds.
func HTTP(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serving on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := s.Shutdown(grace); err != nil {
		return errors.Join(s.Close()) // open streams, such as server-sent events, are cut
	}
	return nil
}
