// Package location_test holds the script of an instance to what it is for: it
// is in service when its workers are ready, and gone when they have drained.
package location_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// instance runs the script with programs that note how they are called. states
// are what the metadata say of the target state, look by look, the last one
// from then on; health the same of every container; "-" is no answer.
func instance(t *testing.T, command, states, health string) (calls []string, err error) {
	t.Helper()
	dir := t.TempDir()
	program := func(name, body string) {
		t.Helper()
		text := "#!/bin/bash\ndir=" + dir + "\n" + `
next() { # FILE: its next line, the last one for ever
  local line; line=$(head -n 1 "$dir/$1")
  if (($(wc -l <"$dir/$1") > 1)); then sed -i 1d "$dir/$1"; fi
  [[ $line != - ]] && echo "$line"
}
` + body
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for file, lines := range map[string]string{"states": states, "health": health} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(strings.ReplaceAll(lines, " ", "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program("curl", `case "$*" in
*api/token*) echo token ;;
*target-lifecycle-state*) next states || exit 22 ;;
*instance-id*) echo i-1 ;;
*) exit 22 ;;
esac`)
	program("docker", `case $1 in
inspect) next health ;;
*) echo "docker $1" >>"$dir/calls" ;;
esac`)
	program("systemctl", `echo "systemctl $*" >>"$dir/calls"`)
	program("aws", `echo "aws $2 $8 ${12}" >>"$dir/calls"`)
	program("sleep", `echo sleep >>"$dir/calls"`)
	cmd := exec.CommandContext(t.Context(), "bash", "files/probefleet-instance", command)
	cmd.Env = []string{
		"PATH=" + dir + ":/usr/bin:/bin", "PROBEFLEET_UNITS=2", "PROBEFLEET_GROUP=group", "PROBEFLEET_REGION=eu-west-3",
		"PROBEFLEET_IMAGE=image@sha256:0", "PROBEFLEET_LOG_IN=", "PROBEFLEET_LAUNCH_HOOK=ready", "PROBEFLEET_TERMINATE_HOOK=drained", "PROBEFLEET_LOOKS=3",
	}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	text, readErr := os.ReadFile(filepath.Join(dir, "calls"))
	if readErr != nil && !errors.Is(readErr, os.ErrNotExist) {
		t.Fatal(readErr)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n"), err
}

const units = "probefleet-worker@1.service probefleet-worker@2.service"

func TestReadyBeforeInService(t *testing.T) {
	calls, err := instance(t, "up", "InService", "starting healthy starting healthy healthy")
	want := []string{
		"docker pull", "systemctl enable --now " + units,
		"sleep", "sleep", "aws complete-lifecycle-action ready CONTINUE",
	}
	if err != nil || !slices.Equal(calls, want) {
		t.Errorf("%v, called\n%q\nwant\n%q", err, calls, want)
	}
}

func TestNeverReady(t *testing.T) {
	calls, err := instance(t, "up", "InService", "unhealthy")
	if err == nil || calls[len(calls)-1] != "aws complete-lifecycle-action ready ABANDON" {
		t.Errorf("%v, called %q", err, calls)
	}
}

// The group is told to go on when the workers have stopped, and not before;
// metadata that do not answer stop nobody.
func TestDrainedBeforeGone(t *testing.T) {
	calls, err := instance(t, "watch", "InService - InService Terminated", "healthy")
	want := []string{
		"sleep", "sleep", "sleep", "systemctl stop " + units, "aws complete-lifecycle-action drained CONTINUE",
	}
	if err != nil || !slices.Equal(calls, want) {
		t.Errorf("%v, called\n%q\nwant\n%q", err, calls, want)
	}
}
