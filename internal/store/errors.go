package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// errReadOnly is answered by [Store.Ready] where the server takes no writes.
var errReadOnly = &pgconn.PgError{Severity: "ERROR", Code: "25006", Message: "the database is read-only: it is a standby, or was demoted"}

// Unavailable reports whether err means that the database is away, going away,
// out of resources or not the one that takes writes, so that the same call may
// succeed later.
func Unavailable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	var network net.Error // a deadline too: a database that hangs is away
	switch {
	case errors.As(err, &connect): // whatever the server said: see its text
		return true
	case errors.As(err, &pg):
		return slices.ContainsFunc([]string{"08", "53", "57P0", "25006", "58"},
			func(prefix string) bool { return strings.HasPrefix(pg.Code, prefix) })
	case errors.As(err, &network):
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// failed wraps an error of the database with what was being done. Where the
// server is going away or takes no writes any more, every connection to it is
// useless: the pool begins anew, and so finds its successor.
func (s *Store) failed(doing string, err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "25006" || strings.HasPrefix(pg.Code, "57P0")) {
		s.pool.Reset()
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// refused reports whether the database will refuse the values themselves
// however often they are offered: classes data exception and integrity
// constraint violation, and limits of size.
func refused(err error) (*pgconn.PgError, bool) {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return nil, false
	}
	class := pg.Code[:min(2, len(pg.Code))]
	return pg, class == "22" || class == "23" || class == "54"
}

// crossed reports whether a transaction lost against another one and may
// simply be done again.
func crossed(err error) bool {
	var pg *pgconn.PgError
	return errors.Is(err, errNotQuiet) || errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}
