package execdriver

import (
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/command"
	"github.com/probefleet/probefleet/internal/driver"
)

func sh(script string) []string { return []string{"sh", "-c", script} }

func stage(c Commands) *Driver {
	return New(command.Runner{Timeout: time.Minute}, c, "shop", "staging")
}

const whole = "0123456789abcdef0123456789abcdef01234567"

func TestRunning(t *testing.T) {
	for script, want := range map[string]driver.Running{
		"echo " + whole: {Commit: whole},
		"true":          {},
		`echo '{"commit":"` + whole + `","since":"2026-11-24T10:00:00Z","mixed":true,"detail":"2 of 3"}'`: {
			Commit: whole, Since: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC), Mixed: true, Detail: "2 of 3",
		},
	} {
		if got, err := stage(Commands{Running: sh(script)}).Running(t.Context()); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", script, got, err, want)
		}
	}
	for script, words := range map[string]string{
		"echo 0123456":                  "print the whole id",
		"echo latest":                   "print the whole id",
		"echo 0123456; exit 1":          "ended with 1",
		`echo '{"comit":"0123456"}'`:    "not understood",
		`echo '{"commit":"--version"}'`: "which is none",
		"echo oh no >&2; exit 3":        "ended with 3: oh no",
	} {
		if got, err := stage(Commands{Running: sh(script)}).Running(t.Context()); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %+v, %v; want %q", script, got, err, words)
		}
	}
}

func TestReady(t *testing.T) {
	for script, want := range map[string]driver.State{"exit 0": driver.Ready, "exit 75": driver.Pending, "exit 1": driver.Failed, "exit 2": driver.Failed} {
		if got, err := stage(Commands{Ready: sh(script)}).Ready(t.Context(), driver.Release{Commit: "0123456"}); err != nil || got.State != want {
			t.Errorf("%s: %+v, %v; want %s", script, got, err, want)
		}
	}
}

func TestCommandsLearnWhatIsAsked(t *testing.T) {
	r := driver.Release{Commit: "0123456", Image: "shop:1"}
	check := `[ "$0 $1 $2 $3 $DEPLOYER_COMMIT" = "shop staging 0123456 shop:1 0123456" ]`
	argv := append(sh(check), "{service}", "{stage}", "{commit}", "{image}")
	if err := stage(Commands{Deploy: argv}).Deploy(t.Context(), r); err != nil {
		t.Error(err)
	}
	if err := stage(Commands{Deploy: argv}).Rollback(t.Context(), r); err != nil {
		t.Error("without a command of its own a rollback is a deploy:", err)
	}
	if err := stage(Commands{Deploy: argv, Rollback: sh("echo no way back; exit 1")}).Rollback(t.Context(), r); err == nil || !strings.Contains(err.Error(), "no way back") {
		t.Error(err)
	}
}
