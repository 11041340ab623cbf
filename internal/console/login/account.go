package login

import (
	"errors"
	"net/http"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/people"
)

// accountBody is what the page of one's own account shows.
type accountBody struct {
	people.Account
	MinPassword int
	Fault       string
	Sessions    []sessionRow
}

type sessionRow struct {
	ID, Agent, Address string
	Began, Seen        *web.Stamp
	Own                bool
}

var accountPage = web.Template(templateFiles, "templates/account.html")

func (p *Room) account(w http.ResponseWriter, r *http.Request) error {
	s, a, found, err := p.self(r)
	switch {
	case err != nil:
		return err
	case !found && web.ViewerOf(r.Context()) != nil:
		return web.Fault{Status: http.StatusNotFound, Text: "You are here by a token, which has no account."}
	case !found:
		return p.Challenge(w, r)
	}
	return p.showAccount(w, r, s, a, "")
}

func (p *Room) showAccount(w http.ResponseWriter, r *http.Request, own people.Session, a people.Account, fault string) error {
	list, err := p.o.Desk.Sessions(r.Context(), a.ID)
	if err != nil {
		return web.Fault{Status: http.StatusServiceUnavailable, Text: "The database is away. Try again in a moment."}
	}
	body := accountBody{Account: a, MinPassword: people.MinPassword, Fault: fault}
	now := time.Now()
	for _, s := range list {
		body.Sessions = append(body.Sessions, sessionRow{
			s.ID, Browser(s.Agent), s.Address, web.NewStamp(s.CreatedAt, now), web.NewStamp(s.SeenAt, now), s.ID == own.ID,
		})
	}
	return p.frame.Show(w, r, accountPage, web.Page{Title: "Account", Section: "account", Body: body})
}

func (p *Room) password(w http.ResponseWriter, r *http.Request) error {
	s, a, found, err := p.self(r)
	if err != nil {
		return err
	}
	if !found {
		return p.Challenge(w, r)
	}
	if !p.o.Cookies.Safe(r) {
		return errUnsafe
	}
	if err := r.ParseForm(); err != nil {
		return err
	}
	fault := func(status int, text string) error {
		return p.showAccount(statusWriter{w, status}, r, s, a, text)
	}
	wanted := r.PostForm.Get("new")
	if wanted != r.PostForm.Get("again") {
		return fault(http.StatusUnprocessableEntity, "The new password and its repetition differ.")
	}
	e, err := p.o.Desk.ChangePassword(r.Context(), a, r.PostForm.Get("old"), wanted, p.visitor(r))
	wait, tooMany := errors.AsType[*people.WaitError](err)
	switch {
	case err == nil:
		p.o.Cookies.Enter(w, r, e)
		p.frame.Redirect(w, r, "/account", web.Flash{Text: "Your password is changed. All other sessions have ended."})
		return nil
	case errors.Is(err, people.ErrRefused):
		return fault(http.StatusForbidden, "The old password is wrong.")
	case errors.Is(err, people.ErrAway):
		return fault(http.StatusServiceUnavailable, "The database is away. Try again in a moment.")
	case tooMany:
		return fault(http.StatusTooManyRequests, "There were too many attempts. Try again in "+web.Span(wait.Wait)+".")
	}
	return fault(http.StatusUnprocessableEntity, sentence(err.Error()))
}

func (p *Room) endSession(w http.ResponseWriter, r *http.Request) error {
	_, a, found, err := p.self(r)
	if err != nil {
		return err
	}
	if !found {
		return p.Challenge(w, r)
	}
	ctx := access.WithActor(r.Context(), a.Actor(console.Address(r.RemoteAddr)))
	ended, err := p.o.Desk.EndSession(ctx, a.ID, r.PathValue("id"))
	switch {
	case err != nil:
		return web.Fault{Status: http.StatusServiceUnavailable, Text: "The database is away. Try again in a moment."}
	case !ended:
		p.frame.Redirect(w, r, "/account", web.Flash{Bad: true, Text: "That session is over already."})
	default:
		p.frame.Redirect(w, r, "/account", web.Flash{Text: "The session is ended."})
	}
	return nil
}
