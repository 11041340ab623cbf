package cmd_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/probefleet/probefleet/cmd/internal/consolecmd"
	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/dashboardcmd"
	"github.com/probefleet/probefleet/cmd/internal/deployercmd"
	"github.com/probefleet/probefleet/cmd/internal/recordercmd"
	"github.com/probefleet/probefleet/cmd/internal/schedulercmd"
	"github.com/probefleet/probefleet/cmd/internal/workercmd"
	"github.com/probefleet/probefleet/internal/child"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/sqslocal"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

func TestMain(m *testing.M) { storetest.Main(m) }

const catalogueFile = "../docs/metrics.md"

// bounds says of each label what bounds the number of its values. A metric with
// another label is refused: say here why it cannot grow without end.
var bounds = map[string]string{
	"location": "places that measure",
	"class":    "two classes of jobs, or a fixed list of faults",
	"queue":    "three a location, and that of the results",
	"channel":  "channels of alerts",
	"service":  "services of the pipeline file",
	"stage":    "stages of the pipeline file",
	"worker":   "workers whose clocks are off; taken away when they are right or gone",
	"what":     "two folders, and memory",
	"route":    "routes of the status page, not addresses",
	"code":     "status codes that the page answers",
	"outcome":  "a fixed list", "reason": "a fixed list", "fate": "a fixed list", "action": "a fixed list", "result": "a fixed list",
	"verdict": "a fixed list", "process": "a fixed list", "rollback": "a fixed list", "state": "a fixed list",
	"check":  "checks that were asked for, `-metrics-checks` at most; `/metrics` of the console alone",
	"window": "the four of the rules of budgets",
	"name":   "one a check; `/metrics` of the console alone", "group": "one a check; `/metrics` of the console alone",
	"kind": "a fixed list",
}

// metric is a row of the catalogue.
type metric struct{ name, kind, labels, help string }

// meters is a registerer that remembers what was registered.
type meters struct {
	*prometheus.Registry
	mu    sync.Mutex
	known map[string]metric
}

func newMeters() *meters {
	return &meters{Registry: prometheus.NewRegistry(), known: map[string]metric{}}
}

func (m *meters) Register(c prometheus.Collector) error {
	if err := m.Registry.Register(c); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	descs := make(chan *prometheus.Desc, 100)
	c.Describe(descs)
	close(descs)
	for d := range descs {
		one := described(d, kindOf(c))
		m.known[one.name] = one
	}
	return nil
}

func (m *meters) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		if err := m.Register(c); err != nil {
			panic(err)
		}
	}
}

func (m *meters) rows() map[string]metric {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.known)
}

var descForm = regexp.MustCompile(`^Desc\{fqName: "([^"]*)", help: (".*?"), constLabels: \{\}, variableLabels: \{([^}]*)\}\}$`)

func described(d *prometheus.Desc, kind string) metric {
	found := descForm.FindStringSubmatch(d.String())
	if found == nil {
		panic("the form of descriptions has changed: " + d.String())
	}
	var help string
	fmt.Sscanf(found[2], "%q", &help)
	labels := strings.Split(found[3], ",")
	slices.Sort(labels)
	return metric{found[1], kind, strings.Join(labels, ", "), help}
}

func kindOf(c prometheus.Collector) string {
	switch c.(type) {
	case *prometheus.CounterVec:
		return "counter"
	case *prometheus.GaugeVec:
		return "gauge"
	case *prometheus.HistogramVec:
		return "histogram"
	}
	found := make(chan prometheus.Metric, 1)
	c.Collect(found)
	var m dto.Metric
	if err := (<-found).Write(&m); err != nil {
		panic(err)
	}
	switch {
	case m.Counter != nil:
		return "counter"
	case m.Histogram != nil:
		return "histogram"
	}
	return "gauge"
}

// unit is what the name of a metric says of its unit, as the custom is.
func unit(name string) string {
	for _, u := range []struct{ suffix, unit string }{
		{"_timestamp_seconds", "Unix time"}, {"_seconds", "seconds"}, {"_bytes", "bytes"}, {"_ratio", "0 to 1"}, {"_days_left", "days"},
	} {
		if strings.HasSuffix(strings.TrimSuffix(name, "_total"), u.suffix) {
			return u.unit
		}
	}
	return "number"
}

