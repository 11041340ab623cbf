package dashboard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/probefleet/probefleet/internal/child"
	"github.com/probefleet/probefleet/internal/dashboard"
	"github.com/probefleet/probefleet/internal/localpg"
	"github.com/probefleet/probefleet/internal/pagetest"
	"github.com/probefleet/probefleet/internal/store"
)

// outageVariable is how long the database stays away in truth; without it the
// clock of the page alone goes on by 90 s meanwhile.
const outageVariable = "PROBEFLEET_OUTAGE"

// The database stops for 90 s under load: results come, a recorder records them,
// readers read. Every answer is a page, which says how old it is, in Chromium
// too; when the database is back the recorder takes up again by itself, the page
// is current, and every result that the queue had accepted is recorded once.
func TestThePageOutlivesItsDatabase(t *testing.T) {
	pg, options, db := ownServer(t)
	applyOutageChecks(t, db)
	browser := pagetest.Start(t)
	flow := newFlow(t, db)
	public, err := store.OpenPublic(t.Context(), pg.URL(localpg.DefaultDatabase))
	if err != nil {
		t.Fatal(err)
	}
	defer public.Close()
	var ahead atomic.Int64
	d := dashboard.New(dashboard.Options{Store: public, Refresh: 100 * time.Millisecond, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	server := httptest.NewServer(d.Handler())
	defer server.Close()
	var run errgroup.Group
	ctx, end := contextOf(t)
	run.Go(func() error { return d.Run(ctx) })
	defer func() {
		end()
		if err := run.Wait(); err != nil {
			t.Error(err)
		}
	}()
	within(t, "the first page", func() bool { return strings.Contains(read(t, server.URL+"/"), "All services operational") })

	load := readers(t, server.URL)
	options.Port = pg.Port()
	if err := pg.Stop(); err != nil {
		t.Fatal(err)
	}
	stopped, before := time.Now(), flow.accepted()
	looks := 0
	if away, err := time.ParseDuration(os.Getenv(outageVariable)); err == nil {
		for ended := after(away); !ended(); looks++ {
			within(t, "a second", after(time.Second))
			// Nobody reads every page within the moment in which it gets old.
			if body := read(t, server.URL+"/"); time.Since(stopped) > 30*time.Second && !strings.Contains(body, "Live data is delayed: last update") {
				t.Errorf("after %s the page does not say its age", time.Since(stopped).Round(time.Second))
			}
		}
	} else {
		ahead.Store(int64(90 * time.Second))
	}
	within(t, "a page that says its age", func() bool { return strings.Contains(read(t, server.URL+"/"), "Live data is delayed: last update") })
	body := read(t, server.URL+"/")
	if !strings.Contains(body, "1 min ago") && !strings.Contains(body, "2 min ago") || !strings.Contains(body, "Check 39") {
		t.Errorf("the page of a database that is away:\n%.3000s", body)
	}
	if api := read(t, server.URL+"/api/v1/status"); !strings.Contains(api, `"stale":true`) {
		t.Errorf("the API says %.200s", api)
	}
	seen := browser.Open(t, server.URL+"/", pagetest.View{Then: `document.querySelector("[data-part=banner]").innerText`})
	if !strings.Contains(seen.Result, "Live data is delayed") || !strings.Contains(seen.Result, "min ago") || len(seen.Violations)+len(seen.Executed)+len(seen.Elsewhere) > 0 {
		t.Errorf("in Chromium the page says %q, with %q from elsewhere", seen.Result, seen.Elsewhere)
	}
	away, waiting := time.Since(stopped), flow.accepted()-before
	again, err := localpg.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := again.Stop(); err != nil {
			t.Error(err)
		}
	})
	back := time.Now()
	within(t, "a current page", func() bool { return !strings.Contains(read(t, server.URL+"/"), "Live data is delayed") })
	current := time.Since(back)
	sent := flow.stop(t, db, pg.URL(localpg.DefaultDatabase))
	if n, slowest := load(); n < 100 {
		t.Errorf("readers read %d pages only", n)
	} else {
		t.Logf("the database was away for %s, %d results came meanwhile; %d pages were read, the slowest in %s, and %d times the page was asked for its age; it was current %s after the start, and all %d results were recorded, once each",
			away.Round(time.Second), waiting, n, slowest.Round(time.Millisecond), looks, current.Round(time.Millisecond), sent)
	}
}

// ownServer is a Postgres that nobody else uses, with the schema.
func ownServer(t *testing.T) (*localpg.Server, localpg.Options, *store.Store) {
	t.Helper()
	account, err := child.Unprivileged(child.DefaultAccount)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "probefleet-outage-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	o := localpg.Options{Dir: dir, Account: account, Fast: true}
	pg, err := localpg.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = pg.Stop() // the test may have stopped it
		_ = os.RemoveAll(dir)
	})
	url := pg.URL(localpg.DefaultDatabase)
	if err := store.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return pg, o, db
}

// readers read all kinds of pages until they are told to stop; each answer must
// be one. What stops them says how many they read, and how long the slowest took.
func readers(t *testing.T, base string) (stop func() (int64, time.Duration)) {
	var n, slowest atomic.Int64
	done := make(chan struct{})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			paths := []string{"/", "/?days=90", "/api/v1/status", fmt.Sprintf("/checks/c-%d", i), "/history", "/feed.atom", "/badges/c-1/status.svg"}
			for k := 0; ; k++ {
				select {
				case <-done:
					return
				default:
				}
				begin := time.Now()
				path := paths[k%len(paths)]
				r, err := http.Get(base + path)
				if err != nil {
					t.Errorf("%s: %v", path, err)
					return
				}
				_, _ = discard(r.Body)
				_ = r.Body.Close()
				if r.StatusCode != http.StatusOK {
					t.Errorf("%s answers %s", path, r.Status)
				}
				n.Add(1)
				for took := int64(time.Since(begin)); ; {
					was := slowest.Load()
					if took <= was || slowest.CompareAndSwap(was, took) {
						break
					}
				}
			}
		})
	}
	return func() (int64, time.Duration) {
		close(done)
		all.Wait()
		return n.Load(), time.Duration(slowest.Load())
	}
}
