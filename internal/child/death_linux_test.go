package child

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

const asParent = "CHILD_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(asParent) != "" {
		parent()
	}
	os.Exit(m.Run())
}

// parent starts a child that never ends, and waits for it.
func parent() {
	runtime.LockOSThread()
	a, err := Unprivileged(nobody)
	if err != nil {
		panic(err)
	}
	cmd := exec.Command("/bin/sh", "-c", "echo started; exec sleep 600")
	cmd.Dir, cmd.Stdout = "/", os.Stdout
	a.Prepare(cmd, syscall.SIGKILL)
	if err := cmd.Run(); err != nil {
		panic(err)
	}
}

// A child ends when we do, even if we are killed: it then lets go of its
// standard output, the last to hold it.
func TestChildDiesWithUs(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), asParent+"=1"), w, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(r)
	if line, err := out.ReadString('\n'); err != nil || line != "started\n" {
		t.Errorf("the child says %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if _, err := io.ReadAll(out); err != nil {
		t.Errorf("the child outlives its parent: %v", err)
	}
}
