package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/probefleet/probefleet/cmd/internal/consolecmd"
	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/dashboardcmd"
	"github.com/probefleet/probefleet/cmd/internal/recordercmd"
	"github.com/probefleet/probefleet/cmd/internal/schedulercmd"
	"github.com/probefleet/probefleet/cmd/internal/workercmd"
	"github.com/probefleet/probefleet/examples"
	"github.com/probefleet/probefleet/examples/shop/shop"
	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/checkfile"
	"github.com/probefleet/probefleet/internal/child"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/localpg"
	"github.com/probefleet/probefleet/internal/people"
	"github.com/probefleet/probefleet/internal/sqslocal"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/tracing"
)

// installation is everything that `up` runs. It is wiring: each service is
// the one that its own command runs.
type installation struct {
	upConfig
	account child.Account
	state   *state
	log     *slog.Logger
	say     *progress
	parts   *parts

	hurry    <-chan struct{} // cuts the stop short
	tracer   *tracing.Tracer // nil where no traces are wanted
	registry *prometheus.Registry
	ready    daemon.Readiness
	token    string
	password string // of the first account, where it was made just now
	applied  int    // checks that the status page will show

	statusURL, consoleURL, adminURL, shopURL string
	// shopVars say to the demo's check files where everything is.
	shopVars map[string]string
}

// start starts the parts in the direction against the flow of data and applies
// the checks.
func (i *installation) start(ctx context.Context) error {
	i.registry = prometheus.NewRegistry()
	i.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	token, err := i.state.secret("console-token", newToken)
	if err != nil {
		return err
	}
	i.token = token
	for _, step := range []struct {
		what string
		run  func(context.Context) error
	}{
		{"the database", i.startDatabase},
		{"the queue", i.startQueue},
		{"metrics and health", i.startAdmin},
		{"the status page", i.startDashboard},
		{"the console", i.startConsole},
		{"the recorder", i.startRecorder},
		{"the demo shop", i.startShop},
		{"the worker", i.startWorker},
		{"the scheduler", i.startScheduler},
		{"the checks", i.applyChecks},
		{"the job of the shop", i.startJob},
	} {
		i.say.wait("starting %s", step.what)
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("starting %s: %w", step.what, err)
		}
	}
	return i.state.writeEnv([][2]string{
		{"DATABASE_URL", i.databaseURL},
		{"AWS_ENDPOINT_URL_SQS", i.queueURL},
		{"PROBEFLEET_QUEUE_PREFIX", i.prefix},
		{"PROBEFLEET_CONSOLE", i.consoleURL},
		{"PROBEFLEET_CONSOLE_TOKEN", i.token},
	})
}

func (i *installation) startDatabase(ctx context.Context) error {
	if i.databaseURL != "" {
		return store.Migrate(ctx, i.databaseURL)
	}
	server, err := localpg.Start(ctx, localpg.Options{Dir: i.state.path("postgres"), Account: i.account, Logger: i.log})
	if err != nil {
		return err
	}
	i.parts.onStop("the database", server.Stop)
	i.databaseURL = server.URL(localpg.DefaultDatabase)
	return store.Migrate(ctx, i.databaseURL)
}

func (i *installation) startQueue(ctx context.Context) error {
	if i.queueURL != "" {
		return nil
	}
	l, err := i.listen(ctx, "sqs-addr", i.queue)
	if err != nil {
		return err
	}
	server := sqslocal.New(sqslocal.Options{Logger: i.log.With("service", "sqs")})
	i.parts.serve("the queue", func(ctx context.Context) error {
		return daemon.HTTP(ctx, l, server, i.log)
	})
	i.parts.onStop("long polls", server.Close)
	i.queueURL = "http://" + loopback(l)
	// The SDK reads the address of the queue from here.
	if err := os.Setenv("AWS_ENDPOINT_URL_SQS", i.queueURL); err != nil {
		return fmt.Errorf("telling the SDK where the queue is: %w", err)
	}
	return nil
}

func (i *installation) startAdmin(ctx context.Context) error {
	l, err := i.listen(ctx, "admin", i.admin)
	if err != nil {
		return err
	}
	i.adminURL = "http://" + loopback(l)
	i.parts.serve("metrics and health", func(ctx context.Context) error {
		return daemon.HTTP(ctx, l, daemon.AdminHandler(i.registry, &i.ready), i.log)
	})
	return nil
}

// kit is what a service is wired with: its own name in logs and metrics.
func (i *installation) kit(service string) daemon.Kit {
	ready := &daemon.Readiness{}
	i.ready.Add(service, ready.Check)
	return daemon.Kit{
		Log:     i.log.With("service", service),
		Metrics: prometheus.WrapRegistererWith(prometheus.Labels{"service": service}, i.registry),
		Ready:   ready,
		Tracer:  i.tracer,
		Hurry:   i.hurry,
		// The summary names every address.
		Announce: func(string, string) {},
	}
}

func (i *installation) startDashboard(ctx context.Context) error {
	l, err := i.listen(ctx, "addr", i.dashboard)
	if err != nil {
		return err
	}
	i.statusURL = "http://" + loopback(l)
	c := dashboardcmd.Config{DatabaseURL: i.databaseURL, Title: "Status"}
	if i.demo {
		c.Title = "Demo shop status"
	}
	kit := i.kit("dashboard")
	i.parts.serve("the status page", func(ctx context.Context) error {
		return dashboardcmd.Serve(ctx, c, l, kit)
	})
	return nil
}

