// Package consolecmd holds the flags and the wiring of the console.
package consolecmd

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/database"
	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/blob"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/checkfile"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/login"
	"github.com/probefleet/probefleet/internal/console/pages"
	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/origin"
	"github.com/probefleet/probefleet/internal/people"
	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
	"github.com/probefleet/probefleet/internal/store"
)

// The rates where no other is set.
const (
	DefaultTokenRate   = 50
	DefaultAddressRate = 100
	burst              = 4
)

// Config is what the console can be told.
type Config struct {
	daemon.Config
	Addr        string
	DatabaseURL string
	Migrate     bool
	// Token is registered as a token with every scope, where it is set.
	Token     string
	StatusURL string
	// TokenRate and AddressRate are how many requests a second a token, and
	// an address, may make in the long run; four times as many at once.
	TokenRate, AddressRate float64
	QueuePrefix            string
	// People is how people log in.
	People People
	// Artifacts is the URL of the object store with the workers' pictures, ""
	// where none is shown.
	Artifacts string
	// MetricsOpen shows /metrics without a token, Metered checks at most.
	MetricsOpen bool
	Metered     int
}

// adminAddr is where a console answers for itself, unless it is told otherwise.
const adminAddr = "127.0.0.1:9105"

// Run is the console's command.
func Run(ctx context.Context, p daemon.Process) error {
	if daemon.AsksHealth(p) {
		return daemon.Health(ctx, p, "console", adminAddr)
	}
	f := daemon.NewFlags("console", "", "takes changes of checks over HTTP, and shows whether the installation is well", p)
	var c Config
	c.Register(f, adminAddr)
	f.StringVar(&c.Addr, "addr", "127.0.0.1:8081", "address of the console; the default moves to the next free port")
	f.StringVar(&c.StatusURL, "status-url", "", "address of the public status page, for a link")
	f.Secret(&c.Token, "PROBEFLEET_CONSOLE_TOKEN")
	f.Float64Var(&c.TokenRate, "token-rate", DefaultTokenRate, "requests a second that a token may make in the long run, four times as many at once; 0 for no limit")
	f.Float64Var(&c.AddressRate, "address-rate", DefaultAddressRate, "the same for an address; put it higher behind a proxy, which makes everybody one address")
	f.StringVar(&c.QueuePrefix, "queue-prefix", "probefleet", "first part of the queues' names, to see to dead letters")
	c.People.register(f)
	f.StringVar(&c.Artifacts, "artifacts", "", "object store of the workers, as file:///folder or s3://bucket?region=eu-central-1, to show their pictures; none are shown where empty")
	f.BoolVar(&c.MetricsOpen, "metrics-open", false, "show /metrics, what the checks measured, to everybody; a token with the scope metrics:read is needed otherwise")
	f.IntVar(&c.Metered, "metrics-checks", console.DefaultMetered, "checks that /metrics shows at most; a scrape chooses by ?group=, ?tag=, ?kind=, ?check= and ?location=; 0 for all")
	database.Flags(f, &c.DatabaseURL, &c.Migrate)
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	l, err := daemon.Listen(ctx, c.Addr, "addr", !f.Explicit("addr"))
	if err != nil {
		return err
	}
	return daemon.Run(ctx, p, c.Config, f, func(ctx context.Context, kit daemon.Kit) error {
		return Serve(ctx, c, l, kit, kit.Ready.Check)
	})
}

