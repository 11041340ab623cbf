package speed

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// ownCPU is the time that this process has used, all its threads together.
func ownCPU(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// stat is what /proc says of a process.
type stat struct {
	parent   int
	cpu      time.Duration // its own
	children time.Duration // of those that have ended
}

// clockTick is the unit of times in /proc, the same on every Linux.
const clockTick = 10 * time.Millisecond

func readStat(pid int) (stat, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	// The name, in parentheses, may hold anything.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	var n [4]time.Duration
	for i := range n {
		ticks, err := strconv.Atoi(f[11+i])
		if err != nil {
			return stat{}, err
		}
		n[i] = time.Duration(ticks) * clockTick
	}
	parent, err := strconv.Atoi(f[1])
	return stat{parent, n[0] + n[1], n[2] + n[3]}, err
}

// familyCPU is what a process and its children have used, those that have
// ended included.
func familyCPU(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	s, err := readStat(pid)
	if err != nil {
		tb.Fatal(err)
	}
	sum := s.cpu + s.children
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		tb.Fatal(err)
	}
	for _, dir := range all {
		child, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if c, err := readStat(child); err == nil && c.parent == pid {
			sum += c.cpu
		}
	}
	return sum
}

// postmaster is the process id of the server of a database.
func postmaster(tb testing.TB, url string) int {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(tb.Context())
	var backend int
	if err := conn.QueryRow(tb.Context(), `SELECT pg_backend_pid()`).Scan(&backend); err != nil {
		tb.Fatal(err)
	}
	s, err := readStat(backend)
	if err != nil {
		tb.Fatalf("the database is not on this machine: %v", err)
	}
	return s.parent
}

// rounds are what repeated measurements gave.
type rounds []float64

func (r rounds) median() float64 {
	s := slices.Sorted(slices.Values(r))
	return s[len(s)/2]
}

func (r rounds) String() string {
	return fmt.Sprintf("%.0f (%.0f to %.0f)", r.median(), slices.Min(r), slices.Max(r))
}
