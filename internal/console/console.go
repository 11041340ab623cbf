// Package console is where checks are changed, runs are looked at and asked
// for, and dead letters are seen to: an HTTP API for those who hold a token,
// and says whether the installation is well. It refuses to answer anything of
// weight without a token that allows it, and to accept a check that the rest of
// the fleet could not run.
package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/people"
	"github.com/probefleet/probefleet/internal/status"
)

// store is what the console needs of the database.
type store interface {
	// ApplySet answers an *[OwnedError] where checks belong to others.
	ApplySet(ctx context.Context, checks []check.Check, o ApplyOptions) (kept.Applied, error)
	// RemoveChecks answers which of them were there.
	RemoveChecks(ctx context.Context, ids []string) ([]string, error)
	// ChangeCheck answers false where there is no such check.
	ChangeCheck(ctx context.Context, id string, change kept.Change) (bool, error)
	// ActiveChecks are at least as new as the revision that it answers.
	ActiveChecks(ctx context.Context) ([]check.Check, int64, error)
	// ChecksRevision grows with every change to any check.
	ChecksRevision(ctx context.Context) (int64, error)
	// Catalogue lists checks in the order of their ids.
	Catalogue(ctx context.Context, f CheckFilter) ([]StoredCheck, int64, error)
}

// Options configure a Console.
type Options struct {
	Store store
	// Tokens knows who may ask, and for what.
	Tokens tokenBook
	// Desk knows people; where it is nil nobody but tokens may ask.
	Desk *people.Desk
	// Cookies are how browsers keep their sessions.
	Cookies Cookies
	// Audit is the log of who did what; where it is nil what is done to queues
	// is not written down, and nothing is served.
	Audit auditLog
	// PerToken and PerAddress are how often a token, and whoever comes from one
	// address, may ask.
	PerToken, PerAddress Limit
	// Runs knows what was measured; where it is nil that is not served.
	Runs runs
	// Shadows knows what candidate workers found; where it is nil that is not
	// served.
	Shadows shadows
	// Pings keeps the calls of jobs; where it is nil none are taken.
	Pings pingBook
	// Fleet knows the places that measure; where it is nil they are not served.
	Fleet fleet
	// Registry knows workers, recorders and pins; where it is nil they are not
	// served.
	Registry registry
	// Alerts knows channels and what they were told; where it is nil they are
	// not served.
	Alerts alertBook
	// Replays has what was measured; where it is nil plans replay nothing.
	Replays replays
	// Pages keeps the public status pages; where it is nil they are not served.
	Pages pageBook
	// Subscribers knows who is told of them; where it is nil that is not served.
	Subscribers subscriberBook
	// Incidents keeps incidents and maintenance; where it is nil they are not
	// served.
	Incidents incidents
	// Ready says what is wrong with the installation, nil where nothing is.
	Ready  func(context.Context) error
	Logger *slog.Logger

	// DeadQueues and DeadRows are where the dead letters are; without them the
	// console knows nothing of these.
	DeadQueues deadQueues
	DeadRows   deadRows
	// QueuePrefix is the first part of the queues' names.
	QueuePrefix string
	// Metrics may be nil.
	Metrics *Metrics

	// Meters knows what checks measured, for Prometheus; Metered is how many of
	// them are shown at most, 0 for all, and MetricsOpen shows them to everybody.
	Meters      meterBook
	Metered     int
	MetricsOpen bool
}

// Console is the operations console.
type Console struct {
	o                    Options
	depths               depths
	perToken, perAddress limits
	perPing              limits
	sound                sound
	readings             readings
	active               active
}

// New makes a Console.
func New(o Options) *Console {
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	return &Console{o: o, perToken: limits{Limit: o.PerToken}, perAddress: limits{Limit: o.PerAddress}, perPing: limits{Limit: perPing}}
}

// Handler serves the API.
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	c.pingRoutes(mux)
	c.newAPI(mux)
	limited := c.ByAddress(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		limited.ServeHTTP(w, r)
	})
}

// Health is what is known of the installation at a glance.
type Health struct {
	// Faults say what is wrong; none where all is well.
	Faults []string
	// Active counts the checks that are scheduled, at that revision of all.
	Active   int
	Revision int64
	// Dead says how many dead letters there are, "" where there is no look at
	// them; SomeDead is whether there are any, or none can tell.
	Dead      string
	SomeDead  bool
	Locations []status.Location
	// Registry is nil where it cannot be read.
	Registry *Fleet
}

// Health looks at the installation.
func (c *Console) Health(ctx context.Context) Health {
	var h Health
	if c.o.DeadQueues != nil {
		h.Dead, h.SomeDead = c.deadLine()
	}
	if err := c.o.Ready(ctx); err != nil {
		h.Faults = strings.Split(err.Error(), "\n")
	}
	checks, revision, err := c.activeChecks(ctx)
	if err != nil {
		c.o.Logger.Error("reading checks for the installation's health", "err", err)
		h.Faults = append(h.Faults, "the checks cannot be read from the database")
	}
	h.Active, h.Revision = len(checks), revision
	if c.o.Fleet != nil {
		if h.Locations, err = c.o.Fleet.Locations(ctx); err != nil {
			c.o.Logger.Error("reading locations for the installation's health", "err", err)
			h.Faults = append(h.Faults, "the locations cannot be read from the database")
		}
	}
	if c.o.Registry != nil {
		if fleet, err := c.readFleet(ctx, checks); err == nil {
			h.Registry = &fleet
			h.Faults = append(h.Faults, unattended(h.Locations, fleet.Workers)...)
		} else {
			c.o.Logger.Error("reading the registry for the installation's health", "err", err)
			h.Faults = append(h.Faults, "the registry of workers cannot be read from the database")
		}
	}
	for _, l := range h.Locations {
		if !l.Healthy {
			h.Faults = append(h.Faults, fmt.Sprintf("location %s is unhealthy since %s: %s", l.Name, l.Since.UTC().Format("2 Jan 15:04 MST"), l.Reason))
		}
	}
	return h
}

// unattended says of which locations nobody is who runs their checks.
func unattended(all []status.Location, workers []Worker) (faults []string) {
	for _, l := range all {
		if l.Checks == 0 || l.Name == check.HeartbeatLocation {
			continue
		}
		if !slices.ContainsFunc(workers, func(w Worker) bool { return w.Alive && w.Location == l.Name }) {
			faults = append(faults, fmt.Sprintf("location %s has no worker: its checks are not run (%d); start a worker there", l.Name, l.Checks))
		}
	}
	return faults
}
