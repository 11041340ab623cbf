package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/chaos"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
	"github.com/probefleet/probefleet/internal/sqslocal"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

var form = chaos.FormOf(os.Getenv)

// bar skips the test unless bars are asked for, and answers its seed.
func bar(t *testing.T) (seed uint64) {
	t.Helper()
	if !form.Asked() {
		t.Skip("a bar: run `make bars-short`, or `make bars`")
	}
	seed, _ = chaos.Seed(1)
	return seed
}

var (
	builds   = map[string]string{} // tags → folder
	buildsMu sync.Mutex
)

// built is a folder of the daemons, built with flags of `go build`.
func built(t testing.TB, env []string, flags ...string) string {
	t.Helper()
	buildsMu.Lock()
	defer buildsMu.Unlock()
	key := strings.Join(flags, " ")
	if dir := builds[key]; dir != "" {
		return dir
	}
	dir, err := os.MkdirTemp(bin, "built-")
	if err != nil {
		t.Fatal(err)
	}
	args := append(append([]string{"build"}, flags...), "-o", dir+"/", "../cmd/scheduler", "../cmd/worker", "../cmd/recorder")
	build := exec.Command("go", args...)
	build.Env = append(os.Environ(), env...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	builds[key] = dir
	return dir
}

// rig is a fleet of real processes between a local SQS server that is watched
// and a real Postgres, with a target that answers at once.
type rig struct {
	t       testing.TB
	bin     string
	env     []string
	db      string // URL
	store   *store.Store
	conn    *pgx.Conn
	ledger  *chaos.Ledger
	wire    *chaos.Wire
	queues  *sqsqueue.Client
	target  string
	answer  http.HandlerFunc // of the target; nil is 200 at once
	members []*member
	checks  []check.Check
	dead    []string  // bodies of dead letters, once the account is made
	begun   time.Time // slots count as due from here on
	bound   bound
}

// rigOptions are what bars differ in.
type rigOptions struct {
	bin      string // folder of the daemons
	database string // URL; a new one where empty
	// before, where it is set, puts something before the database and answers
	// the host:port at which the daemons reach it.
	before      func(dsn string) string
	maxReceives int
	answer      http.HandlerFunc
	seed        uint64
}

const results = "probefleet-results"

var jobsQueue = queue.JobsName("probefleet", "local", "api")

func newRig(t testing.TB, o rigOptions) *rig {
	t.Helper()
	r := &rig{t: t, bin: o.bin, db: o.database, ledger: chaos.NewLedger(), answer: o.answer}
	if r.bin == "" {
		r.bin = bin
	}
	if r.db == "" {
		r.db = storetest.Database(t)
	}
	server := sqslocal.New(sqslocal.Options{})
	r.wire = chaos.NewWire(server, r.ledger, o.seed)
	sqs := httptest.NewServer(r.wire)
	t.Cleanup(func() { _ = server.Close(); sqs.Close() })
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.answer != nil {
			r.answer(w, req)
			return
		}
		fmt.Fprint(w, "well")
	}))
	t.Cleanup(target.Close)
	r.target = target.URL
	dsn := r.db
	if o.before != nil {
		dsn = redirected(t, dsn, o.before(dsn))
	}
	r.env = []string{
		"DATABASE_URL=" + dsn, "AWS_ENDPOINT_URL_SQS=" + sqs.URL,
		"PROBEFLEET_LOG_FORMAT=text", "PROBEFLEET_LOG_LEVEL=warn", "PROBEFLEET_ADMIN=127.0.0.1:0",
		"PROBEFLEET_MIGRATE=false",
	}
	var err error
	if r.queues, err = sqsqueue.NewAt(t.Context(), sqs.URL); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{jobsQueue, results} {
		if err := r.queues.Ensure(t.Context(), name, sqsqueue.Settings{MaxReceives: o.maxReceives}); err != nil {
			t.Fatal(err)
		}
	}
	if r.store, err = store.Open(t.Context(), r.db); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.store.Close)
	now := time.Now()
	if err := r.store.EnsurePartitions(t.Context(), now.Add(-24*time.Hour), now.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, m := range r.members {
			m.resume()
			m.end()
			if t.Failed() {
				t.Logf("output of %s in its last life:\n%s", m.who, tail(m.log.String(), 3000))
			}
		}
	})
	return r
}

