// Package console is where checks are changed, runs are looked at and asked
// for, and dead letters are seen to: an HTTP API for those who hold a token,
// and a page that says whether the installation is well. It refuses to answer
// anything of weight without a token that allows it, and to accept a check
// that the rest of the fleet could not run.
package console

import (
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/status"
)

// store is what the console needs of the database.
type store interface {
	// ApplySet answers an *[OwnedError] where checks belong to others.
	ApplySet(ctx context.Context, checks []check.Check, o ApplyOptions) (Applied, error)
	RemoveChecks(ctx context.Context, ids []string) ([]string, error)
	ActiveChecks(ctx context.Context) ([]check.Check, int64, error)
	// Catalogue lists checks in the order of their ids.
	Catalogue(ctx context.Context, f CheckFilter) ([]StoredCheck, int64, error)
}

// Options configure a Console.
type Options struct {
	Store store
	// Tokens knows who may ask, and for what.
	Tokens tokenBook
	// PerToken and PerAddress are how often a token, and whoever comes from one
	// address, may ask.
	PerToken, PerAddress Limit
	// Runs knows what was measured; where it is nil that is not served.
	Runs runs
	// Fleet knows the places that measure; where it is nil they are not served.
	Fleet fleet
	// Registry knows workers, recorders and pins; where it is nil they are not
	// served.
	Registry registry
	// Alerts knows channels and what they were told; where it is nil they are
	// not served.
	Alerts alertBook
	// Ready says what is wrong with the installation, nil where nothing is.
	Ready func(context.Context) error
	// StatusURL is where the public status page is, "" where that is unknown.
	StatusURL string
	Build     string
	Logger    *slog.Logger

	// DeadQueues and DeadRows are where the dead letters are; without them the
	// console knows nothing of these.
	DeadQueues deadQueues
	DeadRows   deadRows
	// QueuePrefix is the first part of the queues' names.
	QueuePrefix string
	// Metrics may be nil.
	Metrics *Metrics
}

// Console is the operations console.
type Console struct {
	o                    Options
	depths               depths
	perToken, perAddress limits
}

// New makes a Console.
func New(o Options) *Console {
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	return &Console{o: o, perToken: limits{Limit: o.PerToken}, perAddress: limits{Limit: o.PerAddress}}
}

//go:embed health.html
var healthSource string

var healthPage = template.Must(template.New("health").Parse(healthSource))

//go:embed console.css
var stylesheet []byte

// Handler serves the page and the API.
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.health)
	mux.HandleFunc("GET /console.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(stylesheet)
	})
	c.newAPI(mux)
	limited := c.byAddress(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		limited.ServeHTTP(w, r)
	})
}

func (c *Console) health(w http.ResponseWriter, r *http.Request) {
	page := struct {
		Faults           []string
		Active           int
		Revision         int64
		Build, StatusURL string
		Dead             string
		SomeDead         bool
		Locations        []status.Location
		Registry         *Fleet
	}{Build: c.o.Build, StatusURL: c.o.StatusURL}
	if c.o.DeadQueues != nil {
		page.Dead, page.SomeDead = c.deadLine()
	}
	if err := c.o.Ready(r.Context()); err != nil {
		page.Faults = strings.Split(err.Error(), "\n")
	}
	checks, revision, err := c.o.Store.ActiveChecks(r.Context())
	if err != nil {
		c.o.Logger.Error("reading checks for the health page", "err", err)
		page.Faults = append(page.Faults, "the checks cannot be read from the database")
	}
	page.Active, page.Revision = len(checks), revision
	if c.o.Fleet != nil {
		if page.Locations, err = c.o.Fleet.Locations(r.Context()); err != nil {
			c.o.Logger.Error("reading locations for the health page", "err", err)
			page.Faults = append(page.Faults, "the locations cannot be read from the database")
		}
	}
	if c.o.Registry != nil {
		if fleet, err := c.readFleet(r.Context(), checks); err == nil {
			page.Registry = &fleet
		} else {
			c.o.Logger.Error("reading the registry for the health page", "err", err)
			page.Faults = append(page.Faults, "the registry of workers cannot be read from the database")
		}
	}
	for _, l := range page.Locations {
		if !l.Healthy {
			page.Faults = append(page.Faults, fmt.Sprintf("location %s is unhealthy since %s: %s", l.Name, l.Since.UTC().Format("2 Jan 15:04 MST"), l.Reason))
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if len(page.Faults) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if err := healthPage.Execute(w, page); err != nil {
		c.o.Logger.Debug("writing the health page", "err", err)
	}
}
