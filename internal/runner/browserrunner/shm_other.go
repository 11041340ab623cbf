//go:build unix && !linux

package browserrunner

// smallSharedMemory: only Linux keeps shared memory in a file system.
func smallSharedMemory() bool { return false }
