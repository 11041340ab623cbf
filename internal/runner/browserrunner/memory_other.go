//go:build unix && !linux

package browserrunner

// processes is not known here: memory is not watched.
func processes(int) []processMemory { return nil }
