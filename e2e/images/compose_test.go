package images

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// composition is deploy/compose as it is, with our own queue, as a project of
// its own.
type composition struct {
	t               *testing.T
	program         []string
	args, env       []string
	status, console string
}

const consoleToken = "for-tests-alone"

// newComposition prepares deploy/compose: checks of the folder, and an
// override that lets the worker reach the containers beside it.
func newComposition(t *testing.T, checks string) *composition {
	t.Helper()
	needEngine(t)
	c := &composition{t: t}
	for _, program := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		if exec.Command(program[0], append(program[1:], "version")...).Run() == nil {
			c.program = program
			break
		}
	}
	if c.program == nil {
		t.Skip("neither docker compose nor docker-compose is installed")
	}
	// The account of the image reads the checks.
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "checks.yaml"), []byte(checks), 0o644); err != nil {
		t.Fatal(err)
	}
	// The worker may look at the containers beside it, and a busy machine may take
	// its time.
	override := write(t, t.TempDir(), "override.yaml", `services:
  postgres:
    healthcheck: {test: [CMD, pg_isready, --username, probefleet], interval: 2s, timeout: 60s, retries: 30}
  worker:
    environment: {PROBEFLEET_ALLOW_PRIVATE: "true"}
  probefleet:
    volumes: ["`+dir+`:/checks:ro"]
`)
	c.status, c.console = freePort(t), freePort(t)
	folder, err := filepath.Abs("../../deploy/compose")
	if err != nil {
		t.Fatal(err)
	}
	c.args = []string{"--project-name", strings.ToLower(t.Name()) + "-" + run}
	for _, file := range []string{filepath.Join(folder, "compose.yaml"), filepath.Join(folder, "own-queue.yaml"), override} {
		c.args = append(c.args, "-f", file)
	}
	c.env = append(os.Environ(), "POSTGRES_PASSWORD="+password, "PROBEFLEET_CONSOLE_TOKEN="+consoleToken, "POSTGRES_IMAGE="+stand.postgres,
		"PROBEFLEET_CONTROL_IMAGE="+stand.control, "PROBEFLEET_WORKER_IMAGE="+stand.worker, "PROBEFLEET_CANDIDATE_IMAGE="+stand.worker,
		"PROBEFLEET_COPIES=local/api=1,local/browser=1", "STATUS_PORT="+c.status, "CONSOLE_PORT="+c.console, "COMPOSE_HTTP_TIMEOUT=600")
	t.Cleanup(func() {
		if t.Failed() {
			for _, look := range [][]string{{"ps"}, {"logs", "--no-color", "--tail", "30"}} {
				out, err := c.tries(look...)
				t.Log(out, err)
			}
		}
		if out, err := c.tries("down", "--volumes", "--timeout", "5"); err != nil {
			t.Errorf("compose down: %v\n%s", err, out)
		}
	})
	return c
}

// freePort is an address of this host at which nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// tries runs a command of compose and answers what it printed.
func (c *composition) tries(args ...string) (string, error) {
	cmd := exec.Command(c.program[0], slices.Concat(c.program[1:], c.args, args)...)
	cmd.Env, cmd.Dir = c.env, filepath.Dir(c.args[3])
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// does is tries, and ends the test where the command fails.
func (c *composition) does(args ...string) string {
	c.t.Helper()
	began := time.Now()
	out, err := c.tries(args...)
	if err != nil {
		c.t.Fatalf("compose %v: %v\n%s", args, err, out)
	}
	c.t.Logf("compose %v took %s", args, time.Since(began).Round(100*time.Millisecond))
	return out
}

// get asks the status page or the console for an answer in JSON.
func (c *composition) get(addr, path string, into any) error {
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+consoleToken)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s%s: %s, %w: %.200s", addr, path, answer.Status, err, text)
	}
	return json.Unmarshal(text, into)
}

// shows waits until the status page says of each check what is wanted.
func (c *composition) shows(want map[string]string) {
	c.t.Helper()
	eventually(c.t, 3*time.Minute, func() error {
		var page struct {
			Checks []struct{ ID, State, Outcome string }
		}
		if err := c.get(c.status, "/api/v1/status", &page); err != nil {
			return err
		}
		got := map[string]string{}
		for _, check := range page.Checks {
			got[check.ID] = check.Outcome
		}
		for id, outcome := range want {
			if got[id] != outcome {
				return fmt.Errorf("%s is %q, want %q: %+v", id, got[id], outcome, page)
			}
		}
		return nil
	})
}

// runs are the ids of what was run, by the console.
func (c *composition) runs() (ids []string) {
	c.t.Helper()
	var list struct{ Runs []struct{ ID string } }
	eventually(c.t, time.Minute, func() error { return c.get(c.console, "/api/v1/runs?limit=1000", &list) })
	for _, r := range list.Runs {
		ids = append(ids, r.ID)
	}
	return ids
}

