package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/people"
	"github.com/probefleet/probefleet/internal/store"
)

// peopleCommand is what the commands about people have in common: they ask the
// console, or with -people-database change its database themselves, for whoever
// may write that but cannot log in (yet, or any more).
type peopleCommand struct {
	console          consoleClient
	database, output string
}

func (c *peopleCommand) flags(f *daemon.Flags, form string) {
	c.console.flags(f)
	outputFlag(f, &c.output, form, "json")
	f.StringVar(&c.database, "people-database", "", "Postgres of the console, as postgres://user:password@host:5432/name, instead of a token")
}

// do asks the console, or does it in the database itself where that is named.
func (c *peopleCommand) do(ctx context.Context, atConsole func() error, inDatabase func(context.Context, *people.Desk) error) error {
	if c.database == "" {
		return atConsole()
	}
	db, err := store.Open(ctx, c.database)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx = access.WithActor(ctx, access.Actor{Kind: access.ActorSystem, Name: "probefleet people"})
	return inDatabase(ctx, people.NewDesk(people.Options{Book: db}))
}

// one is the name that the command is about.
func oneName(f *daemon.Flags) (string, error) {
	if f.NArg() != 1 {
		return "", &daemon.UsageError{Err: errors.New("name one person, before or after the flags")}
	}
	return f.Arg(0), nil
}

// nameFirst lets the name stand before the flags.
func nameFirst(p daemon.Process) daemon.Process {
	if len(p.Args) > 1 && p.Args[0] != "" && p.Args[0][0] != '-' {
		p.Args = append(append([]string{}, p.Args[1:]...), p.Args[0])
	}
	return p
}

func (c *peopleCommand) printPassword(p daemon.Process, made console.AddedPerson) error {
	return printAs(p.Stdout, c.output, made, func() error {
		fmt.Fprintf(p.Stderr, "%s (%s) logs in once with this password, within 7 days, and then chooses another; it is not shown again:\n", made.Name, made.Role)
		_, err := fmt.Fprintln(p.Stdout, made.NewPassword)
		return err
	})
}

func peopleAdd(ctx context.Context, p daemon.Process) error {
	p = nameFirst(p)
	f := daemon.NewFlags("probefleet people add", "NAME", "adds a person and prints a temporary password, once; with -people-database it needs no token, only the right to write the console's database", p)
	var c peopleCommand
	var role string
	c.flags(f, "text")
	f.StringVar(&role, "role", string(access.Viewer), "viewer, editor or admin")
	f.Check(func() error {
		_, err := people.ParseRole(role)
		return err
	})
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	name, err := oneName(f)
	if err != nil {
		return err
	}
	var made console.AddedPerson
	err = c.do(ctx, func() error {
		return c.console.call(ctx, time.Minute, http.MethodPost, "/api/v1/people", console.NewPerson{Name: name, Role: access.Role(role)}, &made)
	}, func(ctx context.Context, desk *people.Desk) error {
		a, password, err := desk.Add(ctx, name, access.Role(role), true)
		made = console.AddedPerson{Person: console.ShowPerson(a), NewPassword: password}
		return err
	})
	if err != nil {
		return err
	}
	return c.printPassword(p, made)
}

func peopleReset(ctx context.Context, p daemon.Process) error {
	p = nameFirst(p)
	f := daemon.NewFlags("probefleet people reset", "NAME", "gives a person a new temporary password and prints it, once; their sessions end", p)
	var c peopleCommand
	c.flags(f, "text")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	name, err := oneName(f)
	if err != nil {
		return err
	}
	var made console.AddedPerson
	err = c.do(ctx, func() error {
		return c.console.call(ctx, time.Minute, http.MethodPost, "/api/v1/people/"+url.PathEscape(name)+"/reset", nil, &made)
	}, func(ctx context.Context, desk *people.Desk) error {
		password, err := desk.Reset(ctx, name)
		if err != nil {
			return err
		}
		a, err := desk.Find(ctx, name)
		made = console.AddedPerson{Person: console.ShowPerson(a), NewPassword: password}
		return err
	})
	if err != nil {
		return err
	}
	return c.printPassword(p, made)
}

func peopleChange(ctx context.Context, p daemon.Process) error {
	p = nameFirst(p)
	f := daemon.NewFlags("probefleet people change", "NAME", "gives a person another role, or disables or enables them", p)
	var c peopleCommand
	var role string
	var disable, enable bool
	c.flags(f, "text")
	f.StringVar(&role, "role", "", "viewer, editor or admin; as it is where empty")
	f.BoolVar(&disable, "disable", false, "they can no longer log in; their sessions end")
	f.BoolVar(&enable, "enable", false, "they can log in again")
	var change people.Change
	f.Check(func() error {
		if role != "" {
			r, err := people.ParseRole(role)
			if err != nil {
				return err
			}
			change.Role = &r
		}
		if disable && enable {
			return errors.New("use one of -disable and -enable")
		}
		if disable || enable {
			change.Disabled = &disable
		}
		if change == (people.Change{}) {
			return errors.New("nothing to change: use -role, -disable or -enable")
		}
		return nil
	})
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	name, err := oneName(f)
	if err != nil {
		return err
	}
	var now console.Person
	err = c.do(ctx, func() error {
		return c.console.call(ctx, time.Minute, http.MethodPatch, "/api/v1/people/"+url.PathEscape(name), console.PersonChange{Role: change.Role, Disabled: change.Disabled}, &now)
	}, func(ctx context.Context, desk *people.Desk) error {
		a, err := desk.Change(ctx, name, change)
		now = console.ShowPerson(a)
		return err
	})
	if err != nil {
		return err
	}
	return printAs(p.Stdout, c.output, now, func() error {
		state := "can log in"
		if now.Disabled {
			state = "cannot log in"
		}
		_, err := fmt.Fprintf(p.Stdout, "%s is %s and %s\n", now.Name, now.Role, state)
		return err
	})
}

func peopleList(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet people list", "", "lists people, disabled ones too", p)
	var c peopleCommand
	c.flags(f, "table")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	found := console.People{People: []console.Person{}}
	err := c.do(ctx, func() error {
		return c.console.call(ctx, time.Minute, http.MethodGet, "/api/v1/people", nil, &found)
	}, func(ctx context.Context, desk *people.Desk) error {
		all, err := desk.List(ctx)
		for _, a := range all {
			found.People = append(found.People, console.ShowPerson(a))
		}
		return err
	})
	if err != nil {
		return err
	}
	return printAs(p.Stdout, c.output, found, func() error {
		return table(p.Stdout, "NAME\tROLE\tLOGS IN BY\tLAST LOG-IN\tSTATE", func(t io.Writer) error {
			for _, x := range found.People {
				way, state := "password", "enabled"
				if x.Provider != "" {
					way = x.Provider
				}
				switch {
				case x.Disabled:
					state = "disabled"
				case x.Temporary:
					state = "temporary password"
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", x.Name, x.Role, plainLine(way, 60), orNever(x.LastLoginAt), state)
			}
			return nil
		})
	})
}
