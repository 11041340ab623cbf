package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
)

// pass lets time pass in a bubble, where it takes none.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// fail makes the check fail at a time, at all its locations.
func (f *fake) fail(i int, at time.Time, reason string) {
	f.change(func(f *fake) {
		c := &f.checks[i]
		c.Last = slices.Clone(c.Last)
		for k := range c.Last {
			c.Last[k].RunID, c.Last[k].Slot, c.Last[k].FinishedAt = "run-"+at.String(), at, at
			c.Last[k].Outcome, c.Last[k].FaultMessage = jobs.Failed, reason
		}
		c.Conclusive = slices.Clone(c.Last)
	})
}

func TestStaleDataFadesAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := calm(time.Now())
		f.fail(2, time.Now(), "status == 200 (got 503)")
		d := New(Options{Store: f})
		go func() { _ = d.Run(t.Context()) }()
		pass(time.Minute)
		body := get(t, d, "/").Body.String()
		wantNone(t, "a current page", part(t, body, "banner"), "delayed")
		wantAll(t, "a current page", body, "Dashboard has an outage")

		f.change(func(f *fake) { f.err = errAway })
		pass(time.Minute)
		body = get(t, d, "/").Body.String()
		wantAll(t, "the banner after a minute", part(t, body, "banner"), "Live data is delayed: last update", "00:01:00 UTC</time>", ">1 min ago</time>)")
		wantAll(t, "states that are still fresh", body, "Dashboard has an outage", "Delayed since")

		pass(3 * time.Minute)
		body = get(t, d, "/").Body.String()
		wantAll(t, "the head after four minutes", part(t, body, "hero"), "The current state is not known", "Dashboard has an outage.")
		wantAll(t, "a check that failed", part(t, body, "c-s-2"), "Not measured", "Last known:", "Outage</span>", "status == 200 (got 503)")
		wantAll(t, "a check that passed", part(t, body, "c-s-1"), "Not measured", "Last known:", "Operational</span>")
		var s apiStatus
		if err := json.Unmarshal(get(t, d, "/api/v1/status").Body.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		if !s.Stale || s.State != status.NotMeasured || s.GeneratedAt.Sub(s.AsOf) < 3*time.Minute {
			t.Errorf("the API says %v, stale %v, %s old", s.State, s.Stale, s.GeneratedAt.Sub(s.AsOf))
		}
		if c := s.Checks[0]; c.State != status.NotMeasured || c.LastKnownState == nil || *c.LastKnownState != status.Operational {
			t.Errorf("the API says of a check: %+v", c)
		}
		if w := get(t, d, "/checks/s-2"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "cannot be read at the moment") {
			t.Errorf("a check whose runs were never read answers %d", w.Code)
		}

		f.change(func(f *fake) { f.err = nil })
		pass(time.Minute)
		wantNone(t, "the page afterwards", part(t, get(t, d, "/").Body.String(), "banner"), "delayed")
	})
}

// Silence while the store answers is told without the banner: then it is the
// fleet that is silent.
func TestSilentFleetIsNotMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Options{Store: calm(time.Now())})
		go func() { _ = d.Run(t.Context()) }()
		pass(10 * time.Minute)
		body := get(t, d, "/").Body.String()
		wantAll(t, "the page", body, "Nothing is being measured right now", "The last known state is shown beside each")
		wantNone(t, "the page", part(t, body, "banner"), "delayed")
	})
}

func TestHistoryIsReadLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &counting{fake: calm(time.Now())}
		d := New(Options{Store: f})
		go func() { _ = d.Run(t.Context()) }()
		pass(2*time.Minute + time.Second)
		f.change(func(*fake) {
			if f.hours != 15 || f.days != 5 {
				t.Errorf("in two minutes hours were read %d times and days %d times, want 13 and 3, and twice a stretch of older ones of each", f.hours, f.days)
			}
		})
	})
}

type counting struct {
	*fake
	hours, days int
}

func (c *counting) PublicBuckets(ctx context.Context, grain string, from, before time.Time) ([]status.Bucket, error) {
	c.change(func(*fake) {
		if grain == grainHour {
			c.hours++
		} else {
			c.days++
		}
	})
	return c.fake.PublicBuckets(ctx, grain, from, before)
}

// listen opens an event stream; next gives its events.
func listen(t *testing.T, address string) (next func() (name string, c change, ok bool)) {
	t.Helper()
	r, err := http.Get(address + "/events")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Body.Close() })
	if r.StatusCode != http.StatusOK || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("the stream answers %d %v", r.StatusCode, r.Header)
	}
	lines := bufio.NewScanner(r.Body)
	return func() (name string, c change, ok bool) {
		for lines.Scan() {
			switch k, v, _ := strings.Cut(lines.Text(), ": "); k {
			case "event":
				name = v
			case "data":
				if err := json.Unmarshal([]byte(v), &c); err != nil {
					t.Errorf("event %q carries %q: %v", name, v, err)
				}
				return name, c, true
			}
		}
		return "", c, false
	}
}