// TestCompose starts deploy/compose, applies checks of each kind, and reads
// what they found from the status page. Ended and started again, it has the
// same history and goes on with it. At last a candidate runs copies of its jobs.
func TestCompose(t *testing.T) {
	c := newComposition(t, `defaults: {every: 10s, timeout: 8s}
checks:
  - {id: answers, name: The status page answers, kind: api, request: {url: "http://dashboard:8080/api/v1/status"}, expect: ["status == 200"]}
  - {id: away, name: Nobody is there, kind: api, request: {url: "http://dashboard:8080/no-such-page"}, expect: ["status == 200"]}
  - {id: page, name: The page opens, kind: browser, steps: [{open: "http://dashboard:8080/"}]}
`)
	want := map[string]string{"answers": "passed", "away": "failed", "page": "passed"}
	began := time.Now()
	c.does("up", "-d")
	eventually(t, 2*time.Minute, func() error {
		var locations any
		return c.get(c.console, "/api/v1/locations", &locations)
	})
	t.Logf("the console answers after %s", time.Since(began).Round(100*time.Millisecond))
	if out := c.does("run", "--rm", "-T", "probefleet", "apply", "/checks"); !strings.Contains(out, "answers") {
		t.Errorf("apply says: %s", out)
	}
	c.shows(want)
	t.Logf("real results on the status page after %s", time.Since(began).Round(100*time.Millisecond))

	before := c.runs()
	c.does("down", "--timeout", "100")
	if left := c.does("ps", "-q"); strings.TrimSpace(left) != "" {
		t.Errorf("containers after down: %s", left)
	}
	again := time.Now()
	c.does("up", "-d")
	after := c.runs()
	for _, id := range before {
		if !slices.Contains(after, id) {
			t.Errorf("run %s is not in the history any more", id)
		}
	}
	eventually(t, 2*time.Minute, func() error {
		if n := len(c.runs()); n < len(before)+len(want) {
			return fmt.Errorf("%d runs, %d before: it does not go on", n, len(before))
		}
		return nil
	})
	c.shows(want)
	t.Logf("%d runs before, all of them there after; it goes on %s after it was started again", len(before), time.Since(again).Round(100*time.Millisecond))
	c.copied(want)
}

// copied adds deploy/compose/shadow.yaml, with a candidate that may not dial
// what the checks look at: it answers copies of API and browser jobs, each with
// a failure, and none of them counts.
func (c *composition) copied(want map[string]string) {
	c.t.Helper()
	const several = 3 // what would count now and then shows
	began := time.Now()
	c.args = append(c.args, "-f", filepath.Join(filepath.Dir(c.args[3]), "shadow.yaml"))
	c.does("up", "-d")
	eventually(c.t, 5*time.Minute, func() error {
		var found struct {
			Reports []struct {
				Disagreements []struct{ Check, Counts, Shadow string }
			}
		}
		if err := c.get(c.console, "/api/v1/shadow", &found); err != nil {
			return err
		}
		apart := map[string]int{}
		for _, r := range found.Reports {
			for _, d := range r.Disagreements {
				if d.Counts == "passed" && d.Shadow == "failed" {
					apart[d.Check]++
				}
			}
		}
		if apart["answers"] < several || apart["page"] < several {
			return fmt.Errorf("not yet %d pairs of a check of each kind: %+v", several, found)
		}
		return nil
	})
	c.t.Logf("pairs of copies and what counts, of both kinds, %s after shadow.yaml was added", time.Since(began).Round(100*time.Millisecond))

	id := strings.TrimSpace(c.does("ps", "-q", "candidate"))
	eventually(c.t, 2*time.Minute, func() error {
		info, err := stand.pool.Client.InspectContainer(id)
		if err != nil {
			return err
		}
		if info.State.Health.Status != "healthy" {
			return fmt.Errorf("the candidate is %+v", info.State.Health)
		}
		return nil
	})
	var fleet struct{ Workers []struct{ ID string } }
	if err := c.get(c.console, "/api/v1/fleet", &fleet); err != nil {
		c.t.Fatal(err)
	}
	for _, w := range fleet.Workers {
		if strings.Contains(w.ID, id[:12]) {
			c.t.Errorf("the candidate belongs to the fleet: %+v", w)
		}
	}

	c.shows(want)
	var list struct {
		Runs []struct {
			Check, Outcome string
			Fault          struct{ Class, Message string }
		}
	}
	if err := c.get(c.console, "/api/v1/runs?limit=1000", &list); err != nil {
		c.t.Fatal(err)
	}
	for _, r := range list.Runs {
		if r.Fault.Class == "egress" {
			c.t.Errorf("what the candidate found counts: %+v", r)
		}
	}
}
