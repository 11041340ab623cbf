package deployercmd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/pipelinefile"
)

// TestInstanceSaysWhatIsWrong: each fault is told before the engine is asked
// anything.
func TestInstanceSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good.json", `{"count": 5, "socket": "unix:///nowhere/engine.sock"}`)
	env := file("worker.env", "KEY=topsecretvalue\nno variable\nQUOTED=\"x\"\n")
	for _, row := range []struct {
		args  []string
		want  string
		usage bool
	}{
		{[]string{"-file", good, "-image", "worker:1"}, "say up, status or down", true},
		{[]string{"-file", good, "-image", "worker:1", "upp"}, "say up, status or down", true},
		{[]string{"-file", good, "up"}, "set PROBEFLEET_IMAGE or -image", true},
		{[]string{"-file", dir + "/none.json", "status"}, "name it by -file", false},
		{[]string{"-file", file("bad.json", `{"count": 0}`), "status"}, "bad.json:1:11: count: 0; say how many", false},
		{[]string{"-file", file("env.json", `{"count": 1, "env_file": "`+env+`"}`), "status"}, "worker.env:2: write NAME=value\n" + env + ":3: the value of QUOTED begins with a quote", false},
		{[]string{"-file", file("gone.json", `{"count": 1, "env_file": "/nowhere/worker.env"}`), "status"}, "reading the variables of the containers", false},
		{[]string{"-file", good, "status"}, "listing containers", false},
		{[]string{"-file", good, "-image", "worker:1", "up"}, "nothing was changed", false},
	} {
		_, _, err := say(append([]string{"instance"}, row.args...)...)
		var usage *daemon.UsageError
		if err == nil || !strings.Contains(err.Error(), row.want) || errors.As(err, &usage) != row.usage {
			t.Errorf("%v: %v\nwant %s", row.args, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), "topsecretvalue") {
			t.Errorf("%v shows a value: %v", row.args, err)
		}
	}
}

// TestOneDeployerAtATime: while another one is at work on the host, nothing is
// begun; once that has ended, however it did, nothing is in the way.
func TestOneDeployerAtATime(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "instance.json")
	if err := os.WriteFile(file, []byte(`{"count": 5, "socket": "unix:///nowhere/engine.sock"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"up", "down"} {
		if _, _, err := say("instance", "-file", file, "-image", "worker:1", what); err == nil || !strings.Contains(err.Error(), "another deployer is at work") {
			t.Errorf("%s beside another deployer: %v", what, err)
		}
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := say("instance", "-file", file, "-image", "worker:1", "up"); err == nil || strings.Contains(err.Error(), "another deployer") {
		t.Errorf("after the other one: %v", err)
	}
}

// TestVariablesOfContainers: what is nearer wins, and values that may be
// secrets are hidden, but not the words that name our images too.
func TestVariablesOfContainers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "worker.env")
	if err := os.WriteFile(path, []byte("# ours\n\nA=file\nB=file=with=more\n C=file \nD=\nPROBEFLEET_QUEUE_PREFIX=probefleet\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var hidden []string
	s, err := containers(&pipelinefile.Docker{EnvFile: path, Env: map[string]string{"A": "env"}, EnvFrom: []string{"C"}},
		func(name string) string { return "own " + name }, func(values ...string) { hidden = append(hidden, values...) })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"A=env", "B=file=with=more", "C=own C", "D=", "PROBEFLEET_QUEUE_PREFIX=probefleet"}, s.Env); diff != "" {
		t.Error(diff)
	}
	if all := strings.Join(hidden, "|"); !strings.Contains(all, "file=with=more") || !strings.Contains(all, "own C") || strings.Contains(all, "probefleet") {
		t.Errorf("hidden: %s", all)
	}
}
