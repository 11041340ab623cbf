package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/sealed"
	"github.com/probefleet/probefleet/cmd/internal/workercmd"
	"github.com/probefleet/probefleet/examples/shop/shop"
	"github.com/probefleet/probefleet/internal/child"
)

// upConfig is what `probefleet up` can be told.
type upConfig struct {
	demo                   bool
	files                  []string
	source                 *fileOptions
	sealed                 sealed.Files
	dashboard, console     string
	queue, admin, shop     string
	location, prefix       string
	apiSlots, browserSlots int
	chromium, account      string
	logLevel               string
	state                  string
	databaseURL, queueURL  string
	shopFault              string
	// demoShop is how well the demo shop works.
	demoShop shop.Options
	// next says that an address is the default, which moves to the next free
	// port.
	next func(flagName string) bool
}

func parseUp(p daemon.Process) (upConfig, error) {
	f := daemon.NewFlags("probefleet up", "[FILE...]", "runs database, queue, scheduler, worker, recorder, console and dashboard in one process and applies the check files", p)
	c := upConfig{source: fileFlags(f), next: func(name string) bool { return !f.Explicit(name) }}
	c.sealed.Register(f)
	f.BoolVar(&c.demo, "demo", false, "start the demo shop and apply the example checks")
	f.StringVar(&c.dashboard, "addr", "127.0.0.1:8080", "address of the status page; the default moves to the next free port, as do the others")
	f.StringVar(&c.console, "console-addr", "127.0.0.1:8081", "address of the console")
	f.StringVar(&c.queue, "sqs-addr", "127.0.0.1:9324", "address of the local SQS server")
	f.StringVar(&c.admin, "admin", "127.0.0.1:9100", "address of /healthz, /readyz and /metrics")
	f.StringVar(&c.shop, "shop-addr", "127.0.0.1:8085", "address of the demo shop")
	f.StringVar(&c.shopFault, "shop-fault", "none", "what to break in the demo shop, with commas between: "+shop.FaultNames())
	f.StringVar(&c.location, "location", "local", "name of this machine's location")
	f.StringVar(&c.prefix, "queue-prefix", "probefleet", "first part of the queues' names")
	f.IntVar(&c.apiSlots, "api-slots", 20, "API checks at once")
	f.IntVar(&c.browserSlots, "browser-slots", workercmd.AutoSlots, "browser checks at once; -1 as many as cores and memory carry")
	f.StringVar(&c.chromium, "chromium", "", "path of Chromium or Chrome; found where empty")
	f.StringVar(&c.account, "account", child.DefaultAccount, "account that runs the database and the browser where this is root")
	f.StringVar(&c.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&c.state, "state", "", "folder for data, addresses and logs; .probefleet where empty")
	f.StringVar(&c.databaseURL, "database", "", "Postgres to use instead of one of our own")
	f.Env("database", "DATABASE_URL")
	if err := f.Parse(p.Args); err != nil {
		return c, err
	}
	var err error
	if c.demoShop.Faults, err = shop.ParseFaults(c.shopFault); err != nil {
		return c, &daemon.UsageError{Err: fmt.Errorf("-shop-fault: %w", err)}
	}
	c.files = f.Args()
	c.queueURL = p.Getenv("AWS_ENDPOINT_URL_SQS")
	return c, nil
}

func up(ctx context.Context, p daemon.Process) error {
	c, err := parseUp(p)
	if err != nil {
		return err
	}
	// Faults in files are better told before anything is started.
	if len(c.files) > 0 {
		if _, err := load(c.files, c.source); err != nil {
			return err
		}
	}
	account, err := child.Unprivileged(c.account)
	if err != nil {
		return err
	}
	st, err := openState(c.state, account)
	if err != nil {
		return err
	}
	defer func() { _ = st.close() }()
	logFile, err := os.OpenFile(st.path("logs/probefleet.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	defer func() { _ = logFile.Close() }()
	log, err := daemon.NewLogger(logFile, "text", c.logLevel)
	if err != nil {
		return &daemon.UsageError{Err: err}
	}
	tracer, endTraces, err := daemon.Tracer(ctx, p, "up", log)
	if err != nil {
		return err
	}
	defer endTraces()
	say := newProgress(p.Stdout)
	say.say("state folder: %s", st.dir)
	if st.moved != "" {
		say.say("  (not in this folder: %s)", st.moved)
	}
	i := &installation{upConfig: c, account: account, state: st, log: log, say: say, parts: newParts(ctx), hurry: p.Hurry, tracer: tracer}
	err = i.start(ctx)
	if err == nil {
		i.summary(p.Stdout)
		err = i.awaitResults(ctx)
	}
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-i.parts.failed:
		}
	}
	say.say("stopping; a second Ctrl-C cuts the drain short")
	stopErr := i.parts.stop(func(name string) { say.wait("stopping %s", name) })
	say.say("stopped")
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // asked to stop before everything was up
	}
	return errors.Join(err, stopErr)
}

// listen opens the address of a flag; its default moves to the next free port.
func (i *installation) listen(ctx context.Context, flagName, addr string) (net.Listener, error) {
	return daemon.Listen(ctx, addr, flagName, i.next(flagName))
}

// summary prints where everything is.
func (i *installation) summary(w io.Writer) {
	i.say.say("")
	rows := [][2]string{{"status page", i.statusURL}, {"console", i.consoleURL}}
	if i.password != "" {
		rows = append(rows, [2]string{"log in", firstAccount + ", with the password " + i.password + " (shown this once; `probefleet people reset` makes another)"})
	}
	if i.shopURL != "" {
		rows = append(rows, [2]string{"demo shop", i.shopURL})
	}
	rows = append(rows,
		[2]string{"metrics", i.adminURL + "/metrics"},
		[2]string{"queue", i.queueURL},
		[2]string{"data", i.state.path("postgres")},
		[2]string{"screenshots", i.state.path("artifacts")},
		[2]string{"log", i.state.path("logs/probefleet.log")},
		[2]string{"join", "set -a; . " + i.state.path("env") + "; worker -location " + i.location},
	)
	for _, r := range rows {
		fmt.Fprintf(w, "  %-12s %s\n", r[0], r[1])
	}
	fmt.Fprintf(w, "\nChecks of this location may reach private and loopback addresses. Ctrl-C stops everything; the data stays.\n\n")
}

func newToken() string { return "pf_" + rand.Text() + rand.Text() }

// loopback is the address that other programs on this machine use for a
// listener, which may listen on every interface.
func loopback(l net.Listener) string {
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return l.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
