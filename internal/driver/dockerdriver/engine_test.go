package dockerdriver

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
)

// box is a container of the engine.
type box struct {
	id, name, image, state string
	labels                 map[string]string
	host                   container.HostConfig
	env                    []string
	sick                   bool // its health check fails
	created                int64
	looked, began          int
}

// engine is as much of the Docker Engine's API as we use, over a Unix socket.
// A container is healthy at the third look at it; those of a broken image end
// at once.
type engine struct {
	t      *testing.T
	mu     sync.Mutex
	boxes  []*box
	serial int
	broken map[string]bool // images
	sick   map[string]bool // images whose health check fails while they run
	gone   map[string]bool
	least  int      // ready containers, at the worst, since the last reset
	log    []string // what was asked for
	drains []string // seconds that each container was given to end
	killed []string // what was removed while it ran
	// before is called before a request that changes something.
	before func(what string)
}

func newEngine(t *testing.T) (*engine, string) {
	e := &engine{t: t, broken: map[string]bool{}, sick: map[string]bool{}, gone: map[string]bool{}}
	socket := filepath.Join(t.TempDir(), "engine.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: e}}
	s.Start()
	t.Cleanup(s.Close)
	return e, "unix://" + socket
}

var path = regexp.MustCompile(`^(?:/v[0-9.]+)?/([a-z_]+)(?:/(.+?))?(?:/([a-z]+))?$`)

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := path.FindStringSubmatch(r.URL.Path)
	if m == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Api-Version", "1.51")
	w.Header().Set("Content-Type", "application/json")
	if r.Method != http.MethodGet && r.Method != http.MethodHead && e.before != nil {
		e.before(strings.Join([]string{r.Method, m[1], m[2], m[3]}, " "))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch what := r.Method + " " + m[1]; {
	case m[1] == "_ping":
		fmt.Fprint(w, "OK")
	case what == "GET images":
		if e.gone[m[2]] {
			fail(w, http.StatusNotFound, "no such image")
			return
		}
		fmt.Fprintf(w, `{"Id":"sha256:%s"}`, m[2])
	case what == "POST images":
		e.log = append(e.log, "pull "+r.URL.Query().Get("fromImage")+":"+r.URL.Query().Get("tag"))
		fmt.Fprint(w, `{"status":"done"}`)
	case what == "GET containers" && m[2] == "json":
		e.list(w, r)
	case what == "POST containers" && m[2] == "create":
		e.create(w, r)
	default:
		e.one(w, r, m[2], m[3])
	}
}

func fail(w http.ResponseWriter, code int, words string) {
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"message":%q}`, words)
}

func (e *engine) create(w http.ResponseWriter, r *http.Request) {
	var req container.CreateRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	e.serial++
	b := &box{
		id: fmt.Sprintf("%064x", e.serial), name: r.URL.Query().Get("name"), image: req.Image, state: "created",
		sick: e.sick[req.Image], labels: req.Labels, host: *req.HostConfig, env: req.Env, created: 1_700_000_000 + int64(e.serial),
	}
	e.boxes = append(e.boxes, b)
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"Id":%q,"Warnings":[]}`, b.id)
}

func (e *engine) list(w http.ResponseWriter, r *http.Request) {
	var filters map[string]map[string]bool
	if err := json.Unmarshal([]byte(r.URL.Query().Get("filters")), &filters); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	out := []container.Summary{}
	for _, b := range e.boxes {
		matches := r.URL.Query().Get("all") == "1" || b.state == "running"
		for label := range filters["label"] {
			k, v, _ := strings.Cut(label, "=")
			matches = matches && b.labels[k] == v
		}
		if matches {
			out = append(out, container.Summary{ID: b.id, Image: b.image, Labels: b.labels, State: container.ContainerState(b.state), Created: b.created})
		}
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (e *engine) one(w http.ResponseWriter, r *http.Request, id, action string) {
	var b *box
	for _, x := range e.boxes {
		if x.id == id {
			b = x
		}
	}
	if b == nil {
		fail(w, http.StatusNotFound, "no such container: "+id)
		return
	}
	switch {
	case action == "json":
		b.looked++
		state := map[string]any{"Status": b.state, "Running": b.state == "running", "ExitCode": 3}
		if b.state == "running" {
			state["Health"] = map[string]any{"Status": b.health()}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"Id": b.id, "State": state, "RestartCount": 0})
		return
	case action == "start":
		e.log = append(e.log, "start "+b.short())
		b.began++
		if b.state, b.looked = "running", 0; e.broken[b.image] {
			b.state = "exited"
		}
		w.WriteHeader(http.StatusNoContent)
	case action == "stop":
		e.log = append(e.log, "stop "+b.short())
		e.drains = append(e.drains, r.URL.Query().Get("t"))
		if b.state == "running" {
			b.state = "exited"
		}
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodDelete:
		if b.state == "running" {
			e.killed = append(e.killed, b.short())
		}
		e.boxes = deleteBox(e.boxes, b)
		w.WriteHeader(http.StatusNoContent)
	}
	ready := 0
	for _, x := range e.boxes {
		if x.state == "running" && x.health() == "healthy" && x.labels[labelService] == "worker" {
			ready++
		}
	}
	e.least = min(e.least, ready)
}

func (b *box) short() string { return b.labels[labelPlace] + " " + b.labels[labelCommit] }

func (b *box) health() string {
	if b.sick {
		return "unhealthy"
	}
	if b.looked < 3 {
		return "starting"
	}
	return "healthy"
}

func deleteBox(list []*box, gone *box) []*box {
	var out []*box
	for _, b := range list {
		if b != gone {
			out = append(out, b)
		}
	}
	return out
}

// counts is how many containers of our stage there are by state and commit.
func (e *engine) counts() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	m := map[string]int{}
	for _, b := range e.boxes {
		if b.labels[labelService] == "worker" {
			m[b.state+" "+b.labels[labelCommit]]++
		}
	}
	return m
}

func (e *engine) reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.least, e.log = 1000, nil
}

func newDriver(t *testing.T, socket string, count int) *Driver {
	t.Helper()
	d, err := New(Settings{
		Socket: socket, Count: count, Env: []string{"A=b"}, ReadOnly: true, Tmpfs: []string{"/tmp"}, Pids: 512,
		Ready: time.Minute, Drain: 90 * time.Second, Pull: true,
	}, "worker", "production")
	if err != nil {
		t.Fatal(err)
	}
	d.look, d.settle = time.Millisecond, 5*time.Millisecond
	return d
}
