package examples_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/examples"
	"github.com/probefleet/probefleet/examples/shop/shop"
	"github.com/probefleet/probefleet/internal/assert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/checkfile"
	"github.com/probefleet/probefleet/internal/child"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner"
	"github.com/probefleet/probefleet/internal/runner/apirunner"
	"github.com/probefleet/probefleet/internal/runner/browserrunner"
	"github.com/probefleet/probefleet/internal/runner/netrunner"
)

func load(t *testing.T, base string) []check.Check {
	t.Helper()
	vars := map[string]string{}
	if base != "" {
		vars["base"] = base
	}
	checks, err := checkfile.Parse("checks/shop.yaml", examples.Checks, checkfile.Options{Vars: vars, ReadFile: examples.ReadFile})
	if err != nil {
		t.Fatal(err)
	}
	return checks
}

func TestExampleChecksAreValid(t *testing.T) {
	kinds := map[check.Kind]int{}
	groups := map[string]bool{}
	for _, c := range load(t, "") {
		kinds[c.Kind()]++
		groups[c.Group] = true
		if fs := c.Validate(); fs != nil {
			t.Errorf("%s: %v", c.ID, fs)
		}
		if c.Every < 10*time.Second || c.Every > time.Minute || c.Group == "" || !c.Public {
			t.Errorf("%s: every %s, group %q, public %v", c.ID, c.Every, c.Group, c.Public)
		}
		if b, ok := c.Spec.(*check.Browser); ok {
			for _, line := range append(b.Expect, b.Degraded...) {
				if _, err := assert.Compile(check.KindBrowser, line); err != nil {
					t.Errorf("%s: %s: %v", c.ID, line, err)
				}
			}
		}
	}
	if kinds[check.KindAPI] < 4 || kinds[check.KindBrowser] < 3 || len(groups) < 2 {
		t.Errorf("kinds %v, groups %v", kinds, groups)
	}
}

// Every check ends as its name promises, through the runners that a worker
// has.
func TestExampleChecksAgainstTheShop(t *testing.T) {
	s := httptest.NewServer(shop.Handler(shop.Options{}))
	defer s.Close()
	mux := runner.NewMux(map[check.Kind]runner.Runner{
		check.KindAPI:     apirunner.New(apirunner.Options{}),
		check.KindBrowser: browser(t),
	}, time.Now, slog.New(slog.DiscardHandler))
	got, want := map[string]jobs.Outcome{}, map[string]jobs.Outcome{}
	for _, c := range load(t, s.URL) {
		now := time.Now()
		res, err := mux.Run(context.Background(), jobs.New(c, "local", now, 1, now, now.Add(time.Minute)))
		if err != nil {
			t.Fatal(err)
		}
		got[c.ID], want[c.ID] = res.Outcome, jobs.Passed
		if res.Fault != nil {
			t.Logf("%s: %s", c.ID, res.Fault.Message)
		}
	}
	want["api-gift-cards"], want["api-recommendations"] = jobs.Failed, jobs.Degraded
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// browser is a real one, in a folder that its account can reach.
func browser(t *testing.T) *browserrunner.Runner {
	t.Helper()
	account, err := child.Unprivileged(child.DefaultAccount)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "examples")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	b := browserrunner.New(browserrunner.Options{Account: account, Dir: dir})
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return b
}

// What the shop answers besides HTTP passes, through the runner that a worker
// has; and its job says that it has run.
func TestNetworkChecksAgainstTheShop(t *testing.T) {
	n, err := shop.OpenNetwork(t.Context(), "127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Serve(ctx) }()
	checks, err := checkfile.Parse("checks/network.yaml", examples.Network, checkfile.Options{Vars: n.Vars()})
	if err != nil {
		t.Fatal(err)
	}
	all := map[check.Kind]runner.Runner{}
	netrunner.New(netrunner.Options{}).Add(all)
	mux := runner.NewMux(all, time.Now, slog.New(slog.DiscardHandler))
	kinds := map[check.Kind]bool{}
	for _, c := range checks {
		kinds[c.Kind()] = true
		if c.Kind() == check.KindHeartbeat {
			if c.ID != examples.Job {
				t.Errorf("the job calls for %s, and the check is %s", examples.Job, c.ID)
			}
			continue
		}
		now := time.Now()
		res, err := mux.Run(t.Context(), jobs.New(c, "local", now, 1, now, now.Add(time.Minute)))
		if err != nil || res.Outcome != jobs.Passed {
			t.Errorf("%s: %s %+v (%v)", c.ID, res.Outcome, res.Fault, err)
		}
	}
	for _, k := range []check.Kind{check.KindTCP, check.KindDNS, check.KindTLS, check.KindGRPC, check.KindWebSocket, check.KindHeartbeat} {
		if !kinds[k] {
			t.Errorf("no check is of kind %s", k)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("the network ended with %v", err)
	}
}

func TestStocktake(t *testing.T) {
	said := make(chan string, 10)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		said <- r.URL.Path + string(body)
	}))
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- shop.Stocktake(ctx, s.URL+"/ping/x", time.Hour) }()
	if first, second := <-said, <-said; first != "/ping/x/start" || second != `/ping/x/0{"counted": 12}` {
		t.Errorf("the job said %q and %q", first, second)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
