package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrations are numbered, forward only, expand then contract: every release
// runs on the schema of the release before.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema up to this release. Several processes may do so at
// once: one works, the others wait. A schema that is newer already is left as
// it is.
func Migrate(ctx context.Context, url string) error {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("the database URL is not usable; write postgres://user:password@host:5432/database: %w", err)
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	delete(cfg.RuntimeParams, "pool_max_conns") // known to the pool only
	db := stdlib.OpenDB(*cfg)
	if err := migrate(ctx, db); err != nil {
		_ = db.Close() // the first error is the one to know
		return fmt.Errorf("migrating the database: %w", err)
	}
	return db.Close()
}

func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600)) // every second, ten minutes
	if err != nil {
		return err
	}
	// What was developed side by side lands in any order: a database that was
	// brought up to date between two landings misses a number. Migrations
	// therefore rely on 00001 and themselves only, or on what had landed.
	p, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true), goose.WithAllowOutofOrder(true))
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return err
	}
	return grantRoles(ctx, db)
}
