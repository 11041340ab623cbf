// Package storetest gives tests a database: a fresh one each, with the schema
// in place, on a real server that the tests of a process share. It refuses to
// be satisfied without a server: a test that needs one fails where there is
// none.
package storetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/child"
	"github.com/probefleet/probefleet/internal/localpg"
	"github.com/probefleet/probefleet/internal/store"
)

// ServerVariable names the environment variable with the URL of a server to be
// used instead of one of our own. Its role needs the right to create databases.
const ServerVariable = "PROBEFLEET_TEST_DATABASE_URL"

// server is the one that the tests of this process share. It lives while some
// test uses it, or until the end of [Main].
var server struct {
	sync.Mutex
	users    int
	local    *localpg.Server // nil where ServerVariable is set
	dir      string
	admin    string // URL of a database from which others are made
	template string
}

// Main runs the tests of a package and keeps the server for all of them. A
// package with more than one test that needs a database has
//
//	func TestMain(m *testing.M) { storetest.Main(m) }
func Main(m *testing.M) {
	server.Lock()
	server.users++ // the server itself starts with the first test in need
	server.Unlock()
	code := m.Run()
	if err := release(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the test database:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// Database is the URL of a fresh, migrated database, which is dropped when the
// test ends.
func Database(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := acquire(ctx); err != nil {
		t.Fatalf("the test needs a PostgreSQL server: %v", err)
	}
	t.Cleanup(func() {
		if err := release(); err != nil {
			t.Errorf("stopping the test database: %v", err)
		}
	})
	name := "probefleet_test_" + unique()
	if err := execute(ctx, server.admin, `CREATE DATABASE `+name+` TEMPLATE `+server.template); err != nil {
		t.Fatalf("making a test database: %v", err)
	}
	t.Cleanup(func() {
		if err := drop(server.admin, name); err != nil {
			t.Errorf("dropping the test database: %v", err)
		}
	})
	return withDatabase(server.admin, name)
}

// Store is an open store on a database of its own.
func Store(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// acquire counts one more user of the server and starts it for the first.
func acquire(ctx context.Context) error {
	server.Lock()
	defer server.Unlock()
	server.users++
	if server.admin != "" {
		return nil
	}
	err := start(ctx)
	if err != nil {
		server.users--
		server.admin = ""
	}
	return err
}

// release counts one user less; the last one ends the server.
func release() error {
	server.Lock()
	defer server.Unlock()
	server.users--
	if server.users > 0 || server.admin == "" {
		return nil
	}
	admin := server.admin
	server.admin = ""
	if server.local == nil {
		return drop(admin, server.template)
	}
	return end()
}

func start(ctx context.Context) error {
	server.admin = os.Getenv(ServerVariable)
	if server.admin == "" {
		if err := startLocal(ctx); err != nil {
			return err
		}
		server.admin = server.local.URL("postgres")
	}
	server.template = "probefleet_template_" + unique()
	if err := execute(ctx, server.admin, `CREATE DATABASE `+server.template); err != nil {
		return err
	}
	return store.Migrate(ctx, withDatabase(server.admin, server.template))
}

// startLocal starts a server in a new folder that its account can get to.
func startLocal(ctx context.Context) error {
	account, err := child.Unprivileged(child.DefaultAccount)
	if err != nil {
		return err
	}
	sweep()
	if server.dir, err = os.MkdirTemp("", "probefleet-storetest-"); err != nil {
		return err
	}
	if err := os.Chmod(server.dir, 0o755); err != nil { //nolint:gosec // the account passes through it
		return err
	}
	server.local, err = localpg.Start(ctx, localpg.Options{Dir: server.dir, Account: account, Fast: true})
	if err != nil {
		_ = os.RemoveAll(server.dir) // the start is what is wrong
	}
	return err
}

func end() error {
	stop := server.local.Stop()
	server.local = nil
	if err := os.RemoveAll(server.dir); err != nil {
		return err
	}
	return stop
}

// sweep removes the folders of test processes that were killed: they are old,
// and nobody holds their lock.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), "probefleet-storetest-*")) // the pattern is well formed
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		lock, err := os.Open(filepath.Join(dir, "lock")) //nolint:gosec // our own folder
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(dir) // what cannot be removed is somebody else's
		}
		_ = lock.Close()
	}
}

func unique() string { return strings.ToLower(rand.Text()) }

func drop(admin, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return execute(ctx, admin, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`)
}

func execute(ctx context.Context, url, statement string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // the statement is done
	_, err = conn.Exec(ctx, statement)
	return err
}

func withDatabase(server, name string) string {
	u, err := url.Parse(server)
	if err != nil { // it has been connected to
		panic(err)
	}
	u.Path = "/" + name
	return u.String()
}
