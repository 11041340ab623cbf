// Package instance holds what a host with worker containers is given.
package instance

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/pipelinefile"
)

// TestFile: the file of an instance is one, and gives workers no more than they
// need.
func TestFile(t *testing.T) {
	data, err := os.ReadFile("instance.json")
	if err != nil {
		t.Fatal(err)
	}
	k, faults := pipelinefile.ParseInstance("instance.json", data)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if k.Count != 5 || !k.ReadOnly || k.Pids != 512 || k.ShmSize != 256 || k.Memory == 0 || k.Seccomp != "/etc/probefleet/seccomp.json" || k.EnvFile != "/etc/probefleet/worker.env" {
		t.Errorf("%+v", k)
	}
	// The engine has to wait longer than the worker takes.
	env, err := os.ReadFile("worker.env")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(strings.Split(string(env), "\n"), "PROBEFLEET_DRAIN=90s") || time.Duration(k.Drain) != 2*time.Minute {
		t.Errorf("the worker's drain and the engine's (%s) do not fit", time.Duration(k.Drain))
	}
}

// TestUnit has systemd judge the unit, in a root of its own; what is wrong in a
// unit systemd only mentions, so that nothing may be said.
func TestUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	unit, err := os.ReadFile("probefleet-workers.service")
	if err != nil {
		t.Fatal(err)
	}
	if out := judged(t, string(unit)); out != "" {
		t.Errorf("systemd says:\n%s", out)
	}
	if out := judged(t, strings.Replace(string(unit), "RestartSec=", "RestartSecs=", 1)); !strings.Contains(out, "Unknown key") {
		t.Errorf("a fault is not found: %q", out)
	}
	for _, line := range strings.Split(string(unit), "\n") {
		command, ok := strings.CutPrefix(line, "Exec")
		if _, words, _ := strings.Cut(command, "="); ok && !slices.Contains([]string{"/usr/local/bin/deployer instance up", "/usr/local/bin/deployer instance down"}, words) {
			t.Errorf("the unit runs %q", words)
		}
	}
}

// judged is what systemd says of a unit.
func judged(t *testing.T, unit string) string {
	t.Helper()
	root := t.TempDir()
	put := func(path, text string, mode os.FileMode) {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	put("usr/local/bin/deployer", "#!/bin/sh\n", 0o755)
	for _, target := range []string{"sysinit", "basic", "shutdown", "multi-user", "network-online"} {
		put("etc/systemd/system/"+target+".target", "[Unit]\nDescription=for this test\n", 0o644)
	}
	for _, slice := range []string{"system", "-"} {
		put("etc/systemd/system/"+slice+".slice", "[Unit]\nDescription=for this test\n", 0o644)
	}
	put("etc/systemd/system/docker.service", "[Service]\nExecStart=/usr/local/bin/deployer\n", 0o644)
	put("etc/systemd/system/probefleet-workers.service", unit, 0o644)
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", "--root="+root, filepath.Join(root, "etc/systemd/system/probefleet-workers.service")).CombinedOutput()
	if err != nil {
		return string(out) + err.Error()
	}
	return string(out)
}