// daemons are served as their commands serve them, with every option that adds
// metrics.
func daemons(t *testing.T, dsn string) map[string]func(context.Context, daemon.Kit) error {
	listen := func() net.Listener {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	page, desk := listen(), listen()
	dir := t.TempDir()
	return map[string]func(context.Context, daemon.Kit) error{
		"scheduler": func(ctx context.Context, kit daemon.Kit) error {
			return schedulercmd.Serve(ctx, schedulercmd.Config{DatabaseURL: dsn, QueuePrefix: "pf", CreateQueues: true}, kit)
		},
		"worker": func(ctx context.Context, kit daemon.Kit) error {
			return workercmd.Serve(ctx, workercmd.Config{
				QueuePrefix: "pf", CreateQueues: true, Location: "local", APISlots: 1, BrowserSlots: 1, Account: child.DefaultAccount, BrowserDir: dir,
				Canaries: "127.0.0.1:1", Visibility: queue.DefaultVisibility, DrainBudget: time.Second,
			}, kit)
		},
		"recorder": func(ctx context.Context, kit daemon.Kit) error {
			return recordercmd.Serve(ctx, recordercmd.Config{DatabaseURL: dsn, QueuePrefix: "pf", CreateQueues: true}, kit)
		},
		"dashboard": func(ctx context.Context, kit daemon.Kit) error {
			return dashboardcmd.Serve(ctx, dashboardcmd.Config{DatabaseURL: dsn}, page, kit)
		},
		"console": func(ctx context.Context, kit daemon.Kit) error {
			return consolecmd.Serve(ctx, consolecmd.Config{DatabaseURL: dsn, QueuePrefix: "pf"}, desk, kit, func(context.Context) error { return nil })
		},
	}
}

// The catalogue of docs/metrics.md is what the daemons register: nothing is
// added, renamed or lost without a word. `-update` writes it anew.
func TestCatalogueOfMetrics(t *testing.T) {
	queues := sqslocal.New(sqslocal.Options{})
	server := httptest.NewServer(queues)
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = queues.Close() })
	t.Setenv("AWS_ENDPOINT_URL_SQS", server.URL)
	t.Setenv("AWS_REGION", "local-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "x")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	written, err := os.ReadFile(catalogueFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	wanted := catalogue(string(written))
	sections := map[string]map[string]metric{"deployer": deployer(t), "checks": checks()}
	for name, serve := range daemons(t, storetest.Database(t)) {
		sections[name] = served(t, name, serve, wanted[name])
	}
	got := render(sections)
	if *update {
		if err := os.WriteFile(catalogueFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		written = []byte(got)
	}
	if d := cmp.Diff(string(written), got); d != "" {
		t.Errorf("docs/metrics.md is not what the daemons register; where that is meant run `go test ./cmd -run TestCatalogueOfMetrics -update` (-file +daemons):\n%s", d)
	}
	lint(t, sections)
}

// served runs a daemon until it has registered what the catalogue has of it,
// or for a while, and answers what it registered until its end.
func served(t *testing.T, name string, serve func(context.Context, daemon.Kit) error, wanted []string) map[string]metric {
	t.Helper()
	reg := newMeters()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan error, 1)
	var said bytes.Buffer
	kit := daemon.Kit{Log: slog.New(slog.NewTextHandler(&said, nil)), Metrics: reg, Ready: &daemon.Readiness{}, Announce: func(string, string) {}}
	go func() { done <- serve(ctx, kit) }()
	patience := time.After(2 * time.Minute)
	if *update {
		patience = time.After(5 * time.Second)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var err error
	for waiting := true; waiting; {
		select {
		case <-tick.C:
			if known := slices.Sorted(maps.Keys(reg.rows())); !*update && slices.Equal(known, wanted) {
				waiting = false
			}
		case <-patience:
			waiting = false
		case err = <-done:
			t.Fatalf("the %s ended by itself: %v\n%s", name, err, said.String())
		}
	}
	stop()
	if err = <-done; err != nil && ctx.Err() == nil {
		t.Errorf("the %s: %v", name, err)
	}
	return reg.rows()
}

// checks are the metrics of checks, which the console serves.
func checks() map[string]metric {
	all := map[string]metric{}
	for _, d := range console.CheckMetrics {
		m := described(d, "gauge")
		all[m.name] = m
	}
	return all
}

func deployer(t *testing.T) map[string]metric {
	t.Helper()
	reg := newMeters()
	if _, err := deployercmd.Metrics(reg); err != nil {
		t.Fatal(err)
	}
	return reg.rows()
}

// order is that of the catalogue.
var order = []struct{ name, about string }{
	{"scheduler", "The scheduler, at `-admin` (127.0.0.1:9101)."},
	{"worker", "A worker, at `-admin` (127.0.0.1:9102). Those of browsers are there with `-browser-slots`, those of canaries with `-canaries`."},
	{"recorder", "A recorder, at `-admin` (127.0.0.1:9103)."},
	{"dashboard", "The status page, at `-admin` (127.0.0.1:9104)."},
	{"console", "The console, at `-admin` (127.0.0.1:9105)."},
	{"deployer", "The deployer, at `-admin`, with `run -every`."},
	{"checks", "What the checks measured, at `/metrics` of the console itself; see [observability](observability.md#metrics-of-the-checks)."},
}

func render(sections map[string]map[string]metric) string {
	var b strings.Builder
	b.WriteString("# Catalogue of metrics\n\nMade by `go test ./cmd -run TestCatalogueOfMetrics -update`, and held against what the daemons register. Names, types and labels are kept: a change is one of the interface and stands in the changelog. Each daemon also has those of Go and of its process (`go_…`, `process_…`).\n")
	used := map[string]bool{}
	for _, s := range order {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| metric | type | labels | unit | |\n|---|---|---|---|---|\n", s.name, s.about)
		for _, name := range slices.Sorted(maps.Keys(sections[s.name])) {
			m := sections[s.name][name]
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", m.name, m.kind, m.labels, unit(m.name), strings.ReplaceAll(m.help, "|", "\\|"))
			for _, l := range strings.Split(m.labels, ", ") {
				used[l] = l != ""
			}
		}
	}
	b.WriteString("\n## Labels\n\nNone grows with the number of checks, but for those at `/metrics` of the console.\n\n| label | its values |\n|---|---|\n")
	for _, l := range slices.Sorted(maps.Keys(used)) {
		if used[l] {
			fmt.Fprintf(&b, "| `%s` | %s |\n", l, bounds[l])
		}
	}
	return b.String()
}

// catalogue reads the names of the metrics of each section.
func catalogue(text string) map[string][]string {
	names, section := map[string][]string{}, ""
	for line := range strings.Lines(text) {
		if s, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(s)
		}
		if s, ok := strings.CutPrefix(line, "| `probefleet_"); ok {
			name, _, _ := strings.Cut(s, "`")
			names[section] = append(names[section], "probefleet_"+name)
		}
	}
	return names
}

// lint holds names and labels against custom.
func lint(t *testing.T, sections map[string]map[string]metric) {
	t.Helper()
	for section, all := range sections {
		for _, m := range all {
			if counter := strings.HasSuffix(m.name, "_total"); counter != (m.kind == "counter") {
				t.Errorf("%s is a %s: counters end in _total, and nothing else does", m.name, m.kind)
			}
			if m.help == "" || !strings.HasPrefix(m.name, "probefleet_") {
				t.Errorf("%s has no help, or another's name", m.name)
			}
			for _, l := range strings.Split(m.labels, ", ") {
				if l != "" && bounds[l] == "" {
					t.Errorf("%s has the label %q: say in bounds of cmd/metrics_test.go what bounds its values", m.name, l)
				}
				if section != "checks" && slices.Contains([]string{"check", "name", "group"}, l) {
					t.Errorf("%s of the %s has the label %s, which grows with the checks: there may be a million", m.name, section, l)
				}
			}
		}
	}
}
