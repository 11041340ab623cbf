package images

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"

	"github.com/probefleet/probefleet/internal/check"
)

// process is what /proc says of one process of a container.
type process struct {
	command string
	status  map[string]string
}

// filters is how many seccomp filters a process is under.
func (p process) filters() int { n, _ := strconv.Atoi(p.status["Seccomp_filters"]); return n }

// depth is in how many process namespaces it is, from that of its container on.
func (p process) depth() int { return len(strings.Fields(p.status["NSpid"])) }

// processes lists those of a container, as the container itself sees them.
func processes(t *testing.T, r *dockertest.Resource) (list []process) {
	t.Helper()
	// One that ends meanwhile has nothing to say.
	_, out := said(t, r, "sh", "-c", `for p in /proc/[0-9]*; do echo "== $(tr '\0' ' ' <$p/cmdline)"; cat $p/status; done 2>/dev/null`)
	for _, part := range strings.Split(out, "== ")[1:] {
		command, rest, _ := strings.Cut(part, "\n")
		p := process{command: command, status: map[string]string{}}
		for line := range strings.Lines(rest) {
			key, value, _ := strings.Cut(line, ":")
			p.status[key] = strings.TrimSpace(value)
		}
		list = append(list, p)
	}
	return list
}

// confined is how a worker is to be run; deploy/instance and deploy/compose say
// the same.
func confined(t *testing.T) func(*docker.HostConfig) {
	t.Helper()
	profile, err := os.ReadFile("../../deploy/docker/seccomp.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(h *docker.HostConfig) {
		leastRights(h)
		h.SecurityOpt = append(h.SecurityOpt, "seccomp="+string(profile))
		h.ShmSize = 256 << 20
	}
}

// TestTheBrowserIsConfined runs a browser check in the worker's container under
// the shipped profile, and looks at the renderer while it waits for the page.
func TestTheBrowserIsConfined(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	w := start(t, stand.worker, &dockertest.RunOptions{
		Name: f.name("worker"), Networks: []*dockertest.Network{f.network}, Env: f.env,
		Cmd: []string{"-location", "local", "-allow-private", "-browser-slots", "1"},
	}, confined(t))
	eventually(t, 2*time.Minute, func() error {
		code, out := said(t, w, "worker", "health")
		if code != 0 {
			return fmt.Errorf("worker health: %s", out)
		}
		return nil
	})
	f.apply(check.Check{
		ID: "page", Name: "page", Every: 10 * time.Second, Timeout: 60 * time.Second, Locations: []string{"local"}, Active: true,
		Spec: &check.Browser{Width: 800, Height: 600, Steps: []check.Step{
			{Action: check.ActionOpen, Value: f.target + "/"}, {Action: check.ActionOpen, Value: f.target + "/slow"},
		}},
	})
	var renderer, ours process
	eventually(t, 2*time.Minute, func() error {
		for _, p := range processes(t, w) {
			switch {
			case strings.HasPrefix(p.command, "worker "), strings.HasPrefix(p.command, "/usr/local/bin/worker "):
				ours = p
			case strings.Contains(p.command, "--type=renderer"):
				renderer = p
			case strings.Contains(p.command, "no-sandbox"):
				t.Fatalf("a browser without its sandbox: %s", p.command)
			}
		}
		if renderer.command == "" || ours.command == "" {
			return fmt.Errorf("no renderer yet: %d runs, %s", f.number(`SELECT count(*) FROM runs`), logs(w.Container.ID))
		}
		return nil
	})
	t.Logf("renderer: Seccomp %s, filters %s, NSpid %s, CapEff %s; worker: filters %s, NSpid %s", renderer.status["Seccomp"], renderer.status["Seccomp_filters"],
		renderer.status["NSpid"], renderer.status["CapEff"], ours.status["Seccomp_filters"], ours.status["NSpid"])
	for _, p := range []process{renderer, ours} {
		if p.status["Seccomp"] != "2" || p.status["NoNewPrivs"] != "1" || strings.Trim(p.status["CapEff"], "0") != "" || !strings.HasPrefix(p.status["Uid"], "10001") {
			t.Errorf("%s: Seccomp %s, NoNewPrivs %s, CapEff %s, Uid %s", p.command, p.status["Seccomp"], p.status["NoNewPrivs"], p.status["CapEff"], p.status["Uid"])
		}
	}
	if renderer.filters() <= ours.filters() {
		t.Errorf("the renderer is under %d filters, the worker under %d: the browser's own is missing", renderer.filters(), ours.filters())
	}
	if renderer.depth() <= ours.depth() {
		t.Errorf("the renderer is in %d process namespaces, the worker in %d: it has none of its own", renderer.depth(), ours.depth())
	}
	if code, out := said(t, w, "sh", "-c", "touch /usr/local/bin/x /etc/x /x"); code == 0 {
		t.Errorf("the root file system can be written: %s", out)
	}
	eventually(t, time.Minute, func() error {
		if n := f.number(`SELECT count(*) FROM runs WHERE check_id = 'page' AND outcome = 'passed'`); n == 0 {
			return fmt.Errorf("no run has passed: %s", logs(w.Container.ID))
		}
		return nil
	})
}

