package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/store"
)

func tokenCreate(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet token create", "", "makes a token and prints it, once; with -token-database it needs no other token, only the right to write the console's database", p)
	var c consoleClient
	var name, scopes, output, database string
	var expires time.Duration
	c.flags(f)
	outputFlag(f, &output, "text", "json")
	f.StringVar(&name, "name", "", "who uses it, and for what")
	f.StringVar(&scopes, "scopes", "checks:read,runs:read", "what it allows: all, or some of "+access.Join(access.Scopes))
	f.DurationVar(&expires, "expires", 0, "time until it is void, such as 720h; never where 0")
	f.StringVar(&database, "token-database", "", "Postgres of the console, as postgres://user:password@host:5432/name, for a first token")
	var wanted []access.Scope
	f.Check(func() (err error) {
		wanted, err = access.ParseScopes(scopes)
		return err
	})
	f.Check(func() error {
		if strings.TrimSpace(name) == "" {
			return errors.New("no -name: say who uses the token, and for what")
		}
		if expires < 0 {
			return fmt.Errorf("-expires %s: use a time to come, such as 720h", expires)
		}
		return nil
	})
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	var until *time.Time
	if expires > 0 {
		t := time.Now().Add(expires).UTC().Truncate(time.Second)
		until = &t
	}
	var made console.CreatedToken
	var err error
	if database != "" {
		made, err = firstToken(ctx, database, name, wanted, until)
	} else {
		err = c.call(ctx, time.Minute, http.MethodPost, "/api/v1/tokens", console.NewToken{Name: name, Scopes: wanted, ExpiresAt: until}, &made)
	}
	if err != nil {
		return err
	}
	return printAs(p.Stdout, output, made, func() error {
		fmt.Fprintf(p.Stderr, "token %s (%s), scopes %s, %s; it is not shown again:\n", made.ID, made.Name, access.Join(made.Scopes), untilWords(made.ExpiresAt))
		_, err := fmt.Fprintln(p.Stdout, made.Secret)
		return err
	})
}

func untilWords(t *time.Time) string {
	if t == nil {
		return "does not expire"
	}
	return "expires " + t.UTC().Format(time.RFC3339)
}

// firstToken puts a token into the database itself.
func firstToken(ctx context.Context, database, name string, scopes []access.Scope, until *time.Time) (console.CreatedToken, error) {
	db, err := store.Open(ctx, database)
	if err != nil {
		return console.CreatedToken{}, err
	}
	defer db.Close()
	id, secret := access.NewSecret()
	t := access.Token{ID: id, Name: name, Scopes: scopes, Source: access.SourceDatabase, CreatedAt: time.Now().UTC()}
	if until != nil {
		t.ExpiresAt = *until
	}
	if err := db.CreateToken(ctx, t, access.Hash(secret)); err != nil {
		return console.CreatedToken{}, fmt.Errorf("%w (has a console been started on it, so that it has its tables?)", err)
	}
	return console.CreatedToken{Token: console.ShowToken(t, time.Now()), Secret: secret}, nil
}

func tokenList(ctx context.Context, p daemon.Process) error {
	const head = "ID\tNAME\tSCOPES\tMADE BY\tCREATED\tEXPIRES\tLAST USED\tSTATE"
	return listing(ctx, p, "token list", "lists tokens, void ones too, the newest first", "/api/v1/tokens", head, func(t io.Writer, found console.Tokens) error {
		for _, x := range found.Tokens {
			by := x.Source
			if x.CreatedBy != "" {
				by = x.CreatedBy
			}
			state := "valid"
			switch {
			case x.RevokedAt != nil:
				state = "revoked"
			case !x.Valid:
				state = "expired"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.ID, plainLine(x.Name, 40), access.Join(x.Scopes), plainLine(by, 40),
				x.CreatedAt.UTC().Format(time.RFC3339), orNever(x.ExpiresAt), orNever(x.LastUsedAt), state)
		}
		return nil
	})
}

func orNever(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

// tokenRevoke makes tokens void.
func tokenRevoke(ctx context.Context, p daemon.Process) error {
	return removal{
		name: "token revoke", args: "ID...", about: "makes tokens void, by their ids as `token list` shows them",
		path: "/api/v1/tokens/", missing: "name tokens by their ids, as token list shows them", done: "revoked",
	}.run(ctx, p)
}
