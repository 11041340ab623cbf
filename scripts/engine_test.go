// Package scripts holds what the shell scripts beside it do.
package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestCompose: beside an engine that answers, a compose command is found,
// installed, or said to be missing, in one line; the command runs in any case.
func TestCompose(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the script installs on Linux alone")
	}
	const (
		engine  = `[ "$1" = compose ] && exit 1; echo 20.10`
		apt     = `echo "$*" >>"$HOME/asked"; case "$*" in *docker-compose*) printf '#!/bin/sh\n' >"$HOME/docker-compose"; chmod +x "$HOME/docker-compose";; esac`
		missing = "engine: no compose command, so the test of deploy/compose does not run: "
	)
	for name, row := range map[string]struct {
		programs  map[string]string
		install   bool
		asked     string // what apt-get was asked for
		said      string
		installed bool
	}{
		"a plugin":              {programs: map[string]string{"docker": "echo 28.2", "apt-get": apt}, install: true},
		"a program":             {programs: map[string]string{"docker": engine, "docker-compose": "", "apt-get": apt}, install: true},
		"installed":             {programs: map[string]string{"docker": engine, "apt-get": apt}, install: true, asked: "install -y -qq --no-install-recommends docker-compose\n", said: "engine: installing docker-compose (apt-get)\n", installed: true},
		"nobody asks for it":    {programs: map[string]string{"docker": engine, "apt-get": apt}, said: missing + "none is installed (apt-get install docker-compose)\n"},
		"apt-get cannot":        {programs: map[string]string{"docker": engine, "apt-get": "exit 100"}, install: true, said: "engine: installing docker-compose (apt-get)\n" + missing + "apt-get could not install docker-compose\n"},
		"not Debian":            {programs: map[string]string{"docker": engine}, install: true, said: missing + "none is installed; it comes with Docker\n"},
		"whoever is not root":   {programs: map[string]string{"docker": engine, "apt-get": apt, "id": "echo 1000"}, install: true, said: missing + "none is installed, and only root can install one\n"},
		"apt-get says it could": {programs: map[string]string{"docker": engine, "apt-get": "exit 0"}, install: true, said: "engine: installing docker-compose (apt-get)\n" + missing + "apt-get could not install docker-compose\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put := func(name, text string) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			put("id", "echo 0")
			for name, text := range row.programs {
				put(name, text)
			}
			for _, name := range []string{"sh", "timeout", "chmod"} {
				path, err := exec.LookPath(name)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			args := []string{"engine.sh", "sh", "-c", "echo ran; exit 7"}
			if row.install {
				args = append(args[:1], append([]string{"-install"}, args[1:]...)...)
			}
			var out, said strings.Builder
			c := exec.Command("/bin/sh", args...)
			c.Env, c.Stdout, c.Stderr = []string{"PATH=" + dir, "HOME=" + dir}, &out, &said
			if err := c.Run(); c.ProcessState.ExitCode() != 7 || out.String() != "ran\n" {
				t.Errorf("the command did not run: %v, %q", err, &out)
			}
			if said.String() != row.said {
				t.Errorf("said %q, want %q", &said, row.said)
			}
			asked, _ := os.ReadFile(filepath.Join(dir, "asked")) // none where nothing was asked
			if _, last, _ := strings.Cut(string(asked), "update -qq\n"); last != row.asked {
				t.Errorf("apt-get was asked for %q, want %q", asked, row.asked)
			}
			if _, err := os.Stat(filepath.Join(dir, "docker-compose")); row.installed && err != nil {
				t.Error(err)
			}
		})
	}
}
