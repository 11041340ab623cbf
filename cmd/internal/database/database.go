// Package database holds how commands are told of their database, and what
// they do with it at start. Commands without a database do not import it.
package database

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/store"
)

// URLFlag adds -database.
func URLFlag(f *daemon.Flags, dsn *string) {
	f.StringVar(dsn, "database", "", "Postgres, as postgres://user:password@host:5432/name")
	f.Env("database", "DATABASE_URL")
	f.Check(func() error {
		if *dsn == "" {
			return errors.New("no database: set DATABASE_URL or -database to postgres://user:password@host:5432/name")
		}
		return nil
	})
}

// Flags adds -database and -migrate.
func Flags(f *daemon.Flags, dsn *string, migrate *bool) {
	URLFlag(f, dsn)
	f.BoolVar(migrate, "migrate", true, "bring the database's tables up to date at start")
}

// Open opens the database as the role of a daemon, see [store.OpenAs], and
// brings its tables up to date, waiting for a database that is away until ctx
// ends.
func Open(ctx context.Context, dsn, role string, migrate bool, kit daemon.Kit) (*store.Store, error) {
	db, err := store.OpenAs(ctx, dsn, role)
	if err != nil {
		return nil, err
	}
	kit.Ready.Add("database", db.Ping)
	for wait := time.Second; migrate; wait = min(2*wait, 30*time.Second) {
		err := store.Migrate(ctx, dsn)
		if err == nil {
			db.Renew()
			break
		}
		if !store.Unavailable(err) {
			db.Close()
			return nil, fmt.Errorf("bringing the database up to date: %w", err)
		}
		kit.Log.Warn("the database is away: trying again", "err", err, "in", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			db.Close()
			return nil, ctx.Err()
		}
	}
	return db, nil
}

// OpenPublic opens the database for the status page, which reads public views
// alone: the server itself refuses to write, and where it has the role
// [store.PublicRole] it refuses to read anything else.
func OpenPublic(ctx context.Context, dsn string) (*store.Store, error) {
	return store.OpenPublic(ctx, dsn)
}
