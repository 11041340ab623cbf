package vitals

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// diskFree is what ordinary accounts may still write to the file system of
// folder, or of the nearest folder above it that exists.
func diskFree(folder string) (bytes, inodes uint64, err error) {
	var st syscall.Statfs_t
	for {
		err = syscall.Statfs(folder, &st)
		up := filepath.Dir(folder)
		if !errors.Is(err, fs.ErrNotExist) || up == folder {
			break
		}
		folder = up
	}
	if err != nil {
		return 0, 0, fmt.Errorf("reading the free space of %s: %w", folder, err)
	}
	inodes = st.Ffree
	if st.Files == 0 { // a file system without a fixed number
		inodes = unlimited
	}
	return st.Bavail * uint64(st.Bsize), inodes, nil
}

// memoryFree is what this process may still take: the lesser of the machine's
// MemAvailable and what the control groups above it leave.
func memoryFree() (uint64, error) { return memoryFreeIn(os.DirFS("/")) }

// memoryFreeIn reads the files of proc and sys in root.
func memoryFreeIn(root fs.FS) (uint64, error) {
	data, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0, err
	}
	kib, ok := field(string(data), "MemAvailable:")
	if !ok {
		return 0, errors.New("/proc/meminfo has no MemAvailable")
	}
	left := kib << 10
	data, err = fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return left, nil //nolint:nilerr // a system without control groups
	}
	for line := range strings.Lines(string(data)) {
		group, v2 := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !v2 {
			continue
		}
		// A limit of any group above holds too.
		for at := path.Clean("/" + group); ; at = path.Dir(at) {
			left = min(left, groupFree(root, path.Join("sys/fs/cgroup", at)))
			if at == "/" {
				break
			}
		}
	}
	return left, nil
}

// groupFree is what the limit of a control group leaves. Pages of files that
// nobody uses are given back before anybody is killed.
func groupFree(root fs.FS, dir string) uint64 {
	limit, ok := number(root, path.Join(dir, "memory.max"))
	used, known := number(root, path.Join(dir, "memory.current"))
	if !ok || !known {
		return unlimited
	}
	if stat, err := fs.ReadFile(root, path.Join(dir, "memory.stat")); err == nil {
		idle, _ := field(string(stat), "inactive_file")
		used -= min(used, idle)
	}
	return limit - min(limit, used)
}

// number reads a file that holds one number; "max" is none.
func number(root fs.FS, name string) (uint64, bool) {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	return n, err == nil
}

// field is the number after a name at the start of a line.
func field(text, name string) (uint64, bool) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) >= 2 && words[0] == name {
			n, err := strconv.ParseUint(words[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
