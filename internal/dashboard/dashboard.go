// Package dashboard serves the public status page: what a company puts in
// front of its customers, and what people read during an outage. It owns the
// pages, their JSON and their live updates. Every answer comes from memory, so
// the page outlives its database and says how old it is. It refuses to change
// what it shows, to show what was not measured as healthy, and to know which
// database it reads.
package dashboard

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/statuspage"
)

// store reads what the public may see.
type store interface {
	// PublicPages lists the status pages that people have defined.
	PublicPages(ctx context.Context) ([]statuspage.Stored, error)
	// PublicChecks lists the public checks with their newest runs.
	PublicChecks(ctx context.Context) ([]status.Check, error)
	// PublicBuckets lists the bars of all public checks from a time on and
	// before another; the grain is "hour" or "day", both in UTC.
	PublicBuckets(ctx context.Context, grain string, from, before time.Time) ([]status.Bucket, error)
	// PublicCounted is the stretch of hours of which the bars have what was due.
	PublicCounted(ctx context.Context) (from, to time.Time, err error)
	// PublicOutages lists those that the rules found and that were not over at
	// a time.
	PublicOutages(ctx context.Context, since time.Time) ([]status.Outages, error)
	// PublicIncidents lists incidents that were open at some time from one on
	// and before another, the newest first, with their updates.
	PublicIncidents(ctx context.Context, from, before time.Time, limit int) ([]status.Recorded, error)
	PublicIncident(ctx context.Context, id string) (status.Recorded, bool, error)
	// PublicMaintenance lists windows that were not over at a time.
	PublicMaintenance(ctx context.Context, since time.Time) ([]status.Planned, error)
	// PublicRuns lists the newest runs of one check, newest first.
	PublicRuns(ctx context.Context, checkID string, limit int) ([]status.Run, error)
	// PublicLatencies lists the conclusive runs of one check, oldest first.
	PublicLatencies(ctx context.Context, checkID string, since time.Time) ([]status.Run, error)
}

// Options configure a Dashboard. Only Store must be set.
type Options struct {
	Store store
	// Title is the heading of every page; "Service status" where empty.
	Title string
	// URL is where readers find the page, as https://status.example.com: feeds
	// and badges lead there. Where it is empty, what a reader asked for is taken.
	URL string
	// Zone is the time zone of the pages where a reader asks for no other; UTC
	// where nil.
	Zone *time.Location
	// EmbedFrom are the sites that may hold the widget in a frame, as the
	// sources of frame-ancestors: "*" where empty.
	EmbedFrom string
	// Subscribers takes down who wants to be told; nobody may where nil.
	Subscribers subscribers
	// Snapshot is a file that keeps the newest reading, so that a dashboard that
	// starts while the store is away has something to show; none where empty.
	Snapshot string
	// Now is the clock; time.Now where nil.
	Now func() time.Time
	// Refresh is the time between two readings of the store; 2 s where 0.
	Refresh time.Duration
	// MaxClients bounds the open event streams; 1000 where 0. One reader with
	// several tabs holds one each.
	MaxClients int
	// Logger gets changes of the store's availability; silent where nil.
	Logger *slog.Logger
	// Metrics is where metrics are registered; nowhere where nil.
	Metrics prometheus.Registerer
}

const (
	defaultRefresh    = 2 * time.Second
	defaultMaxClients = 1000
	// queryBudget bounds one reading of the store.
	queryBudget = 5 * time.Second
	// firstBudget is the same for the first one, which reads everything.
	firstBudget = time.Minute
	// staleAfter is the age from which data is called delayed.
	staleAfter = 15 * time.Second
)

// Dashboard is the public status page. Run keeps it current, Handler serves
// it.
type Dashboard struct {
	store   store
	title   string
	now     func() time.Time
	every   time.Duration
	log     *slog.Logger
	metrics *metrics
	hub     *hub
	details *details
	archive *archive
	gate    *gate
	asking  *asking
	// drawings outlive frames.
	drawings drawings
	own      *site // where nobody has defined any
	zone     *time.Location
	options  Options
	frame    atomic.Pointer[frame]
	savedAt  time.Time // Run's own
	away     bool      // the store did not answer the last refresh; Run's own
	late     bool      // it did, but for a history; Run's own
}

