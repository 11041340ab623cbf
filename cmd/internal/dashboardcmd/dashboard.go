// Package dashboardcmd holds the flags and the wiring of the dashboard.
package dashboardcmd

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/database"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/dashboard"
	"github.com/probefleet/probefleet/internal/origin"
)

// Config is what the dashboard can be told.
type Config struct {
	daemon.Config
	Addr        string
	DatabaseURL string
	Title       string
	// URL is where readers find the page; "" takes what they asked for.
	URL string
	// Zone is the name of the time zone of its times.
	Zone string
	// EmbedFrom are the sites that may hold the widget.
	EmbedFrom string
	// Proxies are the networks of our own proxies, separated by commas.
	Proxies string
	proxies []netip.Prefix
	// Snapshot is the file of the newest reading; "" keeps none.
	Snapshot string
}

// adminAddr is where a dashboard answers for itself, unless it is told otherwise.
const adminAddr = "127.0.0.1:9104"

// Run is the dashboard's command.
func Run(ctx context.Context, p daemon.Process) error {
	if daemon.AsksHealth(p) {
		return daemon.Health(ctx, p, "dashboard", adminAddr)
	}
	f := daemon.NewFlags("dashboard", "", "serves the public status page", p)
	var c Config
	c.Register(f, adminAddr)
	f.StringVar(&c.Addr, "addr", "127.0.0.1:8080", "address of the status page; the default moves to the next free port")
	f.StringVar(&c.Title, "title", "Status", "title of the page")
	f.StringVar(&c.URL, "url", "", "where readers find the page, as https://status.example.com, for feeds; what a reader asked for where it is not given")
	f.StringVar(&c.Zone, "zone", "", "time zone of the page, such as Europe/Berlin; UTC where it is not given")
	f.StringVar(&c.EmbedFrom, "embed-from", "*", "sites that may hold the widget in a frame, as in frame-ancestors, such as 'https://shop.example'")
	f.StringVar(&c.Snapshot, "snapshot", "", "file that keeps the newest reading, for a start while the database is away; none where it is not given")
	f.Check(func() error {
		if _, err := check.LoadZone(c.Zone); err != nil {
			return fmt.Errorf("-zone %q: use the name of a time zone, such as Europe/Berlin", c.Zone)
		}
		return nil
	})
	f.Check(func() error {
		if u, err := url.Parse(c.URL); c.URL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
			return fmt.Errorf("-url %q: write an address such as https://status.example.com", c.URL)
		}
		return nil
	})
	f.Check(func() error {
		if strings.ContainsAny(c.EmbedFrom, ";,\r\n") {
			return fmt.Errorf("-embed-from %q: write sources with blanks between them, such as 'self' https://shop.example", c.EmbedFrom)
		}
		return nil
	})
	f.StringVar(&c.Proxies, "proxies", "", "networks of your own proxies, such as 10.0.0.0/8, whose X-Forwarded-For is believed: for pages that only some networks may read")
	f.Check(func() (err error) {
		c.proxies, err = origin.Networks(c.Proxies)
		return err
	})
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
	db, err := database.OpenPublic(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	defer db.Close()
	zone, err := check.LoadZone(c.Zone)
	if err != nil {
		return fmt.Errorf("time zone of the status page: %w", err)
	}
	d := dashboard.New(dashboard.Options{
		Store: db, Subscribers: db, Title: c.Title, URL: c.URL, Zone: zone, EmbedFrom: c.EmbedFrom, Snapshot: c.Snapshot,
		Logger: kit.Log, Metrics: kit.Metrics,
	})
	kit.Ready.Add("status page", d.Ready)
	kit.Announce("status page", "http://"+l.Addr().String())
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.Run(ctx) })
	g.Go(func() error { return daemon.HTTP(ctx, l, origin.Proxies(c.proxies, d.Handler()), kit.Log) })
	return g.Wait()
}
