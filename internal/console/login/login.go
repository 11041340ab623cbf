// Package login holds the pages by which people come in and go, see to their
// account and to each other, and read who did what. It refuses to decide who
// may come in (people) and to change anything but through package console.
package login

import (
	"embed"
	"errors"
	"net/http"
	"net/url"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/people"
)

//go:embed templates/*.html
var templateFiles embed.FS

// The links of these pages: Nav belongs to the navigation, Account is for
// whoever is logged in, and LogOut is where they leave.
var (
	Nav = []web.Link{
		{Key: "people", Title: "People", Href: "/settings/people", Scope: access.PeopleAdmin, Under: "settings"},
		{Key: "audit", Title: "Audit log", Href: "/settings/audit", Scope: access.AuditRead, Under: "settings"},
	}
	Account = []web.Link{{Key: "account", Title: "Account", Href: "/account"}}
)

// LogOut is where the form is sent by which people leave.
const LogOut = "/logout"

// Options configure the pages.
type Options struct {
	Desk    *people.Desk
	Cookies console.Cookies
	// Mapping says whom of the identity provider's people may come in.
	Mapping people.Mapping
	// Tokens lets those in who have no account here.
	Tokens web.Door
}

// Room answers the requests for these pages, and is the door of all others.
type Room struct {
	o       Options
	frame   *web.Frame
	console *console.Console
}

// New makes a Room that is a [web.Door] already; [Room.Add] adds its pages.
func New(o Options) *Room { return &Room{o: o} }

// Add adds the pages to a frame whose door the room is.
func (p *Room) Add(f *web.Frame, c *console.Console) {
	p.frame, p.console = f, c
	f.Open("GET /login", p.form)
	f.Open("POST /login", p.enter)
	f.Open("POST /logout", p.leave)
	f.Open("GET /login/begin", p.toProvider)
	f.Open("GET /login/provider", p.fromProvider)
	f.Open("GET /account", p.account)
	f.Open("POST /account/password", p.password)
	f.Open("POST /account/sessions/{id}/end", p.endSession)
	f.Page("GET /settings/people", access.PeopleAdmin, p.people)
	f.Page("POST /settings/people", access.PeopleAdmin, p.add)
	f.Page("POST /settings/people/{name}", access.PeopleAdmin, p.change)
	f.Page("POST /settings/people/{name}/reset", access.PeopleAdmin, p.reset)
	f.Page("GET /settings/audit", access.AuditRead, p.audit)
}

// Viewer implements [web.Door].
func (p *Room) Viewer(r *http.Request) (*web.Viewer, error) {
	if r.Header.Get("Authorization") != "" && p.o.Tokens != nil {
		return p.o.Tokens.Viewer(r)
	}
	_, a, found, err := p.self(r)
	if err != nil {
		return nil, err
	}
	if !found || a.Temporary {
		return nil, nil
	}
	actor := a.Actor(console.Address(r.RemoteAddr))
	return &web.Viewer{Name: a.Name, Role: string(a.Role), Scopes: actor.Scopes, Actor: actor}, nil
}

// self is whose session the browser holds.
func (p *Room) self(r *http.Request) (people.Session, people.Account, bool, error) {
	s, a, found, err := p.o.Desk.Recognise(r.Context(), p.o.Cookies.Session(r))
	if err != nil {
		err = web.Fault{Status: http.StatusServiceUnavailable, Text: "The database is away, so who you are cannot be told. Try again in a moment."}
	}
	return s, a, found, err
}