func TestEventOnChange(t *testing.T) {
	f := calm(noon)
	d := still(t, f)
	server := httptest.NewServer(d.Handler())
	defer server.Close()
	next := listen(t, server.URL)
	name, hello, _ := next()
	if name != "hello" || hello.Version != d.frame.Load().version || hello.AsOf != "2026-05-12T14:41:20Z" {
		t.Errorf("the first event is %q %+v", name, hello)
	}
	wantAll(t, "the page", get(t, d, "/").Body.String(), `data-version="`+hello.Version+`"`)

	d.refresh(t.Context()) // nothing changed: no event
	f.fail(3, noon, "connection refused")
	d.refresh(t.Context())
	name, update, _ := next()
	if name != "update" || !slices.Equal(update.Changed, []string{"s-3"}) || update.Version == hello.Version {
		t.Errorf("the event after a change is %q %+v", name, update)
	}
	f.change(func(f *fake) { f.checks = f.checks[:5] })
	d.refresh(t.Context())
	if _, gone, _ := next(); gone.Changed != nil {
		t.Errorf("a check went, and only %v is said to have changed", gone.Changed)
	}
	d.hub.close()
	if name, _, ok := next(); ok {
		t.Errorf("after the end there is an event %q", name)
	}
	r, err := http.Get(server.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a closed stream answers %d, want 503", r.StatusCode)
	}
}

func TestRunEndsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Options{Store: calm(time.Now())})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		c, err := d.hub.join(d.own)
		if err != nil {
			t.Fatal(err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the end is an error: %v", err)
		}
		select {
		case _, open := <-c:
			for open {
				_, open = <-c
			}
		default:
			t.Error("the stream is open after the end")
		}
		d.hub.leave(c) // a second closing must do no harm
	})
}

func TestStreamsAreBounded(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := newHub(2, newMetrics(reg, func() time.Duration { return 0 }))
	slow, err := h.join(&site{})
	if err != nil {
		t.Fatal(err)
	}
	quick, err := h.join(&site{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.join(&site{}); err == nil {
		t.Error("a third stream of two is accepted")
	}
	for range clientQueue + 1 {
		h.broadcast(func(*site) []byte { return []byte("event: update\n\n") })
		<-quick
	}
	n := 0
	for range slow {
		n++
	}
	if n != clientQueue {
		t.Errorf("the slow reader got %d events before it was dropped, want %d", n, clientQueue)
	}
	if _, err := h.join(&site{}); err != nil {
		t.Errorf("the dropped reader's place is not free: %v", err)
	}
	for name, want := range map[string]float64{
		"probefleet_dashboard_sse_clients": 2, "probefleet_dashboard_sse_dropped_total": 1, "probefleet_dashboard_sse_refused_total": 1,
	} {
		if got := value(t, reg, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// value sums a metric over its labels.
func value(t *testing.T, reg prometheus.Gatherer, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	f := calm(noon)
	now := noon
	d := New(Options{Store: f, Metrics: reg, Now: func() time.Time { return now }})
	d.refresh(t.Context())
	f.err = errAway
	now = now.Add(30 * time.Second)
	d.refresh(t.Context())
	get(t, d, "/")
	get(t, d, "/checks/nothing")
	get(t, d, "/../../etc/passwd")
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "route" && strings.Contains(l.GetValue(), "nothing") {
					t.Errorf("a label holds what a reader asked for: %v", m)
				}
			}
		}
	}
	want := []string{
		"probefleet_dashboard_refresh_errors_total", "probefleet_dashboard_refresh_seconds", "probefleet_dashboard_requests_total",
		"probefleet_dashboard_snapshot_age_seconds", "probefleet_dashboard_sse_clients", "probefleet_dashboard_sse_dropped_total",
		"probefleet_dashboard_sse_refused_total",
	}
	if !slices.Equal(names, want) {
		t.Errorf("metrics are\n%q, want\n%q", names, want)
	}
	if got := value(t, reg, "probefleet_dashboard_snapshot_age_seconds"); got != 30 {
		t.Errorf("the snapshot is %v s old, want 30", got)
	}
	if got := value(t, reg, "probefleet_dashboard_refresh_errors_total"); got != 1 {
		t.Errorf("%v refresh errors, want 1", got)
	}
	if got := value(t, reg, "probefleet_dashboard_requests_total"); got != 3 {
		t.Errorf("%v requests, want 3", got)
	}
}
