package login

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/people"
)

// peopleBody is what the page of people shows.
type peopleBody struct {
	People []personRow
	Roles  []access.Role
	Rights []access.Right
	// Name, Role and Fault are those of a form that was not accepted.
	Name  string
	Role  access.Role
	Fault string
	// Made is a password that is shown once.
	Made *console.AddedPerson
}

type personRow struct {
	console.Person
	Way       string
	Created   *web.Stamp
	LastLogin *web.Stamp
	Self      bool
}

var peoplePage = web.Template(templateFiles, "templates/people.html")

func (p *Room) people(w http.ResponseWriter, r *http.Request) error {
	return p.showPeople(w, r, peopleBody{Role: access.Viewer})
}

func (p *Room) showPeople(w http.ResponseWriter, r *http.Request, b peopleBody) error {
	list, err := p.console.People(r.Context())
	if err != nil {
		return err
	}
	now := time.Now()
	for _, one := range list {
		row := personRow{Person: one, Way: "Password", Created: web.NewStamp(one.CreatedAt, now), Self: one.Name == access.ActorOf(r.Context()).Name}
		if one.LastLoginAt != nil {
			row.LastLogin = web.NewStamp(*one.LastLoginAt, now)
		}
		switch {
		case one.Temporary:
			row.Way = "Temporary password"
		case one.Provider != "":
			row.Way = strings.TrimPrefix(one.Provider, "https://")
		}
		b.People = append(b.People, row)
	}
	b.Roles, b.Rights = access.Roles, slices.Clone(access.Rights)
	slices.SortStableFunc(b.Rights, func(x, y access.Right) int {
		return slices.Index(access.Roles, x.Role) - slices.Index(access.Roles, y.Role)
	})
	return p.frame.Show(w, r, peoplePage, web.Page{Title: "People", Section: "people", Body: b})
}

func (p *Room) add(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	b := peopleBody{Name: r.PostForm.Get("name"), Role: access.Role(r.PostForm.Get("role"))}
	added, err := p.console.AddPerson(r.Context(), b.Name, b.Role)
	var problem *console.Problem
	switch {
	case err == nil:
		return p.showPeople(w, r, peopleBody{Made: &added, Role: access.Viewer})
	case errors.As(err, &problem) && problem.Status < http.StatusInternalServerError:
		b.Fault = sentence(problem.Detail)
		return p.showPeople(statusWriter{w, problem.Status}, r, b)
	}
	return err
}

func (p *Room) change(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	var c people.Change
	say := "Nothing was changed."
	name := r.PathValue("name")
	switch do := r.PostForm.Get("do"); do {
	case "role":
		role := access.Role(r.PostForm.Get("role"))
		if !role.Known() {
			return web.Fault{Status: http.StatusUnprocessableEntity, Text: "There is no such role. Choose one of the list."}
		}
		c.Role, say = &role, name+" is now "+string(role)+"."
	case "disable", "enable":
		disabled := do == "disable"
		c.Disabled, say = &disabled, name+" can log in again."
		if disabled {
			say = name + " can no longer log in, and all their sessions have ended."
		}
	}
	if _, err := p.console.ChangePerson(r.Context(), name, c); err != nil {
		return p.notDone(w, r, err)
	}
	p.frame.Redirect(w, r, "/settings/people", web.Flash{Text: say})
	return nil
}

func (p *Room) reset(w http.ResponseWriter, r *http.Request) error {
	made, err := p.console.ResetPassword(r.Context(), r.PathValue("name"))
	if err != nil {
		return p.notDone(w, r, err)
	}
	return p.showPeople(w, r, peopleBody{Made: &made, Role: access.Viewer})
}

// notDone says above the list why something was not done.
func (p *Room) notDone(w http.ResponseWriter, r *http.Request, err error) error {
	var problem *console.Problem
	if !errors.As(err, &problem) || problem.Status >= http.StatusInternalServerError {
		return err
	}
	p.frame.Redirect(w, r, "/settings/people", web.Flash{Bad: true, Text: sentence(problem.Detail)})
	return nil
}
