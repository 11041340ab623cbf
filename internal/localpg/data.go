package localpg

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// prepareData finds the binaries and the data that belong together, making the
// data where there is none.
func (s *Server) prepareData(ctx context.Context) error {
	version, err := os.ReadFile(filepath.Join(s.data(), "PG_VERSION"))
	switch {
	case err == nil:
		if s.bindir, err = findMajor(strings.TrimSpace(string(version))); err != nil {
			return err
		}
		if err := s.probeTraversal(s.data()); err != nil {
			return err
		}
		return s.readPassword()
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("reading the data's version: %w", err)
	}
	if s.bindir, err = Find(); err != nil {
		return err
	}
	return s.makeData(ctx)
}

func (s *Server) passwordFile() string { return filepath.Join(s.o.Dir, "password") }

func (s *Server) readPassword() error {
	b, err := os.ReadFile(s.passwordFile())
	if err != nil {
		return fmt.Errorf("reading the superuser's password: %w; restore the file, or move the folder away to start afresh", err)
	}
	s.password = strings.TrimSpace(string(b))
	return nil
}

// makeData runs initdb beside the place where the data shall be and moves the
// outcome there, so that an interrupted initdb is never taken for data.
func (s *Server) makeData(ctx context.Context) error {
	fresh := filepath.Join(s.o.Dir, "data.new")
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("removing an unfinished data folder: %w", err)
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	if err := s.o.Account.Own(fresh); err != nil {
		return fmt.Errorf("giving the data folder to %s: %w", s.o.Account.Name, err)
	}
	if err := s.probeTraversal(fresh); err != nil {
		return err
	}
	if err := s.writePassword(); err != nil {
		return err
	}
	locale := "C"
	if runtime.GOOS == "linux" {
		locale = "C.UTF-8"
	}
	args := []string{"-D", fresh, "-U", superuser, "--pwfile=" + s.passwordFile(),
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=" + locale}
	if s.o.Fast {
		args = append(args, "--no-sync")
	}
	s.o.Logger.Info("making a new database", "dir", s.o.Dir, "bin", s.bindir)
	if err := s.run(ctx, fresh, "", "initdb", args...); err != nil {
		return err
	}
	create := `CREATE DATABASE ` + DefaultDatabase + "\n"
	if err := s.run(ctx, fresh, create, "postgres", "--single", "-D", fresh, superuser); err != nil {
		return err
	}
	if err := os.Rename(fresh, s.data()); err != nil {
		return fmt.Errorf("moving the new data into place: %w", err)
	}
	return nil
}

func (s *Server) writePassword() error {
	var raw [24]byte
	_, _ = rand.Read(raw[:]) // it never fails: crypto/rand
	s.password = hex.EncodeToString(raw[:])
	// initdb reads it as the account.
	if err := os.WriteFile(s.passwordFile(), []byte(s.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the superuser's password: %w", err)
	}
	if err := s.o.Account.Own(s.passwordFile()); err != nil {
		return fmt.Errorf("giving the password file to %s: %w", s.o.Account.Name, err)
	}
	return nil
}

// run runs a binary to its end in dir.
func (s *Server) run(ctx context.Context, dir, stdin, name string, args ...string) error {
	cmd := s.command(name, args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	p, err := startProcess(cmd, s.o.Account)
	if err != nil {
		return fmt.Errorf("running %s: %w", cmd.Path, err)
	}
	select {
	case <-p.exited:
	case <-ctx.Done():
		_ = p.halt() // what it leaves is removed at the next start
		return ctx.Err()
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w: %s", cmd.Path, p.err, strings.TrimSpace(out.String()))
	}
	return nil
}

// probeTraversal asks the system whether the account can get to dir, and names
// the folder that is in the way where it cannot.
func (s *Server) probeTraversal(dir string) error {
	cmd := s.command("postgres", "--version")
	cmd.Dir = dir
	s.o.Account.Prepare(cmd, syscall.SIGKILL)
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil, errors.As(err, &exit):
		return nil
	case !errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("running %s: %w", cmd.Path, err)
	}
	who := s.o.Account.Name
	if who == "" {
		return fmt.Errorf("%s cannot be entered: %w", dir, err)
	}
	return fmt.Errorf("the account %q cannot get to %s: run `chmod o+x %s`, or choose a state folder outside of it", who, dir, s.obstacle(dir))
}

// obstacle is the outermost folder on the way to dir that the account may not
// enter, as far as mode bits tell.
func (s *Server) obstacle(dir string) string {
	found := dir
	for d := filepath.Dir(dir); ; d = filepath.Dir(d) {
		if info, err := os.Stat(d); err == nil {
			st, ok := info.Sys().(*syscall.Stat_t)
			bit := os.FileMode(0o001)
			if ok && int(st.Uid) == s.o.Account.UID {
				bit = 0o100
			} else if ok && int(st.Gid) == s.o.Account.GID {
				bit = 0o010
			}
			if info.Mode()&bit == 0 {
				found = d
			}
		}
		if d == filepath.Dir(d) {
			return found
		}
	}
}
