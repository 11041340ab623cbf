package localpg

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/probefleet/probefleet/internal/child"
)

// account is the one that runs servers in tests.
func account(t *testing.T) child.Account {
	t.Helper()
	a, err := child.Unprivileged(child.DefaultAccount)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// stateDir is a folder that the account can get to; t.TempDir is not.
func stateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "localpg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func start(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Start(t.Context(), Options{Dir: dir, Account: account(t), Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func query(t *testing.T, url, statement string) string {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var answer string
	if err := db.QueryRowContext(t.Context(), statement).Scan(&answer); err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatalf("%s: %v", statement, err)
	}
	return answer
}

func TestDataOutlivesTheServer(t *testing.T) {
	dir := stateDir(t)
	s := start(t, dir)
	if got := query(t, s.URL(DefaultDatabase), `SELECT current_setting('listen_addresses') || ' ' || current_setting('server_encoding') || ' ' || current_setting('unix_socket_directories')`); got != "127.0.0.1 UTF8 " {
		t.Errorf("settings %q", got)
	}
	query(t, s.URL(DefaultDatabase), `CREATE TABLE kept AS SELECT 'still here' AS v`)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatalf("second stop: %v", err)
	}
	if alive(s.Pid()) {
		t.Error("the server is still there after Stop")
	}
	s = start(t, dir)
	if got := query(t, s.URL(DefaultDatabase), `SELECT v FROM kept`); got != "still here" {
		t.Errorf("after a restart: %q", got)
	}
}

func TestPasswordIsNeeded(t *testing.T) {
	dir := stateDir(t)
	s := start(t, dir)
	info, err := os.Stat(filepath.Join(dir, "password"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the password file has mode %v", info.Mode())
	}
	db, err := sql.Open("pgx", strings.Replace(s.URL("postgres"), s.password, "wrong", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.PingContext(t.Context()); err == nil {
		t.Error("a wrong password was accepted")
	}
}

func TestTakesUpAfterKill(t *testing.T) {
	dir := stateDir(t)
	s := start(t, dir)
	query(t, s.URL(DefaultDatabase), `CREATE TABLE kept AS SELECT 'still here' AS v`)
	if err := syscall.Kill(s.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if err := s.Stop(); err != nil {
		t.Errorf("stopping a dead server: %v", err)
	}
	s = start(t, dir)
	if got := query(t, s.URL(DefaultDatabase), `SELECT v FROM kept`); got != "still here" {
		t.Errorf("after a crash: %q", got)
	}
}

// A stale note whose process id now belongs to something else of the same
// account is what postgres itself would take for a live server.
func TestStaleNoteOfAReusedProcessID(t *testing.T) {
	dir := stateDir(t)
	s := start(t, dir)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	other := exec.Command("sleep", "60")
	account(t).Prepare(other, syscall.SIGKILL)
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	note := fmt.Sprintf("%d\n%s\n1\n5432\n\n\n\nready\n", other.Process.Pid, s.data())
	if err := os.WriteFile(s.pidPath(), []byte(note), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := account(t).Own(s.pidPath()); err != nil {
		t.Fatal(err)
	}
	start(t, dir)
}

func TestRefusals(t *testing.T) {
	dir := stateDir(t)
	s := start(t, dir)
	opts := Options{Dir: dir, Account: account(t), Fast: true}

	t.Run("folder in use", func(t *testing.T) {
		refused(t, opts, "in use by process "+strconv.Itoa(os.Getpid()))
	})
	t.Run("server of somebody else", func(t *testing.T) {
		_ = s.lock.Close() // as if its starter had been killed
		refused(t, opts, fmt.Sprintf("process %d; end it with `kill -INT %d`", s.Pid(), s.Pid()))
	})
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Run("port taken", func(t *testing.T) {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		o := opts
		o.Port = l.Addr().(*net.TCPAddr).Port
		refused(t, o, fmt.Sprintf("port %d of 127.0.0.1 is not free", o.Port))
	})
	t.Run("another major version", func(t *testing.T) {
		path := filepath.Join(s.data(), "PG_VERSION")
		old, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("9\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, opts, "the data was made by PostgreSQL 9, but only PostgreSQL "+strings.TrimSpace(string(old)))
	})
	t.Run("folder out of reach", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Log("not root: the account is our own, nothing can be out of its reach")
			return
		}
		closed := stateDir(t)
		if err := os.Chmod(closed, 0o700); err != nil {
			t.Fatal(err)
		}
		o := opts
		o.Dir = filepath.Join(closed, "postgres")
		refused(t, o, "run `chmod o+x "+closed+"`")
	})
}

func refused(t *testing.T, o Options, want string) {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err == nil {
		_ = s.Stop()
		t.Fatal("the server started")
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("error %q does not say %q", err, want)
	}
}

// A free port is none that the system hands out to others.
func TestFreePortIsNobodyElses(t *testing.T) {
	for range 50 {
		if port, err := choosePort(t.Context(), 0); err != nil || port < 10000 || port >= 30000 {
			t.Fatalf("port %d, %v", port, err)
		}
	}
}

func TestInterruptedStartLeavesNothingThatCounts(t *testing.T) {
	dir := stateDir(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if s, err := Start(ctx, Options{Dir: dir, Account: account(t), Fast: true}); err == nil {
		_ = s.Stop()
	} else if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	start(t, dir)
}

// The server ends when its starter is killed. The starter is this test's
// binary, run again with the folder in its environment.
func TestEndsWithItsStarter(t *testing.T) {
	if dir := os.Getenv("LOCALPG_CHILD"); dir != "" {
		s, err := Start(t.Context(), Options{Dir: dir, Account: account(t), Fast: true})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("pid", s.Pid(), "port", s.Port())
		select {}
	}
	dir := stateDir(t)
	starter := exec.Command(os.Args[0], "-test.run=^TestEndsWithItsStarter$")
	starter.Env = append(os.Environ(), "LOCALPG_CHILD="+dir)
	out, err := starter.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	var pid, port int
	if _, err := fmt.Fscanf(out, "pid %d port %d\n", &pid, &port); err != nil {
		t.Fatal(err)
	}
	if err := starter.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = starter.Wait()
	// The next start waits for the end of the one that is shutting down, or
	// finds it gone; until the signal has arrived it may still be live.
	tick, deadline := time.NewTicker(poll), time.After(20*time.Second)
	defer tick.Stop()
	for alive(pid) {
		select {
		case <-tick.C:
		case <-deadline:
			_ = syscall.Kill(pid, syscall.SIGQUIT)
			t.Fatalf("postgres %d outlives its killed starter", pid)
		}
	}
	start(t, dir)
}
