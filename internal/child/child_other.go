//go:build unix && !linux

package child

import (
	"os/exec"
	"syscall"
)

// Prepare sets cmd up as a child of ours that runs as a, in a process group
// of its own. Systems other than Linux have no signal for the parent's end.
func (a Account) Prepare(cmd *exec.Cmd, _ syscall.Signal) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a.Name != "" {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}
	}
}
