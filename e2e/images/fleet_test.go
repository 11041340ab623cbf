package images

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"

	"github.com/probefleet/probefleet/internal/chaos"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/schedule"
	"github.com/probefleet/probefleet/internal/store"
)

const (
	prefix   = "probefleet"
	results  = prefix + "-results"
	password = "for-tests-alone"
)

var jobsQueue = queue.JobsName(prefix, "local", "api")

// fleet is an installation of containers: Postgres, the queue, scheduler and
// recorder. Between everybody and the queue stands a wire that notes what the
// queue has accepted.
type fleet struct {
	t       *testing.T
	network *dockertest.Network
	gateway string
	env     []string // of every container of ours
	store   *store.Store
	conn    *pgx.Conn
	ledger  *chaos.Ledger
	wire    *chaos.Wire
	target  string // answers 200; /slow takes five seconds
	checks  []check.Check
	begun   time.Time // slots count as due from here on
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	needEngine(t)
	f := &fleet{t: t, ledger: chaos.NewLedger()}
	f.network, f.gateway = network(t)

	db := start(t, stand.postgres, &dockertest.RunOptions{
		Name: f.name("db"), Networks: []*dockertest.Network{f.network}, ExposedPorts: []string{"5432/tcp"},
		Env: []string{"POSTGRES_PASSWORD=" + password}, Cmd: []string{"postgres", "-c", "fsync=off", "-c", "max_connections=200"},
	})
	here := fmt.Sprintf("postgres://postgres:%s@%s/postgres?sslmode=disable", password, db.GetHostPort("5432/tcp"))
	there := fmt.Sprintf("postgres://postgres:%s@%s:5432/postgres?sslmode=disable", password, f.name("db"))
	eventually(t, time.Minute, func() (err error) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		f.conn, err = pgx.Connect(ctx, here)
		return err
	})
	t.Cleanup(func() { _ = f.conn.Close(context.Background()) })

	sqs := start(t, stand.control, &dockertest.RunOptions{
		Name: f.name("sqs"), Networks: []*dockertest.Network{f.network}, ExposedPorts: []string{"9324/tcp"},
		Cmd: []string{"probefleet", "sqs", "-addr", "0.0.0.0:9324"},
	}, leastRights)
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: sqs.GetHostPort("9324/tcp")})
	proxy.ErrorLog = log.New(io.Discard, "", 0) // long polls end with their clients
	f.wire = chaos.NewWire(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Whoever sends may lose patience; what the queue then took all the same
		// has to be noted.
		if r.Header.Get("X-Amz-Target") != "AmazonSQS.ReceiveMessage" {
			r = r.WithContext(context.WithoutCancel(r.Context()))
		}
		proxy.ServeHTTP(w, r)
	}), f.ledger, 1)
	eventually(t, time.Minute, func() error {
		_, err := f.wire.Held("none")
		if err != nil && strings.Contains(err.Error(), "502") {
			return err
		}
		return nil
	})
	f.target = f.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			select {
			case <-time.After(5 * time.Second):
			case <-r.Context().Done():
			}
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<title>well</title><p>well")
	}))
	f.env = append([]string{"DATABASE_URL=" + there, "PROBEFLEET_LOG_FORMAT=text", "PROBEFLEET_LOG_LEVEL=warn"}, queueAt(f.serve(f.wire))...)
	f.daemon("recorder")
	f.daemon("scheduler")
	var err error
	if f.store, err = store.Open(t.Context(), here); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.store.Close)
	return f
}

// queueAt are the variables by which commands reach a queue that is not of AWS.
func queueAt(url string) []string {
	return []string{
		"AWS_ENDPOINT_URL_SQS=" + url, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=none", "AWS_SECRET_ACCESS_KEY=none",
		"PROBEFLEET_CREATE_QUEUES=true",
	}
}

// name is what a container of this fleet is called.
func (f *fleet) name(of string) string {
	return strings.ToLower(fmt.Sprintf("%s-%s-%s", of, f.t.Name(), run))
}

// serve serves h to the containers, and answers its URL.
func (f *fleet) serve(h http.Handler) string {
	f.t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(f.gateway, "0"))
	if err != nil {
		f.t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	s.Start()
	f.t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}

// leastRights is what every container of ours can do with.
func leastRights(h *docker.HostConfig) {
	h.ReadonlyRootfs, h.CapDrop, h.SecurityOpt = true, []string{"ALL"}, []string{"no-new-privileges"}
	h.Tmpfs = map[string]string{"/tmp": "size=256m"}
	h.PidsLimit = 512
}

