package browserrunner

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/probefleet/probefleet/internal/child"
)

// flags keep the browser quiet, and safe: each is there for one of these
// reasons. None weakens the sandbox or the isolation of sites; in particular
// there is no --no-sandbox, not even for root.
var flags = []string{
	"--headless",
	"--remote-debugging-pipe",
	"--no-startup-window",

	// Quiet: nothing is fetched but what the check asks for.
	"--no-first-run",
	"--no-default-browser-check",
	"--disable-background-networking",
	"--disable-breakpad",
	"--disable-client-side-phishing-detection",
	"--disable-component-extensions-with-background-pages",
	"--disable-component-update",
	"--disable-default-apps",
	"--disable-domain-reliability",
	"--disable-extensions",
	"--disable-features=Translate,MediaRouter,OptimizationHints,AutofillServerCommunication,CertificateTransparencyComponentUpdater",
	"--disable-sync",
	"--metrics-recording-only",
	"--password-store=basic",
	"--use-mock-keychain",

	// The same everywhere: no GPU, one colour profile, no sound.
	"--disable-gpu",
	"--force-color-profile=srgb",
	"--hide-scrollbars",
	"--mute-audio",

	// Pages that nobody looks at run at full speed.
	"--disable-background-timer-throttling",
	"--disable-backgrounding-occluded-windows",
	"--disable-renderer-backgrounding",
}

// process is a browser process with its pipe.
type process struct {
	pid    int
	pipe   *chromedp.PipeConn
	output *tail
	// exited is closed when the process has ended; err is its cause then.
	exited chan struct{}
	err    error
}

// startProcess starts the browser at path on the profile p, under account,
// with more flags than those that are always there.
func startProcess(ctx context.Context, path string, p *profile, account child.Account, more ...string) (*process, error) {
	home := p.home()
	for _, d := range []string{"profile", "tmp"} {
		if err := os.Mkdir(filepath.Join(home, d), 0o700); err != nil {
			return nil, err
		}
		if err := account.Own(filepath.Join(home, d)); err != nil {
			return nil, err
		}
	}
	args := append([]string{"--user-data-dir=" + filepath.Join(home, "profile")}, flags...)
	args = append(args, more...)
	if smallSharedMemory() {
		args = append(args, "--disable-dev-shm-usage")
	}
	// It outlives ctx; end stops it.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), path, args...)
	cmd.Dir = home
	cmd.Env = environment(home)
	account.Prepare(cmd, syscall.SIGKILL)

	theirs, mine, err := pipes()
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = theirs[:2] // descriptors 3 and 4, as --remote-debugging-pipe expects
	cmd.Stdout, cmd.Stderr = theirs[2], theirs[2]
	proc := &process{
		pipe:   chromedp.NewPipeConn(mine[0], mine[1]),
		output: &tail{},
		exited: make(chan struct{}),
	}

	started := make(chan error, 1)
	go proc.run(cmd, started)
	err = <-started
	for _, f := range theirs {
		_ = f.Close()
	}
	if err != nil {
		_, _ = proc.pipe.Close(), mine[2].Close()
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	// Ends with the last process that holds the other end.
	go func() {
		_, _ = io.Copy(proc.output, mine[2])
		_ = mine[2].Close()
	}()
	return proc, nil
}

// run starts cmd and waits for its end, locked to its thread: the signal for
// our own end follows the thread that started the process.
func (p *process) run(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	if err == nil {
		p.pid = cmd.Process.Pid
	}
	started <- err
	if err != nil {
		return
	}
	p.err = cmd.Wait()
	// Processes that outlive the browser hold the pipe open: without this it
	// would be missed only when they end.
	_ = p.pipe.Close()
	close(p.exited)
}

// end stops the browser: it is given grace to end by itself once its pipe is
// told to close, then its whole process group is killed. It returns when no
// process of the group is left, or after five seconds.
func (p *process) end(grace time.Duration) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
	}
	endGroup(p.pid)
	<-p.exited
	until(5*time.Second, func() bool { return !groupAlive(p.pid) })
}

// until asks again and again, for at most limit, whether something is so that
// other processes do, which tell nobody.
func until(limit time.Duration, ok func() bool) bool {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	over := time.After(limit)
	for !ok() {
		select {
		case <-again.C:
		case <-over:
			return false
		}
	}
	return true
}

// endGroup kills every process of the group that pid leads.
func endGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// pipes makes the pipes between us and the browser. Its ends: to read commands
// from, to write answers to, to print to. Ours: answers, commands, output.
func pipes() (theirs, mine []*os.File, err error) {
	var files []*os.File
	for range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			for _, f := range files {
				_ = f.Close()
			}
			return nil, nil, fmt.Errorf("making the browser's pipes: %w", err)
		}
		files = append(files, r, w)
	}
	commands, send, receive, answers, output, print := files[0], files[1], files[2], files[3], files[4], files[5]
	return []*os.File{commands, answers, print}, []*os.File{receive, send, output}, nil
}

// environment is all that the browser sees of ours: nothing, as ours may hold
// secrets.
func environment(home string) []string {
	return []string{
		"HOME=" + home,
		"TMPDIR=" + filepath.Join(home, "tmp"),
		"XDG_CACHE_HOME=" + filepath.Join(home, ".cache"),
		"XDG_CONFIG_HOME=" + filepath.Join(home, ".config"),
		"XDG_DATA_HOME=" + filepath.Join(home, ".local"),
		"XDG_RUNTIME_DIR=" + filepath.Join(home, "tmp"),
		"PATH=/usr/local/bin:/usr/bin:/bin",
		"LANG=C.UTF-8",
	}
}

// tail keeps the end of what the browser prints, for the error of a start
// that did not succeed.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if n := len(t.text) - tailSize; n > 0 {
		t.text = append(t.text[:0], t.text[n:]...)
	}
	return len(p), nil
}

// last is the most telling line of what the browser printed, for errors: why
// it gave up, else the last. What it has to say about D-Bus, which servers do
// not have, is no cause of anything.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.text)), "\n")
	last := ""
	for _, line := range lines {
		if strings.Contains(line, ":FATAL:") {
			return line
		}
		if !strings.Contains(line, ":dbus/") {
			last = line
		}
	}
	return last
}

// hint is what the browser said, in brackets, with what to do where that is
// known; "" where it said nothing.
func (t *tail) hint() string {
	last := t.last()
	switch {
	case last == "":
		return ""
	case strings.Contains(last, "No usable sandbox"):
		return " (" + last + "): allow unprivileged user namespaces on this machine; in a container use the profile deploy/docker/seccomp.json (--security-opt seccomp=…/seccomp.json); the browser is not run without its sandbox"
	}
	return " (" + last + ")"
}
