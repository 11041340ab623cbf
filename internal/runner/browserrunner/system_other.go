//go:build unix && !linux

package browserrunner

import (
	"errors"
	"syscall"
)

// smallSharedMemory: only Linux keeps shared memory in a file system.
func smallSharedMemory() bool { return false }

// groupAlive reports whether a process of the group pgid exists.
func groupAlive(pgid int) bool {
	return !errors.Is(syscall.Kill(-pgid, 0), syscall.ESRCH)
}
