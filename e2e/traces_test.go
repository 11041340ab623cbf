package e2e

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collectorServer takes spans as an OpenTelemetry collector does.
type collectorServer struct {
	*httptest.Server
	mu    sync.Mutex
	spans map[string][]*trace.Span // by trace id
	all   strings.Builder          // everything that arrived, as text
}

func newCollector(t *testing.T) *collectorServer {
	c := &collectorServer{spans: map[string][]*trace.Span{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var q collector.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(body, &q) != nil || r.URL.Path != "/v1/traces" {
			http.Error(w, "not spans", http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		fmt.Fprintln(&c.all, q.String())
		for _, rs := range q.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				for _, s := range ss.Spans {
					id := hex.EncodeToString(s.TraceId)
					c.spans[id] = append(c.spans[id], s)
				}
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// of are the spans of a run by name.
func (c *collectorServer) of(runID string) map[string]*trace.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	spans := map[string]*trace.Span{}
	for _, s := range c.spans[strings.ReplaceAll(runID, "-", "")] {
		spans[s.Name] = s
	}
	return spans
}

// TestTraces follows runs from the scheduler through the worker to the
// recorder, three processes, by the trace context in their messages.
func TestTraces(t *testing.T) {
	spans := newCollector(t)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprint(w, r.Header.Get("Authorization"))
	}))
	t.Cleanup(target.Close)
	for name, value := range map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": spans.URL, "OTEL_BSP_SCHEDULE_DELAY": "200"} {
		t.Setenv(name, value)
	}

	f := newFleet(t)
	w := f.worker(t, "worker")
	file := filepath.Join(f.dir, "traced.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
defaults: {every: 5s, locations: [local]}
checks:
  - id: sound
    kind: api
    request: {url: "%[1]s/"}
    expect: ["status == 200"]
  - id: broken
    kind: api
    request: {url: "%[1]s/broken", headers: {Authorization: "Bearer canary-of-traces"}}
    expect: ["status == 200"]
`, target.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	f.apply(t, file)
	for id, want := range map[string]trace.Status_StatusCode{"sound": trace.Status_STATUS_CODE_OK, "broken": trace.Status_STATUS_CODE_ERROR} {
		var got map[string]*trace.Span
		eventually(t, time.Minute, func() error {
			var run string
			if err := f.db.QueryRow(t.Context(), `SELECT run_id::text FROM runs WHERE check_id = $1 ORDER BY slot LIMIT 1`, id).Scan(&run); err != nil {
				return err
			}
			got = spans.of(run)
			return expectf(got["send job"] != nil && got["work on job"] != nil && got["run check"] != nil && got["store result"] != nil && got["first byte"] != nil,
				"spans of run %s: %v", run, got)
		})
		chain := []string{"send job", "work on job", "run check", "first byte"}
		for i, name := range chain[1:] {
			if !slices.Equal(got[name].ParentSpanId, got[chain[i]].SpanId) {
				t.Errorf("%s: %q is no child of %q", id, name, chain[i])
			}
		}
		if !slices.Equal(got["store result"].ParentSpanId, got["work on job"].SpanId) || len(got["send job"].ParentSpanId) > 0 {
			t.Errorf("%s: storing is no child of the work, or sending has a parent", id)
		}
		if code := got["run check"].GetStatus().GetCode(); code != want {
			t.Errorf("%s: status %s, want %s", id, code, want)
		}
		if run, byte := got["run check"], got["first byte"]; byte.StartTimeUnixNano < run.StartTimeUnixNano || byte.EndTimeUnixNano > run.EndTimeUnixNano {
			t.Errorf("%s: the first byte came outside of the run", id)
		}
	}
	f.stopAll(t, w)
	spans.mu.Lock()
	defer spans.mu.Unlock()
	if strings.Contains(spans.all.String(), "canary-of-traces") {
		t.Error("a header of a request is in a span")
	}
}