// Serve serves the console on l until ctx ends. well says what is wrong with
// the installation.
func Serve(ctx context.Context, c Config, l net.Listener, kit daemon.Kit, well func(context.Context) error) error {
	db, err := database.Open(ctx, c.DatabaseURL, store.ConsoleRole, c.Migrate, kit)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := keepToken(ctx, db, c.Token, kit); err != nil {
		return err
	}
	queues := &deadQueues{prefix: c.QueuePrefix}
	if queues.client, queues.away = sqsqueue.New(ctx); queues.away != nil {
		kit.Log.Warn("the console cannot see to dead letters", "err", queues.away)
	}
	desk := people.NewDesk(people.Options{
		Book: db, Params: c.People.params, Idle: c.People.Idle, Lasts: c.People.Lasts, Provider: c.People.provider(), Logger: kit.Log,
	})
	cookies := console.Cookies{Base: c.People.base}
	h := console.New(console.Options{
		Desk: desk, Cookies: cookies, Audit: db,
		Store: db, Tokens: db, Runs: db, Shadows: db, Pings: stored{db}, Fleet: db, Registry: db, Incidents: stored{db}, Alerts: alerted{db}, Pages: stored{db}, Subscribers: db, Replays: db, Ready: well,
		PerToken: limit(c.TokenRate), PerAddress: limit(c.AddressRate),
		Logger:     kit.Log,
		DeadQueues: queues, DeadRows: deadRows{db}, QueuePrefix: c.QueuePrefix, Metrics: console.NewMetrics(kit.Metrics),
		Meters: db, Metered: c.Metered, MetricsOpen: c.MetricsOpen,
	})
	kit.Announce("console", "http://"+l.Addr().String())
	site, closeSite, err := c.site(ctx, h, login.New(login.Options{Desk: desk, Cookies: cookies, Mapping: c.People.mapping, Tokens: pages.TokenDoor{Console: h}}), db, queues, kit)
	if err != nil {
		return err
	}
	defer closeSite()
	mux := http.NewServeMux()
	mux.Handle("/api/", h.Handler())
	mux.Handle("/ping/", h.Handler())
	mux.Handle("GET /metrics", h.MetricsHandler())
	mux.Handle("/", h.ByAddress(site))
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.Run(ctx) })
	g.Go(func() error { return h.KeepReceiver(ctx) })
	g.Go(func() error { return daemon.HTTP(ctx, l, origin.Proxies(c.People.proxies, mux), kit.Log) })
	return g.Wait()
}

// site is the pages of the console.
func (c Config) site(ctx context.Context, h *console.Console, room *login.Room, db *store.Store, queues *deadQueues, kit daemon.Kit) (_ http.Handler, stop func(), err error) {
	frame := web.New(web.Options{
		Door: room, Nav: slices.Concat(pages.Nav, login.Nav), Account: login.Account, LogOut: login.LogOut,
		StatusURL: c.StatusURL, Build: daemon.Build(), Logger: kit.Log,
	})
	o := pages.Options{Frame: frame, Console: h, Records: db, Write: write, Queues: queues.depths, URL: c.People.URL, Logger: kit.Log}
	stop = func() {}
	if c.Artifacts != "" {
		artifacts, err := blob.Open(ctx, c.Artifacts)
		if err != nil {
			return nil, nil, err
		}
		o.Artifacts = artifacts
		stop = func() { _ = artifacts.Close() } // it was only read
	}
	pages.Add(o)
	room.Add(frame, h)
	return frame, stop, nil
}

// write writes a check as a file.
func write(c check.Check) ([]byte, error) {
	files, err := checkfile.Write([]check.Check{c})
	return bytes.Join(files, nil), err
}

func limit(rate float64) console.Limit {
	return console.Limit{PerSecond: rate, Burst: int(rate * burst)}
}

// keepToken registers the token of the environment like any other: it is
// listed, can be revoked, and makes those that were there before void. A
// database that is away is waited for.
func keepToken(ctx context.Context, db *store.Store, secret string, kit daemon.Kit) error {
	if secret == "" {
		return nil
	}
	id, _ := access.NewSecret()
	t := access.Token{ID: id, Name: "PROBEFLEET_CONSOLE_TOKEN", Scopes: access.Scopes}
	for {
		err := db.KeepEnvironmentToken(ctx, t, access.Hash(secret))
		if err == nil || !store.Unavailable(err) {
			return err
		}
		kit.Log.Warn("the database is away: the environment's token is not registered yet", "err", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
