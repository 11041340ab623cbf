package browserrunner

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// smallSharedMemory reports whether /dev/shm is too small for a browser, as
// the 64 MiB of a container usually are: a page that fills it crashes.
func smallSharedMemory() bool {
	var st syscall.Statfs_t
	if err := syscall.Statfs("/dev/shm", &st); err != nil {
		return true
	}
	return st.Blocks*uint64(st.Bsize) < 512<<20
}

// groupAlive reports whether a process of the group pgid runs. Those that have
// ended and wait for their parent to notice do not count: orphans wait for
// process 1, which in a container may take its time.
func groupAlive(pgid int) bool {
	if errors.Is(syscall.Kill(-pgid, 0), syscall.ESRCH) {
		return false
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		data, err := os.ReadFile(path) //nolint:gosec // of proc(5)
		if err != nil {
			continue
		}
		// The name, in brackets, may hold anything; see proc(5).
		_, rest, ok := bytes.Cut(data[max(0, bytes.LastIndexByte(data, ')')):], []byte(") "))
		if !ok {
			continue
		}
		fields := bytes.Fields(rest) // state, parent, group
		if len(fields) > 2 && string(fields[2]) == strconv.Itoa(pgid) && fields[0][0] != 'Z' && fields[0][0] != 'X' {
			return true
		}
	}
	return false
}
