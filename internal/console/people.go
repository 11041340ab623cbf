package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/people"
)

// Person is an account as lists show it.
type Person struct {
	Name string      `json:"name"`
	Role access.Role `json:"role" enum:"viewer,editor,admin"`
	// Password is whether they log in by one, Provider by whom else.
	Password    bool       `json:"password" doc:"Whether they have a password."`
	Temporary   bool       `json:"temporary,omitempty" doc:"Whether they have to change it first."`
	Provider    string     `json:"provider,omitempty" doc:"The identity provider that knows them."`
	Disabled    bool       `json:"disabled,omitempty"`
	CreatedBy   string     `json:"created_by"`
	CreatedAt   time.Time  `json:"created_at"`
	LastLoginAt *time.Time `json:"last_login_at,omitempty"`
}

// People is the answer of GET /api/v1/people.
type People struct {
	People []Person `json:"people" nullable:"false"`
}

// NewPerson is the body of POST /api/v1/people.
type NewPerson struct {
	Name string      `json:"name" minLength:"1" maxLength:"100" doc:"What they log in with, such as an address."`
	Role access.Role `json:"role" enum:"viewer,editor,admin"`
}

// AddedPerson is its answer, and that of a reset: the only place where the
// password appears.
type AddedPerson struct {
	Person
	NewPassword string `json:"new_password" doc:"A temporary password. It is not kept and cannot be shown again."`
}

// PersonChange is the body of PATCH /api/v1/people/{name}.
type PersonChange struct {
	Role     *access.Role `json:"role,omitempty" enum:"viewer,editor,admin"`
	Disabled *bool        `json:"disabled,omitempty" doc:"Nobody who is disabled can log in; their sessions end."`
}

// ShowPerson writes an account as the API carries it.
func ShowPerson(a people.Account) Person {
	return Person{
		Name: a.Name, Role: a.Role, Password: a.Local, Temporary: a.Temporary, Provider: a.Issuer, Disabled: !a.DisabledAt.IsZero(),
		CreatedBy: a.CreatedBy, CreatedAt: a.CreatedAt.UTC(), LastLoginAt: moment(a.LastLoginAt),
	}
}

type personName struct {
	Name string `path:"name" maxLength:"100"`
}

func (e *endpoints) people() {
	c := e.console
	register(e, operation{
		id: "list-people", method: http.MethodGet, path: "/people", scope: access.PeopleAdmin, tag: "people",
		summary: "List people", description: "In the order of their names, disabled ones too.",
	}, func(ctx context.Context, _ *struct{}) (*out[People], error) {
		list, err := c.People(ctx)
		if err != nil {
			return nil, err
		}
		return answer(People{list}), nil
	})
	register(e, operation{
		id: "add-person", method: http.MethodPost, path: "/people", scope: access.PeopleAdmin, tag: "people",
		summary: "Add a person", description: "The answer holds a temporary password, once: it is valid for 7 days, and has to be changed at the first log-in.",
		errors: []int{http.StatusConflict, http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *struct{ Body NewPerson }) (*out[AddedPerson], error) {
		added, err := c.AddPerson(ctx, in.Body.Name, in.Body.Role)
		if err != nil {
			return nil, err
		}
		return answer(added), nil
	})
	register(e, operation{
		id: "change-person", method: http.MethodPatch, path: "/people/{name}", scope: access.PeopleAdmin, tag: "people",
		summary: "Change a person's role, disable or enable them", description: "The last admin who can log in stays one.",
		errors: []int{http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, in *struct {
		Name string `path:"name" maxLength:"100"`
		Body PersonChange
	},
	) (*out[Person], error) {
		changed, err := c.ChangePerson(ctx, in.Name, people.Change{Role: in.Body.Role, Disabled: in.Body.Disabled})
		if err != nil {
			return nil, err
		}
		return answer(changed), nil
	})
	register(e, operation{
		id: "reset-password", method: http.MethodPost, path: "/people/{name}/reset", scope: access.PeopleAdmin, tag: "people",
		summary: "Give a person a new temporary password", description: "All their sessions end. The answer holds the password, once.",
		errors: []int{http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, in *personName) (*out[AddedPerson], error) {
		added, err := c.ResetPassword(ctx, in.Name)
		if err != nil {
			return nil, err
		}
		return answer(added), nil
	})
}

// People lists all people. The errors of this and of those below are
// [*Problem]s.
func (c *Console) People(ctx context.Context) ([]Person, error) {
	found, err := c.o.Desk.List(ctx)
	if err != nil {
		return nil, c.failed("reading the people", err)
	}
	list := []Person{}
	for _, a := range found {
		list = append(list, ShowPerson(a))
	}
	return list, nil
}

// AddPerson makes an account with a temporary password.
func (c *Console) AddPerson(ctx context.Context, name string, role access.Role) (AddedPerson, error) {
	if _, err := people.ParseName(name); err != nil {
		return AddedPerson{}, newProblem(http.StatusUnprocessableEntity, err.Error())
	}
	if _, err := people.ParseRole(string(role)); err != nil {
		return AddedPerson{}, newProblem(http.StatusUnprocessableEntity, err.Error())
	}
	a, password, err := c.o.Desk.Add(ctx, name, role, true)
	if err != nil {
		return AddedPerson{}, c.personFailed("adding a person", name, err)
	}
	c.o.Logger.Info("person added", "name", a.Name, "role", a.Role, "by", holder(ctx).Name)
	return AddedPerson{ShowPerson(a), password}, nil
}

// ChangePerson changes somebody's role or state.
func (c *Console) ChangePerson(ctx context.Context, name string, change people.Change) (Person, error) {
	a, err := c.o.Desk.Change(ctx, name, change)
	if err != nil {
		return Person{}, c.personFailed("changing a person", name, err)
	}
	c.o.Logger.Info("person changed", "name", a.Name, "role", a.Role, "disabled", !a.DisabledAt.IsZero(), "by", holder(ctx).Name)
	return ShowPerson(a), nil
}

// ResetPassword gives somebody a new temporary password.
func (c *Console) ResetPassword(ctx context.Context, name string) (AddedPerson, error) {
	password, err := c.o.Desk.Reset(ctx, name)
	if err != nil {
		return AddedPerson{}, c.personFailed("resetting a password", name, err)
	}
	a, err := c.o.Desk.Find(ctx, name)
	if err != nil {
		return AddedPerson{}, c.personFailed("resetting a password", name, err)
	}
	c.o.Logger.Info("password reset", "name", a.Name, "by", holder(ctx).Name)
	return AddedPerson{ShowPerson(a), password}, nil
}

func (c *Console) personFailed(doing, name string, err error) error {
	switch {
	case errors.Is(err, people.ErrNobody):
		return newProblem(http.StatusNotFound, fmt.Sprintf("there is nobody with the name %q; /api/v1/people lists them", name))
	case errors.Is(err, people.ErrTaken), errors.Is(err, people.ErrLastAdmin), errors.Is(err, people.ErrProvided):
		return newProblem(http.StatusConflict, err.Error())
	}
	return c.failed(doing, err)
}
