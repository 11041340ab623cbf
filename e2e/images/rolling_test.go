package images

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ory/dockertest/v3/docker"

	"github.com/probefleet/probefleet/internal/check"
)

const places = 5

// releases builds images that differ in their release: the worker of the
// release before, from the history, the one of this tree twice, and one that
// crashes at start, from the third container on.
func releases(t *testing.T) (before, now, next, broken string) {
	t.Helper()
	list, err := os.ReadFile("../releases.txt")
	if err != nil {
		t.Fatal(err)
	}
	commit := ""
	for line := range strings.Lines(string(list)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] != "#" {
			commit = fields[0]
		}
	}
	dir := t.TempDir()
	build := exec.Command("sh", "-ec", `mkdir source; git -C "$0" archive "$1" | tar -x -C source; cd source; go build -ldflags -s -o .. ./cmd/worker`, repository(t), commit)
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building release %s: %v (is the history of git whole?)\n%s", commit, err, out)
	}
	old, err := os.ReadFile(filepath.Join(dir, "worker"))
	if err != nil {
		t.Fatal(err)
	}
	// A health check that is asked more often than in production makes the test
	// shorter, and one that may take long makes it indifferent to a busy machine.
	// The release before had none: the one of this tree asks it.
	const often = "HEALTHCHECK --interval=2s --timeout=60s --start-period=3m --retries=20 CMD [\"worker\", \"health\"]\n"
	make := func(name, lines string, files map[string][]byte) string {
		name = "probefleet/test-worker:" + name
		if files == nil {
			files = map[string][]byte{}
		}
		files["Dockerfile"] = []byte("FROM " + stand.worker + "\n" + often + lines)
		if err := image(name, files); err != nil {
			t.Fatal(err)
		}
		return name
	}
	before = make("before", "COPY worker-before /usr/local/bin/\nENTRYPOINT [\"tini\", \"-g\", \"--\", \"worker-before\"]\n", map[string][]byte{"worker-before": old})
	return before, make("now", "LABEL release=now\n", nil), make("next", "LABEL release=next\n", nil),
		make("broken", "COPY worker-broken /usr/local/bin/\nENTRYPOINT [\"tini\", \"-g\", \"--\", \"worker-broken\"]\n", map[string][]byte{"worker-broken": []byte(crashes)})
}

// crashes starts two workers and then no more. The containers share a folder.
const crashes = `#!/bin/sh
set -e
started=$(ls ` + shared + ` | wc -l)
mktemp -p ` + shared + ` >/dev/null
if [ "$started" -ge 2 ]; then exit 9; fi
exec worker "$@"
`

const shared = "/shared"

func repository(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// watch follows the containers of a stage by the engine's own events. A
// container is ready from its first good health check until it is told to
// stop, or ends.
type watch struct {
	mu     sync.Mutex
	ready  map[string]bool
	worked map[string]bool // was ready at some time
	killed int             // of those that worked, how many were not let drain
	least  int             // since the last call of arm
	stops  chan struct{}   // one entry a container that is told to stop
	events chan *docker.APIEvents
}

func newWatch(t *testing.T, stage string) *watch {
	t.Helper()
	w := &watch{ready: map[string]bool{}, worked: map[string]bool{}, stops: make(chan struct{}, 1000), events: make(chan *docker.APIEvents, 1000)}
	if err := stand.pool.Client.AddEventListener(w.events); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stand.pool.Client.RemoveEventListener(w.events); err != nil {
			t.Error(err)
		}
	})
	go func() {
		for e := range w.events {
			if e.Type == "container" && e.Actor.Attributes["probefleet.deployer.stage"] == stage {
				w.saw(e.Action, e.Actor.ID, e.Actor.Attributes["signal"])
			}
		}
	}()
	return w
}

func (w *watch) saw(action, id, signal string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch action {
	case "health_status: healthy":
		w.ready[id], w.worked[id] = true, true
	case "kill":
		if signal == "9" && w.worked[id] {
			w.killed++
		}
		if w.ready[id] {
			w.stops <- struct{}{}
		}
		delete(w.ready, id)
	case "die", "health_status: unhealthy":
		delete(w.ready, id)
	}
	w.least = min(w.least, len(w.ready))
}

