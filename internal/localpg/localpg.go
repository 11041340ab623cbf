// Package localpg runs a PostgreSQL server of our own from installed binaries,
// for installations on one machine and for tests. It owns the server's folder,
// account, address and end. It refuses to install anything, to listen anywhere
// but on 127.0.0.1, to run as root, and to know what is in the database.
package localpg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/child"
)

// DefaultDatabase is the database that exists from the first start on.
const DefaultDatabase = "probefleet"

// superuser is the role under which everything is done on a local server.
const superuser = "postgres"

// startBudget bounds a start, crash recovery included.
const startBudget = 60 * time.Second

// Options says how the server runs.
type Options struct {
	// Dir holds the server's data, password and log. It is created where it
	// does not exist.
	Dir string
	// Account runs the server; as root it is needed, see [child.Unprivileged].
	Account child.Account
	// Port on 127.0.0.1; 0 takes a free one.
	Port int
	// Logger may be nil.
	Logger *slog.Logger
	// Fast trades durability for speed. For tests: a crash of the machine
	// loses the data.
	Fast bool
}

// Server is a running server.
type Server struct {
	o        Options
	bindir   string
	password string
	port     int
	log      *os.File
	lock     *os.File
	process  *process
	stop     sync.Once
	stopErr  error
}

// Start starts the server of o.Dir, making its data first where there is none,
// and returns when it answers. ctx bounds the start only. After an unclean end
// the server takes up by itself. The errors of a folder in use, of data made
// by another major version and of missing binaries say what to do.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if os.Geteuid() == 0 && o.Account.Name == "" {
		return nil, errors.New("postgres does not run as root: name an unprivileged account for it")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("database folder %q: %w", o.Dir, err)
	}
	o.Dir = dir
	if err := os.MkdirAll(o.Dir, 0o755); err != nil { //nolint:gosec // the account passes through it
		return nil, fmt.Errorf("making the database folder: %w", err)
	}
	s := &Server{o: o}
	if s.lock, err = lockDir(o.Dir); err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		s.release()
		return nil, fmt.Errorf("starting postgres in %s: %w", o.Dir, err)
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	if err := s.prepareData(ctx); err != nil {
		return err
	}
	if err := s.awaitPredecessor(ctx); err != nil {
		return err
	}
	var err error
	if s.log, err = openLog(s.o.Dir); err != nil {
		return err
	}
	// A free port may be taken between our look and the server's bind, and
	// the shared memory of a server that was killed may outlive it by a
	// moment: both mend by another try.
	for try := 1; ; try++ {
		if err = s.launch(ctx); err == nil {
			return nil
		}
		if again := new(transient); try == 5 || !errors.As(err, again) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// launch starts the process once and waits until it answers.
func (s *Server) launch(ctx context.Context) error {
	port, err := choosePort(ctx, s.o.Port)
	if err != nil {
		return err
	}
	logStart, err := s.log.Seek(0, 2)
	if err != nil {
		return fmt.Errorf("reading the log's length: %w", err)
	}
	s.port = port
	cmd := s.command("postgres", s.settings()...)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	if s.process, err = startProcess(cmd, s.o.Account); err != nil {
		return err
	}
	if err := s.awaitReady(ctx); err != nil {
		_ = s.process.halt() // it did not answer: that is the error
		return diagnose(err, s.log.Name(), logStart)
	}
	s.o.Logger.Info("postgres answers", "port", s.port, "pid", s.Pid(), "bin", s.bindir)
	return nil
}

func (s *Server) settings() []string {
	set := []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(s.port),
		"unix_socket_directories=", // paths of sockets are limited to 107 bytes
		"max_connections=200",
		"timezone=UTC",
		"log_timezone=UTC",
		"logging_collector=off",
		"log_destination=stderr",
		"log_line_prefix=%m [%p] ",
	}
	if s.o.Fast {
		set = append(set, "fsync=off", "full_page_writes=off", "autovacuum=off", "shared_buffers=64MB")
	}
	args := []string{"-D", s.data()}
	for _, v := range set {
		args = append(args, "-c", v)
	}
	return args
}

// command runs a server binary as the account in the data folder, with an
// environment in which no PG variable of ours means anything.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bindir, name), args...) //nolint:noctx // it is ended by signals, in order
	cmd.Env = []string{"LC_ALL=C", "PATH=" + s.bindir + ":/usr/bin:/bin", "TZ=UTC"}
	cmd.Dir = s.data()
	return cmd
}

func (s *Server) data() string { return filepath.Join(s.o.Dir, "data") }

// URL is the address of a database of the server, password included.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, s.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Port is the port on 127.0.0.1.
func (s *Server) Port() int { return s.port }

// Pid is the process id of the server.
func (s *Server) Pid() int { return s.process.cmd.Process.Pid }

// Done is closed when the server has ended, asked to or not.
func (s *Server) Done() <-chan struct{} { return s.process.exited }

// Stop ends the server: fast, that is with a checkpoint and without waiting for
// its clients, and if that takes over 20 s at once. It returns when the process
// is gone, and may be called again. The error says that the end was not clean.
func (s *Server) Stop() error {
	s.stop.Do(func() {
		if err := s.process.halt(); err != nil {
			s.stopErr = fmt.Errorf("stopping postgres in %s: %w", s.o.Dir, err)
		}
		s.release()
	})
	return s.stopErr
}

func (s *Server) release() {
	if s.log != nil {
		_ = s.log.Close()
	}
	_ = s.lock.Close()
}

// choosePort is port where it is free, or a free one for 0. That lies below
// those that the system hands out to whoever asks for any, so that nobody is
// given it before the server listens, or while it is restarted.
func choosePort(ctx context.Context, port int) (int, error) {
	const lowest, many, tries = 10000, 20000, 100
	for n := 0; port == 0 && n < tries; n++ {
		if free, err := choosePort(ctx, lowest+rand.IntN(many)); err == nil {
			return free, nil
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return 0, fmt.Errorf("port %d of 127.0.0.1 is not free: choose another: %w", port, err)
	}
	defer l.Close() //nolint:errcheck // nothing was written
	return l.Addr().(*net.TCPAddr).Port, nil
}
