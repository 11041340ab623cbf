package daemon_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
)

// behaviour is the environment variable by which the test binary becomes a
// daemon.
const behaviour = "PROBEFLEET_TEST_DAEMON"

func TestMain(m *testing.M) {
	how := os.Getenv(behaviour)
	if how == "" {
		os.Exit(m.Run())
	}
	daemon.Main(func(ctx context.Context, p daemon.Process) error {
		fmt.Fprintln(p.Stdout, "running")
		<-ctx.Done()
		fmt.Fprintln(p.Stdout, "draining")
		switch how {
		case "listening":
			<-p.Hurry
			fmt.Fprintln(p.Stdout, "hurried")
		case "deaf":
			<-time.After(time.Hour)
		}
		return nil
	})
}

func TestSignals(t *testing.T) {
	for name, c := range map[string]struct {
		how     string
		signals int
		code    int
		last    string
		// ends is what it says in the end of why it ends so.
		ends string
	}{
		"one ends in peace":                {"quick", 1, 0, "draining", ""},
		"a second cuts the drain short":    {"listening", 2, 130, "hurried", ""},
		"a third ends at once":             {"deaf", 3, 130, "draining", "third signal: ending at once"},
		"a deaf daemon ends after seconds": {"deaf", 2, 130, "draining", "the stop takes longer than 5s: ending at once"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), behaviour+"="+c.how)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			complaints, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			lines, said := bufio.NewScanner(out), bufio.NewScanner(complaints)
			lines.Scan()
			last := lines.Text()
			for n := range c.signals {
				if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				// Signals that come together are one: wait for the effect.
				switch n {
				case 0:
					lines.Scan()
					last = lines.Text()
				case 1:
					said.Scan()
				}
			}
			rest, _ := io.ReadAll(complaints)
			for lines.Scan() {
				last = lines.Text()
			}
			err = cmd.Wait()
			code := 0
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
				code = exit.ExitCode()
			}
			why, _, _ := strings.Cut(string(rest), ";")
			if code != c.code || last != c.last || why != c.ends {
				t.Errorf("exit code %d, last line %q, %q; want %d, %q, %q", code, last, rest, c.code, c.last, c.ends)
			}
		})
	}
}
