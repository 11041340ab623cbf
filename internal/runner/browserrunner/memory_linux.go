package browserrunner

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// processes are the process root and all below it, with what each takes of
// memory that it shares with nobody. Those that end meanwhile are left out.
func processes(root int) (all []processMemory) {
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		pid := queue[0]
		m, ok := memoryOf(pid)
		if !ok {
			continue
		}
		all = append(all, m)
		// See proc(5); a child belongs to the thread that made it.
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		for _, list := range lists {
			data, err := os.ReadFile(list) //nolint:gosec // of proc(5)
			if err != nil {
				continue
			}
			for _, child := range strings.Fields(string(data)) {
				if n, err := strconv.Atoi(child); err == nil {
					queue = append(queue, n)
				}
			}
		}
	}
	return all
}

func memoryOf(pid int) (processMemory, bool) {
	m := processMemory{pid: pid}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, false
	}
	for line := range bytes.Lines(status) {
		name, rest, _ := bytes.Cut(line, []byte(":"))
		switch string(name) {
		case "RssAnon", "RssShmem", "VmSwap":
			if f := bytes.Fields(rest); len(f) > 0 {
				kib, _ := strconv.ParseInt(string(f[0]), 10, 64)
				m.bytes += kib << 10
			}
		}
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	m.renderer = bytes.Contains(line, []byte("--type=renderer"))
	return m, err == nil
}