// daemon runs a command of the control image and waits until it is ready.
func (f *fleet) daemon(name string, args ...string) *dockertest.Resource {
	f.t.Helper()
	r := start(f.t, stand.control, &dockertest.RunOptions{
		Name: f.name(name), Networks: []*dockertest.Network{f.network}, Env: f.env, Cmd: append([]string{name}, args...),
	}, leastRights)
	eventually(f.t, 2*time.Minute, func() error {
		if code, out := said(f.t, r, name, "health"); code != 0 {
			return fmt.Errorf("%s health: %s", name, out)
		}
		return nil
	})
	return r
}

// load begins a schedule of so many jobs a second. Each check is due once a
// minute, so that its slots outlive a machine that is slow for a while.
func (f *fleet) load(perSecond int) {
	f.t.Helper()
	for i := range 60 * perSecond {
		f.checks = append(f.checks, check.Check{
			ID: fmt.Sprintf("bar-%d", i), Name: "bar", Every: time.Minute, Timeout: 20 * time.Second, Locations: []string{"local"}, Active: true,
			Spec: &check.API{Steps: []check.APIStep{{Request: check.Request{Method: "GET", URL: f.target + "/", MaxBody: 1 << 10}}}},
		})
	}
	f.apply(f.checks...)
	f.begun = time.Now().Add(takesEffect)
	f.scheduled(f.begun)
}

// takesEffect is how long schedulers may go on by the checks that they know.
const takesEffect = 3 * time.Second

func (f *fleet) apply(checks ...check.Check) {
	f.t.Helper()
	if _, err := f.store.ApplyChecks(f.t.Context(), checks); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fleet) number(query string, args ...any) (n int) {
	f.t.Helper()
	if err := f.conn.QueryRow(f.t.Context(), query, args...).Scan(&n); err != nil {
		f.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// outcomes says how many runs ended how.
func (f *fleet) outcomes() (all string) {
	f.t.Helper()
	if err := f.conn.QueryRow(f.t.Context(), `SELECT coalesce(string_agg(n || ' ' || outcome, ', '), 'none') FROM (SELECT outcome, count(*) AS n FROM runs GROUP BY 1) o`).Scan(&all); err != nil {
		f.t.Fatal(err)
	}
	return all
}

// scheduled waits until everything that is due up to a time was scheduled.
func (f *fleet) scheduled(until time.Time) {
	f.t.Helper()
	eventually(f.t, 3*time.Minute, func() error {
		behind := f.number(`SELECT count(*) FROM shards WHERE watermark IS NULL OR watermark < $1`, until)
		if behind > 0 {
			return fmt.Errorf("%d shards are not scheduled up to %s", behind, until)
		}
		return nil
	})
}

// settle ends the schedule, lets the fleet do what is left, and accounts for
// every job.
func (f *fleet) settle() chaos.Account {
	f.t.Helper()
	until := time.Now()
	f.scheduled(until)
	for i := range f.checks {
		f.checks[i].Active = false
	}
	f.apply(f.checks...)
	f.scheduled(time.Now().Add(takesEffect))
	eventually(f.t, 5*time.Minute, func() error {
		for _, q := range []string{jobsQueue, results} {
			if n, err := f.wire.Held(q); err != nil || n > 0 {
				return fmt.Errorf("%d messages in %s, %v", n, q, err)
			}
		}
		return nil
	})
	e := chaos.Ends{}
	for _, c := range f.checks {
		if strings.HasPrefix(c.ID, "bar-") {
			for slot := range schedule.Slots(c.ID, "local", c.Every, f.begun, until) {
				e.Expected = append(e.Expected, jobs.AttemptID(c.ID, "local", slot, 1))
			}
		}
	}
	rows, err := f.conn.Query(f.t.Context(), `SELECT id::text FROM runs`)
	if err != nil {
		f.t.Fatal(err)
	}
	if e.Rows, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		f.t.Fatal(err)
	}
	e.Counted = f.number(`SELECT coalesce(sum(passed + degraded + failed + inconclusive + expired), 0) FROM rollups WHERE grain = 'hour'`)
	for _, q := range []string{jobsQueue, results} {
		dead, err := f.wire.Drain(queue.DeadLetterName(q))
		if err != nil {
			f.t.Fatal(err)
		}
		e.Dead = append(e.Dead, dead...)
	}
	return f.ledger.Reconcile(e)
}

// write puts a file into a folder of the test.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