// Challenge implements [web.Door]: the log-in, which leads back here. Whoever
// has a temporary password changes it first.
func (p *Room) Challenge(w http.ResponseWriter, r *http.Request) error {
	if _, _, found, err := p.self(r); err == nil && found {
		http.Redirect(w, r, "/account", http.StatusSeeOther)
		return nil
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return web.Fault{Status: http.StatusUnauthorized, Text: "Your session is over, so nothing was done. Log in again, then repeat it."}
	}
	http.Redirect(w, r, "/login?"+url.Values{"next": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
	return nil
}

// visitor is the browser of a request.
func (p *Room) visitor(r *http.Request) people.Visitor {
	return people.Visitor{
		Address: console.Address(r.RemoteAddr), Network: console.Network(r.RemoteAddr), Agent: r.UserAgent(),
		Session: p.o.Cookies.Session(r), Device: p.o.Cookies.Device(r),
	}
}

// loginForm is what the page of the log-in shows.
type loginForm struct {
	Name, Next, Fault string
	Provider          string
	// Unsafe says that a password must not be sent this way.
	Unsafe bool
}

var loginPage = web.Template(templateFiles, "templates/login.html")

func (p *Room) show(w http.ResponseWriter, r *http.Request, f loginForm) error {
	if provider := p.o.Desk.Provider(); provider != nil {
		f.Provider = provider.Name()
	}
	f.Unsafe = !p.o.Cookies.Safe(r)
	return p.frame.Show(w, r, loginPage, web.Page{Title: "Log in", Body: f})
}

func (p *Room) form(w http.ResponseWriter, r *http.Request) error {
	next := console.Next(r.URL.Query().Get("next"))
	if _, _, found, err := p.self(r); err == nil && found {
		http.Redirect(w, r, next, http.StatusSeeOther) //nolint:gosec // Next answers pages of ours only
		return nil
	}
	return p.show(w, r, loginForm{Next: next})
}

var errUnsafe = web.Fault{Status: http.StatusForbidden, Text: "Passwords and sessions go over TLS only, or to this very machine. Open the console by https, and tell it its address by -url where a proxy ends TLS."}

func (p *Room) enter(w http.ResponseWriter, r *http.Request) error {
	if !p.o.Cookies.Safe(r) {
		return errUnsafe
	}
	if err := r.ParseForm(); err != nil {
		return err
	}
	f := loginForm{Name: r.PostForm.Get("name"), Next: console.Next(r.PostForm.Get("next"))}
	e, err := p.o.Desk.LogIn(r.Context(), f.Name, r.PostForm.Get("password"), p.visitor(r))
	if err != nil {
		status, fault := http.StatusForbidden, "Name or password is wrong, or the account cannot log in."
		if wait, ok := errors.AsType[*people.WaitError](err); ok {
			status, fault = http.StatusTooManyRequests, "There were too many attempts. Try again in "+web.Span(max(wait.Wait, 1))+"."
		} else if !errors.Is(err, people.ErrRefused) {
			status, fault = http.StatusServiceUnavailable, "The database is away. Try again in a moment."
		}
		f.Fault = fault
		return p.show(statusWriter{w, status}, r, f)
	}
	p.in(w, r, e, f.Next)
	return nil
}

// statusWriter answers a page with another status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w statusWriter) WriteHeader(int) { w.ResponseWriter.WriteHeader(w.status) }

// in has the browser keep its session, and leads on.
func (p *Room) in(w http.ResponseWriter, r *http.Request, e people.Entrance, next string) {
	p.o.Cookies.Enter(w, r, e)
	if e.Account.Temporary {
		next = "/account"
	}
	http.Redirect(w, r, console.Next(next), http.StatusSeeOther) //nolint:gosec // as above
}

func (p *Room) leave(w http.ResponseWriter, r *http.Request) error {
	s, a, found, err := p.self(r)
	if err == nil && found {
		err = p.o.Desk.LogOut(access.WithActor(r.Context(), a.Actor(console.Address(r.RemoteAddr))), s)
	}
	if err != nil {
		return web.Fault{Status: http.StatusServiceUnavailable, Text: "The database is away, so your session could not be ended. Try again in a moment."}
	}
	p.o.Cookies.Leave(w, r)
	p.frame.Redirect(w, r, "/login", web.Flash{Text: "You are logged out."})
	return nil
}

func (p *Room) toProvider(w http.ResponseWriter, r *http.Request) error {
	if p.o.Desk.Provider() == nil {
		return web.Fault{Status: http.StatusNotFound, Text: "There is no identity provider here. Log in with a password."}
	}
	if !p.o.Cookies.Safe(r) {
		return errUnsafe
	}
	to, keep, err := p.o.Desk.Begin(r.Context(), console.Next(r.URL.Query().Get("next")))
	if err != nil {
		return web.Fault{Status: http.StatusServiceUnavailable, Text: "The identity provider or the database is away. Try again in a moment."}
	}
	p.o.Cookies.KeepFlow(w, r, keep)
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // the provider of the configuration
	return nil
}

func (p *Room) fromProvider(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if p.o.Desk.Provider() == nil {
		return web.Fault{Status: http.StatusNotFound, Text: "There is no identity provider here. Log in with a password."}
	}
	kept := p.o.Cookies.Flow(r)
	p.o.Cookies.KeepFlow(w, r, "")
	e, next, err := p.o.Desk.Finish(r.Context(), p.o.Mapping, q.Get("state"), q.Get("code"), kept, p.visitor(r))
	switch {
	case errors.Is(err, people.ErrRefused):
		return p.show(statusWriter{w, http.StatusForbidden}, r, loginForm{Next: "/", Fault: "The identity provider's log-in was not accepted. Begin again; the console's log and the audit log say why."})
	case err != nil:
		return web.Fault{Status: http.StatusServiceUnavailable, Text: "The database is away. Try again in a moment."}
	}
	p.in(w, r, e, next)
	return nil
}
