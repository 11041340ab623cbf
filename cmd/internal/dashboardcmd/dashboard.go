// Package dashboardcmd holds the flags and the wiring of the dashboard.
package dashboardcmd

import (
	"context"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/database"
	"github.com/probefleet/probefleet/internal/dashboard"
)

// Config is what the dashboard can be told.
type Config struct {
	daemon.Config
	Addr        string
	DatabaseURL string
	Title       string
}

// Run is the dashboard's command.
func Run(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("dashboard", "", "serves the public status page", p)
	var c Config
	c.Register(f, "127.0.0.1:9104")
	f.StringVar(&c.Addr, "addr", "127.0.0.1:8080", "address of the status page; the default moves to the next free port")
	f.StringVar(&c.Title, "title", "Status", "title of the page")
	database.URLFlag(f, &c.DatabaseURL)
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	l, err := daemon.Listen(ctx, c.Addr, "addr", !f.Explicit("addr"))
	if err != nil {
		return err
	}
	return daemon.Run(ctx, p, c.Config, f, func(ctx context.Context, kit daemon.Kit) error {
		return Serve(ctx, c, l, kit)
	})
}

// Serve serves the page on l until ctx ends. It only reads: it waits for a
// database that has no tables yet.
func Serve(ctx context.Context, c Config, l net.Listener, kit daemon.Kit) error {
	db, err := database.OpenReadOnly(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	defer db.Close()
	d := dashboard.New(dashboard.Options{Store: db, Title: c.Title, Logger: kit.Log, Metrics: kit.Metrics})
	kit.Ready.Add("status page", d.Ready)
	kit.Announce("status page", "http://"+l.Addr().String())
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.Run(ctx) })
	g.Go(func() error { return daemon.HTTP(ctx, l, d.Handler(), kit.Log) })
	return g.Wait()
}
