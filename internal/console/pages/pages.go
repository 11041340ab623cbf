// Package pages holds the pages of the operations console: what a person sees
// and does there. It refuses to do anything by itself: what it shows and changes
// goes through package console, as the API's requests do.
package pages

import (
	"embed"
	"net/http"
	"strings"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/web"
)

//go:embed templates/*.html
var templateFiles embed.FS

// Nav is the navigation to the pages of this room.
var Nav = append([]web.Link{
	{Key: "fleet", Title: "Fleet", Href: "/fleet", Scope: access.FleetRead},
}, alertLinks...)

// pages answers the requests for pages.
type pages struct {
	frame   *web.Frame
	console *console.Console
}

// Add adds the pages to a frame.
func Add(f *web.Frame, c *console.Console) {
	p := &pages{f, c}
	f.Page("GET /{$}", access.FleetRead, func(w http.ResponseWriter, r *http.Request) error {
		http.Redirect(w, r, "/fleet", http.StatusSeeOther)
		return nil
	})
	f.Page("GET /fleet", access.FleetRead, p.fleet)
	p.addAlerts()
}

var fleetPage = web.Template(templateFiles, "templates/fleet.html")

func (p *pages) fleet(w http.ResponseWriter, r *http.Request) error {
	return p.frame.Show(w, r, fleetPage, web.Page{Title: "Fleet", Section: "fleet", Body: p.console.Health(r.Context())})
}

// TokenDoor lets those in who have a token of the API: as the password that the
// browser asks for, or as programs send it.
type TokenDoor struct{ Console *console.Console }

// Viewer implements [web.Door].
func (d TokenDoor) Viewer(r *http.Request) (*web.Viewer, error) {
	_, secret, ok := r.BasicAuth()
	if !ok {
		secret, ok = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	if !ok || secret == "" {
		return nil, nil
	}
	t, err := d.Console.Admit(r.Context(), secret)
	if p, known := err.(*console.Problem); known && p.Status == http.StatusUnauthorized { //nolint:errorlint // as Admit says
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &web.Viewer{Name: t.Name, Role: "token", Scopes: t.Scopes, Actor: console.TokenActor(t, console.Address(r.RemoteAddr))}, nil
}

// Challenge implements [web.Door].
func (d TokenDoor) Challenge(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("WWW-Authenticate", `Basic realm="probefleet console", charset="UTF-8"`)
	return web.Fault{Status: http.StatusUnauthorized, Text: "Give a token of the console as the password; the name does not matter. `probefleet token create` makes one."}
}
