// Package pages holds the pages of the operations console: what a person sees
// and does there. It refuses to change anything by itself: what is done goes
// through package console, as the API's requests do.
package pages

import (
	"context"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
)

//go:embed templates/*.html
var templateFiles embed.FS

// Nav is the navigation to the pages of this room.
var Nav = []web.Link{
	{Key: "checks", Title: "Checks", Href: "/checks", Scope: access.ChecksRead},
	{Key: "incidents", Title: "Incidents", Href: "/incidents", Scope: access.RunsRead},
	{Key: "incidentlist", Title: "Incidents", Href: "/incidents", Scope: access.RunsRead, Under: "incidents"},
	{Key: "maintenance", Title: "Maintenance", Href: "/maintenance", Scope: access.RunsRead, Under: "incidents"},
	{Key: "subscribers", Title: "Subscribers", Href: "/subscribers", Scope: access.SubscribersRead, Under: "incidents"},
	{Key: "alerts", Title: "Alerts", Href: "/alerts", Scope: access.RunsRead},
	{Key: "fleet", Title: "Fleet", Href: "/fleet", Scope: access.FleetRead},
	{Key: "settings", Title: "Settings", Href: "/settings", Scope: access.TokensAdmin},
	{Key: "tokens", Title: "Tokens", Href: "/settings/tokens", Scope: access.TokensAdmin, Under: "settings"},
}

// records are what the pages read of the database.
type records interface {
	Overview(ctx context.Context) ([]kept.Watched, error)
	// Recent are the newest runs of some checks, n of each at most.
	Recent(ctx context.Context, ids []string, n int) (map[string][]status.Run, error)
	Catalogue(ctx context.Context, f kept.CheckFilter) ([]kept.Check, int64, error)
	Revisions(ctx context.Context, checkID string) ([]kept.Revision, error)
	Runs(ctx context.Context, f kept.RunFilter) ([]kept.Run, error)
	Run(ctx context.Context, id string) (kept.Run, bool, error)
	Attempts(ctx context.Context, checkID string, slot time.Time, runID string) ([]kept.Run, error)
	Latencies(ctx context.Context, checkID string, since time.Time) ([]status.Run, error)
	Coverage(ctx context.Context, checkID string, since time.Time) ([]status.Coverage, error)
	Incidents(ctx context.Context, q kept.IncidentFilter) ([]status.Recorded, error)
	Incident(ctx context.Context, id string) (status.Recorded, bool, error)
	Activity(ctx context.Context, within time.Duration) ([]kept.Activity, error)
	// Promises are those of active checks that have an objective.
	Promises(ctx context.Context, now time.Time, ids []string) ([]kept.Promise, error)
}

// artifacts keep what does not fit into a result.
type artifacts interface {
	Get(ctx context.Context, key string) (data []byte, contentType string, err error)
}

// Options configure the pages.
type Options struct {
	Frame   *web.Frame
	Console *console.Console
	Records records
	// Artifacts may be nil: then no picture is shown.
	Artifacts artifacts
	// Write writes a check as a file, as people do.
	Write func(check.Check) ([]byte, error)
	// Queues counts the jobs that wait; nil where nobody can.
	Queues func(ctx context.Context) ([]Queue, error)
	// URL is where people reach the console, "" for the address that they ask.
	URL    string
	Logger *slog.Logger
}

// Queue is a queue of jobs or results.
type Queue struct {
	Name string
	// Waiting messages are to be received, Held ones are being worked at.
	Waiting, Held int
}

// pages answers the requests for pages.
type pages struct {
	Options
	all    overview
	sparks sparks
	lately reading[[]kept.Activity]
	// incidentsAre is the version of the list of incidents, which whoever looks at it
	// or is told of its changes asks for.
	incidentsAre reading[string]
	shelf        shelf
	live         streams
}

// Add adds the pages to a frame.
func Add(o Options) {
	p := &pages{Options: o, sparks: newSparks(o.Records.Recent), shelf: newShelf()}
	p.all.readBy(o.Records.Overview)
	p.lately.every, p.lately.read = activityFor, func(ctx context.Context) ([]kept.Activity, error) { return o.Records.Activity(ctx, activityWithin) }
	p.incidentsAre.every, p.incidentsAre.read = listFor, p.incidentsVersion
	f := o.Frame
	f.Page("GET /{$}", access.ChecksRead, func(w http.ResponseWriter, r *http.Request) error {
		http.Redirect(w, r, "/checks", http.StatusSeeOther)
		return nil
	})
	f.Page("GET /checks", access.ChecksRead, p.list(checksPage, p.all.version, p.checks))
	f.Page("GET /checks/{id}", access.ChecksRead, p.check)
	f.Page("GET /checks/{id}/definition", access.ChecksRead, p.definition)
	f.Page("POST /checks/{id}/run", access.RunsTrigger, p.changing(p.runNow))
	f.Page("POST /checks/{id}/switch", access.ChecksWrite, p.changing(p.switchCheck))
	f.Page("GET /triggers/{id}", access.RunsRead, p.trigger)
	f.Page("GET /runs/{id}", access.RunsRead, p.run)
	f.Page("GET /runs/{id}/files/{n}", access.RunsRead, p.file)
	f.Page("GET /incidents", access.RunsRead, p.list(incidentsPage, p.incidentsAre.get, p.incidents))
	f.Page("GET /incidents/{id}", access.RunsRead, p.incident)
	f.Page("GET /events", access.RunsRead, p.events)
	f.Page("GET /fleet", access.FleetRead, p.list(fleetPage, moving, p.fleet))
	p.addAlerts()
	p.addSubscribers()
	p.addIncidentForms()
	f.Page("GET /fleet/dead-letters/{id}", access.FleetRead, p.letter)
	f.Page("POST /fleet/pins", access.FleetAdmin, p.changing(p.pin))
	f.Page("POST /fleet/dead-letters", access.DLQRedrive, p.changing(p.changeLetters))
	f.Page("GET /settings", access.TokensAdmin, func(w http.ResponseWriter, r *http.Request) error {
		http.Redirect(w, r, "/settings/tokens", http.StatusSeeOther)
		return nil
	})
	f.Page("GET /settings/tokens", access.TokensAdmin, p.tokens)
	f.Page("POST /settings/tokens", access.TokensAdmin, p.changing(p.makeToken))
	f.Page("POST /settings/tokens/{id}/revoke", access.TokensAdmin, p.changing(p.revokeToken))
}

func page(name string) func(w http.ResponseWriter, r *http.Request, f *web.Frame, p web.Page) error {
	form := formPage(name)
	return func(w http.ResponseWriter, r *http.Request, f *web.Frame, p web.Page) error {
		return form(w, r, f, p, false)
	}
}

func templateOf(name string) *template.Template {
	return web.Template(templateFiles, "templates/"+name+".html", "templates/shared.html")
}

// formPage is a page with a form, which may not have been taken.
func formPage(name string) func(w http.ResponseWriter, r *http.Request, f *web.Frame, p web.Page, refused bool) error {
	t := templateOf(name)
	return func(w http.ResponseWriter, r *http.Request, f *web.Frame, p web.Page, refused bool) error {
		if refused {
			return f.Refuse(w, r, t, p)
		}
		return f.Show(w, r, t, p)
	}
}

// href is an address with its parts escaped.
func href(parts ...string) string {
	out := ""
	for _, p := range parts {
		out += "/" + url.PathEscape(p)
	}
	return out
}

func missing(what string) error {
	return web.Fault{Status: http.StatusNotFound, Text: what}
}
