package browserrunner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/probefleet/probefleet/internal/child"
)

// A profile is the folder of one browser's life. Its form, under Options.Dir:
//
//	.lock             held while folders are made and swept
//	browser-12345/    ours; others may only pass through
//	  lock            held by the worker for as long as it lives
//	  pid             of the browser
//	  home/           the account's: HOME, temporary files, the profile itself
//
// The locks are flock(2): the kernel drops them with the worker, however it
// ended, so that a folder whose lock is free has no worker any more.
type profile struct {
	path string
	lock *os.File
}

func (p *profile) home() string { return filepath.Join(p.path, "home") }

const profilePrefix = "browser-"

// newProfile makes a profile in dir for account. Errors are *unusableError
// where they will not go away by themselves.
func newProfile(dir string, account child.Account) (*profile, error) {
	if err := os.MkdirAll(dir, 0o711); err != nil { //nolint:gosec // the account passes through
		return nil, &unusableError{fmt.Sprintf("making the browser's folder: %v: give this worker a state folder that it may write to", err)}
	}
	if err := passable(dir, account); err != nil {
		return nil, err
	}
	guard, err := flock(filepath.Join(dir, ".lock"), 0)
	if err != nil {
		return nil, fmt.Errorf("locking the browsers' folder: %w", err)
	}
	defer func() { _ = guard.Close() }()
	path, err := os.MkdirTemp(dir, profilePrefix)
	if err != nil {
		return nil, fmt.Errorf("making the browser's profile: %w", err)
	}
	p := &profile{path: path}
	if err := p.fill(account); err != nil {
		return nil, errors.Join(fmt.Errorf("making the browser's profile: %w", err), p.remove())
	}
	return p, nil
}

func (p *profile) fill(account child.Account) (err error) {
	if err := os.Chmod(p.path, 0o711); err != nil { //nolint:gosec // the account passes through
		return err
	}
	if p.lock, err = flock(filepath.Join(p.path, "lock"), syscall.LOCK_NB); err != nil {
		return err
	}
	if err := os.Mkdir(p.home(), 0o700); err != nil {
		return err
	}
	return account.Own(p.home())
}

// note writes down the browser's process id, for the sweep of a later worker.
func (p *profile) note(pid int) error {
	return os.WriteFile(filepath.Join(p.path, "pid"), []byte(strconv.Itoa(pid)), 0o600)
}

// remove deletes the folder. Processes of the browser that are about to end
// may still write into it, hence the tries.
func (p *profile) remove() (err error) {
	until(2*time.Second, func() bool {
		err = os.RemoveAll(p.path)
		return err == nil
	})
	if p.lock != nil {
		_ = p.lock.Close()
	}
	return err
}

// sweep removes the profiles in dir whose worker is dead, and ends the
// browsers that outlived them. Those of live workers are not touched. It
// returns what it removed.
func sweep(dir string) (removed []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for profiles of earlier workers: %w", err)
	}
	guard, err := flock(filepath.Join(dir, ".lock"), 0)
	if err != nil {
		return nil, fmt.Errorf("locking the browsers' folder: %w", err)
	}
	defer func() { _ = guard.Close() }()
	var faults []error
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), profilePrefix) {
			continue
		}
		p := &profile{path: filepath.Join(dir, e.Name())}
		p.lock, err = flock(filepath.Join(p.path, "lock"), syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, fs.ErrNotExist):
			continue // a live worker's, or just now removed by it
		case err != nil:
			faults = append(faults, fmt.Errorf("locking an earlier worker's profile: %w", err))
			continue
		}
		p.endLeftover()
		if err := p.remove(); err != nil {
			faults = append(faults, fmt.Errorf("removing an earlier worker's profile: %w", err))
			continue
		}
		removed = append(removed, p.path)
	}
	return removed, errors.Join(faults...)
}

// endLeftover kills the browser that still runs on the profile of a dead
// worker. The kernel ends it on Linux; elsewhere, and where it was started
// through a script, nobody does. A process id may have been given anew, so
// the command line has to name the profile.
func (p *profile) endLeftover() {
	data, err := os.ReadFile(filepath.Join(p.path, "pid"))
	if err != nil {
		return
	}
	pid, err := strconv.Atoi(string(data))
	if err != nil || pid <= 1 {
		return
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(line), p.home()) {
		return
	}
	endGroup(pid)
}

// flock opens, makes and locks a file; with LOCK_NB the error is EWOULDBLOCK
// where somebody else holds it.
func flock(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // a path of ours
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// passable checks that account may enter dir through every folder above it.
func passable(dir string, account child.Account) error {
	if account.Name == "" {
		return nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return err
		}
		if !mayEnter(info, account) {
			return &unusableError{fmt.Sprintf("the browser runs as %q, which may not enter %s: run `chmod o+x %s`, or choose a state folder elsewhere", account.Name, at, at)}
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

func mayEnter(info fs.FileInfo, account child.Account) bool {
	mode := info.Mode().Perm()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		if int(st.Uid) == account.UID {
			return mode&0o100 != 0
		}
		if int(st.Gid) == account.GID {
			return mode&0o010 != 0
		}
	}
	return mode&0o001 != 0
}