// TestWithoutTheProfile: under the engine's own profile the browser does not
// start, and the health check says what to do.
func TestWithoutTheProfile(t *testing.T) {
	t.Parallel()
	needEngine(t)
	n, _ := network(t)
	sqs := start(t, stand.control, &dockertest.RunOptions{
		Name: "sqs-alone-" + run, Networks: []*dockertest.Network{n}, Cmd: []string{"probefleet", "sqs", "-addr", "0.0.0.0:9324"},
	}, leastRights)
	w := start(t, stand.worker, &dockertest.RunOptions{
		Name: "worker-bare-" + run, Networks: []*dockertest.Network{n},
		Env: queueAt("http://" + strings.TrimPrefix(sqs.Container.Name, "/") + ":9324"),
	}, leastRights)
	eventually(t, 2*time.Minute, func() error {
		code, out := said(t, w, "worker", "health")
		if code == 0 {
			t.Fatal("a worker whose browser cannot have a sandbox is healthy")
		}
		for _, want := range []string{"browser: ", "No usable sandbox", "deploy/docker/seccomp.json"} {
			if !strings.Contains(out, want) {
				return fmt.Errorf("%q lacks %q", out, want)
			}
		}
		return nil
	})
	for _, p := range processes(t, w) {
		if strings.Contains(p.command, "--type=renderer") || strings.Contains(p.command, "no-sandbox") {
			t.Errorf("a browser runs all the same: %s", p.command)
		}
	}
}

// TestControl: each command of the control image runs without a system beneath
// it, and says whether it is ready.
func TestControl(t *testing.T) {
	t.Parallel()
	f := newFleet(t) // with scheduler and recorder
	f.daemon("console", "-addr", "0.0.0.0:8081")
	f.daemon("dashboard", "-addr", "0.0.0.0:8080", "-zone", "Europe/Berlin")
	r := start(t, stand.control, &dockertest.RunOptions{
		Name: f.name("control"), Networks: []*dockertest.Network{f.network}, Cmd: []string{"probefleet", "sqs"},
	}, leastRights)
	for _, command := range [][]string{{"probefleet", "version"}, {"deployer", "version"}} {
		if code, out := said(t, r, command...); code != 0 || strings.TrimSpace(out) == "" {
			t.Errorf("%v: %d %s", command, code, out)
		}
	}
}

// TestLabels: what an image is can be read from it.
func TestLabels(t *testing.T) {
	needEngine(t)
	for _, name := range []string{stand.worker, stand.control} {
		i, err := stand.pool.Client.InspectImage(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d MB", name, i.Size/1_000_000)
		for _, label := range []string{"title", "description", "licenses", "source", "version", "revision", "created"} {
			if i.Config.Labels["org.opencontainers.image."+label] == "" {
				t.Errorf("%s has no label %s", name, label)
			}
		}
		if i.Config.User != "10001:10001" {
			t.Errorf("%s runs as %q", name, i.Config.User)
		}
	}
}
