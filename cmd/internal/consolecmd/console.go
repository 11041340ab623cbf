// Package consolecmd holds the flags and the wiring of the console.
package consolecmd

import (
	"context"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/database"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
	"github.com/probefleet/probefleet/internal/store"
)

// Config is what the console can be told.
type Config struct {
	daemon.Config
	Addr        string
	DatabaseURL string
	Migrate     bool
	Token       string
	StatusURL   string
	QueuePrefix string
}

// Run is the console's command.
func Run(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("console", "", "takes changes of checks over HTTP, and shows whether the installation is well", p)
	var c Config
	c.Register(f, "127.0.0.1:9105")
	f.StringVar(&c.Addr, "addr", "127.0.0.1:8081", "address of the console; the default moves to the next free port")
	f.StringVar(&c.StatusURL, "status-url", "", "address of the public status page, for a link")
	f.Secret(&c.Token, "PROBEFLEET_CONSOLE_TOKEN")
	f.StringVar(&c.QueuePrefix, "queue-prefix", "probefleet", "first part of the queues' names, to see to dead letters")
	database.Flags(f, &c.DatabaseURL, &c.Migrate)
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	l, err := daemon.Listen(ctx, c.Addr, "addr", !f.Explicit("addr"))
	if err != nil {
		return err
	}
	return daemon.Run(ctx, p, c.Config, f, func(ctx context.Context, kit daemon.Kit) error {
		if c.Token == "" {
			kit.Log.Warn("PROBEFLEET_CONSOLE_TOKEN is not set: every change is refused")
		}
		return Serve(ctx, c, l, kit, kit.Ready.Check)
	})
}

// Serve serves the console on l until ctx ends. well says what is wrong with
// the installation.
func Serve(ctx context.Context, c Config, l net.Listener, kit daemon.Kit, well func(context.Context) error) error {
	db, err := database.Open(ctx, c.DatabaseURL, c.Migrate, kit)
	if err != nil {
		return err
	}
	defer db.Close()
	queues := &deadQueues{prefix: c.QueuePrefix}
	if queues.client, queues.away = sqsqueue.New(ctx); queues.away != nil {
		kit.Log.Warn("the console cannot see to dead letters", "err", queues.away)
	}
	h := console.New(console.Options{
		Store: checks{db}, Fleet: db, Registry: db, Token: c.Token, Ready: well,
		StatusURL: c.StatusURL, Build: daemon.Build(), Logger: kit.Log,
		DeadQueues: queues, DeadRows: deadRows{db}, QueuePrefix: c.QueuePrefix, Metrics: console.NewMetrics(kit.Metrics),
	})
	kit.Announce("console", "http://"+l.Addr().String())
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.Run(ctx) })
	g.Go(func() error { return daemon.HTTP(ctx, l, h.Handler(), kit.Log) })
	return g.Wait()
}

// checks is the store in the words of the console.
type checks struct{ *store.Store }

func (c checks) ApplyChecks(ctx context.Context, cs []check.Check) (created, changed, unchanged []string, err error) {
	a, err := c.Store.ApplyChecks(ctx, cs)
	return a.Created, a.Changed, a.Unchanged, err
}
