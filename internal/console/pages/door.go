package pages

import (
	"net/http"
	"strings"

	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/web"
)

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