// redirected is a database URL with another host and port.
func redirected(t testing.TB, dsn, through string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = through
	return u.String()
}

// member is one place in the fleet, with the process that fills it now.
type member struct {
	*process
	mu   sync.Mutex // guards process for those who do not change it
	rig  *rig
	who  string
	name string
	args []string
}

// add starts a process of a command; extra are variables of its environment.
func (r *rig) add(who, name string, args ...string) *member {
	r.t.Helper()
	m := &member{rig: r, who: who, name: name, args: args}
	m.restart()
	r.members = append(r.members, m)
	return m
}

// restart fills the place again, after the end of its process.
func (m *member) restart(env ...string) {
	m.rig.t.Helper()
	if err := m.relaunch(env...); err != nil {
		m.rig.t.Fatal(err)
	}
}

// relaunch is restart for goroutines that are not the test's own.
func (m *member) relaunch(env ...string) error {
	p, err := launch(m.rig.bin, append(slices.Clone(m.rig.env), env...), m.name, m.args...)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.process = p
	return nil
}

// pid is the process that fills the place now. It may be asked while another
// goroutine fills it again.
func (m *member) pid() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cmd.Process.Pid
}

func (r *rig) scheduler(who string) *member { return r.add(who, "scheduler", "-name", who) }
func (r *rig) recorder(who string) *member  { return r.add(who, "recorder") }
func (r *rig) worker(who string, args ...string) *member {
	return r.add(who, "worker", append([]string{"-location", "local", "-allow-private", "-browser-slots", "0", "-visibility", "3s"}, args...)...)
}

// takesEffect is how long schedulers may go on by the checks that they know.
const takesEffect = 3 * time.Second

// load begins the schedule: n checks, each every so often. It returns when
// every shard has a scheduler that knows them.
func (r *rig) load(n int, every time.Duration) {
	r.t.Helper()
	r.checks = nil
	for i := range n {
		r.checks = append(r.checks, check.Check{
			ID: fmt.Sprintf("bar-%d", i), Name: "bar", Every: every, Timeout: 20 * time.Second,
			Locations: []string{"local"}, Active: true,
			Spec: &check.API{Steps: []check.APIStep{{Request: check.Request{Method: "GET", URL: r.target + "/", MaxBody: 1 << 10}}}},
		})
	}
	r.apply(true)
	r.begun = time.Now().Add(takesEffect)
	r.scheduled(r.begun)
}

func (r *rig) apply(active bool) {
	r.t.Helper()
	for i := range r.checks {
		r.checks[i].Active = active
	}
	if _, err := r.store.ApplyChecks(r.t.Context(), r.checks); err != nil {
		r.t.Fatal(err)
	}
}

// number is the first column of a query; the connection is made anew where it
// was lost.
func (r *rig) number(query string, args ...any) (n int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if r.conn == nil || r.conn.IsClosed() {
		if r.conn, err = pgx.Connect(ctx, r.db); err != nil {
			return 0, err
		}
		r.t.Cleanup(func() { _ = r.conn.Close(context.Background()) })
	}
	err = r.conn.QueryRow(ctx, query, args...).Scan(&n)
	return n, err
}

// address is the host:port of a database URL.
func address(t testing.TB, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(u.Hostname(), u.Port())
}

// freeze stops the process with SIGSTOP; resume lets it go on.
func (m *member) freeze() { _ = m.cmd.Process.Signal(syscall.SIGSTOP) }
func (m *member) resume() { _ = m.cmd.Process.Signal(syscall.SIGCONT) }
