package child

import (
	"os/exec"
	"syscall"
)

// Prepare sets cmd up as a child of ours that runs as a: own process group,
// and sig sent to it when this process ends without stopping it. The signal
// follows the thread that started the command, so start it from a goroutine
// that is locked to its thread (runtime.LockOSThread) for as long as the
// command runs; see prctl(2), PR_SET_PDEATHSIG.
func (a Account) Prepare(cmd *exec.Cmd, sig syscall.Signal) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: sig}
	if a.Name != "" {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}
	}
}