func (i *installation) startConsole(ctx context.Context) error {
	if err := i.firstPerson(ctx); err != nil {
		return err
	}
	l, err := i.listen(ctx, "console-addr", i.console)
	if err != nil {
		return err
	}
	i.consoleURL = "http://" + loopback(l)
	c := consolecmd.Config{Metered: console.DefaultMetered, DatabaseURL: i.databaseURL, Token: i.token, StatusURL: i.statusURL, QueuePrefix: i.prefix,
		Artifacts: "file://" + i.state.path("artifacts"),
		TokenRate: consolecmd.DefaultTokenRate, AddressRate: consolecmd.DefaultAddressRate}
	kit := i.kit("console")
	i.parts.serve("the console", func(ctx context.Context) error {
		return consolecmd.Serve(ctx, c, l, kit, i.ready.Check)
	})
	return nil
}

// firstAccount is the name of the account that is made where there is none.
const firstAccount = "admin"

// firstPerson makes the first account of the console, whose password the
// summary prints this once.
func (i *installation) firstPerson(ctx context.Context) error {
	db, err := store.Open(ctx, i.databaseURL)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx = access.WithActor(ctx, access.Actor{Kind: access.ActorSystem, Name: "probefleet up"})
	i.password, err = people.NewDesk(people.Options{Book: db, Logger: i.log}).First(ctx, firstAccount)
	return err
}

func (i *installation) startRecorder(context.Context) error {
	c := recordercmd.Config{
		DatabaseURL: i.databaseURL, QueuePrefix: i.prefix, CreateQueues: true,
		Artifacts: "file://" + i.state.path("artifacts"), ArtifactDays: 30,
		Notify: recordercmd.Notify{Sealed: i.sealed, AllowPrivate: true, ConsoleURL: i.consoleURL},
	}
	kit := i.kit("recorder")
	i.parts.serve("the recorder", func(ctx context.Context) error { return recordercmd.Serve(ctx, c, kit) })
	return nil
}

func (i *installation) startShop(ctx context.Context) error {
	if !i.demo {
		return nil
	}
	l, err := i.listen(ctx, "shop-addr", i.shop)
	if err != nil {
		return err
	}
	i.shopURL = "http://" + loopback(l)
	i.parts.serve("the demo shop", func(ctx context.Context) error {
		return daemon.HTTP(ctx, l, shop.Handler(i.demoShop), i.log)
	})
	host, port, err := net.SplitHostPort(loopback(l))
	if err != nil {
		return err
	}
	first, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	network, err := shop.OpenNetwork(ctx, host, first+1)
	if err != nil {
		return err
	}
	i.shopVars = network.Vars()
	i.shopVars["base"] = i.shopURL
	i.parts.serve("the shop's network", network.Serve)
	return nil
}

// startJob has the shop's job call the console, at a new address.
func (i *installation) startJob(ctx context.Context) error {
	if !i.demo {
		return nil
	}
	var made console.PingAddress
	err := consoleClient{i.consoleURL, i.token}.call(ctx, applyPatience, http.MethodPost, "/api/v1/checks/"+examples.Job+"/ping-address", nil, &made)
	if err != nil {
		return err
	}
	i.parts.serve("the shop's job", func(ctx context.Context) error {
		return shop.Stocktake(ctx, i.consoleURL+made.Path, 30*time.Second)
	})
	return nil
}

func (i *installation) startWorker(context.Context) error {
	c := workercmd.Config{
		QueuePrefix: i.prefix, CreateQueues: true, Location: i.location,
		APISlots: i.apiSlots, BrowserSlots: i.browserSlots,
		Chromium: i.chromium, Account: i.account.Name, BrowserDir: i.state.path("chromium"),
		Artifacts: "file://" + i.state.path("artifacts"), AllowPrivate: true, Sealed: i.sealed, Film: true,
		DrainBudget: 10 * time.Second,
	}
	kit := i.kit("worker")
	i.parts.serve("the worker", func(ctx context.Context) error { return workercmd.Serve(ctx, c, kit) })
	return nil
}

func (i *installation) startScheduler(context.Context) error {
	c := schedulercmd.Config{DatabaseURL: i.databaseURL, QueuePrefix: i.prefix, CreateQueues: true}
	kit := i.kit("scheduler")
	i.parts.serve("the scheduler", func(ctx context.Context) error { return schedulercmd.Serve(ctx, c, kit) })
	return nil
}

// applyChecks sends the checks of the files, and of the demo, to the console
// as `probefleet apply` does.
func (i *installation) applyChecks(ctx context.Context) error {
	var all checkfile.File
	if i.demo {
		for name, file := range map[string][]byte{"examples/checks/shop.yaml": examples.Checks, "examples/checks/network.yaml": examples.Network} {
			demo, err := checkfile.ParseAll(name, file, checkfile.Options{Vars: i.shopVars, ReadFile: examples.ReadFile})
			if err != nil {
				return err
			}
			all.Checks, all.Channels = append(all.Checks, demo.Checks...), append(all.Channels, demo.Channels...)
			all.Pages = append(all.Pages, demo.Pages...)
		}
	}
	if len(i.files) > 0 {
		own, err := loadAll(i.files, i.source)
		if err != nil {
			return err
		}
		all.Checks, all.Channels = append(all.Checks, own.Checks...), append(all.Channels, own.Channels...)
		all.Pages = append(all.Pages, own.Pages...)
	}
	if len(all.Checks)+len(all.Channels)+len(all.Pages) == 0 {
		return nil
	}
	for _, c := range all.Checks {
		if c.Active && c.Public && !c.Kind().Jobless() { // it has a result once its job has called
			i.applied++
		}
	}
	return i.await(ctx, "the console", func(ctx context.Context) error {
		return applyTo(ctx, i.consoleURL, i.token, all)
	})
}
