package browserrunner

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// walkEvery is the number of looks of which one walks through every thread.
const walkEvery = 10

// census follows the processes of a browser from look to look.
type census struct {
	root  int
	looks int
	known map[int]bool // by their number: whether it is a renderer
}

func newCensus(root int) *census { return &census{root: root, known: make(map[int]bool)} }

// look is processes of the browser at a fraction of the cost: between walks
// new ones are looked for where renderers come from, below the first threads
// of those that are no renderers.
func (c *census) look() (all []processMemory) {
	c.looks++
	if c.looks%walkEvery == 1 {
		clear(c.known)
		all = processes(c.root)
		for _, m := range all {
			c.known[m.pid] = m.renderer
		}
		return all
	}
	for _, pid := range slices.Collect(maps.Keys(c.known)) {
		renderer := c.known[pid]
		m, ok := processMemory{pid: pid, renderer: renderer}, false
		if m.bytes, ok = memoryOf(pid); !ok {
			delete(c.known, pid)
			continue
		}
		all = append(all, m)
		if renderer {
			continue
		}
		for _, child := range childrenOf(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)) {
			if _, had := c.known[child]; had {
				continue
			}
			for _, m := range processes(child) {
				c.known[m.pid] = m.renderer
				all = append(all, m)
			}
		}
	}
	return all
}

// processes are the process root and all below it, with what each takes of
// memory that it shares with nobody. Those that end meanwhile are left out.
func processes(root int) (all []processMemory) {
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		pid := queue[0]
		m, ok := processMemory{pid: pid}, false
		if m.bytes, ok = memoryOf(pid); !ok {
			continue
		}
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			continue
		}
		m.renderer = bytes.Contains(line, []byte("--type=renderer"))
		all = append(all, m)
		// See proc(5); a child belongs to the thread that made it.
		threads := fmt.Sprintf("/proc/%d/task", pid)
		for _, thread := range namesIn(threads) {
			queue = append(queue, childrenOf(filepath.Join(threads, thread, "children"))...)
		}
	}
	return all
}

// namesIn lists a directory; one that is gone is empty.
func namesIn(dir string) []string {
	d, err := os.Open(dir) //nolint:gosec // of proc(5)
	if err != nil {
		return nil
	}
	defer d.Close() //nolint:errcheck // it was only read
	names, _ := d.Readdirnames(-1)
	return names
}

// childrenOf reads a list of processes; one that is gone is empty.
func childrenOf(list string) (pids []int) {
	data, err := os.ReadFile(list) //nolint:gosec // of proc(5)
	if err != nil {
		return nil
	}
	for _, child := range strings.Fields(string(data)) {
		if n, err := strconv.Atoi(child); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}

// memoryOf is what a process takes that it shares with nobody, in bytes, and
// whether it is there.
func memoryOf(pid int) (total int64, ok bool) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(status) {
		name, rest, _ := bytes.Cut(line, []byte(":"))
		switch string(name) {
		case "RssAnon", "RssShmem", "VmSwap":
			if f := bytes.Fields(rest); len(f) > 0 {
				kib, _ := strconv.ParseInt(string(f[0]), 10, 64)
				total += kib << 10
			}
		}
	}
	return total, true
}
