// Package store keeps checks, leases, runs and what is counted from them in
// Postgres. It owns the schema, every SQL statement and the meaning of the
// database's errors. It refuses to know what a result means for a service
// (status), when a check is due (schedule) and the shape of stored details
// (codec).
package store

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
)

// Store is a pool of connections to one database. It is safe for concurrent
// use.
type Store struct {
	pool *pgxpool.Pool
	// loud has the ids of checks that were not quiet when they were last
	// looked at; see [Store.foldStatus]. It only saves a second try.
	loud sync.Map
	// What is read again and again of all checks.
	public, active watchedSet[status.Check]
	overview       watchedSet[kept.Watched]
}

const (
	connectTimeout = 5 * time.Second
	maxConns       = 10 // unless the URL has pool_max_conns
)

// Open reads the URL (postgres://user:password@host:port/database) and makes
// the pool. It does not connect yet: a database that is away at first is met
// like one that goes away later. The error, of a malformed URL, holds no
// password.
func Open(ctx context.Context, url string) (*Store, error) { return open(ctx, url, nil) }

// open is Open with something that each new connection does first; may be nil.
func open(ctx context.Context, url string, prepare func(context.Context, *pgx.Conn) error) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the database URL is not usable; write postgres://user:password@host:5432/database: %w", err)
	}
	if !strings.Contains(url, "pool_max_conns") {
		cfg.MaxConns = maxConns
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "probefleet"
	}
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		// Compiling a plan takes longer than each of ours runs.
		if _, err := c.Exec(ctx, `SET jit = off`); err != nil {
			return err
		}
		if prepare != nil {
			if err := prepare(ctx, c); err != nil {
				return err
			}
		}
		return inUTC(ctx, c)
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("making the database pool: %w", err)
	}
	return &Store{pool: pool, public: publicSet(), active: activeSet(), overview: overviewSet()}, nil
}

// inUTC makes every time that is read come in UTC.
func inUTC(_ context.Context, c *pgx.Conn) error {
	c.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID,
		Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// Close closes every connection; it waits for those in use.
func (s *Store) Close() { s.pool.Close() }

// Ping asks the database whether it answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		return s.failed("asking the database for an answer", err)
	}
	return nil
}

// Ready asks whether results can be stored: the database answers, takes writes
// and has the schema.
func (s *Store) Ready(ctx context.Context) error {
	var readOnly bool
	err := s.pool.QueryRow(ctx, `SELECT current_setting('transaction_read_only')::boolean OR EXISTS (SELECT FROM runs LIMIT 0)`).Scan(&readOnly)
	if err != nil {
		return s.failed("asking the database whether it takes results", err)
	}
	if readOnly {
		s.pool.Reset() // these connections lead to a server that was demoted
		return errReadOnly
	}
	return nil
}

// Now is the database's clock, the one that decides.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	var now time.Time
	if err := s.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return time.Time{}, s.failed("reading the database's clock", err)
	}
	return now, nil
}

// inTx runs f in a transaction. An error of the commit leaves open whether it
// happened: what f does must be harmless when it is done again.
func (s *Store) inTx(ctx context.Context, f func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, f)
}
