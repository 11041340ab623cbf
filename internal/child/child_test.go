//go:build unix

package child

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// nobody is an account that every Unix has.
const nobody = "nobody"

func TestUnprivileged(t *testing.T) {
	a, err := Unprivileged(nobody)
	switch {
	case err != nil:
		t.Fatal(err)
	case os.Geteuid() != 0 && a != Account{}:
		t.Errorf("an ordinary user gets %+v, want the zero account", a)
	case os.Geteuid() == 0 && (a.Name != nobody || a.UID <= 0 || a.GID <= 0):
		t.Errorf("root gets %+v, want the account %s", a, nobody)
	}
}

// Only root needs an account at all.
func TestAccountsThatDoNotServe(t *testing.T) {
	for name, want := range map[string]string{
		"no-such-account": "run `useradd --system --create-home no-such-account`",
		"root":            `account "root" is root itself: name an unprivileged account`,
	} {
		a, err := Unprivileged(name)
		if a != (Account{}) {
			t.Errorf("%s: got %+v", name, a)
		}
		if os.Geteuid() != 0 {
			if err != nil {
				t.Errorf("%s: an ordinary user gets %v", name, err)
			}
			continue
		}
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v, want an error that ends in %s", name, err, want)
		}
	}
}

func TestOwn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := Unprivileged(nobody)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Own(file); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	want := os.Geteuid()
	if a.Name != "" {
		want = a.UID
	}
	if got := int(info.Sys().(*syscall.Stat_t).Uid); got != want {
		t.Errorf("the file belongs to %d, want %d", got, want)
	}
	if err := (Account{}).Own(filepath.Join(t.TempDir(), "missing")); err != nil {
		t.Errorf("owning as we are: %v", err)
	}
}

// A child runs as the account and in a process group of its own, where Ctrl-C
// does not reach it.
func TestPrepare(t *testing.T) {
	a, err := Unprivileged(nobody)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", "id -u; read line")
	cmd.Dir = "/"
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // the child's life hangs on it
	defer runtime.UnlockOSThread()
	a.Prepare(cmd, syscall.SIGKILL)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	want := os.Geteuid()
	if a.Name != "" {
		want = a.UID
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != fmt.Sprintln(want) {
		t.Errorf("the child runs as %q, %v; want %d", line, err, want)
	}
	if group, err := syscall.Getpgid(cmd.Process.Pid); err != nil || group != cmd.Process.Pid {
		t.Errorf("process %d is in group %d, %v; want its own", cmd.Process.Pid, group, err)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // read ends without a line
}
