package localpg

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/probefleet/probefleet/internal/child"
)

const (
	fastBudget = 20 * time.Second // checkpoint included
	quitBudget = 5 * time.Second
)

// process is one life of the server.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended
	err    error         // how it ended; valid once exited is closed
}

// startProcess starts cmd as a child that is shut down when we die. The
// goroutine that starts it stays on its thread until the end, since the signal
// of our death is tied to that thread.
func startProcess(cmd *exec.Cmd, account child.Account) (*process, error) {
	p := &process{cmd: cmd, exited: make(chan struct{})}
	account.Prepare(cmd, syscall.SIGINT) // SIGINT is postgres' fast shutdown
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		close(p.exited)
	}()
	return p, <-started
}

// halt ends the process: fast, then at once, then by force. The error says
// that it did not end in the first way.
func (p *process) halt() error {
	if p.signal(syscall.SIGINT, fastBudget) {
		return nil
	}
	if p.signal(syscall.SIGQUIT, quitBudget) {
		return errors.New("it did not shut down in time and was stopped at once; it will recover at the next start")
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // its own group
	<-p.exited
	return errors.New("it had to be killed; it will recover at the next start")
}

// signal sends sig and reports whether the process ended within the budget.
func (p *process) signal(sig syscall.Signal, budget time.Duration) bool {
	_ = p.cmd.Process.Signal(sig) // it may be gone already
	t := time.NewTimer(budget)
	defer t.Stop()
	select {
	case <-p.exited:
		return true
	case <-t.C:
		return false
	}
}
