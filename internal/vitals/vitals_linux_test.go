package vitals

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A real file system gets full and has room again.
func TestDiskFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root; TestFloors covers the rule")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m,nr_inodes=64"); err != nil {
		t.Skipf("this system does not let a small file system be mounted: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	synctest.Test(t, func(t *testing.T) {
		v := New(Options{Folders: []string{filepath.Join(dir, "not", "made", "yet")}, MinDisk: 1 << 20, MinInodes: 10, MinMemory: 1})
		if err := v.Check(); err != nil {
			t.Fatalf("with room: %v", err)
		}
		big := filepath.Join(dir, "big")
		if err := os.WriteFile(big, make([]byte, 7<<19), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := v.Check(); err != nil {
			t.Errorf("a reading holds for a second: %v", err)
		}
		<-time.After(again)
		if err := v.Check(); err == nil || !strings.Contains(err.Error(), "is full") || !strings.Contains(err.Error(), dir) {
			t.Errorf("on a full disk: %v", err)
		}
		if err := os.Remove(big); err != nil {
			t.Fatal(err)
		}
		<-time.After(again)
		if err := v.Check(); err != nil {
			t.Errorf("with room again: %v", err)
		}
		for i := range 55 {
			if err := os.WriteFile(filepath.Join(dir, string(rune('A'+i))), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(again)
		if err := v.Check(); err == nil || !strings.Contains(err.Error(), "more files") {
			t.Errorf("without inodes: %v", err)
		}
	})
}

// What is below its floor is well again only a good way above it.
func TestFloors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := New(Options{Folders: []string{"/f"}, MinDisk: 100 << 20, MinInodes: 10, MinMemory: 100 << 20})
		disk, inodes, memory := uint64(1<<30), uint64(unlimited), uint64(1<<30)
		v.disk = func(string) (uint64, uint64, error) { return disk, inodes, nil }
		v.memory = func() (uint64, error) { return memory, nil }
		for _, step := range []struct {
			disk, inodes, memory uint64
			want                 string
		}{
			{1 << 30, unlimited, 1 << 30, ""},
			{100 << 20, 10, 100 << 20, ""},
			{100<<20 - 1, 10, 100 << 20, "full"},
			{110 << 20, 10, 100 << 20, "full"},
			{125 << 20, 10, 100 << 20, ""},
			{1 << 30, 9, 1 << 30, "more files"},
			{1 << 30, 1000, 1 << 20, "memory is exhausted: 1 MiB are left, 100 are needed"},
			{1 << 30, 1000, 1 << 30, ""},
		} {
			disk, inodes, memory = step.disk, step.inodes, step.memory
			<-time.After(again)
			err := v.Check()
			if (err == nil) != (step.want == "") || err != nil && !strings.Contains(err.Error(), step.want) {
				t.Errorf("%+v: %v", step, err)
			}
		}
	})
}

// The least of the machine's memory and of the limits of every control group
// above this process counts.
func TestMemoryFree(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want uint64) {
		t.Helper()
		if got, err := memoryFreeIn(os.DirFS(root)); err != nil || got != want {
			t.Errorf("%d bytes (%v), want %d", got, err, want)
		}
	}
	write("proc/meminfo", "MemTotal:       4000 kB\nMemAvailable:   2000 kB\n")
	expect(2000 << 10)
	write("proc/self/cgroup", "0::/a/b\n")
	expect(2000 << 10)
	write("sys/fs/cgroup/a/b/memory.max", "max\n")
	write("sys/fs/cgroup/a/b/memory.current", "5\n")
	expect(2000 << 10)
	write("sys/fs/cgroup/a/memory.max", "1000000\n")
	write("sys/fs/cgroup/a/memory.current", "900000\n")
	expect(100000)
	write("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 300000\n")
	expect(400000)
	write("sys/fs/cgroup/a/b/memory.max", "10\n")
	expect(5)
	if n, err := memoryFree(); err != nil || n == 0 {
		t.Errorf("this machine has %d bytes left (%v)", n, err)
	}
}