// arm begins to count anew; now is how many are ready.
func (w *watch) arm() (now int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.stops) > 0 {
		<-w.stops
	}
	w.least = len(w.ready)
	return w.least
}

// worst is how many were ready at the worst, and how many of those that worked
// were ended by SIGKILL.
func (w *watch) worst() (least, killed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.least, w.killed
}

// instance is what an instance has: the deployer's program, its file, and the
// file of variables.
type instance struct {
	t                    *testing.T
	program, file, stage string
}

func newInstance(f *fleet, stage string) *instance {
	f.t.Helper()
	dir := f.t.TempDir()
	env := write(f.t, dir, "worker.env", "# as an instance has it\n"+strings.Join(f.env[1:], "\n")+"\n") // no database
	profile, err := filepath.Abs("../../deploy/docker/seccomp.json")
	if err != nil {
		f.t.Fatal(err)
	}
	// For the account of the image.
	folder := f.t.TempDir()
	if err := os.Chmod(folder, 0o777); err != nil {
		f.t.Fatal(err)
	}
	file, err := json.Marshal(map[string]any{
		"count": places, "network": f.network.Network.Name, "env_file": env, "read_only": true, "tmpfs": []string{"/tmp:size=256m"},
		"binds": []string{folder + ":" + shared}, "shm_mb": 256, "pids": 512, "memory_mb": 512, "seccomp": profile, "ready": "5m", "drain": "60s",
		"command": []string{"-location", "local", "-allow-private", "-api-slots", "4", "-browser-slots", "0"},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	i := &instance{t: f.t, program: program(f.t, "deployer"), file: write(f.t, dir, "instance.json", string(file)), stage: stage}
	f.t.Cleanup(func() {
		if f.t.Failed() {
			for _, c := range i.containers() {
				f.t.Logf("output of %v (%s):\n%s", c.Names, c.Status, logs(c.ID))
			}
		}
		if out, err := i.command("down").CombinedOutput(); err != nil {
			f.t.Errorf("deployer instance down: %v\n%s", err, out)
		}
	})
	return i
}

func (i *instance) command(args ...string) *exec.Cmd {
	return exec.Command(i.program, append([]string{"instance", "-file", i.file, "-stage", i.stage}, args...)...)
}

func (i *instance) containers() []docker.APIContainers {
	list, err := stand.pool.Client.ListContainers(docker.ListContainersOptions{All: true, Filters: map[string][]string{"label": {"probefleet.deployer.stage=" + i.stage}}})
	if err != nil {
		i.t.Error(err)
	}
	return list
}

// up rolls an image out; where it fails, why says so.
func (i *instance) up(image string) (why string) {
	i.t.Helper()
	began := time.Now()
	out, err := i.command("-image", image, "up").CombinedOutput()
	i.t.Logf("%s after %s: %s", image, time.Since(began).Round(100*time.Millisecond), bytes.TrimSpace(out))
	if err != nil {
		return string(out)
	}
	return ""
}

// runs fails the test unless each place runs the image, and nothing else is
// left of other releases.
func (i *instance) runs(image string) {
	i.t.Helper()
	list := i.containers()
	for _, c := range list {
		if c.Image != image || c.State != "running" {
			i.t.Errorf("%v is %s (%s), want %s running", c.Names, c.Image, c.State, image)
		}
	}
	if len(list) != places {
		i.t.Errorf("%d containers, want %d", len(list), places)
	}
}

// TestRollingReplacement rolls releases through five workers that do 20 jobs a
// second: from the release before to this one; back from one that crashes when
// two of its containers have replaced others; and on to the next one, with the
// deployer killed in the middle and both message versions under way. No job is
// lost or stored twice, five are ready all the time, and each that goes is let
// drain. The last command again does nothing.
func TestRollingReplacement(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	before, now, next, broken := releases(t)
	stage := strings.ToLower(f.name("stage"))
	w := newWatch(t, stage)
	i := newInstance(f, stage)

	if why := i.up(before); why != "" {
		t.Fatal(why)
	}
	f.load(20)
	if n := w.arm(); n != places {
		t.Fatalf("%d are ready before anything is replaced", n)
	}
	if why := i.up(now); why != "" {
		t.Fatal(why)
	}
	i.runs(now)

	// The release before was last heard of a moment ago: let two minutes pass
	// in the registry. Then checks that need the newer version are sent.
	f.number(`WITH late AS (UPDATE workers SET seen_at = seen_at - interval '2 minutes' WHERE silent RETURNING 1) SELECT count(*) FROM late`)
	steps := check.Check{
		ID: "steps", Name: "steps", Every: 5 * time.Second, Timeout: 20 * time.Second, Locations: []string{"local"}, Active: true,
		Spec: &check.API{Steps: []check.APIStep{
			{ID: "first", Request: check.Request{Method: "GET", URL: f.target + "/", MaxBody: 1 << 10}},
			{ID: "second", Request: check.Request{Method: "GET", URL: f.target + "/", MaxBody: 1 << 10}},
		}},
	}
	f.checks = append(f.checks, steps)
	f.apply(steps)
	second := `SELECT count(*) FROM runs WHERE data_version = 2 AND outcome = 'passed'`
	eventually(t, 3*time.Minute, func() error {
		if f.number(second) == 0 {
			return fmt.Errorf("no result of a check that needs version 2")
		}
		return nil
	})

	why := i.up(broken)
	if !strings.Contains(why, "place 2: it did not become ready: it ended") {
		t.Errorf("a release of which two start and the third crashes: %q", why)
	}
	i.runs(now)

	i.killed(w, next)
	if why := i.up(next); why != "" {
		t.Fatal(why)
	}
	i.runs(next)
	i.again(next)
	least, killed := w.worst()
	if least < places || killed > 0 {
		t.Errorf("at the worst %d were ready, want %d; %d were killed and not drained", least, places, killed)
	}

	a := f.settle()
	t.Logf("jobs %d, lost %d, twice %d, missed %d, dead %d, runs: %s, of version 2 %d; at the worst %d ready",
		a.Accepted, len(a.Lost), len(a.Twice), len(a.Unsent), a.Dead, f.outcomes(), f.number(second), least)
	for _, v := range a.Violations() {
		t.Error(v)
	}
	// A machine that is too slow for its jobs lets them expire; nothing else is
	// an excuse.
	if bad := f.number(`SELECT count(*) FROM runs WHERE outcome NOT IN ('passed', 'expired')`); bad > 0 {
		t.Errorf("%d runs did not pass", bad)
	}
}

// again asks for what there is: nothing is begun anew.
func (i *instance) again(image string) {
	i.t.Helper()
	look := func() map[string]time.Time {
		began := map[string]time.Time{}
		for _, c := range i.containers() {
			info, err := stand.pool.Client.InspectContainer(c.ID)
			if err != nil {
				i.t.Fatal(err)
			}
			began[c.ID] = info.State.StartedAt
		}
		return began
	}
	before := look()
	if why := i.up(image); why != "" {
		i.t.Error(why)
	}
	if diff := cmp.Diff(before, look()); diff != "" {
		i.t.Errorf("the same command again does something: %s", diff)
	}
}

// killed begins to roll an image out and kills the deployer once the second of
// the old containers is told to stop.
func (i *instance) killed(w *watch, image string) {
	i.t.Helper()
	for len(w.stops) > 0 {
		<-w.stops
	}
	half := i.command("-image", image, "up")
	if err := half.Start(); err != nil {
		i.t.Fatal(err)
	}
	for range 2 {
		select {
		case <-w.stops:
		case <-time.After(8 * time.Minute):
			i.t.Error("no second container was replaced")
		}
	}
	if err := half.Process.Kill(); err != nil {
		i.t.Error(err)
	}
	_ = half.Wait() // it was killed
	out, err := i.command("status").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "run ") {
		i.t.Errorf("in the middle of a deploy all is said to be well: %s", out)
	}
	i.t.Logf("killed in the middle: %s", bytes.TrimSpace(out))
}
