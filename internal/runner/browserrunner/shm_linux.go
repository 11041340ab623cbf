package browserrunner

import "syscall"

// smallSharedMemory reports whether /dev/shm is too small for a browser, as
// the 64 MiB of a container usually are: a page that fills it crashes.
func smallSharedMemory() bool {
	var st syscall.Statfs_t
	if err := syscall.Statfs("/dev/shm", &st); err != nil {
		return true
	}
	return uint64(st.Blocks)*uint64(st.Bsize) < 512<<20
}
