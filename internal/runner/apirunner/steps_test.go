package apirunner_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/apirunner"
)

// visits is a server that wants a log-in first, and what was asked of it.
type visits struct {
	mu    sync.Mutex
	peers []string
	paths []string
}

func (v *visits) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	v.peers, v.paths = append(v.peers, r.RemoteAddr), append(v.paths, r.URL.Path)
	v.mu.Unlock()
	switch r.URL.Path {
	case "/login":
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "abc", Path: "/"})
		http.Redirect(w, r, "/welcome", http.StatusFound)
	case "/broken":
		w.WriteHeader(http.StatusServiceUnavailable)
	case "/echo":
		fmt.Fprint(w, "the token was very-secret-token")
	default:
		if c, err := r.Cookie("session"); err != nil || c.Value != "abc" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}
}

// flow is a job of steps, each "id path".
func flow(base string, steps ...string) (jobs.Job, []check.APIStep) {
	j := job(base)
	spec := &check.API{}
	for _, s := range steps {
		id, path, _ := strings.Cut(s, " ")
		spec.Steps = append(spec.Steps, check.APIStep{ID: id, Request: request(base + path), Expect: []string{"status == 200"}})
	}
	j.Check.Spec = spec
	return j, spec.Steps
}

func TestStepsShareCookiesAndNoConnection(t *testing.T) {
	v := &visits{}
	s := serve(t, v.ServeHTTP)
	j, steps := flow(s.URL, "login /login", "orders /orders")
	steps[1].Degraded = []string{"time.total < 1ns"}
	res := run(t, apirunner.New(apirunner.Options{}), j)
	if res.Outcome != jobs.Degraded || !strings.HasPrefix(res.Fault.Message, `step "orders": time.total < 1ns (got `) {
		t.Fatalf("outcome %s, fault %+v", res.Outcome, res.Fault)
	}
	if want := []string{"/login", "/welcome", "/orders"}; !slices.Equal(v.paths, want) {
		t.Errorf("asked for %v, want %v", v.paths, want)
	}
	if peers := slices.Compact(slices.Sorted(slices.Values(v.peers))); len(peers) != 3 {
		t.Errorf("three requests came over %d connections", len(peers))
	}
	var total, wait time.Duration
	for i, want := range []string{"login", "orders"} {
		st := res.Steps[i]
		if st.Name != want || !st.OK || st.Error != "" || st.Duration <= 0 || st.Duration != st.Timings.Total || st.Timings.FirstByte <= 0 {
			t.Errorf("step %d: %+v", i, st)
		}
		total, wait = total+st.Timings.Total, wait+st.Timings.FirstByte
	}
	if len(res.Steps) != 2 || res.Timings.Total != total || res.Timings.FirstByte != wait {
		t.Errorf("timings %+v of steps %+v", res.Timings, res.Steps)
	}
	var of []string
	for _, v := range res.Verdicts {
		of = append(of, v.Step+" "+v.Expr)
	}
	if want := []string{"login status == 200", "orders status == 200", "orders time.total < 1ns"}; !slices.Equal(of, want) {
		t.Errorf("verdicts %q, want %q", of, want)
	}
	if res.Evidence.Response.URL != s.URL+"/orders" {
		t.Errorf("evidence of %s", res.Evidence.Response.URL)
	}
}

func TestStepsStopAtTheFirstFault(t *testing.T) {
	v := &visits{}
	s := serve(t, v.ServeHTTP)
	gone := serve(t, v.ServeHTTP)
	gone.Close()
	for _, f := range []struct {
		second string
		class  jobs.FaultClass
		want   string
	}{
		{s.URL + "/broken", jobs.FaultAssertion, `step "orders": status == 200 (got 503)`},
		{gone.URL + "/", jobs.FaultConnect, `step "orders": connection to `},
	} {
		v.paths = nil
		j, steps := flow(s.URL, "login /login", "orders ", "never /never")
		steps[1].Request.URL = f.second
		res := run(t, apirunner.New(apirunner.Options{}), j)
		if res.Outcome != jobs.Failed || res.Fault.Class != f.class || !strings.HasPrefix(res.Fault.Message, f.want) {
			t.Errorf("outcome %s, fault %+v; want %s", res.Outcome, res.Fault, f.want)
		}
		if len(res.Steps) != 2 || res.Steps[1].OK || res.Steps[1].Error == "" || strings.Contains(res.Steps[1].Error, "step ") {
			t.Errorf("steps %+v", res.Steps)
		}
		if slices.Contains(v.paths, "/never") {
			t.Error("went on after a step that failed")
		}
	}
}

// What one step sends is hidden in all.
func TestStepsShareSecrets(t *testing.T) {
	v := &visits{}
	s := serve(t, v.ServeHTTP)
	j, steps := flow(s.URL, "login /login", "echo /echo")
	steps[0].Request.Auth = &check.Auth{Bearer: "very-secret-token"}
	if res := run(t, apirunner.New(apirunner.Options{}), j); strings.Contains(res.Evidence.Response.Excerpt, "very-secret") {
		t.Errorf("shows %q", res.Evidence.Response.Excerpt)
	}
}

// The second step has less than the timeout, and as much as was left of it: by
// itself it would be done in time.
func TestStepsShareTheTimeout(t *testing.T) {
	t.Parallel()
	slow := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		takes := map[string]time.Duration{"/one": time.Second, "/two": 3500 * time.Millisecond}[r.URL.Path]
		select {
		case <-time.After(takes):
		case <-r.Context().Done():
		}
	})
	j, _ := flow(slow.URL, "one /one", "two /two", "three /three")
	j.Check.Timeout = 4 * time.Second
	wantFault(t, run(t, apirunner.New(apirunner.Options{}), j), jobs.FaultTimeout, `step "two": no complete answer within 4s`)
}

// A single request keeps no cookies and lists no steps.
func TestSingleRequestIsAsBefore(t *testing.T) {
	s := serve(t, (&visits{}).ServeHTTP)
	res := run(t, apirunner.New(apirunner.Options{}), job(s.URL+"/login"))
	wantFault(t, res, jobs.FaultAssertion, "status < 400 (got 401)")
	if res.Steps != nil || res.Verdicts[0].Step != "" || strings.Contains(res.Fault.Message, "step") {
		t.Errorf("steps %+v, verdicts %+v, fault %+v", res.Steps, res.Verdicts, res.Fault)
	}
}