// New makes a dashboard. Until Run has read the store once, every page
// answers 503.
func New(o Options) *Dashboard {
	if o.Title == "" {
		o.Title = "Service status"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Refresh == 0 {
		o.Refresh = defaultRefresh
	}
	if o.MaxClients == 0 {
		o.MaxClients = defaultMaxClients
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.EmbedFrom == "" {
		o.EmbedFrom = "*"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Dashboard{
		store: o.Store, title: o.Title, now: o.Now, every: o.Refresh, log: o.Logger,
		details: newDetails(o.Store), archive: newArchive(o.Store), zone: o.Zone, options: o,
	}
	d.gate, d.own = newGate(o.Now), &site{title: o.Title, zone: o.Zone}
	d.asking = newAsking(o.Now)
	d.drawings = newDrawings()
	d.metrics = newMetrics(o.Metrics, d.age)
	d.hub = newHub(o.MaxClients, d.metrics)
	return d
}

// Run reads the store every Options.Refresh and tells the readers what
// changed, until ctx ends; it then closes the event streams and returns nil.
// A store that is away is not an error: the pages say how old they are.
func (d *Dashboard) Run(ctx context.Context) error {
	defer d.hub.close()
	d.restore()
	tick := time.NewTicker(d.every)
	defer tick.Stop()
	for {
		d.refresh(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Ready is an error until the store was read once. It stays nil while the
// store is away, because the pages are still served.
func (d *Dashboard) Ready(context.Context) error {
	if d.frame.Load() == nil {
		return errors.New("the status data was not read yet: see the log for the database's answer")
	}
	return nil
}

// Handler serves the pages, the API, the event stream and the static files.
func (d *Dashboard) Handler() http.Handler { return d.routes() }

// refresh reads the store, publishes a new frame and announces what changed.
func (d *Dashboard) refresh(ctx context.Context) {
	old := d.frame.Load()
	var prev *snapshot
	if old != nil {
		prev = old.snap
	}
	start := d.now()
	patience := queryBudget
	if prev == nil || prev.days.byCheck == nil {
		patience = firstBudget
	}
	budget, cancel := context.WithTimeout(ctx, patience)
	snap, err := load(budget, d.store, prev, start)
	cancel()
	if ctx.Err() != nil {
		return
	}
	d.note(err, d.now().Sub(start))
	if err != nil {
		snap = prev
	} else {
		d.noteLate(snap.late)
	}
	if snap == nil {
		return
	}
	next := d.publish(snap)
	d.details.prune(next)
	if err == nil {
		d.save(snap)
	}
	d.hub.broadcast(func(s *site) []byte { return next.news(old, s) })
}

// publish shows a reading from now on.
func (d *Dashboard) publish(s *snapshot) *frame {
	var was *sites
	if old := d.frame.Load(); old != nil {
		was = old.sites
	}
	f := newFrame(s, d.now())
	f.drawings = d.drawings
	f.site, f.sites = d.own, d.sitesOf(s.pages, was)
	d.frame.Store(f)
	return f
}

// note counts a refresh and logs where the store went away or came back.
func (d *Dashboard) note(err error, dur time.Duration) {
	d.metrics.refreshes.Observe(dur.Seconds())
	if err != nil {
		d.metrics.refreshErrors.Inc()
	}
	switch {
	case err != nil && !d.away:
		d.log.Warn("status data is delayed; pages are served from memory", "err", err)
	case err == nil && d.away:
		d.log.Info("status data is current again", "dur", dur)
	}
	d.away = err != nil
}

// noteLate logs where bars begin to be those of a while ago, and where they are
// current again.
func (d *Dashboard) noteLate(err error) {
	if err != nil {
		d.metrics.refreshErrors.Inc()
	}
	switch {
	case err != nil && !d.late:
		d.log.Warn("the bars are those of a while ago; states are current", "err", err)
	case err == nil && d.late:
		d.log.Info("the bars are current again")
	}
	d.late = err != nil
}

// age is how old the newest reading of the store is, 0 where there is none.
func (d *Dashboard) age() time.Duration {
	f := d.frame.Load()
	if f == nil {
		return 0
	}
	return d.now().Sub(f.snap.asOf)
}
