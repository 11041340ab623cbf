// Package e2e runs the built binaries as separate processes, with a real
// Postgres, the local SQS server and a real Chromium, and looks at what a
// user would see.
package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bin is the folder of the built binaries.
var bin string

func TestMain(m *testing.M) { os.Exit(runMain(m)) }

func runMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "probefleet-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	build := exec.Command("go", "build", "-o", bin+"/", "../cmd/...", "../examples/shop")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the binaries: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// folder is a temporary folder through which the unprivileged account may
// pass.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "probefleet-e2e-state-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// process is one started binary.
type process struct {
	name  string
	admin string // address of its metrics, for daemons
	cmd   *exec.Cmd
	log   *buffer
	done  chan struct{}
	err   error
}

// buffer is a bytes.Buffer that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start starts a binary; it is ended with the test. Its output is shown where
// the test fails.
func start(t testing.TB, env []string, name string, args ...string) *process {
	t.Helper()
	p, err := launch(bin, env, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.end()
		if t.Failed() {
			t.Logf("output of %s:\n%s", name, tail(p.log.String(), 6000))
		}
	})
	return p
}

// launch starts a binary of a folder; whoever launches it ends it.
func launch(dir string, env []string, name string, args ...string) (*process, error) {
	p := &process{name: name, log: &buffer{}, done: make(chan struct{})}
	p.cmd = exec.Command(filepath.Join(dir, name), args...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// end kills the process where it still runs.
func (p *process) end() {
	select {
	case <-p.done:
	default:
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// stop sends SIGTERM and waits for a clean end.
func (p *process) stop(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("stopping %s: %v", p.name, err)
	}
	select {
	case <-p.done:
		if p.err != nil {
			t.Errorf("%s ended with %v", p.name, p.err)
		}
	case <-time.After(60 * time.Second):
		t.Fatalf("%s did not end within a minute of SIGTERM", p.name)
	}
}

// kill sends SIGKILL and waits for the end.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatalf("killing %s: %v", p.name, err)
	}
	<-p.done
}

// peakMemory is the highest resident size so far, in MiB, of a process that
// still runs.
func (p *process) peakMemory(t testing.TB) float64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var kib float64
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kib); err == nil {
			return kib / 1024
		}
	}
	t.Fatalf("no VmHWM for %s", p.name)
	return 0
}

// metric is the sum of a metric's series, as the process reports it now.
func (p *process) metric(t testing.TB, name string) int {
	t.Helper()
	page, err := get("http://" + p.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for line := range strings.Lines(page) {
		if rest, ok := strings.CutPrefix(line, name); ok && (rest[0] == '{' || rest[0] == ' ') {
			var value float64
			if _, err := fmt.Sscan(rest[strings.LastIndexByte(rest, ' ')+1:], &value); err != nil {
				t.Fatalf("metric %q: %v", line, err)
			}
			sum += value
		}
	}
	return int(sum)
}

// eventually asks until ask returns nil, and fails the test with its last
// error after the limit.
func eventually(t testing.TB, limit time.Duration, ask func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", limit, err)
		}
		<-tick.C
	}
}

// freeAddr is an address of loopback that nobody listens on, and that nobody
// is given who asks for any: whatever starts a moment later still finds it free.
func freeAddr(t testing.TB) string {
	t.Helper()
	// The system hands out ports from 32768 on.
	for range 1000 {
		addr := fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(20000))
		if _, taken := given.LoadOrStore(addr, true); taken {
			continue
		}
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return addr
		}
	}
	t.Fatal("no port of 1000 is free")
	return ""
}

// given are the addresses that tests of this process have.
var given sync.Map

// get reads a page; anything but 200 is an error.
func get(url string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s: %s", url, resp.Status, tail(string(body), 500))
	}
	return string(body), nil
}

// ready waits until the daemon behind the admin address is ready.
func ready(t testing.TB, p *process, admin string) {
	t.Helper()
	eventually(t, 60*time.Second, func() error {
		select {
		case <-p.done:
			t.Fatalf("%s ended: %v", p.name, p.err)
		default:
		}
		_, err := get("http://" + admin + "/readyz")
		return err
	})
}

// processesWith lists the processes whose command line holds text.
func processesWith(text string) ([]string, error) {
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, path := range entries {
		data, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if line := strings.ReplaceAll(string(data), "\x00", " "); strings.Contains(line, text) {
			found = append(found, filepath.Base(filepath.Dir(path))+": "+tail(line, 200))
		}
	}
	return found, nil
}
