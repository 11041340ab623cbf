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
// from then on; health the same of the unit of the workers; "-" is no answer.
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
	// The worker's image is there already, the control image is not.
	program("docker", `case "$*" in
"image inspect worker@sha256:0") ;;
"image inspect"*) exit 1 ;;
*) echo "docker $1 ${!#}" >>"$dir/calls" ;;
esac`)
	program("systemctl", `case $1 in
is-active) [[ $(next health) == active ]] ;;
*) echo "systemctl $*" >>"$dir/calls" ;;
esac`)
	program("install.sh", `echo "install.sh $*" >>"$dir/calls"; head -n 1 "$dir/health" | grep -q active`)
	program("aws", `case $2 in
get-login-password) echo "aws $2 $4" >>"$dir/calls" ;;
*) echo "aws $2 $8 ${12}" >>"$dir/calls" ;;
esac`)
	program("sleep", `echo sleep >>"$dir/calls"`)
	cmd := exec.CommandContext(t.Context(), "bash", "files/probefleet-lifecycle", command)
	cmd.Env = []string{
		"PATH=" + dir + ":/usr/bin:/bin", "PROBEFLEET_GROUP=group", "PROBEFLEET_REGION=eu-west-3", "PROBEFLEET_INSTALL=" + dir + "/install.sh",
		"PROBEFLEET_CONTROL_IMAGE=" + control, "PROBEFLEET_IMAGE=worker@sha256:0", "PROBEFLEET_LAUNCH_HOOK=ready", "PROBEFLEET_TERMINATE_HOOK=drained", "PROBEFLEET_LOOKS=3",
	}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	text, readErr := os.ReadFile(filepath.Join(dir, "calls"))
	if readErr != nil && !errors.Is(readErr, os.ErrNotExist) {
		t.Fatal(readErr)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n"), err
}

const (
	registry = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
	control  = registry + "/probefleet/control@sha256:0"
)

func TestReadyBeforeInService(t *testing.T) {
	calls, err := instance(t, "up", "InService", "failed activating active")
	want := []string{
		"aws get-login-password eu-central-1", "docker login " + registry, "docker pull " + control,
		"install.sh " + control + " worker@sha256:0",
		"sleep", "sleep", "aws complete-lifecycle-action ready CONTINUE",
	}
	slices.Sort(calls[:2]) // the two ends of a pipe
	if err != nil || !slices.Equal(calls, want) {
		t.Errorf("%v, called\n%q\nwant\n%q", err, calls, want)
	}
}

func TestNeverReady(t *testing.T) {
	calls, err := instance(t, "up", "InService", "failed")
	if err == nil || calls[len(calls)-1] != "aws complete-lifecycle-action ready ABANDON" {
		t.Errorf("%v, called %q", err, calls)
	}
}

// The group is told to go on when the workers have stopped, and not before;
// metadata that do not answer stop nobody.
func TestDrainedBeforeGone(t *testing.T) {
	calls, err := instance(t, "watch", "InService - InService Terminated", "active")
	want := []string{
		"sleep", "sleep", "sleep", "systemctl stop probefleet-workers.service", "aws complete-lifecycle-action drained CONTINUE",
	}
	if err != nil || !slices.Equal(calls, want) {
		t.Errorf("%v, called\n%q\nwant\n%q", err, calls, want)
	}
}
