package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/probefleet/probefleet/internal/child"
)

// systemState is where state goes when root works in a folder that the
// unprivileged account cannot reach, such as /root.
const systemState = "/var/lib/probefleet"

// state is the folder that holds everything `up` keeps: database, screenshots,
// logs, addresses and the console's token. One process holds it at a time.
type state struct {
	dir  string
	lock *os.File
	// Moved says why dir is not the default one, "" where it is.
	moved string
}

// openState makes the folder and takes its lock. configured is
// PROBEFLEET_STATE; empty means .probefleet here.
func openState(configured string, account child.Account) (*state, error) {
	dir := configured
	if dir == "" {
		dir = ".probefleet"
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("state folder %q: %w", dir, err)
	}
	s := &state{dir: dir}
	if account.Name != "" {
		if blocked := unreachable(filepath.Dir(dir)); blocked != "" {
			if configured != "" {
				return nil, fmt.Errorf("state folder %s: the account %s, which runs the database and the browser, may not enter %s: choose another by PROBEFLEET_STATE, or run `chmod o+x %s`", dir, account.Name, blocked, blocked)
			}
			s.dir = systemState
			s.moved = fmt.Sprintf("the account %s may not enter %s", account.Name, blocked)
		}
	}
	// Others may pass through (the accounts of our children), not list.
	if err := os.MkdirAll(s.dir, 0o711); err != nil { //nolint:gosec // see above
		return nil, fmt.Errorf("making the state folder: %w (choose another by PROBEFLEET_STATE)", err)
	}
	for _, name := range []string{"logs", "artifacts"} {
		if err := os.MkdirAll(s.path(name), 0o700); err != nil {
			return nil, fmt.Errorf("making the folder for %s: %w", name, err)
		}
	}
	return s, s.takeLock()
}

// unreachable is the first folder on the way to dir that other accounts may
// not pass through, or "".
func unreachable(dir string) string {
	path := "/"
	for _, part := range strings.Split(strings.Trim(dir, "/"), "/") {
		path = filepath.Join(path, part)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return ""
		}
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return path
		}
	}
	return ""
}

func (s *state) path(name string) string { return filepath.Join(s.dir, name) }

func (s *state) takeLock() error {
	f, err := os.OpenFile(s.path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("opening the lock of the state folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		pid, _ := os.ReadFile(f.Name())
		_ = f.Close()
		return fmt.Errorf("another probefleet (process %s) uses %s: stop it, or choose another folder by PROBEFLEET_STATE", strings.TrimSpace(string(pid)), s.dir)
	}
	s.lock = f
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("writing the lock of the state folder: %w", err)
	}
	if _, err := fmt.Fprintln(f, os.Getpid()); err != nil {
		return fmt.Errorf("writing the lock of the state folder: %w", err)
	}
	return nil
}

func (s *state) close() error { return s.lock.Close() }

// secret reads the secret called name, or makes one on first use.
func (s *state) secret(name string, make func() string) (string, error) {
	data, err := os.ReadFile(s.path(name))
	if err == nil && len(data) > 0 {
		return strings.TrimSpace(string(data)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	value := make()
	if err := os.WriteFile(s.path(name), []byte(value+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keeping %s: %w", name, err)
	}
	return value, nil
}

// writeEnv keeps what further processes need to join this installation, in
// the form of a shell's variables.
func (s *state) writeEnv(pairs [][2]string) error {
	var b strings.Builder
	for _, p := range pairs {
		fmt.Fprintf(&b, "%s='%s'\n", p[0], strings.ReplaceAll(p[1], "'", `'\''`))
	}
	if err := os.WriteFile(s.path("env"), []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("writing addresses: %w", err)
	}
	return nil
}
