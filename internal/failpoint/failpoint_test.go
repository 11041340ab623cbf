package failpoint_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every name is hit somewhere in the code, and stands in the list that the
// bars go through; the code hits nothing else.
func TestNamesAndList(t *testing.T) {
	source, err := os.ReadFile("failpoint.go")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^\s(\w+)\s+Name = "`).FindAllSubmatch(source, -1) {
		names[string(m[1])] = 0
		if !strings.Contains(string(source), "{"+string(m[1])+", []string{") {
			t.Errorf("%s is not in Points", m[1])
		}
	}
	if len(names) < 10 {
		t.Fatalf("only %d names found in failpoint.go", len(names))
	}
	hit := regexp.MustCompile(`failpoint\.Hit\(([^)]*)\)`)
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		code, err := os.ReadFile(path)
		for _, m := range hit.FindAllSubmatch(code, -1) {
			name, ours := strings.CutPrefix(string(m[1]), "failpoint.")
			if _, ok := names[name]; !ours || !ok {
				t.Errorf("%s hits %s, which is no name of this package", path, m[1])
			}
			names[name]++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range names {
		if n != 1 {
			t.Errorf("%s is hit at %d places, want 1", name, n)
		}
	}
}

// The tag alone decides: a program of the shipped kind ignores the variable,
// one with the tag dies at the named hit and refuses names that do not exist.
func TestTagDecides(t *testing.T) {
	dir := t.TempDir()
	program := `package main

import (
	"fmt"

	"github.com/probefleet/probefleet/internal/failpoint"
)

func main() {
	for i := range 3 {
		failpoint.Hit(failpoint.WorkerRunBefore)
		fmt.Print(i)
	}
}
`
	// Packages of ours are visible from within the module only.
	inside, err := os.MkdirTemp(".", "testmain-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(inside) })
	main := filepath.Join(inside, "main.go")
	if err := os.WriteFile(main, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ tag, value, out, end string }{
		{"", "worker.run.before=kill", "012", ""},
		{"failpoint", "", "012", ""},
		{"failpoint", "worker.run.before=kill", "", "killed"},
		{"failpoint", "worker.run.before=kill:3", "01", "killed"},
		{"failpoint", "worker.run.before=pause:1ms", "012", ""},
		{"failpoint", "worker.run.before=explode", "", "exit status 2"},
		{"failpoint", "worker.nothing=kill", "", "exit status 2"},
	} {
		bin := filepath.Join(dir, "bin"+c.tag)
		if _, err := os.Stat(bin); err != nil {
			if out, err := exec.Command("go", "build", "-tags", c.tag, "-o", bin, main).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		cmd := exec.Command(bin)
		cmd.Env = append(os.Environ(), "PROBEFLEET_FAILPOINT="+c.value)
		out, err := cmd.Output()
		end := ""
		if err != nil {
			end = err.Error()
		}
		if string(out) != c.out || !strings.Contains(end, c.end) || (end == "") != (c.end == "") {
			t.Errorf("tag %q, %s: printed %q and ended with %q, want %q and %q", c.tag, c.value, out, end, c.out, c.end)
		}
	}
}
