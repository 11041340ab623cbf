package localpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// transient marks the error of a start that another try may mend.
type transient struct{ error }

// poll is how often the server's own files are looked at while it starts.
const poll = 20 * time.Millisecond

// pidFile is what postgres says of itself in postmaster.pid: line 1 its
// process id, 4 the port, 8 the state.
type pidFile struct {
	pid   int
	port  int
	state string // starting, ready, stopping, standby
}

func (s *Server) pidPath() string { return filepath.Join(s.data(), "postmaster.pid") }

// readPid reads postmaster.pid; false where there is none, or not yet whole.
func (s *Server) readPid() (pidFile, bool) {
	b, err := os.ReadFile(s.pidPath())
	if err != nil {
		return pidFile{}, false
	}
	lines := strings.Split(string(b), "\n")
	line := func(i int) string {
		if i < len(lines) {
			return strings.TrimSpace(lines[i])
		}
		return ""
	}
	pid, err := strconv.Atoi(line(0))
	if err != nil {
		return pidFile{}, false
	}
	port, _ := strconv.Atoi(line(3)) // written a moment later than the id
	return pidFile{pid, port, line(7)}, true
}

// awaitReady waits until the process says that it is ready and its port
// answers.
func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startBudget)
	defer cancel()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		f, ok := s.readPid()
		if ok && f.pid == s.Pid() && f.port == s.port && f.state == "ready" {
			if c, err := new(net.Dialer).DialContext(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))); err == nil {
				_ = c.Close()
				return nil
			}
		}
		select {
		case <-s.process.exited:
			return fmt.Errorf("it ended: %w", s.process.err)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// diagnose adds what the server logged since from to err.
func diagnose(err error, log string, from int64) error {
	f, openErr := os.Open(log) //nolint:gosec // our own log
	if openErr != nil {
		return fmt.Errorf("%w; its log: %w", err, openErr)
	}
	defer f.Close() //nolint:errcheck // read only
	text, readErr := io.ReadAll(io.LimitReader(io.NewSectionReader(f, from, 1<<20), 1<<20))
	if readErr != nil {
		return fmt.Errorf("%w; its log: %w", err, readErr)
	}
	again := strings.Contains(string(text), "could not bind") || strings.Contains(string(text), "pre-existing shared memory block")
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	err = fmt.Errorf("%w; the end of %s: %s", err, log, bytes.Join(lines[max(0, len(lines)-4):], []byte(" | ")))
	if again {
		return transient{err}
	}
	return err
}

// awaitPredecessor makes sure that no other server has the data: one that is
// shutting down is waited for, a live one is an error, and the note of one
// that died is removed where its process id now belongs to something else
// (postgres itself removes the others, but would take that for a live server).
func (s *Server) awaitPredecessor(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fastBudget)
	defer cancel()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		f, ok := s.readPid()
		if !ok || !alive(f.pid) {
			return nil
		}
		if !s.serves(f.pid) {
			if err := os.Remove(s.pidPath()); err != nil {
				return fmt.Errorf("removing a stale postmaster.pid: %w", err)
			}
			return nil
		}
		if f.state != "stopping" {
			return fmt.Errorf("another server has the data: process %d; end it with `kill -INT %d`", f.pid, f.pid)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("another server has the data and does not finish shutting down: process %d; end it with `kill -QUIT %d`", f.pid, f.pid)
		case <-tick.C:
		}
	}
}

func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// serves reports whether the process is a server of our data. The working
// directory tells, where the system shows it; else the command line.
func (s *Server) serves(pid int) bool {
	cwd, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
	if err == nil {
		data, err := os.Stat(s.data())
		return err == nil && os.SameFile(cwd, data)
	}
	out, err := output("ps", "-ww", "-o", "args=", "-p", strconv.Itoa(pid))
	if err != nil {
		return alive(pid) // nothing can be said of it: take no risk
	}
	return strings.Contains(out, "postgres")
}

// maxLog is the size from which on a start begins a new log.
const maxLog = 16 << 20

func openLog(dir string) (*os.File, error) {
	path := filepath.Join(dir, "postgres.log")
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("putting the old log aside: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // our own folder
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	return f, nil
}

// lockDir takes the folder for this process; the system frees it at our end.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // our own folder
	if err != nil {
		return nil, fmt.Errorf("opening the database folder's lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path) //nolint:gosec // our own file; for the message only
		_ = f.Close()
		return nil, fmt.Errorf("the database folder %s is in use by process %s: stop it first", dir, strings.TrimSpace(string(holder)))
	}
	if err := f.Truncate(0); err != nil {
		return nil, fmt.Errorf("writing %s: %w", path, err)
	}
	if _, err := fmt.Fprintln(f, os.Getpid()); err != nil {
		return nil, fmt.Errorf("writing %s: %w", path, err)
	}
	return f, nil
}
